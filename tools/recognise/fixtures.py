"""Writes fixtures/recognise/: a few rows of each generator, and invented people who are to be recognised as nobody's.

    python tools/recognise/fixtures.py ../shared/data OUT      (OUT as generate.py filled it)
"""

import csv
import gzip
import random
import sys
from pathlib import Path

DATA = Path(sys.argv[1])
ROWS = Path(sys.argv[2])
OUT = Path(__file__).resolve().parents[2] / "fixtures/recognise"
EACH = 30
RECIPES = {
    "faker": "safe", "faker-js": "other", "mimesis": "abbreviated", "snowfakery": "home-contact", "chance": "plain",
    "synthea": "flat",
}


def generators():
    for kind, recipe in RECIPES.items():
        lines = (ROWS / kind / f"{recipe}.held.csv").read_text(encoding="utf-8").splitlines()
        (OUT / f"{kind}.csv").write_text("\n".join(lines[: EACH + 1]) + "\n", encoding="utf-8")


def weighted(draw, name, top):
    rows = [line.split() for line in gzip.open(DATA / "real-names" / name, "rt") if line.strip()][:top]
    words, weights = [r[0].title() for r in rows], [float(r[1]) for r in rows]
    return lambda: draw.choices(words, weights)[0]


def invented():
    draw = random.Random(7)
    family = weighted(draw, "dist.all.last.txt.gz", 20000)
    given = [weighted(draw, "dist.female.first.txt.gz", 500), weighted(draw, "dist.male.first.txt.gz", 300)]
    areas = {}
    for line in (OUT.parents[1] / "crates/recognise/src/facts/area-codes.txt").read_text().splitlines():
        if not line.startswith("#"):
            code, states = line.split()
            for state in states.split(","):
                areas.setdefault(state, []).append(code)
    places = [
        (r["city"].title(), r["state"], r["zip"])
        for r in csv.DictReader(gzip.open(DATA / "real-places/va_facilities.csv.gz", "rt"))
        if len(r["zip"]) == 5 and r["state"] in areas
    ]
    streets = "Main St|Oak Ave|2nd Street|Washington Blvd|Maple Drive|N Park Rd|Church Street|Highland Ave|W 14th St|Elm Court".split("|")
    domains = ["county-of-nowhere.us", "nowhere-clinic.us", "nowhere-schools.us", "nowhere-works.us"]
    with (OUT / "background.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow("first_name last_name birth_date email phone street city state postal_code".split())
        for _ in range(10 * EACH):
            first, last = draw.choice(given)(), family()
            city, state, code = draw.choice(places)
            home = state if draw.random() > 0.1 else draw.choice(sorted(set(areas) - {"-"}))
            box = draw.choice([f"{first}.{last}", f"{first[0]}{last}", f"{first}{last}", f"{last}{first[0]}", f"{first}{draw.randint(1, 99)}"])
            writer.writerow(
                [
                    first, last, f"{draw.randint(1930, 2020)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}",
                    f"{box.lower()}@{draw.choice(domains)}",
                    draw.choice(["{}-555-{}", "({}) 555-{}", "{}555{}"]).format(draw.choice(areas[home]), draw.randint(2000, 9999)),
                    f"{draw.randint(1, 9999)} {draw.choice(streets)}", city, state, code,
                ]
            )


generators()
invented()
