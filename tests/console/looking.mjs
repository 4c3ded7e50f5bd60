// Ledgers verified whole from the console, and a boundary set otherwise previewed before anybody changes it.
export async function looking({ page, base, scheme, look, must }) {
  await page.goto(`${base}ledgers`);
  await Promise.all([page.waitForNavigation(), page.getByRole('button', { name: 'Verify now' }).click()]);
  must((await page.locator('.decision.pass', { hasText: 'intact' }).count()) >= 3, 'its own ledger and both logs are verified whole');
  await look(page, 'ledgers-verified', scheme);
  await page.goto(`${base}boundaries`);
  must((await page.getByRole('row', { name: /registry-feed/ }).textContent()).includes('strict'), 'continuity and jurisdiction are said');
  await page.getByRole('link', { name: 'Set registry-feed otherwise…' }).click();
  const text = await page.getByRole('region', { name: 'Transactions that would change' }).textContent();
  must(text.includes('4 of 5 transactions') && text.includes('block to pass'), `what observing would have let pass is said: ${text}`);
  must((await page.getByRole('region', { name: 'The lines to change' }).textContent()).includes('+ mode = "observe"'), 'the lines are said');
  await look(page, 'boundary-change', scheme);
  await page.getByLabel('Mode').selectOption('enforce');
  await page.getByLabel('Jurisdiction').fill('AT');
  await Promise.all([page.waitForNavigation(), page.getByRole('button', { name: 'Preview' }).click()]);
  const elsewhere = await page.locator('main').textContent();
  must(elsewhere.includes('Nothing: of 5 transactions'), 'what may be kept anywhere may be kept in another jurisdiction');
  must(elsewhere.includes('2 transactions cannot be replayed'), 'what another jurisdiction leaves open is counted');
  must((await page.getByRole('region', { name: 'The lines to change' }).textContent()).includes('+ jurisdiction = "AT"'), 'its line is said');
  await page.getByLabel('Jurisdiction').fill('Tyrol, AT');
  await Promise.all([page.waitForNavigation(), page.getByRole('button', { name: 'Preview' }).click()]);
  must((await page.getByRole('alert').textContent()).includes('ISO 3166'), 'what is no code is said');
  await look(page, 'boundary-fault', scheme);
}
