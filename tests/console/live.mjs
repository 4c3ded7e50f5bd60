// New transactions appear in a list that is open, can be paused, and the page does without the script.
import { execFileSync } from 'node:child_process';

export async function live({ page, base, scheme, look, must, home, eosin }) {
  await page.goto(`${base}transactions`);
  const rows = page.locator('table[data-live] tbody tr');
  const before = await rows.count();
  const words = ['filter', 'contacts.csv', '--kept', `k-${scheme}.csv`, '--withheld', `w-${scheme}.csv`, '--object', 'Contact', '--boundary', 'crm'];
  try {
    execFileSync(eosin, words, { cwd: home, stdio: 'ignore' });
  } catch (error) {
    must(error.status === 1, 'the file is withheld, as it is not proven');
  }
  await page.locator('.live span').filter({ hasText: 'one new transaction' }).waitFor({ timeout: 20000 });
  must((await rows.count()) === before + 1, 'a new transaction appears without a reload');
  await look(page, 'transactions-live', scheme);
  await page.getByRole('button', { name: 'Pause' }).click();
  must((await page.locator('.live span').textContent()).startsWith('Paused'), 'and can be paused');
  const plain = await page.context().browser().newContext({ javaScriptEnabled: false, storageState: await page.context().storageState() });
  const other = await plain.newPage();
  await other.goto(`${base}transactions`);
  must((await other.locator('table tbody tr').count()) === before + 1, 'without JavaScript the list is there');
  must(!(await other.locator('.live').isVisible()), 'and promises nothing');
  await plain.close();
}
