"""The answers of real orgs, beside those of the local org: same members, same types, same constants.

CumulusCI's wheel carries recordings (vcr cassettes) of its talks with real orgs. They are taken from the wheel at test time
and are not in our repository. Each recording is played to a fresh start of ids: what a real org answered with, ours must
answer with in the same shape. Ids are translated as they appear. Prints `matched/total` of each recording, every
difference once, and ends with `N passed, N failed, N skipped`, a recording each; a difference is known if
`golden_known.json` says why. Fails too when fewer members match than did.

    golden_shapes.py --org HTTP,HTTPS,CA [recording …]
    golden_shapes.py --eosin PATH [recording …]
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as xml
import zipfile
from collections import Counter
from email.utils import formatdate
from pathlib import Path

import install
import jsforce_suite
import stage

HERE = Path(__file__).resolve().parent
CUMULUSCI = "cumulusci==4.10.1"
YAML = "PyYAML==6.0.3"
VERSION = "v57.0"
# How many members matched when this was written last: fewer is a fault, more is to be written here.
MATCHED_LEAST = 33_511
ID = re.compile(r"(?<![A-Za-z0-9])[0-9a][A-Za-z0-9]{14}(?:[A-Za-z0-9]{3})?(?![A-Za-z0-9])")

# What is the same in every org, wherever it stands in an answer.
CONSTANTS = {"errorCode", "statusCode", "message", "success", "created", "done", "httpStatusCode", "soapType", "encoding", "maxBatchSize",
             "exceptionCode", "exceptionMessage", "operation", "state", "concurrencyMode", "contentType"}


def wheel():
    """The wheel of CumulusCI and a YAML reader, fetched once by name and version."""
    folder = install.CACHE / "cumulusci"

    def fetch():
        install.run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, CUMULUSCI)
        install.run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder / "python", YAML)

    install.once(folder, CUMULUSCI + YAML + sys.version, fetch)
    sys.path.insert(0, str(folder / "python"))
    return next(folder.glob("cumulusci-*.whl"))


def recordings(packed):
    """Each recording with talks in it: name, and requests with their answers."""
    import yaml

    with zipfile.ZipFile(packed) as files:
        names = [name for name in files.namelist() if "cassettes/" in name and name.endswith(".yaml")]
        read = {name: yaml.safe_load(files.read(name)) for name in names}
        templates = {Path(name).name: files.read(name).decode() for name in files.namelist() if name.endswith(".tpl")}
    for name, content in sorted(read.items()):
        talks = content.get("interactions", []) if "request" not in content else [content]
        # What recordings share is played once, on its own.
        own = [filled(talk, templates) for talk in talks or [] if "include_file" not in talk]
        yield Path(name).stem, [talk for talk in own if "my.salesforce.com" in talk["request"]["uri"]]


def filled(talk, templates):
    """A talk whose answer is a template of the recordings, with its values in their places."""
    given = talk["response"]["body"].get("string")
    if isinstance(given, dict):
        value = lambda place: str((given.get("vars") or {}).get(place.group(1), place.group(2) or ""))
        text = re.sub(r"\{(\w+)(?::(\w+))?\}", value, templates[given["include_template"]])
        return {**talk, "response": {**talk["response"], "body": {"string": text}}}
    return talk


class Org:
    """The local org, with the ids of a recording translated to its own."""

    def __init__(self, place, token):
        self.place, self.token, self.known, self.version = place, token, {}, VERSION

    def translated(self, text):
        """Text of a recording with our host's ids in the place of theirs."""
        text = text.replace("vxx.0", self.version)
        for theirs, ours in self.known.items():
            text = text.replace(theirs, ours)
        return text

    def ask(self, request):
        """Sends a recorded request; gives status, content type and body."""
        uri = urllib.parse.urlsplit(request["uri"])
        target = self.translated(uri.path + (f"?{uri.query}" if uri.query else "")).replace("//", "/")
        body = request.get("body")
        body = body.decode() if isinstance(body, bytes) else body
        # A date since which a real org had not changed is one since which ours has not.
        body = self.translated(re.sub(r"[A-Z][a-z]{2}, \d\d? [A-Z][a-z]{2} 20[2-9]\d [\d:]{8} GMT", formatdate(usegmt=True), whole(body))) if body else None
        body = body and body.encode()
        kind = "application/json"
        if body and body.lstrip().startswith(b"<"):
            kind = "application/xml"
        elif body and target.endswith("/batch"):
            kind = "text/csv"
        if target.startswith("/services/async"):
            target = target.replace(self.version, self.version[1:])
            body = body and body.replace(self.version.encode(), self.version[1:].encode())
        headers = {"Authorization": f"Bearer {self.token}", "X-SFDC-Session": self.token, **({"Content-Type": kind} if body else {})}
        asked = urllib.request.Request(self.place.http + target, data=body, headers=headers, method=request["method"])
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def learn(self, theirs, ours):
        """Notes which of our ids stands for one of theirs, wherever both answers have an id in the same place."""
        if isinstance(theirs, dict) and isinstance(ours, dict):
            for name in theirs.keys() & ours.keys():
                self.learn(theirs[name], ours[name])
        elif isinstance(theirs, list) and isinstance(ours, list):
            for one, two in zip(theirs, ours):
                self.learn(one, two)
        elif isinstance(theirs, str) and isinstance(ours, str) and ID.fullmatch(theirs) and ID.fullmatch(ours) and theirs[:3] == ours[:3]:
            self.known[theirs] = ours


def whole(body):
    """A body that was recorded in chunks, without their lengths."""
    if not re.match(r"[0-9a-f]+\r\n", body):
        return body
    data, out = body.encode(), b""
    while data:
        length, _, rest = data.partition(b"\r\n")
        size = int(length, 16)
        out, data = out + rest[:size], rest[size + 2:] if size else b""
    return out.decode()


def told(body):
    """An answer as a tree, whatever it came in; XML elements become lists by name, CSV becomes rows."""
    text = body.strip()
    if not text:
        return None
    if text[0] in "[{":
        return json.loads(text)
    if text[0] == "<":
        return {"xml": element(xml.fromstring(text))}
    return {"csv": [re.findall(r'"([^"]*)"', line) for line in text.splitlines()]}


def element(node):
    """An XML element as a tree."""
    tag = node.tag.split("}")[-1]
    if not len(node):
        return {tag: node.text or ""}
    found = {}
    for child in node:
        for name, value in element(child).items():
            found.setdefault(name, []).append(value)
    return {tag: {name: values[0] if len(values) == 1 else values for name, values in found.items()}}


class Comparison:
    """Two trees laid side by side; each member counts once."""

    def __init__(self):
        self.matched, self.differences = 0, Counter()

    def total(self):
        """How many members were compared."""
        return self.matched + sum(self.differences.values())

    def differ(self, path, what):
        """Notes a difference."""
        self.differences[f"{path}: {what}"] += 1

    def lay(self, path, theirs, ours):
        """Compares two values; the first is what a real org said."""
        if isinstance(theirs, dict) and isinstance(ours, dict):
            for name in theirs.keys() | ours.keys():
                here = f"{path}.{name}" if path else name
                if name not in ours:
                    self.differ(here, "missing")
                elif name not in theirs:
                    self.differ(here, "not in a real org's answer")
                else:
                    self.lay(here, theirs[name], ours[name])
        elif isinstance(theirs, list) and isinstance(ours, list):
            self.lists(path, theirs, ours)
        else:
            self.leaf(path, theirs, ours)

    def lists(self, path, theirs, ours):
        """Compares lists: by name where their elements have one, else element by element."""
        here = f"{path}[]"
        named = all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in theirs + ours)
        if named and theirs:
            by_name = {one["name"]: one for one in ours}
            for one in theirs:
                if one["name"] in by_name:
                    self.lay(f"{path}[{one['name']}]", one, by_name[one["name"]])
                elif not one.get("custom"):
                    self.differ(here, f"{one['name']} is not in this org")
        elif theirs and ours:
            self.matched += 1
            for at, one in enumerate(ours):
                self.lay(here, theirs[min(at, len(theirs) - 1)], one)
        elif ours and path.rsplit(".", 1)[-1] in ("records", "sObjects"):
            self.matched += 1
        elif theirs or ours:
            # Which rows there are is data; but a list that real orgs fill and ours never does would hide its shape.
            self.differ(here, "empty here" if theirs else "empty in a real org's answer")
        else:
            self.matched += 1

    def leaf(self, path, theirs, ours):
        """Compares two values that hold no others: the type, and the value where it is a constant."""
        name = path.rsplit(".", 1)[-1]
        kinds = [type(value).__name__.replace("float", "int") for value in (theirs, ours)]
        if name in CONSTANTS and not ID.search(str(theirs)) and theirs != ours:
            self.differ(path, f"{ours!r} where a real org says {theirs!r}")
        elif kinds[0] != kinds[1] and None not in (theirs, ours):
            self.differ(path, f"{kinds[1]} where a real org has {kinds[0]}")
        elif (theirs is None) != (ours is None) and path.startswith("fields["):
            self.differ(path, f"{ours!r} where a real org says {theirs!r}"[:90])
        else:
            self.matched += 1


def replay(org, talks):
    """Plays one recording and compares each answer."""
    comparison = Comparison()
    for talk in talks:
        theirs_status, body = talk["response"]["status"]["code"], talk["response"]["body"]["string"]
        text = body.decode() if isinstance(body, bytes) else body
        # The members of a describe changed over the releases: ours is asked in the recorded one.
        recorded = re.search(r"/services/data/(v\d\d\.0)/", text)
        org.version = recorded.group(1) if recorded else VERSION
        theirs = told(text)
        status, said = org.ask(talk["request"])
        if "/query/" in talk["request"]["uri"] and isinstance(theirs, dict) and theirs.get("records") and '"records":[]' in said:
            made(org, theirs["records"])
            status, said = org.ask(talk["request"])
        where = f"{talk['request']['method']} {shortened(talk['request']['uri'])}"
        if status != theirs_status:
            comparison.differ(where, f"status {status} where a real org says {theirs_status}: {' '.join(said.split())[:160]}")
            if status // 100 != theirs_status // 100:
                continue
        else:
            comparison.matched += 1
        ours = told(said)
        org.learn(theirs, ours)
        comparison.lay("", theirs, ours)
    return comparison


REQUIRED = {"Account": {"Name": "Example"}, "Contact": {"LastName": "Example"}, "Case": {}, "Lead": {"LastName": "Example", "Company": "Example"},
            "Opportunity": {"Name": "Example", "StageName": "Prospecting", "CloseDate": "2026-01-02"}}


def made(org, records):
    """Makes the records that a real org found: what they hold is the recording's, what they need besides is ours."""
    wanted = []
    for record in records:
        kind = record.get("attributes", {}).get("type")
        if kind in REQUIRED:
            plain = {name: value for name, value in record.items() if isinstance(value, (str, int)) and not ID.fullmatch(str(value))}
            wanted.append({"attributes": {"type": kind}, **REQUIRED[kind], **plain})
    for at in range(0, len(wanted), 200):
        jsforce_suite.post(org.place, org.token, f"/services/data/{VERSION}/composite/sobjects", {"records": wanted[at:at + 200]})


def shortened(uri):
    """The resource of an address, without host, version and ids."""
    path = urllib.parse.urlsplit(uri).path
    return ID.sub("<id>", re.sub(r"^/services/(data|async)/[^/]+", "", path))


def prepare(place, token):
    """What the recorded orgs had: a custom object, a field or two, and nothing else."""
    fields = "".join(f"<fields><fullName>{name}__c</fullName><label>{name}</label><type>Text</type><length>40</length>{more}</fields>"
                     for name, more in (("CustomerPriority", ""),))
    custom = "<CustomObject><label>Custom</label><pluralLabel>Customs</pluralLabel><nameField><label>Custom Name</label><type>Text</type>" \
        "</nameField></CustomObject>"
    folder = Path(tempfile.mkdtemp(prefix="eosin-golden-package-"))
    (folder / "package" / "objects").mkdir(parents=True)
    (folder / "package" / "package.xml").write_text("<Package/>")
    (folder / "package" / "objects" / "Account.object").write_text(f"<CustomObject>{fields}</CustomObject>")
    (folder / "package" / "objects" / "Custom__c.object").write_text(custom)
    jsforce_suite.deploy(place, token, folder / "package")
    shutil.rmtree(folder)


def emptied(place, token):
    """Deletes the records that the recording before has left."""
    for name in ("Case", "Opportunity", "Contact", "Lead", "Event", "Account"):
        base = f"/services/data/{VERSION}"
        request = urllib.request.Request(f"{place.http}{base}/query?q=SELECT+Id+FROM+{name}", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            ids = [one["Id"] for one in json.load(answer)["records"]]
        for at in range(0, len(ids), 200):
            jsforce_suite.post(place, token, f"{base}/composite/sobjects?ids={','.join(ids[at:at + 200])}", b"", method="DELETE")


def session(place):
    """A session of the org's administrator."""
    form = {"grant_type": "password", "client_id": stage.CREDENTIALS["KEY"], "client_secret": stage.CREDENTIALS["SECRET"],
            "username": stage.CREDENTIALS["USER"], "password": stage.CREDENTIALS["PASSWORD"]}
    return jsforce_suite.post(place, None, "/services/oauth2/token", urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded")


def play(place, packed, wanted):
    """Every recording against one org; gives the count of members, and every difference with its recordings."""
    opened = session(place)
    prepare(place, opened["access_token"])
    matched = total = played = 0
    differences = Counter()
    known = json.loads((HERE / "golden_known.json").read_text())
    for name, talks in recordings(packed):
        if wanted and not any(word in name for word in wanted) or not talks:
            continue
        org = Org(place, opened["access_token"])
        emptied(place, opened["access_token"])
        org.known["00D0xORGID00000000"] = opened["id"].split("/")[-2]
        comparison = replay(org, talks)
        played += 1
        matched, total = matched + comparison.matched, total + comparison.total()
        differences.update({f"{name} | {difference}": times for difference, times in comparison.differences.items()})
        print(f"{comparison.matched:6}/{comparison.total():<6} {name}", flush=True)
    print(f"\n{matched} of {total} members match, in the recordings of real orgs that CumulusCI carries\n")
    failed = set()
    for difference, times in sorted(differences.items()):
        why = next((why for pattern, why in known.items() if re.search(pattern, difference)), None)
        if not why:
            failed.add(difference.split(" | ")[0])
        print(f"{'known ' if why else 'FAILED'} {times:4} x {difference}" + (f"\n              {why}" if why else ""))
    if not wanted and matched < MATCHED_LEAST:
        failed.add("the count")
        print(f"FAILED {matched} members match where {MATCHED_LEAST} did")
    return played - len(failed), len(failed), 0


def main():
    """Fetches the recordings and plays them."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--eosin", type=Path)
    arguments.add_argument("--org")
    arguments.add_argument("recordings", nargs="*")
    given = arguments.parse_args()
    try:
        packed = wheel()
    except (SystemExit, OSError, subprocess.CalledProcessError) as error:
        print(f"skipped: no CumulusCI ({error})\n\n0 passed, 0 failed, 1 skipped")
        return 0
    folder = Path(tempfile.mkdtemp(prefix="eosin-golden-"))
    try:
        if given.org:
            counts = play(stage.Place("org", *given.org.split(",")), packed, given.recordings)
        else:
            with stage.Stage(given.eosin.resolve(), folder / "stage") as servers:
                counts = play(servers.straight(), packed, given.recordings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{counts[0]} passed, {counts[1]} failed, {counts[2]} skipped")
    return 1 if counts[1] or not counts[0] else 0


if __name__ == "__main__":
    sys.exit(main())
