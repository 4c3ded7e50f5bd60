// Records in the console: ticked or filtered, asked about, acted on, found again by where they stand.
const click = (page, name) => Promise.all([page.waitForNavigation(), page.getByRole('button', { name }).click()]);

export async function records({ page, base, scheme, look, must }) {
  await page.goto(`${base}records?verdict=synthetic`);
  await click(page, 'The ticked ones…');
  must((await page.getByRole('alert').textContent()).includes('Nothing was chosen'), 'nothing ticked is said');
  await page.getByRole('checkbox').first().check();
  await page.getByRole('combobox', { name: 'What' }).selectOption('assign');
  await page.getByRole('combobox', { name: 'To whom' }).selectOption('ada');
  await click(page, 'The ticked ones…');
  must((await page.getByRole('heading', { level: 1 }).textContent()).includes('to ada?'), 'an assignment is asked about');
  await look(page, 'record-question', scheme);
  await page.getByLabel('Why').fill('CASE-7');
  await click(page, 'Yes, do it');
  must((await page.getByRole('status').textContent()).includes('record-assigned'), 'it is assigned, and the entry is said');
  await look(page, 'records-assigned', scheme);
  await page.goto(`${base}records?verdict=synthetic`);
  await page.getByRole('combobox', { name: 'What' }).selectOption('flag');
  await click(page, 'All that fit the filter…');
  await look(page, 'records-question', scheme);
  await page.getByLabel('Why').fill('CASE-8');
  await click(page, 'Yes, do it');
  must((await page.getByRole('status').textContent()).includes('record-flagged'), 'all of a filter are flagged');
  await page.goto(`${base}records?standing=flagged&assignee=ada`);
  await page.locator('td[data-name=Reference] a').first().click();
  await page.getByRole('combobox', { name: 'What' }).selectOption('request-quarantine');
  await click(page, 'Do it…');
  await page.getByLabel('Why').fill('CASE-9');
  await click(page, 'Yes, do it');
  must((await page.getByText('quarantine requested').count()) > 0, 'a request is on the record');
  await look(page, 'record-acted', scheme);
  await page.getByRole('link', { name: /^Blast radius/ }).click();
  must((await page.locator('svg.graph a').count()) > 0, 'places are drawn, and lead to their proofs');
  await look(page, 'blast-record', scheme);
  await page.locator('svg.graph a').first().focus();
  await page.keyboard.press('Enter');
  await page.waitForURL(/transaction\?/);
  await page.goto(`${base}datasets`);
  await page.locator('td a').first().click();
  await page.getByRole('link', { name: /^Blast radius/ }).click();
  await look(page, 'blast-dataset', scheme);
}
