#!/usr/bin/env python3
"""How long the console's pages take over an index of many transactions, from the request to the last byte.

    cargo build --release -p eosin
    EOSIN_BENCH_KEEP=FOLDER EOSIN_BENCH_ENTRIES=10000000 cargo bench -p index
    python3 tests/bench/console.py target/release/eosin FOLDER [--rounds 40] [--chromium]

FOLDER holds `ledger` and `index.sqlite`. Each page is asked for in turns with the others, one request at a time, and p50, p95
and the longest are printed. `--chromium` opens each in Chromium as well (`cargo xtask console` installs what drives it) and
adds the largest contentful paint, the median of five.
"""

import argparse
import json
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "console"), str(HERE.parent / "clients")]

LCP = """
const { chromium } = require('playwright-core');
(async () => {
  const [executablePath, first, ...links] = process.argv.slice(2);
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(first);
  const all = {};
  for (let round = 0; round < 5; round += 1) {
    for (const link of links) {
      await page.goto(link);
      const paint = await page.evaluate(() => new Promise((done) => new PerformanceObserver((list) => done(list.getEntries().at(-1).startTime))
        .observe({ type: 'largest-contentful-paint', buffered: true })));
      (all[link] ??= []).push(paint);
    }
  }
  await browser.close();
  console.log(JSON.stringify(all));
})();
"""


def pages(folder):
    """Each page, and the filters that ask most: a value that is everywhere, and one that is nearly nowhere."""
    with sqlite3.connect(f"file:{folder / 'index.sqlite'}?mode=ro", uri=True) as index:
        count = {table: index.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in ("rulings", "record_verdicts")}
        origin, entry = index.execute("SELECT origin, MAX(entry) FROM rulings").fetchone()
        middle = index.execute("SELECT at FROM rulings WHERE origin = ? AND entry >= ? LIMIT 1", (origin, entry // 2)).fetchone()[0]
        reference = index.execute("SELECT reference FROM record_verdicts ORDER BY origin, entry LIMIT 1").fetchone()[0]
    ask = urllib.parse.urlencode
    every = {"object": "Patient", "dataset": "dataset-18", "purpose": "staging-testing", "generator": "Mockaroo", "verdict": "synthetic"}
    return count, {
        "Today": "",
        "Transactions": "transactions",
        "… of one boundary": "transactions?boundary=crm-3",
        "… of one client": "transactions?client=client-7",
        "… blocked": "transactions?decision=block",
        "… until half of the time": f"transactions?{ask({'until': middle[:16]})}",
        "… with a verdict that is rare": "transactions?verdict=forged",
        "One transaction, with its proof": f"transaction?{ask({'ledger': origin, 'entry': entry})}",
        "Records": "records",
        "… by a common verdict": "records?verdict=synthetic",
        "… by a rare verdict": "records?verdict=forged",
        "… by verdict, decision and boundary": "records?verdict=suspected&decision=warn&boundary=crm-3",
        "… by reference": f"records?{ask({'reference': reference})}",
        "… by object": "records?object=Patient",
        "… by dataset": "records?dataset=dataset-19",
        "… by a rare dataset": "records?dataset=dataset-99",
        "… by purpose": "records?purpose=training",
        "… by generator": "records?generator=Snowfakery",
        "… older than 30 days": "records?age=older+than+30+days",
        "… by object, dataset, purpose, generator, verdict": f"records?{ask(every)}",
        "… the same, none found": f"records?{ask(every | {'purpose': 'training'})}",
        "… of a generator, until half of the time": f"records?{ask({'generator': 'Faker', 'until': middle[:16]})}",
        "One record": f"record?{ask({'reference': reference})}",
        "Blast radius of a dataset": f"blast?{ask({'ledger': origin, 'dataset': 'dataset-19'})}",
        "Datasets": "datasets",
        "Deliveries": "deliveries",
        "Boundaries": "boundaries",
        "Policies": "policies",
        "Ledgers": "ledgers",
    }


def serve(eosin, folder):
    """The console over that index, open to whoever has its link."""
    home = folder / "home"
    if not (home / "eosin.toml").exists():
        subprocess.run([eosin, "init", "--yes", home], check=True, stdout=subprocess.DEVNULL)
        config = (home / "eosin.toml").read_text()
        section = f'[index]\ndatabase = "{folder / "index.sqlite"}"\nledgers = ["{folder / "ledger"}"]\n'
        written = re.sub(r"^\[index\]\n(?:(?!\[).*\n)*", lambda _: section, config, count=1, flags=re.MULTILINE)
        (home / "eosin.toml").write_text(written)
    words = [eosin, "console", "--without-sign-in", "--listen", "127.0.0.1:0", "--json"]
    server = subprocess.Popen(words, cwd=home, stdout=subprocess.PIPE)
    return server, json.loads(server.stdout.readline())["console"]


def asked(opener, link):
    began = time.perf_counter()
    with opener.open(link) as answer:
        size = len(answer.read())
    return (time.perf_counter() - began) * 1000, size


def painted(first, links):
    """The median of the largest contentful paint of each, in milliseconds."""
    from run import modules  # the console's story installs what drives Chromium

    program = modules() / "paint.cjs"
    program.write_text(LCP)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    done = subprocess.run(["node", program, chromium, first, *links], check=True, stdout=subprocess.PIPE, text=True)
    return {link: statistics.median(paints) for link, paints in json.loads(done.stdout).items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("eosin", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--chromium", action="store_true")
    given = parser.parse_args()
    folder = given.folder.resolve()
    count, named = pages(folder)
    server, link = serve(given.eosin.resolve(), folder)
    try:
        base = link.split("?")[0]
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        opener.open(link).read()
        times = {name: [] for name in named}
        for _ in range(given.rounds):
            for name, path in named.items():
                times[name].append(asked(opener, base + path)[0])
        paints = painted(link, [base + path for path in named.values()]) if given.chromium else {}
    finally:
        server.terminate()
        server.wait()
    print(f"{count['rulings']:,} transactions, {count['record_verdicts']:,} records listed, {given.rounds} rounds\n")
    heading = ["page", "p50 ms", "p95 ms", "longest", *(["largest paint, ms"] if paints else [])]
    print("| " + " | ".join(heading) + " |\n|" + "---|" * len(heading))
    for name, taken in times.items():
        taken.sort()
        cells = [statistics.median(taken), taken[min(len(taken) - 1, int(len(taken) * 0.95))], taken[-1]]
        cells = [f"{cell:.1f}" for cell in cells] + ([f"{paints[base + named[name]]:.0f}"] if paints else [])
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
