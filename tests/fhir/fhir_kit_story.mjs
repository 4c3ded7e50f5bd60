// A day with fhir-kit-client, unmodified: what a web application asks of a FHIR server. Knows nothing of Eosin.

import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { readFileSync, writeFileSync } from 'node:fs';

const setting = (name) => process.env[`EOSIN_CLIENT_${name}`];
const folder = join(setting('MODULES'), 'node_modules', 'fhir-kit-client');
const entry = JSON.parse(readFileSync(join(folder, 'package.json'))).exports['.'].import;
const kit = await import(pathToFileURL(join(folder, entry)));
const Client = kit.Client ?? kit.default;
const client = new Client({ baseUrl: setting('URL') });
const people = JSON.parse(setting('PEOPLE'));
const { shown, hidden } = people;
const steps = [];

async function step(name, act, holds) {
  let answer;
  try {
    answer = await act();
  } catch (error) {
    answer = { raised: error.response?.status ?? error.name, said: error.response?.data ?? error.message };
  }
  let held = null;
  if (holds) {
    try {
      held = Boolean(holds(answer));
    } catch {
      held = false;
    }
  }
  steps.push({ step: name, answer, held });
  return answer;
}

const families = (bundle) => (bundle.entry ?? []).map((entry) => entry.resource.name?.[0]?.family ?? entry.resource.resourceType).sort();
const find = (resourceType, searchParams, options = {}) => client.search({ resourceType, searchParams, ...options });

async function story() {
  await step('a read', () => client.read({ resourceType: 'Patient', id: shown.patient }), (one) => one.id === shown.patient);
  await step('a read of another', () => client.read({ resourceType: 'Patient', id: hidden.patient }), (said) => said.raised === 404);
  await step('a search', async () => families(await find('Patient', { name: shown.name })), (found) => found.length === 1);
  await step('a search for another', async () => families(await find('Patient', { name: hidden.name })), (found) => found.length === 0);
  await step('a posted search', async () => families(await find('Patient', { name: hidden.name }, { options: { postSearch: true } })));
  await step('a count', async () => (await find('Patient', { _summary: 'count' })).total);
  await step('includes', async () => families(await find('Observation', { _include: 'Observation:subject' })));
  await step('history', async () => (await client.history({ resourceType: 'Patient', id: shown.patient })).entry.length, (count) => count === 1);
  await step('history of another', () => client.history({ resourceType: 'Patient', id: hidden.patient }), (said) => said.raised === 404);
  const batch = { resourceType: 'Bundle', type: 'batch', entry: [shown, hidden].map((one) => ({ request: { method: 'GET', url: `Patient/${one.patient}` } })) };
  await step('a batch of reads', async () => (await client.batch({ body: batch })).entry.map((entry) => entry.response.status));
  const body = JSON.parse(people.new.json);
  const made = await step('a creation', () => client.create({ resourceType: 'Patient', body }), (one) => one.name[0].family === people.new.name);
  await step('the same, changed', () => client.update({ resourceType: 'Patient', id: made.id, body: { ...body, id: made.id, active: true } }), (one) => one.active === true);
  await step('and deleted', async () => String((await client.delete({ resourceType: 'Patient', id: made.id })).resourceType));
}

async function refusal() {
  const body = JSON.parse(people.refused.json);
  const said = await step('one that does not belong here', () => client.create({ resourceType: 'Patient', body }), (one) => one.raised === 403);
  await step('the refusal names nobody', () => true, () => !JSON.stringify(said).includes(people.refused.name));
}

await { story, refusal }[process.argv[2]]();
writeFileSync(process.argv[3], JSON.stringify({ steps }, null, 1));
