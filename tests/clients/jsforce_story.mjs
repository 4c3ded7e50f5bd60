// A day with jsforce, unmodified: its logins, one record at a time, collections, composite, Bulk 2.0, paging.
// Knows nothing of Eosin: it is given an address and credentials, and a CA through NODE_EXTRA_CA_CERTS.

import { createSign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(setting('MODULES') + '/');
const jsforce = require('jsforce');

const ROWS = 2500;
const VERSION = '66.0';

function setting(name) {
  const value = process.env[`EOSIN_CLIENT_${name}`];
  if (value === undefined) throw new Error(`EOSIN_CLIENT_${name} is not set`);
  return value;
}

/** What the client was answered, step by step. */
class Transcript {
  steps = [];

  /** Does one thing, keeps the answer or the error as the client shows it, and says whether it is as it should be. */
  async step(name, act, holds) {
    let answer;
    try {
      answer = await act();
    } catch (error) {
      answer = { raised: error.name, text: error.message, errorCode: error.errorCode, data: error.data };
    }
    let held = null;
    if (holds) {
      try {
        held = Boolean(holds(answer));
      } catch {
        held = false;
      }
    }
    this.steps.push({ step: name, answer: answer ?? null, held });
    return answer;
  }

  write(path) {
    writeFileSync(path, `${JSON.stringify({ steps: this.steps }, null, 1)}\n`);
  }
}

const app = () => ({ loginUrl: setting('URL'), clientId: setting('KEY'), clientSecret: setting('SECRET') });

function assertion() {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: setting('KEY'), sub: setting('USER'), aud: setting('URL'), exp: Math.floor(Date.now() / 1000) + 180 };
  const text = `${part({ alg: 'RS256' })}.${part(claims)}`;
  return `${text}.${createSign('RSA-SHA256').update(text).sign(readFileSync(setting('JWT_KEY')), 'base64url')}`;
}

/** Every way jsforce offers, by name. */
const logins = {
  'password and connected app': async () => {
    const connection = new jsforce.Connection({ oauth2: app(), version: VERSION });
    await connection.login(setting('USER'), setting('PASSWORD'));
    return connection;
  },
  'client credentials': async () => {
    const connection = new jsforce.Connection({ oauth2: app(), version: VERSION });
    await connection.authorize({ grant_type: 'client_credentials' });
    return connection;
  },
  JWT: async () => {
    const connection = new jsforce.Connection({ oauth2: app(), version: VERSION });
    await connection.authorize({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: assertion() });
    return connection;
  },
  SOAP: async () => {
    const connection = new jsforce.Connection({ loginUrl: setting('URL'), version: VERSION });
    await connection.login(setting('USER'), setting('PASSWORD'));
    return connection;
  },
};

async function stays(connection, url = setting('URL')) {
  const host = connection.instanceUrl.replace(/\/$/, '') === url;
  return { host, user: (await connection.identity()).username === setting('USER') };
}

async function walk(t) {
  for (const [name, logIn] of Object.entries(logins)) {
    await t.step(`log in: ${name}`, async () => stays(await logIn()), (answer) => answer.host && answer.user);
  }
  await t.step('log in: a refresh token, when the session is over', async () => {
    const old = { instanceUrl: setting('URL'), accessToken: '00D000000000001!over', refreshToken: setting('REFRESH') };
    const connection = new jsforce.Connection({ oauth2: app(), version: VERSION, ...old });
    return stays(connection);
  }, (answer) => answer.host && answer.user);
  await t.step('log in: over TLS', async () => {
    const connection = new jsforce.Connection({ oauth2: { ...app(), loginUrl: setting('URL_HTTPS') }, version: VERSION });
    await connection.login(setting('USER'), setting('PASSWORD'));
    return stays(connection, setting('URL_HTTPS'));
  }, (answer) => answer.host && answer.user);
  await t.step('log in with a wrong password', async () => {
    const connection = new jsforce.Connection({ oauth2: app(), version: VERSION });
    await connection.login(setting('USER'), 'wrong');
  }, (answer) => answer.text.includes('invalid_grant') || answer.raised === 'invalid_grant');
  const first = await logins['password and connected app']();
  const connection = new jsforce.Connection({ instanceUrl: setting('URL'), accessToken: first.accessToken, version: VERSION });
  await t.step('log in: a session', () => stays(connection), (answer) => answer.host && answer.user);
  await records(t, connection);
  await collections(t, connection);
  await composite(t, connection);
  await bulk(t, connection);
  await merged(t, connection);
  await lists(t, connection);
  await reports(t, connection);
  await components(t, connection);
  const stranger = new jsforce.Connection({ instanceUrl: setting('URL'), accessToken: '00D000000000001!nobody', version: VERSION });
  await t.step('a session nobody opened', () => stranger.query('SELECT Id FROM Contact'), (answer) => answer.errorCode === 'INVALID_SESSION_ID');
  await t.step('log out', async () => { await first.logout(); return 'logged out'; }, (answer) => answer === 'logged out');
}

async function records(t, connection) {
  const contacts = connection.sobject('Contact');
  const person = { FirstName: 'Ada', LastName: 'Weird-Example', Email: 'ada@example.org', Phone: '+1 202 555 0143' };
  const made = await t.step('create', () => contacts.create(person), (answer) => answer.success);
  const picked = (record) => Object.fromEntries(Object.keys(person).map((name) => [name, record[name]]));
  await t.step('get', async () => picked(await contacts.retrieve(made.id)), (answer) => JSON.stringify(answer) === JSON.stringify(person));
  await t.step('update', () => contacts.update({ Id: made.id, Phone: '+1 202 555 0144' }), (answer) => answer.success);
  await t.step('read the update', async () => (await contacts.retrieve(made.id)).Phone, (answer) => answer === '+1 202 555 0144');
  const named = { External_Id__c: 'jsforce-é', LastName: 'Upsert-Example' };
  await t.step('upsert that creates', () => contacts.upsert(named, 'External_Id__c'), (answer) => answer.success && answer.created);
  await t.step('upsert that updates', () => contacts.upsert({ ...named, Title: 'Dr' }, 'External_Id__c'), (answer) => answer.success && !answer.created);
  await t.step('find one', async () => picked({ ...person, ...(await contacts.findOne({ External_Id__c: named.External_Id__c }, 'LastName')) }),
    (answer) => answer.LastName === 'Upsert-Example');
  await t.step('create without a required field', () => contacts.create({ FirstName: 'Nobody' }), (answer) => answer.errorCode === 'REQUIRED_FIELD_MISSING');
  await t.step('create with a field that is not there', () => contacts.create({ LastName: 'A', Nope__c: '1' }), (answer) => answer.errorCode === 'INVALID_FIELD');
  await t.step('create of a type that is not there', () => connection.sobject('Nope__c').create({ Name: 'A' }), (answer) => answer.errorCode === 'NOT_FOUND');
  await t.step('a malformed query', () => connection.query('SELECT FROM Contact'), (answer) => answer.errorCode === 'MALFORMED_QUERY');
  await t.step('describe', async () => (await contacts.describe()).fields.filter((field) => ['LastName', 'Email'].includes(field.name)).map((field) => [field.name, field.type, field.length]),
    (answer) => answer.length === 2);
  await t.step('describe global', async () => (await connection.describeGlobal()).sobjects.filter((one) => ['Contact', 'Account'].includes(one.name)).length, (answer) => answer === 2);
  await t.step('limits', async () => Object.keys((await connection.limits()).DailyApiRequests), (answer) => answer.includes('Max'));
  await t.step('delete', () => contacts.destroy(made.id), (answer) => answer.success);
  await t.step('get what was deleted', () => contacts.retrieve(made.id), (answer) => ['ENTITY_IS_DELETED', 'NOT_FOUND'].includes(answer.errorCode));
}

async function collections(t, connection) {
  const contacts = connection.sobject('Contact');
  const rows = Array.from({ length: 205 }, (_, n) => ({ LastName: `Many-${String(n).padStart(3, '0')}`, Email: `many${n}@example.org` }));
  delete rows[3].LastName;
  const made = await t.step('collections: create 205, one bad', () => contacts.create(rows, { allOrNone: false, allowRecursive: true }),
    (answer) => answer.filter((one) => one.success).length === 204 && !answer[3].success);
  const ids = made.filter((one) => one.success).map((one) => one.id);
  await t.step('collections: all or none', () => contacts.create(rows.slice(0, 5), { allOrNone: true }), (answer) => answer.every((one) => !one.success));
  await t.step('collections: update, one not there', () => contacts.update([{ Id: ids[0], Title: 'Prof' }, { Id: '003000000000000AAA', Title: 'Prof' }], { allOrNone: false }),
    (answer) => answer[0].success && !answer[1].success);
  const upserts = [0, 1, 2].map((n) => ({ External_Id__c: `js-many-${n}`, LastName: `Upserted-${n}` }));
  for (const turn of ['creates', 'updates']) {
    await t.step(`collections: upsert that ${turn}`, () => contacts.upsert(upserts, 'External_Id__c', { allOrNone: false }),
      (answer) => answer.every((one) => one.success && one.created === (turn === 'creates')));
  }
  await t.step('collections: retrieve', async () => (await contacts.retrieve(ids.slice(0, 2), { fields: ['LastName', 'Title'] })).map((one) => one.Title), (answer) => answer[0] === 'Prof');
  await t.step('collections: delete', async () => (await contacts.destroy(ids, { allowRecursive: true })).filter((one) => one.success).length, (answer) => answer === 204);
}

async function composite(t, connection) {
  const base = `/services/data/v${VERSION}`;
  const post = (path, body) => connection.request({ method: 'POST', url: `${base}/${path}`, body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } });
  const steps = [
    { method: 'POST', url: `${base}/sobjects/Account`, referenceId: 'clinic', body: { Name: 'Example Clinic' } },
    { method: 'POST', url: `${base}/sobjects/Contact`, referenceId: 'person', body: { LastName: 'Composite-Example', AccountId: '@{clinic.id}' } },
    { method: 'GET', url: `${base}/sobjects/Contact/@{person.id}?fields=LastName,AccountId`, referenceId: 'read' },
  ];
  await t.step('composite with references', () => post('composite', { allOrNone: true, compositeRequest: steps }),
    (answer) => answer.compositeResponse.map((one) => one.httpStatusCode).join() === '201,201,200');
  const tree = { records: [{ attributes: { type: 'Account', referenceId: 'a1' }, Name: 'Tree Clinic', Contacts: { records: [{ attributes: { type: 'Contact', referenceId: 'c1' }, LastName: 'Tree-Example' }] } }] };
  await t.step('composite tree', () => post('composite/tree/Account', tree), (answer) => answer.hasErrors === false);
}

async function bulk(t, connection) {
  const id = (n) => String(n).padStart(4, '0');
  const rows = Array.from({ length: ROWS }, (_, n) => ({ LastName: `JsBulk-${id(n)}`, Email: `bulk${n}@example.org`, External_Id__c: `js-bulk-${n}` }));
  const bad = { LastName: '', Email: 'none@example.org', External_Id__c: 'js-bad-1' };
  const load = async (operation, input, more = {}) => {
    const results = await connection.bulk2.loadAndWaitForResults({ object: 'Contact', operation, input, pollTimeout: 120000, pollInterval: 200, ...more });
    return {
      successful: results.successfulResults.length,
      created: results.successfulResults.filter((one) => one.sf__Created === 'true').length,
      failed: results.failedResults,
      unprocessed: results.unprocessedRecords?.length ?? 0,
    };
  };
  await t.step('bulk: insert, one bad row', () => load('insert', [...rows, bad]), (answer) => answer.successful === ROWS && answer.failed[0].sf__Error.startsWith('REQUIRED_FIELD_MISSING'));
  const upserts = [ROWS - 2, ROWS - 1, ROWS, ROWS + 1].map((n) => ({ External_Id__c: `js-bulk-${n}`, LastName: `JsBulk-${id(n)}`, Title: 'Dr' }));
  await t.step('bulk: upsert', () => load('upsert', upserts, { externalIdFieldName: 'External_Id__c' }), (answer) => answer.successful === 4 && answer.created === 2);
  const asked = "SELECT Id, LastName FROM Contact WHERE LastName LIKE 'JsBulk-%' ORDER BY LastName";
  await t.step('query, page by page', async () => {
    let page = await connection.query(asked);
    const found = [...page.records];
    const pages = [page.records.length];
    while (!page.done) {
      page = await connection.queryMore(page.nextRecordsUrl);
      found.push(...page.records);
      pages.push(page.records.length);
    }
    return { total: page.totalSize, pages, distinct: new Set(found.map((one) => one.Id)).size };
  }, (answer) => answer.total === ROWS + 2 && answer.distinct === ROWS + 2 && answer.pages.length > 1);
  await t.step('query, fetched by itself', async () => {
    const rowsFound = await connection.sobject('Contact').find({ LastName: { $like: 'JsBulk-%' } }, 'Id').autoFetch(true).maxFetch(10000);
    return rowsFound.length;
  }, (answer) => answer === ROWS + 2);
  await t.step('bulk: query', async () => {
    const stream = await connection.bulk2.query(`${asked} LIMIT 500`);
    return (await stream.toArray()).length;
  }, (answer) => answer === 500);
  const doomed = (await connection.query("SELECT Id FROM Contact WHERE LastName LIKE 'JsBulk-00%'")).records.map(({ Id }) => ({ Id }));
  await t.step('bulk: delete', () => load('delete', doomed), (answer) => answer.successful === 100);
}

async function merged(t, connection) {
  const contacts = connection.sobject('Contact');
  const [kept, double] = await contacts.create([{ LastName: 'Kept-Example' }, { LastName: 'Double-Example' }]);
  await t.step('soap: merge', () => connection.soap.merge({ masterRecord: { type: 'Contact', Id: kept.id, LastName: 'Kept-Example' }, recordToMergeIds: [double.id] }),
    (answer) => answer.success && answer.id === kept.id);
  await t.step('what was merged is gone', () => contacts.retrieve(double.id), (answer) => ['ENTITY_IS_DELETED', 'NOT_FOUND'].includes(answer.errorCode));
}

async function lists(t, connection) {
  const base = `/services/data/v${VERSION}/ui-api`;
  const list = (path) => connection.request(`${base}/${path}`);
  await t.step('ui api: the list views of an object', async () => (await list('list-ui/Account')).lists.map((one) => one.apiName), (answer) => answer.includes('AllAccounts'));
  await t.step('ui api: a list view', async () => (await list('list-records/Account/AllAccounts?fields=Account.Name')).records.map((one) => one.fields.Name.value),
    (answer) => answer.includes('Tree Clinic'));
  await t.step('ui api: a list view with what it is', async () => (await list('list-ui/Account/AllAccounts?fields=Account.Name')).records.records.length, (answer) => answer > 0);
}

/** The report of all contacts, and a copy of it. */
async function reports(t, connection) {
  const listed = await connection.analytics.reports();
  const report = connection.analytics.report(listed.find((one) => one.name === 'All Contacts').id);
  const count = (answer) => answer.factMap['T!T'].aggregates[0].value;
  await t.step('report: describe', async () => (await report.describe()).reportMetadata.reportFormat, (answer) => answer === 'TABULAR');
  await t.step('report: execute', async () => count(await report.execute()), (answer) => answer > 0);
  const tree = { detailColumns: ['Contact.LastName'], reportFilters: [{ column: 'Contact.LastName', operator: 'startsWith', value: 'Tree' }] };
  await t.step('report: execute with filters and rows', async () => (await report.execute({ details: true, metadata: { reportMetadata: tree } })).factMap['T!T'].rows.map((row) => row.dataCells[0].label),
    (answer) => answer.includes('Tree-Example'));
  await t.step('report: execute in the background', async () => {
    const begun = await report.executeAsync({ metadata: { reportMetadata: tree } });
    return count(await report.instance(begun.id).retrieve());
  }, (answer) => answer > 0);
  await t.step('report: clone and destroy', async () => {
    const copy = connection.analytics.report((await report.clone('A copy')).reportMetadata.id);
    await copy.destroy();
    return copy.describe();
  }, (answer) => answer.errorCode === 'NOT_FOUND');
}

/** Metadata, a component at a time. */
async function components(t, connection) {
  const shoe = { fullName: 'Shoe__c', label: 'Shoe', pluralLabel: 'Shoes', nameField: { type: 'Text', label: 'Name' }, deploymentStatus: 'Deployed', sharingModel: 'ReadWrite' };
  const size = { fullName: 'Shoe__c.Size__c', label: 'Size', type: 'Text', length: 4 };
  await t.step('metadata: create', () => connection.metadata.create('CustomObject', shoe), (answer) => answer.success);
  await t.step('metadata: upsert', () => connection.metadata.upsert('CustomField', [size]), (answer) => answer[0].success && answer[0].created);
  await t.step('metadata: read', async () => (await connection.metadata.read('CustomObject', 'Shoe__c')).label, (answer) => answer === 'Shoe');
  await t.step('metadata: update', () => connection.metadata.update('CustomObject', [{ ...shoe, label: 'Boot' }]), (answer) => answer[0].success);
  await t.step('metadata: list', async () => (await connection.metadata.list([{ type: 'CustomObject' }])).some((one) => one.fullName === 'Shoe__c'), (answer) => answer);
  await t.step('metadata: delete', () => connection.metadata.delete('CustomObject', ['Shoe__c']), (answer) => answer[0].success);
}

async function refused(t) {
  const connection = await logins['password and connected app']();
  const says = (answer) => JSON.stringify(answer).includes('EOSIN_BLOCKED');
  const row = { LastName: 'Unmarked-Example', Email: 'unmarked@example.org' };
  const contacts = connection.sobject('Contact');
  await t.step('refused: create', () => contacts.create(row), (answer) => answer.errorCode === 'EOSIN_BLOCKED');
  await t.step('refused: upsert', () => contacts.upsert({ ...row, External_Id__c: 'js-refused-1' }, 'External_Id__c'), says);
  await t.step('refused: collections', () => contacts.create([row, row], { allOrNone: false }), (answer) => answer.every((one) => !one.success) && says(answer));
  await t.step('refused: bulk', () => connection.bulk2.loadAndWaitForResults({ object: 'Contact', operation: 'insert', input: [row], pollTimeout: 30000, pollInterval: 200 }), says);
  const weaker = { fullName: 'Contact.Eosin_Mark__c', label: 'Mark', type: 'Text', length: 20 };
  await t.step('refused: metadata that weakens the mark', () => connection.metadata.upsert('CustomField', [weaker]), (answer) => says(answer) && answer.text.includes('Eosin_Mark__c'));
  await t.step('refused: metadata that removes the mark', () => connection.metadata.delete('CustomField', ['Contact.Eosin_Mark__c']), says);
  await t.step('metadata of somebody else', () => connection.metadata.upsert('CustomField', [{ fullName: 'Contact.Plain__c', label: 'Plain', type: 'Text', length: 20 }]),
    (answer) => answer[0].success);
  await t.step('nothing arrived', async () => (await connection.query("SELECT count() FROM Contact WHERE LastName = 'Unmarked-Example'")).totalSize, (answer) => answer === 0);
}

const [scene, out] = process.argv.slice(2);
const transcript = new Transcript();
try {
  await { walk, refused }[scene](transcript);
} catch (error) {
  transcript.steps.push({ step: 'the story goes on to its end', answer: { raised: error.name, text: error.message }, held: false });
}
transcript.write(out);
process.exit(0);
