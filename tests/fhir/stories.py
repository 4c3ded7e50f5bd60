"""Real FHIR clients through a gateway, and Synthea's Bundles over its boundaries, in front of a server that is not ours.

    stories.py --eosin PATH [--bundles N]

Each client plays one story three times: against a server with everybody, against one that never held whom the boundary
hides, and through the gateway in front of everybody. The last two must be told alike, and the first must differ. Then each
meets a refusal. Ends with `N passed, N failed, N skipped`. Run by `cargo xtask fhir`.
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests" / "leaks"), str(ROOT / "tests" / "clients")]
import fhir_places  # noqa: E402
import fhir_scenes  # noqa: E402
import helios_places  # noqa: E402
import install  # noqa: E402
import wire  # noqa: E402
from run import Tally  # noqa: E402

BUNDLES = ROOT.parent / "shared" / "data" / "synthea" / "fhir-r4-bundles"
STORY_SECONDS = 300
# Steps that follow links to further pages: the server by itself gives none, the gateway does.
LINKED = {"everybody, page by page"}
CLIENTS = {"fhirpy": "fhirpy_story.py", "fhir-kit-client": "fhir_kit_story.mjs"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eosin", type=Path, required=True, help="the binary")
    parser.add_argument("--bundles", type=int, default=12, help="how many of Synthea's Bundles cross, the shortest first")
    arguments = parser.parse_args()
    tally = Tally()
    python = program()
    for server in (fhir_places.Medplum, helios_places.Helios):
        if server is helios_places.Helios and not helios_places.binary():
            tally.skipped += 1
            print(f"skipped: {helios_places.MISSING}", flush=True)
            continue
        print(f"at {server.name}:", flush=True)
        with tempfile.TemporaryDirectory() as folder, Crossing(arguments.eosin.resolve(), folder, server, arguments.bundles) as stage:
            for client in CLIENTS:
                told(tally, stage, client, python)
            crossed(tally, stage)
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 1 if tally.failed else 0


def program():
    """A Python with fhirpy."""
    folder = install.CACHE / "fhir-python"
    wanted = (HERE / "requirements.txt").read_text()

    def made():
        install.run(sys.executable, "-m", "venv", folder / "venv")
        install.run(folder / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-input", "-r", HERE / "requirements.txt")

    install.once(folder, wanted + sys.version, made)
    return folder / "venv" / "bin" / "python"


class Crossing(fhir_places.Stage):
    """The places of the scenes, and Synthea's Bundles marked in the same log."""

    def __init__(self, eosin, folder, server, count):
        super().__init__(eosin, folder, server())
        self.count, self.bundles = count, []

    def mark(self, home):
        super().mark(home)
        if not BUNDLES.exists():
            return
        given, out = self.folder / "bundles", self.folder / "bundles.marked"
        given.mkdir()
        for file in sorted(BUNDLES.glob("*.json.gz"), key=lambda one: one.stat().st_size)[: self.count]:
            (given / file.name.removesuffix(".gz")).write_bytes(gzip.decompress(file.read_bytes()))
        self.say("mark", given, "--out", out, "--dataset", "Synthea", "--generator", "Synthea", "--config", home / "eosin.toml")
        shutil.copy(f"{out}.dataset.json", home / "datasets" / "synthea.dataset.json")
        self.bundles = sorted(out.rglob("*.json"))


def told(tally, stage, client, python):
    """One client's story at three places, and its refusal."""
    people = {"shown": ("attested", 0), "hidden": ("synthetic", 0), "new": ("attested", stage.person()), "refused": ("synthetic", stage.person())}
    people = {name: fhir_places.words(stage, kind, number) for name, (kind, number) in people.items()}
    play = lambda scene, place: played(stage, client, python, scene, place, people)
    direct, clean, through = (play("story", place) for place in ("direct", "clean-production", "production"))
    tally.check(f"{client}: the story is told to its end", "" if len(through) > 9 else json.dumps(through)[:1500])
    for here, there, bare in zip(clean, through, direct):
        problem = "" if there["held"] in (True, None) else f"it does not hold: {json.dumps(there['answer'])[:600]}"
        if there["step"] not in LINKED and plain(here) != plain(there):
            problem = f"where nobody is hidden: {json.dumps(here['answer'])[:600]}\nthrough the gateway:    {json.dumps(there['answer'])[:600]}"
        tally.check(f"{client}: {there['step']}{' (hides)' if plain(bare) != plain(there) else ''}", problem)
    tally.check(f"{client}: without the gateway it tells of others", "" if any(plain(one) != plain(two) for one, two in zip(direct, through)) else "it does not")
    for step in play("refusal", "production"):
        tally.check(f"{client}: {step['step']}", "" if step["held"] else json.dumps(step["answer"])[:600])


def played(stage, client, python, scene, place, people):
    script = HERE / CLIENTS[client]
    interpreter = install.node() if script.suffix == ".mjs" else python
    out = stage.folder / f"{client}-{scene}-{place}.json"
    given = {"URL": stage.places[place].address(), "PEOPLE": json.dumps(people), "MODULES": str(fhir_places.modules())}
    settings = {"PATH": os.environ["PATH"], "HOME": str(stage.folder), **{f"EOSIN_CLIENT_{name}": value for name, value in given.items()}}
    done = subprocess.run([str(interpreter), str(script), scene, str(out)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=STORY_SECONDS, env=settings)
    if not out.exists():
        return [{"step": f"{scene} at {place}", "answer": done.stderr[-1500:], "held": False}]
    return json.loads(out.read_text())["steps"]


def plain(step):
    return fhir_scenes.without(step["answer"])


def crossed(tally, stage):
    """Every Bundle is refused by production and taken by the sandbox, and the numbers are those of the files."""
    if not stage.bundles:
        tally.skipped += 1
        print("skipped: no shared data")
        return
    before = {place: stored(stage, place) for place in ("production", "sandbox")}
    wanted, problems, counted = Counter(), [], 0
    for file in stage.bundles:
        bundle = file.read_bytes()
        entries = [entry["resource"]["resourceType"] for entry in json.loads(bundle)["entry"]]
        refused, taken = (wire.ask(stage.places[place].origin, "POST", stage.server.base or "/", fhir_places.JSON, bundle) for place in ("production", "sandbox"))
        wanted.update(entries)
        if refused.status != 403:
            problems.append(f"production answered {file.name} with {refused.status}: {refused.text()[:300]}")
        if taken.status != 200 or len(json.loads(taken.body).get("entry", [])) != len(entries):
            problems.append(f"the sandbox answered {file.name} with {taken.status}: {taken.text()[:300]}")
        counted += number(taken.headers.get("eosin-provenance", ""), "synthetic")
    tally.check(f"Synthea: {len(stage.bundles)} Bundles, {wanted.total()} resources, are refused by production and taken by the sandbox", "\n".join(problems[:3]))
    tally.check("Synthea: the rulings counted every resource as synthetic", "" if counted == wanted.total() else f"{counted} of {wanted.total()}")
    after = {place: stored(stage, place) for place in ("production", "sandbox")}
    tally.check("Synthea: nothing arrived in production", "" if after["production"] == before["production"] else f"{after['production'] - before['production']}")
    arrived = {kind: after["sandbox"][kind] - before["sandbox"][kind] for kind in fhir_places.COUNTED}
    tally.check("Synthea: the sandbox has every one of them", "" if arrived == {kind: wanted[kind] for kind in fhir_places.COUNTED} else f"{arrived} of {dict(wanted)}")
    shown = {kind: total(stage.places["sandbox"].address(), kind) for kind in fhir_places.COUNTED}
    own = fhir_places.PLANTED
    hidden = {kind: after["sandbox"][kind] - (own if kind in fhir_places.THINGS else 0) for kind in fhir_places.COUNTED}
    tally.check("Synthea: through the sandbox's gateway all of them are counted, and nobody else", "" if shown == hidden else f"{shown}, not {hidden}")


def stored(stage, place):
    """How many there are of each type, asked behind the gateway."""
    return Counter({kind: total(stage.places[place].behind(), kind) for kind in fhir_places.COUNTED})


def total(address, kind):
    # The gateway walks what matches, and judges each.
    at = urlsplit(address)
    answer = wire.ask(address, "GET", f"{at.path}/{kind}?_summary=count", [], seconds=STORY_SECONDS)
    if answer.status != 200:
        return f"{answer.status} {answer.text()[:200]}"
    return json.loads(answer.body).get("total", "no total")


def number(provenance, word):
    """What an `Eosin-Provenance` counts of one kind."""
    for part in provenance.split(","):
        name, _, value = part.strip().partition("=")
        if name == word:
            return int(value)
    return 0


if __name__ == "__main__":
    sys.exit(main())
