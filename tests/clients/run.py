"""Stories with real, unmodified Salesforce clients.

Each client plays the same story twice, on two fresh orgs: straight to the one, and through the gateway in front of the
other, whose boundary isolates reads, and which holds people whom its clients may not see. Where nothing is refused, both
must get the same answers. Then each meets a
boundary that refuses, and we look at what its user is shown. Run by `cargo xtask clients`; ends with `N passed, N failed, N skipped`.

    run.py --eosin PATH [simple_salesforce|jsforce|sf …]
    run.py --org HTTP,HTTPS,CA [client …]      one running org, straight only: for work on the org
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import compare
import install
import stage

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STORY_SECONDS = 2400
CUMULUSCI_LEAST = (3, 11)

CLIENTS = {
    "simple_salesforce": "simple_salesforce_story.py",
    "salesforce_bulk": "salesforce_bulk_story.py",
    "cumulusci": "cumulusci_story.py",
    "jsforce": "jsforce_story.mjs",
    "sf": "sf_story.py",
}

# The clients whose stories carry marked records.
CARRIERS = ("simple_salesforce", "salesforce_bulk")

# Answers that differ where reads are isolated, and why.
UNREAD = "what cannot be read is not asked: the gateway says where, without the words that stand there"
OTHERWISE = {"a malformed query": UNREAD, "data query, malformed": UNREAD}


# Whom clients of a sandbox may not see: they would be among what the stories find and count.
HIDDEN = {"Account": {"Name": ["Tree Clinic", "Example Clinic", "Recipe Clinic 1"]},
          "Contact": {"LastName": ["Bulk-0001", "Bulk-9999", "JsBulk-0001", "Old-200", "Old-299", "Many-001", "Recipe-1", "Tree-Example"]}}


class Tally:
    """What passed and what did not, said as it happens."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, name, problem):
        """One check: `problem` is empty, or says what is wrong."""
        if problem:
            self.failed += 1
            print(f"FAILED  {name}\n" + "\n".join("          " + line for line in problem.splitlines()), flush=True)
        else:
            self.passed += 1
            print(f"ok      {name}", flush=True)


class Theatre:
    """Plays scenes of stories with the installed clients."""

    def __init__(self, clients, folder):
        self.clients, self.folder = clients, folder
        self.key = folder / "jwt.key"
        make = "from cryptography.hazmat.primitives.asymmetric import rsa; from cryptography.hazmat.primitives import serialization as s; import sys; " \
            "sys.stdout.buffer.write(rsa.generate_private_key(65537, 2048).private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))"
        self.key.write_bytes(subprocess.run([clients.python, "-c", make], stdout=subprocess.PIPE, check=True).stdout)
        self.count = 0

    def play(self, client, scene, place, **more):
        """Plays one scene against one place and gives its transcript."""
        self.count += 1
        out = self.folder / f"{self.count:02}-{client}-{scene}-{place.name}"
        out.mkdir()
        program = self.clients.node if CLIENTS[client].endswith(".mjs") else self.clients.python
        transcript = out / "transcript.json"
        settings = {**self.settings(out, place), **more}
        with open(out / "said.log", "wb") as log:
            done = subprocess.run([program, str(HERE / CLIENTS[client]), scene, str(transcript)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                  timeout=STORY_SECONDS, check=False, env=settings, cwd=out)
        if not transcript.exists():
            said = (out / "said.log").read_text(errors="replace")[-2000:]
            return {"steps": [{"step": f"{client} tells its story", "answer": {"exit": done.returncode, "said": said}, "held": False}]}
        return json.loads(transcript.read_text())

    def settings(self, out, place):
        """The environment of a story: a home of its own, an address, credentials, and nothing of Eosin."""
        kept = {name: value for name, value in os.environ.items() if name in ("LANG", "LC_ALL", "TMPDIR", "TZ")}
        node = Path(self.clients.node).parent
        path = os.pathsep.join([str(node), str(Path(self.clients.modules) / ".bin"), os.environ.get("PATH", "")])
        noise = {"SF_DISABLE_TELEMETRY": "true", "SF_SKIP_NEW_VERSION_CHECK": "true", "SF_AUTOUPDATE_DISABLE": "true", "SF_DISABLE_AUTOUPDATE": "true",
                 "SF_USE_GENERIC_UNIX_KEYCHAIN": "true", "SFDX_DISABLE_DNS_CHECK": "true", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1",
                 # simple-salesforce takes CSV columns from a set: without this they stand in another order each time.
                 "PYTHONHASHSEED": "0"}
        given = {"URL": place.http, "URL_HTTP": place.http, "URL_HTTPS": place.https, "CA": place.ca, "FOLDER": out, "MODULES": self.clients.modules,
                 "NODE": self.clients.node, "SF": self.clients.sf, "CCI": self.clients.cci, "PACKAGE": package(out), **stage.CREDENTIALS, "JWT_KEY": self.key}
        return {**kept, **noise, "PATH": path, "HOME": str(out), "REQUESTS_CA_BUNDLE": str(place.ca), "NODE_EXTRA_CA_CERTS": str(place.ca),
                **{"EOSIN_CLIENT_" + name: str(value) for name, value in given.items()}}

    def prepare(self, place, *folders):
        """Deploys the custom fields that the stories write."""
        return self.play("sf", "prepare", place, EOSIN_CLIENT_DEPLOY=os.pathsep.join(str(folder) for folder in folders))


def package(folder):
    """The Salesforce package, in a copy: the CLI writes into the folder that it deploys from."""
    copy = folder / "package"
    if not copy.exists():
        shutil.copytree(ROOT / "integrations" / "salesforce", copy)
    return copy


def prepare(tally, theatre, eosin):
    """Orgs to begin with, as snapshots: one with the Eosin package, and one where the CLI's story will deploy it."""
    snapshots = {}
    for bare, folders in ((False, [package(theatre.folder), HERE / "fields"]), (True, [HERE / "fields"])):
        with stage.Stage(eosin, theatre.folder / f"prepared-{'bare' if bare else 'package'}") as servers:
            place = servers.straight("prepared")
            transcript = theatre.prepare(place, *folders)
            if not all(step["held"] for step in transcript["steps"]):
                steps_hold(tally, "an org to begin with", transcript)
            snapshots[bare] = servers.keep(place)
    return snapshots


def steps_hold(tally, name, transcript):
    """Each step that says what should be, and whether it was."""
    for step in transcript["steps"]:
        if step["held"] is not None:
            tally.check(f"{name}: {step['step']}", "" if step["held"] else "answered " + json.dumps(step["answer"])[:1200])


def plant(place):
    """Puts people into the org behind a gateway whom its clients may not see."""
    form = urllib.parse.urlencode({"grant_type": "password", "client_id": stage.CREDENTIALS["KEY"], "client_secret": stage.CREDENTIALS["SECRET"],
                                   "username": stage.CREDENTIALS["USER"], "password": stage.CREDENTIALS["PASSWORD"]}).encode()
    ask = lambda path, body, headers: json.load(urllib.request.urlopen(urllib.request.Request(place.behind.http + path, body, headers), timeout=30))
    token = ask("/services/oauth2/token", form, {})["access_token"]
    for thing, fields in HIDDEN.items():
        rows = [{"attributes": {"type": thing}, name: value, "Eosin_Subject__c": "attested"} for name, values in fields.items() for value in values]
        made = ask("/services/data/v66.0/composite/sobjects", json.dumps({"allOrNone": True, "records": rows}).encode(),
                   {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        if not all(one["success"] for one in made):
            raise SystemExit(f"nobody to be hidden could be put into {place.behind.name}: {json.dumps(made)[:1000]}")


def walk_straight(tally, theatre, client, place):
    """One client, one org, nothing between."""
    folders = [HERE / "fields"] if client == "sf" else [package(theatre.folder), HERE / "fields"]
    steps_hold(tally, f"{client} prepares", theatre.prepare(place, *folders))
    steps_hold(tally, f"{client} straight", theatre.play(client, "walk", place))


def walk_twice(tally, theatre, client, straight, through, scene="walk"):
    """One client, two fresh orgs; the second behind the gateway."""
    with ThreadPoolExecutor() as pool:
        played = list(pool.map(lambda place: theatre.play(client, scene, place), (straight, through)))
    steps_hold(tally, f"{client} straight", played[0])
    steps_hold(tally, f"{client} through the gateway", played[1])
    for step, problem in compare.differences(*played):
        if why := OTHERWISE.get(step):
            tally.check(f"{client} is answered otherwise, for {why}: {step}", "" if problem else "it is answered the same now: say so in the table")
        else:
            tally.check(f"{client} is answered the same: {step}", problem or "")


PEOPLE = [
    {"attributes": {"type": "Contact"}, "FirstName": first, "LastName": last, "Email": f"{first.lower()}@example.org",
     "Phone": f"+1 202 555 010{number}", "Birthdate": f"19{70 + number}-03-0{number + 1}", "MailingCity": "Exampleton"}
    for number, (first, last) in enumerate([("Ada", "Zyzzx-Example"), ("Béla", "Weird-Ünusual"), ("Cleo", "O'Nobody")])
]


def allow_apex(tally, theatre, servers):
    """Anonymous Apex, which nobody can judge: it passes where the configuration says so."""
    through = servers.through("sandbox", name="apex-sandbox", more='anonymous_apex = "allow"')
    walk_twice(tally, theatre, "sf", servers.straight("apex"), through, scene="apex")


def carry_marks(tally, theatre, servers, client):
    """Marks through a real client: written, read back and judged; then moved, broken, and brought to production."""
    dataset = servers.generate(PEOPLE)
    table = servers.generate_csv(ROOT / "fixtures" / "recognise" / "snowfakery.csv")
    known = dataset if client == "simple_salesforce" else table
    sandbox = servers.through("sandbox", known, "marked-sandbox")
    production = servers.through("production", known, "marked-production")
    intact, modified = theatre.folder / "intact.json", theatre.folder / "modified.json"
    loaded = theatre.folder / "loaded.json"
    files = {"MARKED": dataset.records, "DATASET": dataset.manifest, "INTACT": intact, "MODIFIED": modified,
             "TABLE": table.records, "TABLE_DATASET": table.manifest, "LOADED": loaded}
    files = {"EOSIN_CLIENT_" + name: str(path) for name, path in files.items()}
    for scene, place in (("marked", sandbox), ("marked_refused", production)):
        transcript = theatre.play(client, scene, place, **files)
        steps_hold(tally, f"marks through {client}, {place.name}", transcript)
        show_refusals(transcript)
    if client == "simple_salesforce":
        judge_marks(tally, servers, ((intact, dataset, "intact", len(PEOPLE)), (modified, dataset, "modified", 1), (loaded, table, "intact", table.count())))


def judge_marks(tally, servers, told):
    """What came back out of an org, judged by a stranger."""
    for file, dataset, state, count in told:
        said = servers.judge(file, dataset) if file.exists() else {"counts": {}, "findings": []}
        states = [finding.get("integrity") for finding in said["findings"]]
        good = said["counts"].get("synthetic") == count and states == [state] * count
        tally.check(f"what simple_salesforce read back is synthetic and {state}: {file.stem}", "" if good else json.dumps(said)[:1500])


def show_refusals(transcript):
    """The words that the client's user reads."""
    for step in transcript["steps"]:
        if step["step"].startswith("refused"):
            print(f"          {step['step']}: {json.dumps(step['answer'])[:400]}", flush=True)


def playable(tally, wanted):
    """The clients of those wanted that this Python can install; the others are skipped, and that is said."""
    if "cumulusci" in wanted and sys.version_info < CUMULUSCI_LEAST:
        tally.skipped += 1
        print("skipped cumulusci: it wants Python {}.{} or later".format(*CUMULUSCI_LEAST), flush=True)
        return [client for client in wanted if client != "cumulusci"]
    return wanted


def main():
    """Plays the stories and counts."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--eosin", type=Path)
    arguments.add_argument("--org")
    arguments.add_argument("--keep", action="store_true", help="leave transcripts and logs, and say where")
    arguments.add_argument("clients", nargs="*", choices=[*CLIENTS, []])
    given = arguments.parse_args()
    compare.check()
    tally = Tally()
    folder = Path(tempfile.mkdtemp(prefix="eosin-clients-"))
    try:
        chosen = playable(tally, given.clients or list(CLIENTS))
        theatre = Theatre(install.clients(chosen), folder)
        prepared = None if given.org else prepare(tally, theatre, given.eosin.resolve())
        for client in chosen:
            if given.org:
                walk_straight(tally, theatre, client, stage.Place("org", *given.org.split(",")))
                continue
            with stage.Stage(given.eosin.resolve(), folder / f"stage-{client}", prepared[client == "sf"]) as servers:
                through = servers.through("sandbox")
                # The CLI's story begins with an org that has no field to tell them by.
                if client != "sf":
                    plant(through)
                walk_twice(tally, theatre, client, servers.straight(), through)
                strict = servers.through("production")
                transcript = theatre.play(client, "refused", strict)
                steps_hold(tally, f"{client} at a boundary that refuses", transcript)
                show_refusals(transcript)
                if client == "sf":
                    allow_apex(tally, theatre, servers)
                if client in CARRIERS:
                    carry_marks(tally, theatre, servers, client)
    finally:
        if given.keep:
            print(f"transcripts and logs are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
