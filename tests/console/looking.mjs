// Ledgers verified whole from the console, and another mode of a boundary previewed before anybody changes it.
export async function looking({ page, base, scheme, look, must }) {
  await page.goto(`${base}ledgers`);
  await Promise.all([page.waitForNavigation(), page.getByRole('button', { name: 'Verify now' }).click()]);
  must((await page.locator('.decision.pass', { hasText: 'intact' }).count()) >= 3, 'its own ledger and both logs are verified whole');
  await look(page, 'ledgers-verified', scheme);
  await page.goto(`${base}boundaries/mode?name=crm`);
  must((await page.getByRole('region', { name: 'The lines to change' }).textContent()).includes('+ mode = "'), 'the lines are said');
  await look(page, 'boundary-mode', scheme);
}
