// Policies in the console: tried, refused with a counterexample, replayed, put in force while somebody else is faster, gone back on.
import { writeFileSync } from 'node:fs';

const OPEN = '@id("open")\n@reason("everything is let in")\npermit (principal, action, resource);\n';
const click = (page, name) => Promise.all([page.waitForNavigation(), page.getByRole('button', { name }).click()]);

async function tried(page, text) {
  await page.getByLabel('Policies').fill(text);
  await page.getByLabel('Name').fill('default');
  await click(page, 'Check, compare and replay');
}

export async function policies({ page, base, scheme, look, must, run, home }) {
  await page.goto(`${base}policies/candidate`);
  const shipped = await page.getByLabel('Policies').inputValue();
  await look(page, 'policy-begin', scheme);
  await tried(page, `${shipped}\n@id("typo")\n@reason("no")\nforbid (principal, action, resource)\nwhen { context.synthetik > 0 };\n`);
  must((await page.getByRole('alert').textContent()).includes('cannot be read'), 'a fault is said');
  must((await page.locator('mark').count()) > 0, 'and underlined at its place');
  await look(page, 'policy-faulty', scheme);
  await tried(page, OPEN);
  must((await page.getByText('a way into production').count()) === 1, 'a way into production is shown');
  must((await page.getByRole('button', { name: /in force/ }).count()) === 0, 'and cannot be put in force');
  await look(page, 'policy-refused', scheme);

  const sound = `${shipped}\n@id("closed-${scheme}")\n@reason("nothing is made there now")\n`
    + 'forbid (principal, action == Eosin::Action::"create", resource == Eosin::Boundary::"registry-feed");\n';
  await tried(page, sound);
  must((await page.getByText(/transactions since .* would change/).count()) === 1, 'what would change is listed');
  const tab = page.context().waitForEvent('page');
  await page.getByRole('region', { name: 'Transactions that would change' }).getByRole('link').first().click();
  const example = await tab;
  must((await example.getByRole('heading', { level: 1 }).textContent()).length > 0, 'an example opens');
  await example.close();
  await look(page, 'policy-candidate', scheme);

  await click(page, /in force…/);
  await look(page, 'policy-question', scheme);
  writeFileSync(`${home}/other.cedar`, `${shipped}\n// of somebody else, ${scheme}\n`);
  run('policy', 'activate', 'other.cedar', '--reason', `ticket 7 ${scheme}`, '--by', 'grace');
  await page.getByLabel('Why').fill('ticket 8');
  await click(page, 'Yes, put it in force');
  must((await page.getByRole('alert').textContent()).includes('meanwhile'), 'somebody else was faster, and that is said');
  must((await page.getByLabel('Policies').inputValue()).includes(`closed-${scheme}`), 'the text is kept');
  await look(page, 'policy-meanwhile', scheme);
  await click(page, /in force…/);
  await page.getByLabel('Why').fill('ticket 8');
  await click(page, 'Yes, put it in force');
  must((await page.getByRole('status').textContent()).includes('is in force'), 'a version is put in force');
  await look(page, 'policies-in-force', scheme);
  await page.getByRole('link', { name: /^What it changed: default@/ }).first().click();
  must((await page.getByText(`closed-${scheme}`).count()) > 0, 'the difference of two versions is shown');
  await look(page, 'policy-compare', scheme);
  await page.goto(`${base}policies`);
  await page.getByRole('link', { name: /^Go back to it… other@/ }).first().click();
  await look(page, 'policy-back', scheme);
  await page.getByLabel('Why').fill('ticket 9');
  await click(page, 'Yes, put it in force');
  must((await page.getByRole('status').textContent()).includes('other@'), 'the version before is in force again');
}
