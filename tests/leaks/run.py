"""The leak channels, a table a protocol: plays their scenes and writes docs/leak-channels.md from them.

    run.py --eosin PATH [--write] [part of a channel's name …]

The scenes of HL7 v2 are played by a test in Rust, where frames are at home; it is run from here, and says each scene's end.
Ends with `N passed, N failed, N skipped`. Run by `cargo xtask leaks`.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "clients"))
import install  # noqa: E402

# The consumers of events believe libraries that are installed apart.
PYTHON = install.python("webhooks", ROOT / "tests" / "webhooks" / "requirements.txt")
if Path(sys.prefix) != PYTHON.parents[1]:
    os.execv(PYTHON, [str(PYTHON), "-u", *sys.argv])

import fhir_places  # noqa: E402
import fhir_scenes  # noqa: E402
import helios_places  # noqa: E402
import hl7v2_scenes  # noqa: E402
import page  # noqa: E402
import places  # noqa: E402
import scenes  # noqa: E402
import subscription_scenes  # noqa: E402
import webhook_scenes  # noqa: E402

# Rows of FHIR once more, in front of another server.
HELIOS = "fhir-at-helios"
# A table a protocol: its rows, what is wrong with one, and where its scenes are played.
TABLES = {
    "salesforce": (scenes.table, scenes.problem, places.Stage),
    "fhir": (fhir_scenes.table, fhir_scenes.problem, lambda *given: fhir_places.Stage(*given, fhir_places.Medplum())),
    HELIOS: (fhir_scenes.table, fhir_scenes.problem, lambda *given: fhir_places.Stage(*given, helios_places.Helios())),
    "events": (webhook_scenes.table, webhook_scenes.problem, webhook_scenes.Stage),
    "changes": (subscription_scenes.table, subscription_scenes.problem, subscription_scenes.Stage),
    "hl7v2": (hl7v2_scenes.table, hl7v2_scenes.problem, hl7v2_scenes.Stage),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eosin", type=Path, required=True, help="the binary")
    parser.add_argument("--write", action="store_true", help="write the page instead of comparing with it")
    parser.add_argument("only", nargs="*", help="only channels whose name has one of these parts")
    arguments = parser.parse_args()
    channels = []
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, (table, problem, stage) in TABLES.items():
            rows = table()
            channels += rows if name != HELIOS else []
            chosen = [one for one in rows if not arguments.only or any(part.lower() in f"{name} {one.protocol} {one.name}".lower() for part in arguments.only)]
            if name == HELIOS and not helios_places.binary():
                skipped += len(chosen)
                print(f"skipped {len(chosen)} channels: {helios_places.MISSING}", flush=True)
                continue
            if not chosen:
                continue
            inner = Path(folder) / name
            inner.mkdir()
            with stage(arguments.eosin.resolve(), inner) as set_up:
                # Ways out first: the people who come in by the others would be in every answer.
                for channel in sorted(chosen, key=lambda one: one.direction == "in"):
                    said = problem(set_up, channel)
                    passed, failed = passed + (not said), failed + bool(said)
                    at = " at helios" if name == HELIOS else ""
                    label = f"{channel.direction:3} {channel.protocol}{at}: {channel.name}"
                    print(f"FAILED  {label}\n{said}" if said else f"ok      {label}{' (open)' if channel.open else ''}", flush=True)
    if not arguments.only:
        outcome = page.check(ROOT / "docs" / "leak-channels.md", channels, arguments.write and not failed)
        passed, failed = passed + (not outcome), failed + bool(outcome)
        print(f"FAILED  {outcome}" if outcome else "ok      docs/leak-channels.md says what happened")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
