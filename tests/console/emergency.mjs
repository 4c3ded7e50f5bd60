// An emergency version in the console: two people who are signed in sign elsewhere with keys of their own, and one of them ends it.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const click = (page, name) => Promise.all([page.waitForNavigation(), page.getByRole('button', { name }).click()]);
const follow = (page, name) => Promise.all([page.waitForNavigation(), page.getByRole('link', { name }).first().click()]);
const STOP = '@id("nothing-synthetic")\n@reason("an emergency: nothing synthetic crosses or is shown")\n'
  + 'forbid (principal, action, resource) when { context.synthetic > 0 || context.mixed > 0 };\n'
  + '@id("all-else")\n@reason("as before")\npermit (principal, action, resource);\n';
const CASES = '[[case]]\nname = "synthetic stops in staging"\naction = "create"\nenvironment = "staging"\n'
  + 'records = [{ verdict = "synthetic" }]\nexpect = "block"\npolicy = "stop-synthetic/nothing-synthetic"\n';

/** Keys of two people, and a version that is prepared. */
export function prepare({ run, home }) {
  for (const name of ['ada', 'bel']) run('emergency', 'key', name);
  const config = readFileSync(`${home}/eosin.toml`, 'utf8');
  writeFileSync(`${home}/eosin.toml`, `${config}\n[[emergency.signer]]\nname = "ada"\nkey = "ada.vkey"\n`
    + '[[emergency.signer]]\nname = "bel"\nkey = "bel.vkey"\n');
  writeFileSync(`${home}/stop-synthetic.cedar`, STOP);
  writeFileSync(`${home}/stop-synthetic.toml`, CASES);
  run('emergency', 'prepare', 'stop-synthetic.cedar', '--cases', 'stop-synthetic.toml', '--reason', 'DRILL-1');
}

/** Runs the command that the page shows, as a person would: pasted into a shell, where the key is. */
async function signed({ page, eosin, home }, key) {
  const command = await page.getByRole('region', { name: 'The command that signs it' }).textContent();
  const words = command.replace(/^eosin /, '"$EOSIN" ').replace(/--key [a-z]+\.skey/, `--key ${key}.skey`);
  return execFileSync('sh', ['-c', words], { cwd: home, encoding: 'utf8', env: { ...process.env, EOSIN: eosin }, stdio: ['ignore', 'pipe', 'ignore'] });
}

export async function emergency(story) {
  const { page, base, scheme, look, must, run, others } = story;
  // What was in force in the scene before is not what policies say now: it is prepared for what holds.
  run('emergency', 'prepare', 'stop-synthetic.cedar', '--cases', 'stop-synthetic.toml', '--reason', `DRILL-${scheme}`);
  await page.waitForTimeout(1100);
  await page.goto(`${base}emergency`);
  await look(page, 'emergency-ready', scheme);
  await follow(page, /^Ask for it… stop-synthetic@/);
  await look(page, 'emergency-wish', scheme);
  await page.getByRole('checkbox', { name: 'boundary crm', exact: true }).check();
  await page.getByLabel('For how long').fill('9d');
  await page.getByLabel('Why').fill(`CASE-7 ${scheme}`);
  await click(page, 'Compare and sign…');
  must((await page.getByRole('alert').textContent()).includes('at most 72 h'), 'a time that is too long is refused');
  must(await page.getByRole('checkbox', { name: 'boundary crm', exact: true }).isChecked(), 'and what was chosen is kept');
  await page.getByLabel('For how long').fill('2h');
  await click(page, 'Compare and sign…');
  await look(page, 'emergency-sign', scheme);
  await page.getByLabel('What it printed').fill(await signed(story, 'bel'));
  await click(page, 'Check what I signed…');
  must((await page.getByRole('alert').textContent()).includes('the key of bel, and you are ada'), 'the key of somebody else is refused');
  await look(page, 'emergency-not-theirs', scheme);
  await page.getByLabel('What it printed').fill(await signed(story, 'ada'));
  await click(page, 'Check what I signed…');
  must((await page.getByRole('status').textContent()).includes('Your signature is good'), 'what is signed is shown once more');
  await look(page, 'emergency-question', scheme);
  await click(page, 'Yes, ask for it');
  must((await page.getByText('another person approves it').count()) > 0, 'it waits for somebody else');
  await look(page, 'emergency-waiting', scheme);

  const second = await others.signedIn('bel');
  await second.goto(`${base}emergency`);
  await follow(second, /^Look and approve…/);
  await look(second, 'emergency-approve', scheme);
  await second.getByLabel('What it printed').fill(await signed({ ...story, page: second }, 'bel'));
  await click(second, 'Check what I signed…');
  await look(second, 'emergency-approve-question', scheme);
  await click(second, 'Yes, put it in force');
  must((await second.getByText(/It is in force, and ends by itself/).count()) === 1, 'two people put it in force');
  await second.waitForTimeout(1100);
  await second.goto(`${base}emergency`);
  await look(second, 'emergency-in-force', scheme);
  await follow(second, /^Stand down… stop-synthetic@/);
  await look(second, 'emergency-end', scheme);
  await second.getByLabel('Why').fill('CASE-7-closed');
  await click(second, 'Compare and sign…');
  await look(second, 'emergency-end-sign', scheme);
  await second.getByLabel('What it printed').fill(await signed({ ...story, page: second }, 'bel'));
  await click(second, 'Check what I signed…');
  await click(second, 'Yes, stand it down');
  must((await second.getByText(/what was normal before holds again/).count()) > 0, 'one person stands it down');
  must(run('emergency', 'status').includes('no emergency version is in force'), 'and it is over');
  await look(second, 'emergency-over', scheme);
  await second.context().close();
}
