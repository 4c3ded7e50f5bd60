// Makes rows of faker-js and chance, from fixed seeds: OUT/<class>/<recipe>.<half>.csv. See generate.py.
//
//     npm install @faker-js/faker@10.6.0 chance@1.1.13 && node generate.mjs OUT [rows]   (in the folder of node_modules)
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(join(process.cwd(), "package.json")));
const { faker } = await import(pathToFileURL(require.resolve("@faker-js/faker")));
const Chance = require("chance").Chance;

const [out, rowsText] = process.argv.slice(2);
const rows = Number(rowsText ?? 2000);
const halves = { fit: 1000, held: 2000 };
const columns = "first_name last_name birth_date email phone street city state postal_code".split(" ");

const day = (date) => date.toISOString().slice(0, 10);
const fakerJs = {
  own: (first, last) => [
    faker.internet.email({ firstName: first, lastName: last }), faker.phone.number(), faker.location.streetAddress(),
    faker.location.city(), faker.location.state({ abbreviated: true }), faker.location.zipCode(),
  ],
  other: () => [
    faker.internet.email(), faker.phone.number({ style: "national" }), faker.location.streetAddress(true),
    faker.location.city(), faker.location.state(), faker.location.zipCode(),
  ],
  example: (first, last) => [
    faker.internet.exampleEmail({ firstName: first, lastName: last }), faker.phone.number({ style: "international" }),
    faker.location.streetAddress(), faker.location.city(), faker.location.state({ abbreviated: true }), faker.location.zipCode("#####"),
  ],
};
const chanceRows = (c) => ({
  plain: () => [c.first(), c.last(), day(c.birthday()), c.email(), c.phone(), c.address(), c.city(), c.state(), c.zip()],
  gmail: () => [c.first(), c.last(), day(c.birthday({ type: "adult" })), c.email({ domain: "gmail.com" }), c.phone(), c.address(), c.city(), c.state({ full: true }), c.zip()],
});

function write(kind, recipe, half, lines) {
  mkdirSync(join(out, kind), { recursive: true });
  const quoted = (value) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const text = [columns, ...lines].map((line) => line.map((v) => quoted(String(v))).join(",")).join("\n");
  writeFileSync(join(out, kind, `${recipe}.${half}.csv`), `${text}\n`);
}

for (const [half, seed] of Object.entries(halves)) {
  for (const [n, [recipe, make]] of Object.entries(fakerJs).entries()) {
    faker.seed(seed + n);
    faker.setDefaultRefDate("2026-01-01T00:00:00Z");
    write("faker-js", recipe, half, Array.from({ length: rows }, () => {
      const [first, last] = [faker.person.firstName(), faker.person.lastName()];
      return [first, last, day(faker.date.birthdate()), ...make(first, last)];
    }));
  }
  const chance = new Chance(seed);
  for (const [recipe, make] of Object.entries(chanceRows(chance))) {
    write("chance", recipe, half, Array.from({ length: rows }, make));
  }
}
