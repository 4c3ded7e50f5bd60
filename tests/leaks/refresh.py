"""What a sandbox refresh carries: an org is copied as the Salesforce CLI asks for it, and looked at with and without a gateway.

A refresh happens inside Salesforce, where no gateway stands. So it carries everybody: marks come along intact, and attested
people stand in a sandbox. A gateway in front of the sandbox tells them apart; one in front of production refuses to ask for
the copy. Ends with `N passed, N failed, N skipped`. Run by `cargo xtask refresh`.

    refresh.py --eosin PATH
"""

import argparse
import base64
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from urllib.parse import quote

import people
import places
from servers import Server

DATA = places.DATA
MASK = """global class MaskAddresses implements SandboxPostCopy {
    global void runApexClass(SandboxContext context) {
        List<Contact> everybody = [SELECT Id, Email FROM Contact];
        for (Contact one : everybody) { one.Email = 'masked@' + context.sandboxName() + '.example'; }
        update everybody;
    }
}"""


class Stage(places.Stage):
    """Production and its gateway; sandboxes of it, and a gateway in front of one."""

    def __enter__(self):
        for kind in places.KINDS:
            made = list(people.invented(kind[:3], self.made))
            for thing in people.FIELDS:
                people.write(self.folder / f"{kind}.{thing}.csv", thing, made)
        self.home = self.folder / "home"
        self.say("init", "--yes", self.home)
        server = Server(self.folder, "org", [self.eosin, "org", "--sandbox-template", "people=Contact"])
        self.servers.append(server)
        self.production = places.Place("production", server.address("http"), server.address("http"))
        self.configure(self.home, dict.fromkeys(places.BOUNDARIES, self.production.org))
        self.mark(self.home)
        self.furnish(self.production)
        return self

    def gateway(self, sandbox):
        """A gateway in front of production, and of this sandbox."""
        self.configure(self.home, {"production": self.production.org, "sandbox": sandbox.org})
        server = Server(self.home, "gateway", [self.eosin, "run", "--config", self.home / "eosin.toml"])
        self.servers.append(server)
        for name, place in (("production", self.production), ("sandbox", sandbox)):
            self.places[name] = places.Place(name, server.address(f"listening {name}:"), place.org)
            self.places[name].session = place.session
        return self.places

    def judged(self, rows, kind):
        """What a stranger says of rows that came out of an org: verdicts, and the state of each mark."""
        file = self.folder / "read.json"
        file.write_text(json.dumps({"records": rows}))
        manifest = self.folder / f"{kind}.Contact.marked.csv.dataset.json"
        words = ["judge", file, "--dataset", manifest, "--trust", self.home / "keys" / "ledger.vkey", "--json"]
        if kind == "attested":
            words += ["--config", self.home / "eosin.toml"]
        done = subprocess.run([str(word) for word in (self.eosin, *words)], capture_output=True, text=True, check=False, cwd=self.folder)
        if done.returncode > 1:
            raise SystemExit(f"`eosin judge` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        said = json.loads(done.stdout)
        return said["counts"], sorted({finding.get("integrity") for finding in said["findings"]}, key=str)


class Tally:
    """What passed and what did not, said as it happens."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, good, told=""):
        """One check, with what was seen if it fails."""
        self.passed, self.failed = self.passed + bool(good), self.failed + (not good)
        print(f"ok      {name}" if good else f"FAILED  {name}\n          {str(told)[:1500]}", flush=True)


def ask(place, method, target, value=None):
    """One call of a client that is logged in."""
    body = b"" if value is None else json.dumps(value).encode()
    return place.ask(method, target, [*place.bearer(), ("Content-Type", "application/json")], body)


def made(production, **asked):
    """Makes a sandbox and logs in to it, by the calls of `sf org create sandbox`."""
    info = production.json("POST", f"{DATA}/tooling/sobjects/SandboxInfo", asked)["id"]
    process = rows(production, f"SELECT Status, SandboxOrganization FROM SandboxProcess WHERE SandboxInfoId = '{info}' ORDER BY CreatedDate DESC", "tooling/")
    return info, process[0], places.entered(production, asked["SandboxName"])


def rows(place, soql, api=""):
    """The rows of a query, as they come."""
    return place.json("GET", f"{DATA}/{api}query?q={quote(soql)}")["records"]


def names(place):
    """Who is there, as somebody who asks sees it."""
    return {row["LastName"] for row in rows(place, "SELECT LastName FROM Contact")}


def with_marks(stage, place, kind, left_out=()):
    """The rows of one kind with every field that was marked or marks, as a client reads them back."""
    fields = ", ".join(name for name in stage.rows[kind, "Contact"][0] if name not in left_out)
    known = ", ".join(f"'{row['LastName']}'" for row in stage.rows[kind, "Contact"][: places.PLANTED])
    found = rows(place, f"SELECT {fields} FROM Contact WHERE LastName IN ({known})")
    plain = lambda value: {name: plain(inner) for name, inner in value.items() if inner is not None} if isinstance(value, dict) else value
    # A dataset's own row is hidden where anything is: what it would have said stands in the table that was marked.
    dataset = {"Eosin_Dataset__r": {"Eosin_Dataset_Id__c": stage.rows[kind, "Contact"][0][places.DATASET]}}
    return [{**plain(row), **(dataset if left_out else {})} for row in found]


def class_id(place):
    """Deploys the class that masks addresses, and gives its id."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        files.writestr("package.xml", "<Package/>")
        files.writestr("classes/MaskAddresses.cls", MASK)
    zipped = base64.b64encode(packed.getvalue()).decode()
    envelope = '<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns="http://soap.sforce.com/2006/04/metadata">' \
        f'<e:Header><SessionHeader><sessionId>{place.session}</sessionId></SessionHeader></e:Header><e:Body><deploy><ZipFile>{zipped}</ZipFile>' \
        '<DeployOptions><singlePackage>true</singlePackage></DeployOptions></deploy></e:Body></e:Envelope>'
    place.ask("POST", "/services/Soap/m/65.0", [("Content-Type", "text/xml"), ("SOAPAction", '""')], envelope.encode())
    return rows(place, "SELECT Id FROM ApexClass WHERE Name = 'MaskAddresses'")[0]["Id"]


def play(stage, tally):
    """The story, from the first copy to the last."""
    production = stage.production
    who = {kind: {row["LastName"] for row in stage.rows[kind, "Contact"][: places.PLANTED]} for kind in places.KINDS}
    _, process, sandbox = made(production, SandboxName="Uat", LicenseType="Full")
    through = stage.gateway(sandbox)

    tally.check("a full sandbox is made, as the CLI asks for it", process["Status"] == "Completed", process)
    tally.check("without Eosin, the sandbox shows attested people", who["attested"] <= names(sandbox), names(sandbox))
    for kind in places.KINDS:
        counts, states = stage.judged(with_marks(stage, sandbox, kind), kind)
        tally.check(f"marks of {kind} people came along intact", counts.get(kind) == places.PLANTED and not [state for state in states if state != "intact"], (counts, states))
    hidden = [ids["Contact"] for ids in production.ids["attested"]]
    seen = names(through["sandbox"])
    tally.check("through Eosin, the sandbox shows the synthetic people", who["synthetic"] <= seen, seen)
    tally.check("through Eosin, the sandbox shows no attested person", not seen & who["attested"], seen)
    by_id = [ask(through["sandbox"], "GET", f"{DATA}/sobjects/Contact/{id}").status for id in hidden]
    tally.check("through Eosin, an attested person's id of production is not there", by_id == [404] * places.PLANTED, by_id)
    straight = [ask(sandbox, "GET", f"{DATA}/sobjects/Contact/{id}").status for id in hidden]
    tally.check("without Eosin, it is", straight == [200] * places.PLANTED, straight)
    total = [place.json("GET", f"{DATA}/query?q=" + quote("SELECT COUNT() FROM Contact"))["totalSize"] for place in (sandbox, through["sandbox"])]
    tally.check("a count does not tell either", total == [2 * places.PLANTED, places.PLANTED], total)
    counts, states = stage.judged(with_marks(stage, through["sandbox"], "synthetic", [places.DATASET]), "synthetic")
    tally.check("marks read through Eosin are intact", counts.get("synthetic") == places.PLANTED and states == ["intact"], (counts, states))

    asked = {"SandboxName": "Never", "LicenseType": "Full"}
    answer = ask(through["production"], "POST", f"{DATA}/tooling/sobjects/SandboxInfo", asked)
    there = rows(production, "SELECT SandboxName FROM SandboxInfo", "tooling/")
    tally.check("a copy of production is not asked for through Eosin", 400 <= answer.status < 500 and len(there) == 1, (answer.status, answer.text(), there))

    late = stage.person()
    places.plant(production, {thing: stage.rows["attested", thing][late] for thing in people.FIELDS})
    organization = rows(sandbox, "SELECT Id, IsSandbox FROM Organization")[0]
    info = rows(production, "SELECT Id FROM SandboxInfo", "tooling/")[0]["Id"]
    production.json("PATCH", f"{DATA}/tooling/sobjects/SandboxInfo/{info}", {"AutoActivate": True, "LicenseType": "FULL"})
    ended = ask(sandbox, "GET", f"{DATA}/limits").status
    again = places.entered(production, "Uat")
    through["sandbox"].session = again.session
    name = stage.rows["attested", "Contact"][late]["LastName"]
    tally.check("a refresh ends the sandbox's sessions, and gives it another id",
                ended == 401 and rows(again, "SELECT Id FROM Organization")[0]["Id"] != organization["Id"] and organization["IsSandbox"], (ended, organization))
    tally.check("without Eosin, who came since is in the refreshed sandbox", name in names(again), names(again))
    tally.check("through Eosin, nobody attested is", names(through["sandbox"]) == who["synthetic"], names(through["sandbox"]))
    users = rows(again, "SELECT Username, Email FROM User WHERE UserType = 'Standard' ORDER BY Username")
    told = [(row["Username"], row["Email"]) for row in users]
    expected = [("admin@org.example.uat", "admin@org.example"), ("reader@org.example.uat", "reader@org.example.invalid")]
    tally.check("users have names and addresses of the sandbox", told == expected, told)

    _, _, masked = made(production, SandboxName="Masked", LicenseType="Full", ApexClassId=class_id(production))
    counts, states = stage.judged(with_marks(stage, masked, "synthetic"), "synthetic")
    tally.check("a SandboxPostCopy class that masks addresses leaves synthetic people synthetic, and their marks say that they were changed",
                counts.get("synthetic") == places.PLANTED and states == ["modified"], (counts, states))
    trail = [row["Display"] for row in rows(masked, "SELECT Display FROM SetupAuditTrail")]
    tally.check("the sandbox's audit trail says what ran", any("MaskAddresses" in line for line in trail), trail)
    template = rows(production, "SELECT Id FROM PartitionLevelScheme", "tooling/")[0]["Id"]
    _, _, part = made(production, SandboxName="Part", LicenseType="Partial", TemplateId=template)
    counted = lambda place: [len(rows(place, f"SELECT Id FROM {thing}")) for thing in ("Contact", "Account", "Eosin_Dataset__c")]
    tally.check("a partial sandbox has what its template names", counted(part) == [2 * places.PLANTED + 1, 0, 0], counted(part))
    _, _, bare = made(production, SandboxName="Bare", LicenseType="Developer")
    tally.check("a developer sandbox has nobody", counted(bare) == [0, 0, 0], counted(bare))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eosin", type=Path, required=True, help="the binary")
    arguments = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder, Stage(arguments.eosin.resolve(), folder, made=places.PLANTED + 3) as stage:
        play(stage, tally)
    print(f"{tally.passed} passed, {tally.failed} failed, 0 skipped")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
