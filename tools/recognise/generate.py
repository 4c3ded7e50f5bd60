"""Makes the rows that the recognisers are fitted to and measured on, from fixed seeds: OUT/<class>/<recipe>.<half>.csv.

    python tools/recognise/generate.py ../shared/data OUT [rows]

Several recipes a generator: one recipe's columns would be learned instead of the generator. Classes are named as in
crates/recognise/src/weights.csv; `background` is what stands for people and places that exist. It holds contact data: keep
OUT outside the repository. generate.mjs beside this file makes faker-js and chance.
"""

import csv
import gzip
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

DATA = Path(sys.argv[1])
OUT = Path(sys.argv[2])
ROWS = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
HALVES = {"fit": 1000, "held": 2000}
COLUMNS = "first_name last_name birth_date email phone street city state postal_code ssn".split()


def write(kind, recipe, half, columns, rows):
    path = OUT / kind / f"{recipe}.{half}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def halves(kind, recipe, columns, rows):
    """Even rows to one half, odd rows to the other."""
    rows = list(rows)
    write(kind, recipe, "fit", columns, rows[::2])
    write(kind, recipe, "held", columns, rows[1::2])


def faker():
    from faker import Faker

    recipes = {
        "safe": lambda f: [f.email(), f.phone_number(), f.street_address(), f.city(), f.state_abbr(), f.postcode()],
        "free": lambda f: [f.free_email(), f.basic_phone_number(), f.street_address(), f.city(), f.state(), f.zipcode()],
        "company": lambda f: [
            f.company_email(), f.phone_number(), f.street_address(), f.city(), *same_state(f),
        ],
    }
    for number, (recipe, make) in enumerate(recipes.items()):
        for half, seed in HALVES.items():
            f = Faker("en_US")
            f.seed_instance(seed + number)
            rows = [
                [f.first_name(), f.last_name(), f.date_of_birth(maximum_age=95), *make(f), f.ssn()] for _ in range(ROWS)
            ]
            write("faker", recipe, half, COLUMNS, rows)
    for half, seed in HALVES.items():
        f = Faker("en_US")
        f.seed_instance(seed + 50)
        rows = []
        for _ in range(ROWS):
            p = f.simple_profile()
            rows.append([p["name"], p["birthdate"], p["mail"], f.phone_number(), p["address"]])
        write("faker", "profile", half, ["name", "birth_date", "email", "phone", "address"], rows)


def same_state(f):
    state = f.state_abbr(include_territories=False, include_freely_associated_states=False)
    return state, f.postalcode_in_state(state)


def mimesis():
    from mimesis import Address, Code, Datetime, Person
    from mimesis.locales import Locale

    for half, seed in HALVES.items():
        person, address, code, dates = (
            Person(Locale.EN, seed=seed), Address(Locale.EN, seed=seed), Code(seed=seed), Datetime(Locale.EN, seed=seed),
        )
        for recipe in ("abbreviated", "written-out"):
            rows = []
            for _ in range(ROWS):
                short = recipe == "abbreviated"
                rows.append(
                    [
                        person.first_name(), person.last_name(), person.birthdate() if short else dates.date(1930, 2022),
                        person.email(), person.phone_number(), address.address(), address.city(),
                        address.state(abbr=short), address.postal_code(), person.identifier(mask="###-##-####"),
                    ]
                )
            write("mimesis", recipe, half, COLUMNS, rows)


RECIPE = """
- object: Contact
  count: {rows}
  fields:
    Salutation:
      fake: prefix
    FirstName:
      fake: FirstName
    LastName:
      fake: LastName
    Email:
      fake: Email
    Phone:
      fake: PhoneNumber
    MobilePhone:
      fake: PhoneNumber
    Birthdate:
      date_between:
        start_date: -90y
        end_date: today
    MailingStreet:
      fake: StreetAddress
    MailingCity:
      fake: City
    MailingState:
      fake: State
    MailingPostalCode:
      fake: Postalcode
    MailingCountry:
      fake: {country}
- object: Account
  count: {rows}
  fields:
    Name:
      fake: Company
    Phone:
      fake: PhoneNumber
    Fax:
      fake: PhoneNumber
    BillingStreet:
      fake: StreetAddress
    BillingCity:
      fake: City
    BillingState:
      fake: State
    BillingPostalCode:
      fake: Postalcode
    BillingCountry:
      fake: Country
"""


def snowfakery():
    for half, seed in HALVES.items():
        for recipe, country in (("world", "Country"), ("home", "current_country")):
            with tempfile.TemporaryDirectory() as folder:
                folder = Path(folder)
                path = folder / "recipe.yml"
                path.write_text(
                    RECIPE.replace("{rows}", str(ROWS)).replace("{country}", country)
                )
                run = (
                    "import random,sys; random.seed(int(sys.argv[1]));"
                    "from faker import Faker; Faker.seed(int(sys.argv[1]));"
                    "from snowfakery import generate_data; generate_data(sys.argv[2], output_format='json', output_file=sys.argv[3])"
                )
                out = folder / "out.json"
                subprocess.run([sys.executable, "-c", run, str(seed), str(path), str(out)], check=True)
                rows = json.loads(out.read_text())
            for table in ("Contact", "Account"):
                if table == "Account" and recipe == "home":
                    continue
                of_table = [{k: v for k, v in row.items() if k not in ("_table", "id")} for row in rows if row["_table"] == table]
                columns = list(of_table[0])
                write("snowfakery", f"{recipe}-{table.lower()}", half, columns, [[row[c] for c in columns] for row in of_table])


def gz(path):
    return gzip.open(DATA / path, "rt", encoding="utf-8", newline="")


def shared_generators():
    for kind, path in (("faker", "generators/faker/contacts_10k.csv.gz"), ("mimesis", "generators/mimesis/contacts_10k.csv.gz")):
        rows = list(csv.reader(gz(path)))
        halves(kind, "shared", rows[0], rows[1:])
    profiles = json.load(gz("generators/faker/profiles_2k.json.gz"))
    keys = ["name", "birthdate", "mail", "address", "ssn"]
    halves("faker", "shared-profiles", ["name", "birth_date", "email", "address", "ssn"], [[p[k] for k in keys] for p in profiles])
    rows = list(csv.DictReader(gz("generators/snowfakery/Contact.csv.gz")))
    columns = [c for c in rows[0] if c not in ("id", "AccountId")]
    halves("snowfakery", "shared", columns, [[r[c] for c in columns] for r in rows if r["Email"]])


def synthea():
    patients = [json.loads(line) for line in gz("synthea/bulk-fhir-1000/Patient.ndjson.gz")]
    for path in sorted((DATA / "synthea/fhir-r4-bundles").iterdir()):
        bundle = json.load(gzip.open(path, "rt"))
        patients += [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"]
    for half, part in (("fit", patients[::2]), ("held", patients[1::2])):
        (OUT / "synthea").mkdir(parents=True, exist_ok=True)
        (OUT / "synthea" / f"fhir.{half}.ndjson").write_text("".join(json.dumps(p) + "\n" for p in part), encoding="utf-8")
    flat = [flat_patient(p) for p in patients]
    halves("synthea", "flat", COLUMNS[:-1], [row[:-1] for row in flat])
    halves("synthea", "flat-without-digits", COLUMNS, [[re.sub(r"\d", "", row[0]), re.sub(r"\d", "", row[1]), *row[2:]] for row in flat])
    rows = list(csv.reader(gz("synthea/csv-27/patients.csv.gz")))
    halves("synthea", "csv", rows[0], rows[1:])


def flat_patient(p):
    name, address = p["name"][0], p["address"][0]
    ssn = next((i["value"] for i in p["identifier"] if i.get("system") == "http://hl7.org/fhir/sid/us-ssn"), "")
    return [
        name["given"][0], name["family"], p["birthDate"], "", p["telecom"][0]["value"] if p.get("telecom") else "",
        address["line"][0], address["city"], address["state"], address.get("postalCode", ""), ssn,
    ]


def background():
    rows = list(csv.DictReader(gz("real-people/public_officials.csv.gz")))
    columns = {
        "name": "full_name", "first_name": "first_name", "last_name": "last_name", "birth_date": "birthdate", "email": "email",
        "phone": "phone", "fax": "fax", "street": "street", "city": "city", "state": "state", "postal_code": "postal_code",
    }
    people = [[r[c] for c in columns.values()] for r in rows]
    halves("background", "people", list(columns), people)
    places = []
    for path, keys in (
        ("real-places/hospitals.csv.gz", ("phone", "address", "city", "state", "zip")),
        ("real-places/va_facilities.csv.gz", ("phone", "address", "city", "state", "zip")),
    ):
        places += [[r[k] for k in keys] for r in csv.DictReader(gz(path))]
    for line in gz("real-places/real_addresses_us.jsonl.gz"):
        r = json.loads(line)
        places.append(["", " ".join(filter(None, (r["address1"], r["address2"]))), r.get("city", ""), r["state"], r.get("postal_code", "")])
    halves("background", "places", ["phone", "street", "city", "state", "postal_code"], places)



if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for make in (faker, mimesis, snowfakery, shared_generators, synthea, background):
        make()
