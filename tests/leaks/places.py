"""The places of the scenes: orgs that hold the same people, a gateway in front of some of them.

    direct        an org with both kinds of people, and nothing in front of it
    production    the same behind a boundary that hides synthetic people
    sandbox       the same behind a boundary that hides attested people
    refreshed     a sandbox made of `direct` by a refresh, behind a boundary that hides attested people
    clean-…       an org that never held what the boundary of that name hides
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import fields
import people
import wire

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
from servers import Server  # noqa: E402

HERE = Path(__file__).resolve().parent
DATA = "/services/data/v65.0"
KINDS = ("synthetic", "attested")
# People of each kind who are in the orgs from the start; the others come with the scenes that write.
PLANTED = 3
MADE = 400
BOUNDARIES = {"production": "synthetic", "sandbox": "attested"}
# Sandboxes, and the orgs that they are copies of; the first stands behind a boundary too.
COPIES = {"refreshed": "direct", "clean-refreshed": "clean-sandbox"}
HIDES = {**BOUNDARIES, "refreshed": "attested"}
# Where a row is hidden wherever the id of a hidden one would show in its lookup.
GUARDED = {"refreshed"}
# Where a scene is played without Eosin, if not at `direct`.
BARE = {"refreshed": "refreshed-direct"}
# A well-formed id that no org gave out.
DATASET = "Eosin_Dataset__r.Eosin_Dataset_Id__c"
NOBODY = {"Contact": "0030000009ZzZzZAAU", "Account": "0010000009ZzZzZAAU", "Case": "5000000009ZzZzZAAU"}


class Place:
    """One address, with what stands behind it and who is known there."""

    def __init__(self, name, origin, org, boundary=None):
        self.name, self.origin, self.org, self.boundary = name, origin, org, boundary
        self.session = self.ids = None

    def ask(self, method, target, headers=(), body=b""):
        return wire.ask(self.origin, method, target, headers, body)

    def log_in(self):
        form = urlencode({"grant_type": "password", "client_id": "local-client", "client_secret": "local-secret",
                          "username": "admin@org.example", "password": "local-passwordtoken"}).encode()
        answer = self.ask("POST", "/services/oauth2/token", [("Content-Type", "application/x-www-form-urlencoded")], form)
        self.session = json.loads(answer.body)["access_token"]

    def json(self, method, target, value=None):
        """One call that must succeed: for setting up, not for scenes."""
        body = b"" if value is None else json.dumps(value).encode()
        answer = self.ask(method, target, [*self.bearer(), ("Content-Type", "application/json")], body)
        if answer.status >= 300:
            raise SystemExit(f"{self.name}: {method} {target} ended with {answer.status}: {answer.text()[:500]}")
        return json.loads(answer.body) if answer.body else None

    def bearer(self):
        return [("Authorization", f"Bearer {self.session}")]

    def find(self, soql):
        """How many rows of the org itself a query has: asked behind the gateway."""
        target = f"{DATA}/query?{urlencode({'q': soql})}"
        answer = wire.ask(self.org, "GET", target, self.bearer())
        return json.loads(answer.body)["totalSize"] if answer.status == 200 else f"{answer.status} {answer.text()[:300]}"


class Started:
    """Servers that were started in a folder, and are stopped at the end."""

    def __init__(self, eosin, folder, made):
        self.eosin, self.folder, self.made, self.servers, self.places, self.next = eosin, Path(folder), made, [], {}, PLANTED

    def __exit__(self, *_):
        for server in reversed(self.servers):
            server.stop()

    def say(self, *arguments):
        done = subprocess.run([str(word) for word in (self.eosin, *arguments)], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, cwd=self.folder)
        if done.returncode:
            raise SystemExit(f"`eosin {' '.join(map(str, arguments))}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def person(self):
        """The number of somebody of each kind whom no scene has used yet."""
        self.next += 1
        if self.next >= self.made:
            raise SystemExit("there are more scenes than people; make more where the stage is")
        return self.next


class Stage(Started):
    """Starts everything once, and stops it."""

    def __init__(self, eosin, folder, made=MADE, port=0, reads="isolated"):
        super().__init__(eosin, folder, made)
        self.port, self.reads, self.rows = port, reads, {}

    def __enter__(self):
        for kind in KINDS:
            made = list(people.invented(kind[:3], self.made))
            for thing in people.FIELDS:
                people.write(self.folder / f"{kind}.{thing}.csv", thing, made if thing == "Contact" else made[:PLANTED])
        home = self.folder / "home"
        self.say("init", "--yes", home)
        orgs = {name: self.org(name) for name in ("direct", *BOUNDARIES, *(f"clean-{name}" for name in BOUNDARIES))}
        self.configure(home, orgs)
        self.mark(home)
        for name, org in orgs.items():
            self.places[name] = Place(name, org, org, name if name in BOUNDARIES else None)
            self.furnish(self.places[name])
        for name, of in COPIES.items():
            self.places[name] = sandbox(self.places[of], name)
        copy = self.places["refreshed"]
        self.places[BARE["refreshed"]] = sandbox_again(copy)
        self.configure(home, {**orgs, "refreshed": copy.org})
        gateway = Server(home, "gateway", [self.eosin, "run", "--config", home / "eosin.toml"])
        self.servers.append(gateway)
        for name in HIDES:
            self.places[name].origin = gateway.address(f"listening {name}:")
        return self

    def org(self, name):
        server = Server(self.folder, f"org-{name}", [self.eosin, "org", "--apex-rest", HERE / "apex-rest.toml"])
        self.servers.append(server)
        return server.address("http")

    def configure(self, home, orgs):
        """The configuration that `eosin init` wrote, with our boundaries instead of its examples."""
        kept = (home / "eosin.toml").read_text().split("[[boundary]]")[0]
        for name in [name for name in HIDES if name in orgs]:
            port = self.port if name == "production" else 0
            guarded = name in GUARDED and self.reads == "isolated"
            reads, guards = ("", "[boundary.reads]\nguard_lookups = true\n") if guarded else (f'reads = "{self.reads}"\n', "")
            kept += f'[[boundary]]\nname = "{name}"\nprotocol = "salesforce"\nlisten = "127.0.0.1:{port}"\nupstream = "{orgs[name]}"\n' \
                f'environment = "{name if name in BOUNDARIES else "sandbox"}"\nmode = "enforce"\n{reads}system_of_record = {str(name == "production").lower()}\n{guards}' \
                '[[boundary.apex]]\npath = "/intake"\nmethod = "POST"\nobject = "Contact"\nrecords = "/people"\n' \
                'fields = { given = "FirstName", family = "LastName" }\n'
        (home / "eosin.toml").write_text(kept)

    def mark(self, home):
        """Seals both kinds in the gateway's own log, as the generator and as the system of record."""
        by = {"synthetic": ["--generator", "scenes"], "attested": ["--attest", "production"]}
        (home / "datasets").mkdir(exist_ok=True)
        for kind in KINDS:
            for thing in people.FIELDS:
                given = self.folder / f"{kind}.{thing}.csv"
                out = self.folder / f"{kind}.{thing}.marked.csv"
                self.say("mark", given, "--object", thing, "--out", out, "--dataset", f"{kind} {thing}", *by[kind], "--config", home / "eosin.toml")
                shutil.copy(f"{out}.dataset.json", home / "datasets" / f"{kind}.{thing}.dataset.json")
                self.rows[kind, thing] = people.read(out)

    def furnish(self, place):
        """Eosin's fields, its datasets, and the people who are there from the start, all set up behind the gateway."""
        behind = Place(place.name, place.org, place.org)
        behind.log_in()
        deploy(behind)
        for (kind, thing), rows in self.rows.items():
            row = {"Name": f"{kind} {thing}", "Eosin_Dataset_Id__c": rows[0][DATASET]}
            behind.json("POST", f"{DATA}/sobjects/Eosin_Dataset__c", row)
        hidden = BOUNDARIES.get(place.name.removeprefix("clean-"))
        absent = hidden if place.name.startswith("clean-") else None
        place.ids = {kind: [] for kind in KINDS}
        for number in range(PLANTED):
            for kind in KINDS:
                rows = {thing: self.rows[kind, thing][number] for thing in people.FIELDS}
                place.ids[kind].append(dict(NOBODY) if kind == absent else plant(behind, rows))
        place.session = behind.session


def sandbox(production, name):
    """A full sandbox of an org, made and entered by the calls of `sf org create sandbox`."""
    asked = {"SandboxName": name.replace("-", "")[:10], "LicenseType": "Full"}
    production.json("POST", f"{DATA}/tooling/sobjects/SandboxInfo", asked)
    copy = entered(production, asked["SandboxName"])
    copy.name, copy.ids = name, production.ids
    return copy


def entered(production, name):
    """A sandbox, with a session of whoever asks at production."""
    asked = {"sandboxName": name, "clientId": "PlatformCLI", "callbackUrl": "http://localhost:1717/OauthRedirect"}
    allowed = production.json("POST", f"{DATA}/tooling/sandboxAuth", asked)
    form = urlencode({"grant_type": "authorization_code", "client_id": "PlatformCLI", "code": allowed["authCode"]}).encode()
    answer = wire.ask(allowed["loginUrl"], "POST", "/services/oauth2/token", [("Content-Type", "application/x-www-form-urlencoded")], form)
    place = Place(name, allowed["instanceUrl"], allowed["instanceUrl"])
    place.session = json.loads(answer.body)["access_token"]
    return place


def sandbox_again(copy):
    """The same sandbox, to be asked without a gateway."""
    bare = Place(f"{copy.name}-direct", copy.org, copy.org)
    bare.session, bare.ids = copy.session, copy.ids
    return bare


def deploy(place):
    edge = "edge-of-a-part"
    options = json.dumps({"deployOptions": {"singlePackage": True, "rollbackOnError": True}})
    body = f'--{edge}\r\nContent-Disposition: form-data; name="json"\r\nContent-Type: application/json\r\n\r\n{options}\r\n' \
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="package.zip"\r\nContent-Type: application/zip\r\n\r\n'.encode() \
        + fields.package() + f"\r\n--{edge}--\r\n".encode()
    answer = place.ask("POST", f"{DATA}/metadata/deployRequest", [*place.bearer(), ("Content-Type", f"multipart/form-data; boundary={edge}")], body)
    done = place.json("GET", f"{DATA}/metadata/deployRequest/{json.loads(answer.body)['id']}?includeDetails=true")
    if not done["deployResult"]["success"]:
        raise SystemExit(f"the package was not deployed: {json.dumps(done['deployResult'])[:2000]}")


def plant(place, rows):
    """One person with a household and a case; ids by object."""
    add = lambda thing, more: place.json("POST", f"{DATA}/sobjects/{thing}", {**as_json(thing, rows[thing]), **more})["id"]
    account = add("Account", {})
    contact = add("Contact", {"AccountId": account})
    case = add("Case", {"ContactId": contact, "AccountId": account})
    return {"Account": account, "Contact": contact, "Case": case}


def as_json(thing, row):
    """A row of the marked table as a JSON record, in the table's order."""
    record = {"attributes": {"type": thing}}
    for name, value in row.items():
        if name == DATASET:
            record["Eosin_Dataset__r"] = {"Eosin_Dataset_Id__c": value}
        else:
            record[name] = value == "true" if name == "Eosin_Synthetic__c" else value
    return record
