// The quarantine in the console: an item is looked at, not released while policies refuse it, rejected, and gone.
import { spawn } from 'node:child_process';

const click = (page, name) => Promise.all([page.waitForNavigation(), page.getByRole('button', { name }).click()]);

/** Has a gateway keep a request that cannot be read, and stops it again. */
async function keep(eosin, home) {
  const gateway = spawn(eosin, ['run'], { cwd: home, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => { gateway.once('exit', resolve); });
  const address = await new Promise((resolve, reject) => {
    let text = '';
    ended.then(() => reject(new Error(`the gateway ended: ${text}`)));
    for (const stream of [gateway.stdout, gateway.stderr]) {
      stream.on('data', (more) => {
        text += more;
        const line = text.split('\n').find((one) => one.includes('listening') && one.includes('http://'));
        if (line) resolve(/http:\/\/[0-9.]+:[0-9]+/.exec(line)[0]);
      });
    }
  });
  const body = '{"LastName":"Zzyzx-7","LastName":"Canary"}';
  const headers = { authorization: 'Bearer SECRET-OF-CLIENT', 'content-type': 'application/json' };
  const answer = await fetch(`${address}/services/data/v67.0/sobjects/Contact`, { method: 'POST', headers, body });
  const said = await answer.text();
  gateway.kill('SIGTERM');
  await ended;
  return /Kept in quarantine as item ([a-z2-7]{16})/.exec(said)[1];
}

export async function quarantine({ page, base, scheme, look, must, home, eosin }) {
  const item = await keep(eosin, home);
  // The console follows the ledger by itself; how soon, the machine says.
  for (const until = Date.now() + 60000; ;) {
    await page.goto(`${base}quarantine`);
    if (await page.getByRole('link', { name: item }).count()) break;
    must(Date.now() < until, 'the item is in the index');
    await page.waitForTimeout(250);
  }
  await look(page, 'quarantine-waiting', scheme);
  await page.getByRole('link', { name: item }).first().click();
  must(!(await page.content()).includes('Zzyzx'), 'nothing of its content is shown');
  await look(page, 'quarantine-item', scheme);
  await click(page, 'Release…');
  must((await page.getByText(/refuses it now/).count()) === 1, 'what policies say of it now is said');
  await look(page, 'quarantine-release', scheme);
  await page.getByLabel('Why').fill('CASE-10');
  await click(page, 'Yes, release it');
  must((await page.getByRole('alert').textContent()).includes('still refused'), 'it is not released while policies refuse it');
  await click(page, 'Reject…');
  await page.getByLabel('Why').fill('CASE-10');
  await click(page, 'Yes, reject it');
  must((await page.getByRole('status').textContent()).includes('Done'), 'it is rejected');
  await look(page, 'quarantine-rejected', scheme);
}
