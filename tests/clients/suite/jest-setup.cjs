// Before a suite of TypeScript tests.
Symbol.dispose ??= Symbol.for('nodejs.dispose');

// A suite that logs in at Salesforce's own address finds the org there.
const HOST = /^https:\/\/login\.salesforce\.com/;
const ask = globalThis.fetch;
globalThis.fetch = (target, how) => ask(typeof target === 'string' ? target.replace(HOST, process.env.SF_LOGIN_URL) : target, how);
