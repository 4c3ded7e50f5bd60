// The console in real Chromium: the door, the code, each page, the forms; axe finds nothing, and nothing is asked of anybody else.
//
//   node story.mjs EOSIN CHROMIUM FOLDER [SCREENSHOTS]
//
// EOSIN is the binary, FOLDER an empty folder. Prints one line a step; ends with 1 if anything is not as it must be.
import { execFileSync, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:net';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { emergency, prepare as prepareEmergency } from './emergency.mjs';
import { live } from './live.mjs';
import { looking } from './looking.mjs';
import { openid } from './openid.mjs';
import { policies } from './policies.mjs';
import { provide } from './provider.mjs';
import { quarantine } from './quarantine.mjs';
import { records } from './records.mjs';

const [eosin, executablePath, home, screenshots] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const PASSWORD = 'violet kettle ninety';
let findings = 0;
let pages = 0;

const run = (...words) => execFileSync(eosin, words, { cwd: home, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
const must = (is, what) => {
  if (!is) {
    findings += 1;
    console.log(`NOT SO: ${what}`);
  }
};

/** The code of RFC 6238 for a base32 seed, `ahead` steps from now. */
function code(seed, ahead = 0) {
  const bits = [...seed].map((one) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(one).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + ahead));
  const mac = createHmac('sha1', key).update(step).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, '0');
}

/** A port that is free now: the provider has to know where the console is before it is there. */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function prepare(issuer, port) {
  run('init', '--yes');
  run('demo', '--once', '--keep', 'demo');
  const config = readFileSync(`${home}/eosin.toml`, 'utf8');
  writeFileSync(`${home}/eosin.toml`, config
    .replace('[index]\n', '[index]\nledgers = ["demo/ledger"]\n')
    .replace('listen = "127.0.0.1:8443"\ntls = true ', 'listen = "127.0.0.1:0"\ntls = false'));
  writeFileSync(`${home}/p.txt`, `${PASSWORD}\n`);
  writeFileSync(`${home}/contacts.csv`, 'Id,FirstName,LastName,Email\n003000000000001AAA,Ada,Invented,ada@example.org\n');
  run('mark', 'contacts.csv', '--out', 'marked.csv', '--dataset', 'surge drill', '--generator', 'hand');
  for (const [name, role] of [['ada', 'admin'], ['grace', 'auditor'], ['gen', 'generator'], ['bel', 'compliance']]) {
    run('operator', 'add', name, '--role', role, '--password-file', 'p.txt');
  }
  prepareEmergency({ run, home });
  // What crossed the demo's boundaries is in its ledger; here they are set as they were there.
  const boundary = (name, protocol, environment) => `
[[boundary]]
name = "${name}"
protocol = "${protocol}"
environment = "${environment}"
listen = "127.0.0.1:0"
upstream = "http://127.0.0.1:9"
jurisdiction = "US"
`;
  const boundaries = boundary('crm-sandbox', 'salesforce', 'sandbox') + boundary('registry-feed', 'fhir', 'production');
  writeFileSync(`${home}/eosin.toml`, `${readFileSync(`${home}/eosin.toml`, 'utf8')}${boundaries}`);
  writeFileSync(`${home}/openid.secret`, 'a secret & of two\n');
  writeFileSync(`${home}/eosin.toml`, `${readFileSync(`${home}/eosin.toml`, 'utf8')}
[operators.openid]
issuer = "${issuer}"
client_id = "eosin"
client_secret = "openid.secret"
console = "http://127.0.0.1:${port}"
roles = { compliance = ["eosin-compliance"] }
`);
  run('token', 'make', 'grace', '--scope', 'see-records', '--label', 'nightly list');
  return /secret=([A-Z2-7]+)/.exec(run('operator', 'totp', 'ada', '--json'))[1];
}

function serve(port) {
  const server = spawn(eosin, ['console', '--listen', `127.0.0.1:${port}`, '--json'], { cwd: home, stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    let text = '';
    server.once('exit', () => reject(new Error('the console ended')));
    server.stdout.on('data', (more) => {
      text += more;
      if (text.includes('\n')) resolve({ server, base: JSON.parse(text.split('\n')[0]).console });
    });
  });
}

async function look(page, name, scheme) {
  pages += 1;
  await page.evaluate(axe);
  const found = await page.evaluate((runOnly) => globalThis.axe.run(document, { runOnly }), RULES);
  for (const one of found.violations) {
    must(false, `${scheme} ${name}: ${one.id} ${one.nodes[0].html.slice(0, 160)}`);
  }
  must(!(await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth)), `${scheme} ${name} is wider than the screen`);
  if (screenshots) {
    mkdirSync(screenshots, { recursive: true });
    await page.screenshot({ path: `${screenshots}/${scheme}-${name}.png`, fullPage: true });
  }
}

async function signIn(page, base, name, password) {
  await page.goto(`${base}sign-in`);
  await page.getByRole('textbox', { name: 'Name' }).fill(name);
  await page.getByLabel('Password').fill(password);
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
}

async function admin(page, base, seed, scheme, ahead) {
  await page.goto(base);
  must(page.url() === `${base}sign-in`, 'nobody is in without signing in');
  await look(page, 'sign-in', scheme);
  await signIn(page, base, 'ada', 'not her password');
  must((await page.getByRole('alert').textContent()).includes('do not fit'), 'a wrong password is refused');
  await look(page, 'sign-in-refused', scheme);
  await signIn(page, base, 'ada', PASSWORD);
  await look(page, 'code', scheme);
  await page.getByLabel('Six digits').fill(code(seed, ahead));
  await Promise.all([page.waitForURL(base), page.keyboard.press('Enter')]);
  for (const place of ['', 'transactions', 'records', 'datasets', 'deliveries', 'boundaries', 'policies', 'emergency', 'quarantine', 'ledgers', 'operators', 'account',
    'operator?name=grace', 'operator?name=grace&act=disable', 'nothing-of-this-name']) {
    await page.goto(base + place);
    await look(page, place.replaceAll(/[?&=]/g, '-') || 'today', scheme);
  }
}

async function forms(page, base, scheme) {
  await page.goto(`${base}operators`);
  await page.getByRole('textbox', { name: 'Name' }).fill(`new-${scheme}`);
  await page.getByRole('combobox', { name: 'Role' }).selectOption('support');
  await page.getByRole('button', { name: 'Add' }).click();
  must((await page.locator('.secret').textContent()).length > 20, 'a password is drawn');
  await look(page, 'password-shown-once', scheme);
  await page.goto(`${base}operator?name=new-${scheme}`);
  await page.getByRole('button', { name: 'Disable…' }).click();
  await page.getByRole('button', { name: 'Yes, do it' }).click();
  must((await page.getByRole('status').textContent()).includes('Done'), 'an operator is disabled');
  await page.goto(`${base}account`);
  await page.getByLabel('What it is for').fill('a list');
  await page.getByLabel('see-records').check();
  await page.getByRole('button', { name: 'Make a token' }).click();
  must((await page.locator('.secret').textContent()).startsWith('eosin_'), 'a token is made');
  await look(page, 'token-shown-once', scheme);
  await page.getByRole('button', { name: 'Sign out' }).click();
  must(page.url() === `${base}sign-in`, 'signed out');
}

async function others(page, base, scheme) {
  await signIn(page, base, 'gen', PASSWORD);
  must(page.url() === `${base}datasets`, 'a generator comes to the datasets');
  must((await page.getByRole('navigation').getByRole('link').count()) === 1, 'and sees nothing else');
  await page.goto(`${base}records`);
  await look(page, 'not-open', scheme);
  await page.getByRole('button', { name: 'Sign out' }).click();
  for (let tries = 0; tries < 6; tries += 1) await signIn(page, base, `nobody-${scheme}`, 'not a password');
  must((await page.getByRole('alert').textContent()).includes('Too many tries'), 'the door closes');
  await look(page, 'locked', scheme);
}

const port = await freePort();
const provider = await provide(`http://127.0.0.1:${port}/`);
const seed = prepare(provider.issuer, port);
const { server, base } = await serve(port);
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  for (const [width, scheme, ahead] of [[1280, 'light', 0], [360, 'dark', 1]]) {
    const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme: scheme, bypassCSP: true });
    const watch = (page) => page.on('request', (request) => must(request.url().startsWith(base), `asked of somebody else: ${request.url()}`));
    const page = watch(await context.newPage());
    const browserOf = async () => (await browser.newContext({ viewport: { width, height: 800 }, colorScheme: scheme, bypassCSP: true })).newPage();
    const signedIn = async (name) => {
      const second = watch(await browserOf());
      await signIn(second, base, name, PASSWORD);
      return second;
    };
    await admin(page, base, seed, scheme, ahead);
    for (const story of [policies, records, live, looking, quarantine, emergency, openid]) {
      await story({ page, base, scheme, look, must, run, home, eosin, provider, others: { signedIn, browser: browserOf } });
    }
    await forms(page, base, scheme);
    await others(page, base, scheme);
    await context.close();
    console.log(`ok ${width} px ${scheme}`);
  }
} finally {
  await browser.close();
  provider.stop();
  server.removeAllListeners('exit');
  server.kill('SIGTERM');
}
console.log(`${pages} pages looked at, ${findings} findings`);
process.exitCode = findings === 0 ? 0 : 1;
