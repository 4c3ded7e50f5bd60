"""Writes the tables of facts that the recognisers look things up in: crates/recognise/src/facts/*.txt.

    python tools/recognise/facts.py ../shared/data node_modules

Facts only, and each file says where they are from. Needs the packages of requirements.txt, and @faker-js/faker in node_modules.
"""

import csv
import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import phonenumbers
from phonenumbers import geodata
from phonenumbers.phonenumberutil import region_code_for_number

DATA = Path(sys.argv[1])
NODE = Path(sys.argv[2])
OUT = Path(__file__).resolve().parents[2] / "crates/recognise/src/facts"
STATES = dict(
    line.split("=")
    for line in (
        "Alabama=AL|Alaska=AK|Arizona=AZ|Arkansas=AR|California=CA|Colorado=CO|Connecticut=CT|Delaware=DE|"
        "District of Columbia=DC|Washington D.C.=DC|Florida=FL|Georgia=GA|Hawaii=HI|Idaho=ID|Illinois=IL|Indiana=IN|"
        "Iowa=IA|Kansas=KS|Kentucky=KY|Louisiana=LA|Maine=ME|Maryland=MD|Massachusetts=MA|Michigan=MI|Minnesota=MN|"
        "Mississippi=MS|Missouri=MO|Montana=MT|Nebraska=NE|Nevada=NV|New Hampshire=NH|New Jersey=NJ|New Mexico=NM|"
        "New York=NY|North Carolina=NC|North Dakota=ND|Ohio=OH|Oklahoma=OK|Oregon=OR|Pennsylvania=PA|Rhode Island=RI|"
        "South Carolina=SC|South Dakota=SD|Tennessee=TN|Texas=TX|Utah=UT|Vermont=VT|Virginia=VA|Washington=WA|"
        "Washington State=WA|West Virginia=WV|Wisconsin=WI|Wyoming=WY"
    ).split("|")
)
RARE_BELOW = 0.0015  # % of people
ELSEWHERE = {"PR": "PR", "VI": "VI", "GU": "GU", "MP": "MP", "AS": "AS"}


def write(name, head, lines):
    (OUT / name).write_text("".join(f"# {line}\n" for line in head) + "\n".join(lines) + "\n")
    print(name, len(lines))


def area_codes():
    exchanges = (200, 234, 345, 456, 567, 678, 789, 891, 987)
    codes = sorted(set(STATES.values()))
    for area in range(200, 1000):
        regions = set()
        for exchange in exchanges:
            number = phonenumbers.PhoneNumber(country_code=1, national_number=int(f"{area}{exchange}5678"))
            if phonenumbers.is_valid_number(number):
                regions.add(region_code_for_number(number))
        if not regions:
            continue
        found = {ELSEWHERE[r] for r in regions if r in ELSEWHERE}
        if "US" in regions:
            for key, value in GEO.get(str(area), ()):
                tail = value.rsplit(", ", 1)[-1]
                if value in STATES:
                    found.add(STATES[value])
                elif tail in codes:
                    found.add(tail)
        yield f"{area} {','.join(sorted(found)) or '-'}"


GEO = {}
for key, value in geodata.GEOCODE_DATA.items():
    if key.startswith("1") and len(key) >= 4 and "en" in value:
        GEO.setdefault(key[1:4], []).append((key, value["en"]))


def zip_prefixes():
    from faker.providers.address.en_US import Provider

    prefixes = {}
    for state, (low, high) in Provider.states_postcode.items():
        for prefix in range(int(low) // 100, int(high) // 100 + 1):
            prefixes.setdefault(prefix, set()).add(state)
    counts = {}

    def saw(state, code):
        code = re.sub(r"\D", "", code or "")
        if len(code) in (8, 9, 4, 5) and re.fullmatch("[A-Z]{2}", state or ""):
            code = code.zfill(9 if len(code) > 5 else 5)
            counts[(int(code[:3]), state)] = counts.get((int(code[:3]), state), 0) + 1

    for row in csv.DictReader(gzip.open(DATA / "real-places/hospitals.csv.gz", "rt")):
        saw(row["state"], row["zip"])
    for row in csv.DictReader(gzip.open(DATA / "real-places/va_facilities.csv.gz", "rt")):
        saw(row["state"], row["zip"])
    for line in gzip.open(DATA / "real-places/real_addresses_us.jsonl.gz", "rt"):
        row = json.loads(line)
        saw(row["state"], row.get("postal_code"))
    for (prefix, state), count in counts.items():
        if count >= 2 or prefix not in prefixes:
            prefixes.setdefault(prefix, set()).add(state)
    # Military post offices, of the US Postal Service's publication 28.
    for state, military in (("AA", [340]), ("AE", range(90, 99)), ("AP", range(962, 967))):
        for prefix in military:
            prefixes.setdefault(prefix, set()).add(state)
    for prefix in sorted(prefixes):
        yield f"{prefix:03} {','.join(sorted(prefixes[prefix]))}"


def census(name):
    return [
        (line.split()[0].lower(), float(line.split()[1]))
        for line in gzip.open(DATA / "real-names" / name, "rt")
        if line.strip()
    ]


def wrapped(words):
    line = ""
    for word in sorted(set(words)):
        if len(line) + len(word) > 118:
            yield line
            line = ""
        line = f"{line} {word}" if line else word
    if line:
        yield line


def ascii_words(words):
    return [w.lower() for w in words if re.fullmatch("[A-Za-z]{2,15}", w)]


def faker_js(what):
    """What the generator itself draws in 60,000 draws."""
    script = (
        "import {faker} from '@faker-js/faker'; faker.seed(1); const s=new Set();"
        "for(let i=0;i<60000;i++) s.add(faker.person.WHAT()); console.log([...s].join(' '))"
    )
    command = ["node", "--input-type=module", "-e", script.replace("WHAT", what)]
    ran = subprocess.run(command, cwd=NODE.parent, capture_output=True, text=True, check=True)
    return [w.lower() for w in ran.stdout.replace("'", "").split() if re.fullmatch("[A-Za-z]{2,15}", w)]


USUAL = set("alley avenue boulevard circle court drive highway lane loop parkway pike place plaza road square street terrace trail turnpike way".split())


OF_SYNTHEA = "approach bay byway club crossroad esplanade fort frontage gate highlands parade pathway promenade quay rapid vale wynd"


def street_endings():
    from faker.providers.address.en_US import Provider
    from mimesis import Address
    from mimesis.locales import Locale

    mimesis = Address(Locale.EN, seed=1)
    endings = {*Provider.street_suffixes, *(mimesis.street_suffix() for _ in range(5000))}
    endings |= set(OF_SYNTHEA.title().split())
    return {e.lower() for e in endings if e.isalpha()} - USUAL


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    source = [f"Source: phonenumbers {phonenumbers.__version__} (libphonenumber's metadata), Apache-2.0. Facts, rearranged."]
    write(
        "area-codes.txt",
        ["Assigned area codes of the North American Numbering Plan, and the state each serves; `-`: no one state."] + source,
        list(area_codes()),
    )
    write(
        "zip-prefixes.txt",
        [
            "First three digits of ZIP codes, and the states they are in.",
            "Source: ranges by state of Faker 40.54.0 (MIT), and the addresses of US hospitals and VA facilities",
            "and a sample of public US addresses (public domain). Facts, rearranged.",
        ],
        list(zip_prefixes()),
    )
    last = census("dist.all.last.txt.gz")
    male = census("dist.male.first.txt.gz")
    female = census("dist.female.first.txt.gz")
    us = "Source: US Census Bureau, 1990 name files, public domain."
    write("family-names.txt", ["The 1,200 most frequent US surnames.", us], list(wrapped(n for n, _ in last[:1200])))
    given = [n for n, _ in male[:450]] + [n for n, _ in female[:650]]
    write("given-names.txt", ["The most frequent US first names: 450 of men, 650 of women.", us], list(wrapped(given)))
    family_frequency = dict(last)
    write(
        "street-endings.txt",
        [
            "Endings of street names that Faker 40.54.0, faker-js 10.6.0 (Synthea's are the same) or Mimesis 22.2.0 (all MIT)",
            "draw as often as Street, and that are not among the usual ones, which are: " + ", ".join(sorted(USUAL)) + ".",
        ],
        list(wrapped(street_endings())),
    )
    words = faker_js("lastName")
    rare = {w for w in words if family_frequency.get(w, 0.0) < RARE_BELOW}
    share = sum(family_frequency.get(w, 0.0) for w in rare)
    write(
        "faker-js-family-names.txt",
        [
            f"Those surnames of faker-js 10.6.0 (MIT; Synthea took its own from an ancestor of that list) that are rare",
            f"in the US Census of 1990: each below {RARE_BELOW} % of people, all together {share:.2f} %. {len(rare)} of {len(set(words))} names.",
        ],
        list(wrapped(rare)),
    )
    write(
        "generator-names.txt",
        [
            "First and family names that faker-js 10.6.0 (MIT) draws, of which it and Synthea make streets and cities.",
            "Nothing is held against a person who has one.",
        ],
        list(wrapped({*words, *faker_js("firstName")} - set(given) - {n for n, _ in last[:1200]})),
    )


main()
