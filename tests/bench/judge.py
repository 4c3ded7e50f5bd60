"""How fast `eosin judge` is on a large CSV with a large registry, beside DuckDB and Presidio.

    cargo build --release -p eosin && cargo build --release -p registry --example fill
    python tests/bench/judge.py --megabytes 1000 --entries 10000000

Needs nothing but Python; DuckDB and Presidio are measured if the Python that runs this has `duckdb` and
`presidio-analyzer`. DuckDB only parses the file: every column of every row. Presidio runs its pattern recognisers,
without a language model, on the same columns of a sample of rows, on one core; its figure is scaled to the number of
cores that the others use, which flatters it. Peak memory is the largest resident size of the process.
"""

import argparse
import csv
import os
import pathlib
import subprocess
import sys
import tempfile
import time

COLUMNS = ["first_name", "last_name", "birth_date", "email", "phone", "street", "city", "state", "postal_code", "note"]
FIRST = "Anna Bela Cora Dina Edda Flora Gerda Hanna Ida Jana Karl Leo Max Nils Otto Paul".split()
LAST = "Achen Berg Cramer Dorn Eber Falk Gruber Haas Imhof Jung Kern Lang Moser Nagel Ohm Pichler".split()
CITY = ["Linz", "Graz", "Wels", "Steyr", "Villach", "Hallein"]
NOTE = "follow-up arranged with the practice nurse after the last visit and the results were explained in person"


def rows(megabytes):
    """Rows of nobody, the same on every run; about so many megabytes of them."""
    written, number = 0, 0
    while written < megabytes * 1_000_000:
        mixed = (number * 2_654_435_761) & 0xFFFFFFFF
        row = [
            FIRST[mixed % 16],
            LAST[(mixed >> 4) % 16] + "er" * ((mixed >> 8) % 2),
            f"{1930 + mixed % 80}-{1 + mixed % 12:02}-{1 + (mixed >> 3) % 28:02}",
            f"{FIRST[mixed % 16].lower()}.{mixed:08x}@mail{mixed % 97}.invalid",
            f"+43 7{mixed % 100:02} {mixed % 1_000_000:06}",
            f"{LAST[(mixed >> 12) % 16]}weg {1 + mixed % 120}",
            CITY[mixed % 6],
            "Upper Austria",
            f"{4000 + mixed % 900}",
            NOTE[: 20 + mixed % 80],
        ]
        number += 1
        written += sum(map(len, row)) + len(row)
        yield row


def measured(command, codes=(0,)):
    """Seconds, and the largest resident size in MiB."""
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    took = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in codes:
        sys.exit(f"{command[0]} ended with {child.returncode}: {said.decode(errors='replace')}")
    return took, usage.ru_maxrss / 1024


DUCKDB = """
import sys, duckdb
duckdb.sql("set threads to " + sys.argv[2])
columns = sys.argv[3].split(",")
print(duckdb.sql("select " + ",".join(f'max("{c}")' for c in columns)
    + f" from read_csv('{sys.argv[1]}', all_varchar=true)").fetchall()[0][0] is not None)
"""

PRESIDIO = """
import csv, sys, time
from presidio_analyzer import predefined_recognizers as known
names = ["EmailRecognizer", "PhoneRecognizer", "UsSsnRecognizer", "CreditCardRecognizer", "DateRecognizer",
    "IbanRecognizer", "IpRecognizer", "UrlRecognizer", "UsPassportRecognizer", "UsLicenseRecognizer"]
recognizers = [getattr(known, name)() for name in names if hasattr(known, name)]
with open(sys.argv[1], newline="") as file:
    rows = [row for row, _ in zip(csv.reader(file), range(int(sys.argv[2]) + 1))][1:]
size = sum(len(cell) + 1 for row in rows for cell in row)
began = time.monotonic()
found = 0
for row in rows:
    for cell in row:
        for recognizer in recognizers:
            found += len(recognizer.analyze(cell, recognizer.supported_entities, None) or [])
took = time.monotonic() - began
print(size / 1e6 / took, len(recognizers), len(rows), found)
"""


def has(module):
    return subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True).returncode == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--sample", type=int, default=500, help="rows for Presidio")
    parser.add_argument("--binaries", default="target/release", help="where eosin and examples/fill are")
    parser.add_argument("--folder", help="keep the files here and use them again")
    settings = parser.parse_args()
    binaries = pathlib.Path(settings.binaries).resolve()
    eosin = str(binaries / "eosin")
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as temporary:
        home = pathlib.Path(settings.folder or temporary).resolve()
        home.mkdir(parents=True, exist_ok=True)
        table = home / "people.csv"
        if not table.exists():
            with open(table, "w", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(COLUMNS)
                writer.writerows(rows(settings.megabytes))
        if not (home / "eosin.toml").exists():
            measured([eosin, "init", "--yes", str(home)])
            fill = [str(binaries / "examples" / "fill"), str(home / "registry"), str(home / "keys/registry.key")]
            took, memory = measured([*fill, str(settings.entries)])
            print(f"registry of {settings.entries} entries: {took:.1f} s, peak {memory:.0f} MiB")
        megabytes = table.stat().st_size / 1e6
        print(f"{table.name}: {megabytes:.0f} MB, {cores} cores\n")
        print("| | MB/s | peak MiB | against parsing |\n|---|---:|---:|---:|")
        judge = [eosin, "judge", str(table), "--config", str(home / "eosin.toml")]
        results = {
            "eosin judge: mark, registry, recognisers": measured(judge, (0, 1)),
            "eosin judge: mark only": measured([*judge, "--no-recognise"], (0, 1)),
        }
        if has("duckdb"):
            duckdb = [sys.executable, "-c", DUCKDB, str(table), str(cores), ",".join(COLUMNS)]
            results["DuckDB, parsing only"] = measured(duckdb)
        parsing = results.get("DuckDB, parsing only", (None,))[0]
        for name, (took, memory) in results.items():
            ratio = f"{parsing / took:.2f}" if parsing else "not measured"
            print(f"| {name} | {megabytes / took:.1f} | {memory:.0f} | {ratio} |")
        if has("presidio_analyzer"):
            command = [sys.executable, "-c", PRESIDIO, str(table), str(settings.sample)]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            rate, count, sampled = float(said[0]) * cores, int(said[1]), int(said[2])
            judged = megabytes / results["eosin judge: mark, registry, recognisers"][0]
            name = f"Presidio, {count} pattern recognisers, {sampled} rows, times {cores} cores"
            ratio = f"{parsing / (megabytes / rate):.4f}" if parsing else "not measured"
            print(f"| {name} | {rate:.3f} | not measured | {ratio} |")
            print(f"\neosin judge is {judged / rate:.0f} times as fast as those recognisers.")
        for module in ("duckdb", "presidio_analyzer"):
            if not has(module):
                print(f"not measured: this Python has no `{module}`")


if __name__ == "__main__":
    main()
