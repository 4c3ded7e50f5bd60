"""Fuzzes every parser for a while, coverage-guided, and keeps count of how long each has been fuzzed.

    cargo xtask fuzz [--minutes 60 | --up-to 60] [--only NAME ...] [--least] [--total MINUTES] [--jobs 2]

Builds the targets of `fuzz/fuzz_targets` with the toolchain that builds Eosin (no nightly: SanitizerCoverage is a pass of the
compiler, libFuzzer is linked by `libfuzzer-sys`), starts each from the fixtures of its format and from what earlier runs kept
under `fuzz/corpus`, and runs it for so many minutes, or with `--up-to` until it has had so many in all its runs. `--least` takes
those first that were fuzzed for the shortest time; `--total` begins no further target after so long. What was run is a line of `fuzz/record.jsonl`, and `docs/fuzzing.md` is made of
its lines at the end (by `--minutes 0` alone). What counts is the time of a processor, not of a clock: on a machine that others
use a target runs for longer.

Leaves with 0 when nothing was found, with 1 when something was (the input is under `fuzz/artifacts`), with 2 when a target could
not be built or run.
"""

import argparse
import base64
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FUZZ = ROOT / "fuzz"
RECORD = FUZZ / "record.jsonl"
PAGE = ROOT / "docs" / "fuzzing.md"
HOUR = 3600
# An input may take so long, and a target so much memory, before that itself is a finding.
INPUT_SECONDS, MEMORY_MB = 20, 2048
LONGEST_INPUT = 1 << 16

# What a target starts from: files that somebody really wrote, by pattern under `fixtures` and `spec`.
JSON = ["fixtures/fhir/*.json", "fixtures/fhir/*.ndjson", "fixtures/salesforce/*.json"]
SEEDS = {
    "canonical_json": [*JSON, "fixtures/rfc8785/**/*"],
    "checkpoint": ["fixtures/witness/**/*"],
    "delivered_rows": ["fixtures/salesforce/*.csv"],
    "fhir_export": ["fixtures/fhir/export-manifest.json"],
    "fhir_outcome": ["fixtures/fhir/*.json", "fixtures/fhir/*.ndjson"],
    "fhir_page": ["fixtures/fhir/search-page.json", "fixtures/fhir/transaction.json"],
    "fhir_patch": ["fixtures/fhir/*.ndjson"],
    "fhir_plain": ["fixtures/fhir/**/*"],
    "fhir_resource": ["fixtures/fhir/*json"],
    "hl7v2": ["fixtures/hl7v2/**/*"],
    "identity": JSON,
    "message_signature": ["fixtures/signature/**/*"],
    "mllp_frames": ["fixtures/hl7v2/**/*"],
    "note": ["fixtures/witness/**/*"],
    "parquet_file": ["fixtures/parquet/**/*"],
    "recogniser": [*JSON, "fixtures/recognise/**/*"],
    "salesforce_batch": ["fixtures/salesforce/**/*"],
    "salesforce_csv": ["fixtures/salesforce/**/*.csv"],
    "salesforce_json": ["fixtures/salesforce/*.json*"],
    "shown_rows": ["fixtures/salesforce/*.json"],
    "soql": ["fixtures/soql/**/*"],
    "table_csv": ["fixtures/**/*.csv"],
}
# And vectors of the specification, each as its target reads it.
VECTORS = {
    "certificate": ("certificate.json", lambda held: [text for scene in held["scenes"] for text in stated(scene["certificate"])]),
    "fhir_route": ("fhir-doors.json", lambda held: ["\n".join(door[:2]) for door in held["doors"]]),
    "salesforce_route": ("salesforce-doors.json", lambda held: [f"{case['method']}\n{case['target']}" for case in held["cases"]]),
}
# What `delivered_rows` picks by the first byte of an input: a saved report, and tables by what stands between their cells, each
# made of a table with commas.
DELIVERED = {1: b",", 4: b"`", 5: b"^", 6: b"|", 7: b";", 8: b"\t"}
# What is written here in short: results in XML, a report with its foot and one for spreadsheets; queries; claims of
# a token; rows that stand side by side.
WRITTEN = {
    "delivered_rows": [
        b'\0<queryResult xmlns="urn"><records><Id>1</Id></records><records><Id>2</Id></records></queryResult>',
        b'\1"Contact ID"\r\n"1"\r\n"2"\r\n\r\n\r\n"All"\r\n',
        b'\2<html><head><meta http-equiv="Content-Type" content="text/html; charset=UTF-8"></head><body>\n<table border="1">\n'
        b"<tr><th>A</th></tr>\n<tr><td>1</td></tr>\n</table>\n<p>All</p>\n</body></html>\n",
    ],
    "fhir_outcome": [
        b'{"resourceType":"Bundle","entry":[{"response":{"outcome":{"resourceType":"OperationOutcome","issue":[{"severity":"error",'
        b'"code":"conflict","diagnostics":"first is Observation/2 in Patient:17."},{"code":"x","details":{"text":"Patient (b)"}}]}}}]}',
        b'{"subject":{"reference":"http://up.example/fhir/Patient/17/_history/2"},"b":[{"reference":"Patient%2F1#a"}]}',
    ],
    "index_sql": [
        b"SELECT boundary, count(*) AS a FROM rulings GROUP BY 1 HAVING count(*) > 1 ORDER BY 2 DESC LIMIT 5",
        b"WITH a AS (SELECT 1 AS b UNION ALL SELECT b + 1 FROM a) SELECT b, 'c' || b AS d, NULLIF(b, 1) AS e FROM a LIMIT 20",
    ],
    "openid_token": [
        b'{"aud":["eosin","other"],"azp":"eosin","nbf":1800000060,"iat":1799999400.5,"exp":1799999941,"email_verified":true}',
        b'{"iat":1800000060,"groups":["admins"]}',
    ],
    "soap_answer": [
        b"\0<getUpdatedResponse><result><ids>003000000000001AAA</ids><ids>003000000000002AAA</ids>"
        b"<latestDateCovered>2026-11-23T00:00:00Z</latestDateCovered></result></getUpdatedResponse>",
        b"\0<getDeletedResponse><result><deletedRecords><deletedDate>2026-11-23T00:00:00Z</deletedDate><id>003000000000003AAA</id>"
        b"</deletedRecords></result></getDeletedResponse>",
        b"\0<mergeResponse><result><id>003000000000001AAA</id><updatedRelatedIds>003000000000004AAA</updatedRelatedIds><errors>"
        b"<message>value is held by 003000000000005AAA, see 003000000000006</message></errors></result></mergeResponse>",
    ],
    "shown_rows": [
        b'{"totalSize":3,"done":true,"records":[{"attributes":{"type":"Contact"},"Id":"003000000000001"},'
        b'{"attributes":{"type":"Contact"},"Id":"003000000000002"},{"attributes":{"type":"Account"},"Id":"001000000000003"}]}',
        b'[{"apiName":"Contact","id":"003000000000001","fields":{"Name":{"displayValue":null,"value":"A"}}},'
        b'{"apiName":"Contact","id":"003000000000002","fields":{}}]',
        b'{"ids":["003000000000001","003000000000002"],"deletedRecords":[{"id":"003000000000003"}]}',
    ],
}
# A file of these has a seed in each of its lines.
LINES = {".txt", ".ndjson", ".jsonl"}

COVERAGE = (
    "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
    " -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
    " -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Ccodegen-units=1"
)


def targets():
    return sorted(path.stem for path in (FUZZ / "fuzz_targets").glob("*.rs"))


def promise(target):
    """What a target promises: the first paragraph of its file."""
    text = (FUZZ / "fuzz_targets" / f"{target}.rs").read_text().splitlines()
    lines = []
    for line in text:
        if not line.startswith("//!") or line == "//!":
            break
        lines.append(line.removeprefix("//!").strip())
    return " ".join(lines)


def host():
    said = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    return re.search(r"^host: (\S+)$", said, re.MULTILINE)[1]


def build(names):
    """Builds the targets; a triple of its own keeps the coverage pass from build scripts."""
    triple = host()
    command = ["cargo", "build", "--release", "--target", triple]
    for name in names:
        command += ["--bin", name]
    subprocess.run(command, cwd=FUZZ, check=True, env=os.environ | {"RUSTFLAGS": COVERAGE})
    return FUZZ / "target" / triple / "release"


def stated(certificate):
    """A certificate, and what it states, which a target signs anew."""
    yield certificate
    if certificate:
        yield base64.b64decode(json.loads(certificate)["payload"]).decode()


def seeds(target, folder):
    """Writes what the target starts from into the folder."""
    found = []
    for pattern in SEEDS.get(target, []):
        for path in sorted(ROOT.glob(pattern)):
            if not path.is_file() or path.stat().st_size > LONGEST_INPUT:
                continue
            content = path.read_bytes()
            found += content.splitlines() if path.suffix in LINES else [content]
    if target == "delivered_rows":
        found = [bytes([pick]) + table.replace(b",", between) for table in found for pick, between in DELIVERED.items()]
    found += WRITTEN.get(target, [])
    if target in VECTORS:
        name, read = VECTORS[target]
        found += [text.encode() for text in read(json.loads((ROOT / "spec" / "vectors" / name).read_text()))]
    for at, one in enumerate(one for one in found if one.strip()):
        (folder / f"{at:05}").write_bytes(one)


def used(pid):
    """Seconds of a processor that a process that was not waited for has used, of Linux's `proc_pid_stat`: its 14th and 15th fields."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Run:
    """One target, for so many seconds of a processor."""

    def __init__(self, target, binaries, seconds):
        self.target, self.seconds = target, seconds
        self.binary = binaries / target
        self.found, self.failed, self.executions, self.edges, self.lasted = [], None, 0, 0, 0

    def go(self):
        corpus, artifacts = FUZZ / "corpus" / self.target, FUZZ / "artifacts" / self.target
        corpus.mkdir(parents=True, exist_ok=True)
        artifacts.mkdir(parents=True, exist_ok=True)
        began = time.time()
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as told:
            first = Path(folder)
            seeds(self.target, first)
            command = [
                str(self.binary), str(corpus), str(first), f"-timeout={INPUT_SECONDS}",
                f"-report_slow_units={INPUT_SECONDS}", f"-rss_limit_mb={MEMORY_MB}", f"-max_len={LONGEST_INPUT}", f"-artifact_prefix={artifacts}/",
                "-print_final_stats=1", "-verbosity=1",
            ]  # fmt: skip
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=told, cwd=FUZZ)
            # Waited for by hand: only so is it known what this one process used, whatever runs beside it.
            pid, told_to_end = 0, False
            while not pid:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if not pid and not told_to_end and used(process.pid) >= self.seconds:
                    # libFuzzer ends with what it has done when it is told so.
                    process.send_signal(signal.SIGUSR1)
                    told_to_end = True
                time.sleep(0.5)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.lasted = round(usage.ru_utime + usage.ru_stime)
            told.seek(0)
            said = told.read().decode(errors="replace")
        if executed := re.search(r"stat::number_of_executed_units: (\d+)", said):
            self.executions = int(executed[1])
        self.edges = max((int(edges) for edges in re.findall(r" cov: (\d+) ", said)), default=0)
        # A finding that was there before is written again under its name: the moment tells.
        written = (path for path in artifacts.iterdir() if path.stat().st_mtime >= began - 1)
        self.found = sorted(str(path.relative_to(ROOT)) for path in written)
        if process.returncode and not self.found:
            self.failed = said[-2000:] or f"left with {process.returncode}"
        if not self.executions and not self.found:
            self.failed = said[-2000:] or "it said nothing of what it did"

    def line(self):
        """What is recorded of it."""
        return {
            "day": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
            "target": self.target,
            "seconds": self.lasted,
            "executions": self.executions,
            "edges": self.edges,
            "found": len(self.found),
        }


def record():
    """Every run so far."""
    if not RECORD.exists():
        return []
    return [json.loads(line) for line in RECORD.read_text().splitlines() if line]


def lasted(line):
    """Seconds of a processor; the first runs were timed by a clock on a machine that others used, and count for nothing."""
    return line.get("seconds", 0)


def so_far(target, lines):
    return sum(lasted(line) for line in lines if line["target"] == target)


def page(lines):
    """`docs/fuzzing.md`."""
    rows = []
    for target in targets():
        of_it = [line for line in lines if line["target"] == target]
        total, executions = so_far(target, lines), sum(line["executions"] for line in of_it)
        edges = max((line["edges"] for line in of_it), default=0)
        found = sum(line["found"] for line in of_it)
        last = max((line["day"] for line in of_it), default="never")
        # What is found is mended and becomes a scene; the time counts from the last finding on.
        clean = 0
        for line in of_it:
            clean = 0 if line["found"] else clean + lasted(line)
        rows.append(
            f"| `{target}` | {promise(target)} | {total / 60:.0f} | {clean / 60:.0f} | {executions:,} | {edges:,} | {found} | {last} |"
        )
    whole = sum(1 for target in targets() if so_far(target, lines) >= HOUR)
    return "\n".join(
        [
            "# What has been fuzzed, and for how long",
            "",
            "Written by `cargo xtask fuzz` from `fuzz/record.jsonl`, which has a line for every run; nothing here is typed by hand.",
            "",
            f"{len(targets())} parsers and readers of what strangers send have a target; {whole} of them have been fuzzed for an hour or more.",
            "Minutes are of a processor, not of a clock: on a machine that others use a target runs for longer. Runs that were only timed by",
            "a clock count their inputs and no minutes.",
            "Fuzzing is coverage-guided (libFuzzer), with overflow checks and debug assertions on, and without a sanitizer: the code is safe",
            "Rust. An input that takes more than 20 s or 2 GiB is a finding too. What is found is mended, and stays as a scene beside",
            "the parser.",
            "",
            "| target | what it promises | minutes | since a finding | inputs | edges | found | last |",
            "|---|---|---:|---:|---:|---:|---:|---|",
            *rows,
            "",
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60, help="for each target; 0 writes docs/fuzzing.md and runs none")
    parser.add_argument("--up-to", type=float, metavar="MINUTES", help="for each target only what it lacks of so many minutes")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[])
    parser.add_argument("--least", action="store_true", help="those first that were fuzzed for the shortest time")
    parser.add_argument("--total", type=float, default=0, metavar="MINUTES", help="begin no further target after so long")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    names = options.only or targets()
    if unknown := [name for name in names if name not in targets()]:
        parser.error(f"there is no target {', '.join(unknown)}; there are {', '.join(targets())}")
    if options.minutes <= 0:
        PAGE.write_text(page(record()))
        return 0
    lines = record()
    if options.least:
        names = sorted(names, key=lambda name: so_far(name, lines))
    wanted = {name: round(options.minutes * 60) for name in names}
    if options.up_to is not None:
        wanted = {name: round(options.up_to * 60 - so_far(name, lines)) for name in names}
        names = [name for name in names if wanted[name] > 0]
    try:
        binaries = build(names) if names else FUZZ
    except (OSError, subprocess.CalledProcessError) as why:
        print(f"the targets cannot be built: {why}", file=sys.stderr)
        return 2
    waiting, lock, done = list(names), threading.Lock(), []
    until = time.monotonic() + options.total * 60 if options.total else None

    def work():
        while True:
            with lock:
                if not waiting or (until and time.monotonic() >= until):
                    return
                target = waiting.pop(0)
                run = Run(target, binaries, wanted[target])
            try:
                run.go()
            except OSError as why:
                run.failed = str(why)
            with lock:
                done.append(run)
                tell(run)

    threads = [threading.Thread(target=work) for _ in range(max(1, options.jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    PAGE.write_text(page(record()))
    bad = [run for run in done if run.found or run.failed]
    print(f"{len(done) - len(bad)} passed, {len(bad)} failed, {len(waiting)} skipped")
    if any(run.failed for run in done):
        return 2
    return 1 if bad else 0


def tell(run):
    """Says how a run went, and records it."""
    if run.failed:
        print(f"FAILED  {run.target}: it could not be run: {run.failed}", flush=True)
        return
    with RECORD.open("a") as lines:
        lines.write(json.dumps(run.line()) + "\n")
    word = "FOUND " if run.found else "ok    "
    print(f"{word}  {run.target} ({run.lasted} s, {run.executions:,} inputs, {run.edges:,} edges)", flush=True)
    for path in run.found:
        print(f"        {path}: mend it, keep it as a scene, then run again with `--only {run.target}`", flush=True)


if __name__ == "__main__":
    sys.exit(main())
