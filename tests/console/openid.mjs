// Signing in with OpenID Connect at a provider that is not ours: in, with the role of one's groups; out, there too; not in without a role.
async function away(page, name) {
  await page.getByRole('link', { name: 'Sign in with 127.0.0.1' }).click();
  await page.locator('input[name=login]').fill(name);
  await page.locator('input[name=password]').fill('whatever this provider takes');
  await Promise.all([page.waitForNavigation(), page.locator('button[type=submit]').click()]);
  await Promise.all([page.waitForURL(/sign-in|^http:[^?]*\/$/), page.locator('button[type=submit]').click()]);
}

export async function openid({ base, scheme, look, must, run, provider, others }) {
  // Its keys are others each time: the console asks for them when a token names one that it does not know.
  provider.rotate(scheme === 'light' ? 'RS256' : 'ES256');
  const page = await others.browser();
  await page.goto(`${base}sign-in`);
  await away(page, 'lin');
  must(page.url() === base, `whoever has a role comes in: ${page.url()}`);
  await page.goto(`${base}account`);
  must((await page.getByText('You sign in with OpenID Connect').count()) === 1, 'password and second step are the provider’s');
  must((await page.getByLabel('Password now').count()) === 0, 'and not to be changed here');
  await look(page, 'account-openid', scheme);
  must(run('operator', 'list', '--json').includes('"operator":"lin@example.org","role":"compliance"'), 'the operator is in the register');
  await Promise.all([page.waitForNavigation(), page.getByRole('button', { name: 'Sign out', exact: true }).click()]);
  await look(page, 'signed-out', scheme);
  await Promise.all([page.waitForNavigation(), page.getByRole('link', { name: /^Sign out at/ }).click()]);
  await Promise.all([page.waitForURL(`${base}sign-in*`), page.locator('button[type=submit]').first().click()]);
  await look(page, 'sign-in-again', scheme);
  await away(page, 'mo');
  must((await page.getByRole('alert').textContent()).includes('no role here'), 'whoever has no role is told so');
  await look(page, 'openid-no-role', scheme);
  await page.context().close();
}
