"""A day with the Salesforce CLI, unmodified: logs in, moves data in every way it knows, deploys the Eosin package.

Each step is one `sf` command as a person would type it, with `--json`.
"""

import csv
import json
import os
import subprocess
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

import transcript
from transcript import setting

VERSION = "66.0"
ROWS = 300
ALIAS = "eosin"


def sf(*args, environment=None, org=ALIAS, folder=None):
    """Runs one command and gives what it answered, without the noise that differs between two runs."""
    command = [setting("NODE"), setting("SF"), *args, "--json"]
    if org:
        command += ["--target-org", org]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False,
                          env={**os.environ, **(environment or {})}, cwd=folder or setting("FOLDER"))
    try:
        said = json.loads(done.stdout)
    except ValueError:
        return {"exit": done.returncode, "said": done.stdout[-2000:], "errors": done.stderr[-2000:]}
    kept = {name: said[name] for name in ("status", "result", "name", "message", "data", "code") if name in said}
    return {"exit": done.returncode, **kept}


def fine(answer):
    """Whether a command succeeded."""
    return answer["exit"] == 0 and answer["status"] == 0


def token():
    """An access token, as another program of the user's would get it."""
    form = {"grant_type": "password", "client_id": setting("KEY"), "client_secret": setting("SECRET"),
            "username": setting("USER"), "password": setting("PASSWORD")}
    with urllib.request.urlopen(setting("URL_HTTP") + "/services/oauth2/token", urllib.parse.urlencode(form).encode(), timeout=30) as answer:
        return json.load(answer)["access_token"]


def log_in(t):
    """The logins that work against a local address."""
    stays = lambda answer: fine(answer) and answer["result"]["instanceUrl"].rstrip("/") == setting("URL")
    pick = lambda answer: {**answer, "result": {name: answer["result"].get(name) for name in ("instanceUrl", "username", "orgId")}} if "result" in answer else answer
    t.step("log in: access token", lambda: pick(sf("org", "login", "access-token", "--instance-url", setting("URL"), "--no-prompt", "--alias", ALIAS,
                                                   environment={"SF_ACCESS_TOKEN": token()}, org=None)), stays)
    t.step("log in: JWT", lambda: pick(sf("org", "login", "jwt", "--client-id", setting("KEY"), "--jwt-key-file", setting("JWT_KEY"), "--username", setting("USER"),
                                          "--instance-url", setting("URL"), "--alias", ALIAS, org=None)), stays)
    address = urllib.parse.urlparse(setting("URL_HTTPS")).netloc
    secret = Path(setting("FOLDER")) / "sfdx-url"
    secret.write_text(f"force://{setting('KEY')}:{setting('SECRET')}:{setting('REFRESH')}@{address}")
    t.step("log in: refresh token over TLS", lambda: pick(sf("org", "login", "sfdx-url", "--sfdx-url-file", str(secret), "--alias", "by-url", org=None)),
           lambda answer: fine(answer) and answer["result"]["instanceUrl"].rstrip("/") == setting("URL_HTTPS"))
    t.step("org display", lambda: {name: sf("org", "display")["result"][name] for name in ("username", "apiVersion", "connectedStatus")},
           lambda answer: answer["connectedStatus"] == "Connected")


def walk(t):
    """Everything that should work, on a boundary that refuses nothing."""
    log_in(t)
    package(t)
    records(t)
    with tempfile.TemporaryDirectory() as folder:
        files(t, Path(folder))
        trees(t, Path(folder))
    uploads(t)
    deployments(t)


def package(t):
    """The Salesforce package, really deployed, by REST and by SOAP."""
    for name, rest in (("REST", "true"), ("SOAP", "false")):
        t.step("project deploy by " + name, lambda rest=rest: deployed(sf(
            "project", "deploy", "start", "--wait", "10", "--ignore-conflicts", environment={"SF_ORG_METADATA_REST_DEPLOY": rest}, folder=setting("PACKAGE"))),
            lambda answer: answer["success"] is True and answer["errors"] == 0)
    for name in ("Contact", "Task", "Event", "ServiceAppointment", "ClinicalEncounter"):
        t.step("describe shows the fields on " + name, lambda name=name: fields(sf("sobject", "describe", "--sobject", name)), lambda answer: answer == {
            "Eosin_Synthetic__c": "boolean", "Eosin_Subject__c": "picklist", "Eosin_Authorship__c": "picklist",
            "Eosin_Dataset__c": "reference", "Eosin_Mark_Id__c": "string", "Eosin_Mark__c": "textarea"})
    t.step("describe shows the dataset object", lambda: sorted(fields(sf("sobject", "describe", "--sobject", "Eosin_Dataset__c"))), lambda answer: len(answer) == 10)


def deployed(answer):
    """What a deployment says of itself."""
    result = answer.get("result") or {}
    if "success" not in result:
        return answer
    return {"success": result["success"], "status": result["status"], "errors": result["numberComponentErrors"], "deployed": result["numberComponentsDeployed"]}


def fields(answer):
    """The Eosin fields of a describe, with their types."""
    if "fields" not in (answer.get("result") or {}):
        return answer
    return {one["name"]: one["type"] for one in answer["result"]["fields"] if one["name"].startswith("Eosin_")}


def records(t):
    """One record at a time, and queries."""
    made = t.step("data create record", lambda: sf("data", "create", "record", "--sobject", "Contact", "--values", "FirstName=Ada LastName=Sf-Example Email=ada@example.org"), fine)
    one = made["result"]["id"]
    t.step("data get record", lambda: sf("data", "get", "record", "--sobject", "Contact", "--record-id", one)["result"]["Email"], lambda answer: answer == "ada@example.org")
    t.step("data update record", lambda: sf("data", "update", "record", "--sobject", "Contact", "--record-id", one, "--values", "Title=Dr"), fine)
    t.step("data query", lambda: sf("data", "query", "--query", "SELECT Id, LastName, Title FROM Contact WHERE LastName = 'Sf-Example'"),
           lambda answer: answer["result"]["records"][0]["Title"] == "Dr")
    t.step("data create record, bad", lambda: sf("data", "create", "record", "--sobject", "Contact", "--values", "FirstName=Nobody"), lambda answer: answer["exit"] == 1)
    t.step("data query, malformed", lambda: sf("data", "query", "--query", "SELECT FROM Contact"), lambda answer: answer["name"] == "MALFORMED_QUERY")
    t.step("data search", lambda: sorted(one["LastName"] for one in sf("data", "search", "--query", "FIND {Sf-Example} IN NAME FIELDS RETURNING Contact(Id, LastName)")["result"]["searchRecords"]),
           lambda answer: answer == ["Sf-Example"])
    t.step("data query, counted", lambda: sf("data", "query", "--query", "SELECT count() FROM Contact WHERE LastName = 'Sf-Example'")["result"]["totalSize"], lambda answer: answer == 1)
    t.step("data update record, by what it says", lambda: sf("data", "update", "record", "--sobject", "Contact", "--where", "LastName=Sf-Example", "--values", "Title=Prof"), fine)
    t.step("limits", lambda: sorted(one["name"] for one in sf("org", "list", "limits")["result"]), lambda answer: "DailyApiRequests" in answer)
    t.step("api request rest", lambda: rest("/services/data/v66.0/sobjects/Contact/" + one + "?fields=LastName"), lambda answer: answer["LastName"] == "Sf-Example")
    t.step("data delete record", lambda: sf("data", "delete", "record", "--sobject", "Contact", "--record-id", one), fine)


def rest(path):
    """`sf api request rest` prints the body itself."""
    command = [setting("NODE"), setting("SF"), "api", "request", "rest", path, "--target-org", ALIAS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=setting("FOLDER"))
    return json.loads(done.stdout)


def files(t, folder):
    """Trees and CSV, in and out."""
    tree = {"records": [{"attributes": {"type": "Account", "referenceId": "a1"}, "Name": "Tree Clinic", "Contacts": {"records": [
        {"attributes": {"type": "Contact", "referenceId": "c1"}, "LastName": "Sf-Tree-Example"}]}}]}
    (folder / "tree.json").write_text(json.dumps(tree))
    t.step("data import tree", lambda: sf("data", "import", "tree", "--files", str(folder / "tree.json")), fine)
    write(folder / "new.csv", ["LastName", "Email", "External_Id__c"], [[f"SfBulk-{n:03}", f"sf{n}@example.org", f"sf-{n}"] for n in range(ROWS)])
    bulk = ("--sobject", "Contact", "--wait", "5", "--line-ending", "LF")
    counts = lambda answer: {**answer, "result": {name: value for name, value in (answer.get("result") or {}).items() if name != "jobId"}}
    t.step("data import bulk", lambda: counts(sf("data", "import", "bulk", "--file", str(folder / "new.csv"), *bulk)), lambda answer: fine(answer) and answer["result"]["successfulRecords"] == ROWS)
    write(folder / "bad.csv", ["LastName", "Email"], [["SfBad-1", "ok@example.org"], ["", "none@example.org"]])
    t.step("data import bulk, one bad row", lambda: counts(sf("data", "import", "bulk", "--file", str(folder / "bad.csv"), *bulk)), lambda answer: answer["exit"] != 0)
    write(folder / "upsert.csv", ["External_Id__c", "LastName", "Title"], [[f"sf-{n}", f"SfBulk-{n:03}", "Dr"] for n in range(ROWS - 2, ROWS + 2)])
    t.step("data upsert bulk", lambda: sf("data", "upsert", "bulk", "--sobject", "Contact", "--file", str(folder / "upsert.csv"), "--external-id", "External_Id__c", "--wait", "5", "--line-ending", "LF"),
           lambda answer: fine(answer) and answer["result"]["jobInfo"]["numberRecordsFailed"] == 0)
    asked = "SELECT Id, LastName, Title FROM Contact WHERE LastName LIKE 'SfBulk-%' ORDER BY LastName"
    out = folder / "out.csv"
    t.step("data export bulk", lambda: exported(sf("data", "export", "bulk", "--query", asked, "--output-file", str(out), "--result-format", "csv", "--wait", "5"), out),
           lambda answer: answer["rows"] == ROWS + 2 and answer["doctors"] == 4)
    t.step("data query, all pages", lambda: len(sf("data", "query", "--query", asked)["result"]["records"]), lambda answer: answer == ROWS + 2)
    doomed = read(out)[:5]
    write(folder / "delete.csv", ["Id"], [[row["Id"]] for row in doomed])
    t.step("data delete bulk", lambda: sf("data", "delete", "bulk", "--sobject", "Contact", "--file", str(folder / "delete.csv"), "--wait", "5", "--line-ending", "LF"), fine)


def trees(t, folder):
    """Accounts with their people, out as a tree and in again; rows changed by their ids; a file."""
    asked = "SELECT Name, (SELECT LastName FROM Contacts) FROM Account WHERE Name = 'Tree Clinic'"
    out = folder / "trees"
    out.mkdir()
    t.step("data export tree", lambda: [sf("data", "export", "tree", "--query", asked, "--plan", "--output-dir", str(out))["exit"], *sorted(file.name for file in out.iterdir())],
           lambda answer: answer[0] == 0 and len(answer) == 4)
    t.step("data import tree, by its plan", lambda: [one["type"] for one in sf("data", "import", "tree", "--plan", str(next(out.glob("*plan.json"))))["result"]],
           lambda answer: sorted(answer) == ["Account", "Contact"])
    t.step("the tree is there twice", lambda: [len(one["Contacts"]["records"]) for one in sf("data", "query", "--query", asked)["result"]["records"]], lambda answer: answer == [1, 1])
    rows = [[row["Id"], "Prof"] for row in sf("data", "query", "--query", "SELECT Id FROM Contact WHERE LastName LIKE 'SfBulk-%' ORDER BY LastName LIMIT 3")["result"]["records"]]
    write(folder / "update.csv", ["Id", "Title"], rows)
    t.step("data update bulk", lambda: sf("data", "update", "bulk", "--sobject", "Contact", "--file", str(folder / "update.csv"), "--wait", "5", "--line-ending", "LF")["result"]["successfulRecords"],
           lambda answer: answer == 3)


def uploads(t):
    """Files, by themselves and of a record. The CLI sends a form, with the file before its row."""
    note = Path(setting("FOLDER")) / "note.txt"
    note.write_text("A note without anybody in it.\n")
    t.step("data create file", lambda: titled(sf("data", "create", "file", "--file", str(note), "--title", "A note")), lambda answer: answer == "A note")
    made = sf("data", "create", "record", "--sobject", "Account", "--values", "Name=Sf-File-Clinic")
    t.step("data create file, of a record", lambda: titled(sf("data", "create", "file", "--file", str(note), "--parent-id", made["result"]["id"])), lambda answer: answer == "note")


def titled(answer):
    """The title of a file that was made, or what was answered instead."""
    return answer["result"]["Title"] if "result" in answer else answer


def deployments(t):
    """Deployments that are only tried, looked at again, and taken back out."""
    tried = t.step("project deploy validate", lambda: deployed(sf("project", "deploy", "validate", "--source-dir", "force-app", "--wait", "10", folder=setting("PACKAGE"))),
                   lambda answer: answer["success"] is True)
    if "deployed" in tried:
        t.step("project deploy report", lambda: deployed(sf("project", "deploy", "report", "--use-most-recent", folder=setting("PACKAGE"))), lambda answer: answer["success"] is True)
    t.step("project deploy, dry", lambda: deployed(sf("project", "deploy", "start", "--dry-run", "--wait", "10", "--ignore-conflicts", folder=setting("PACKAGE"))),
           lambda answer: answer["success"] is True)
    broken = project("broken", "Broken__c", "<type>Lookup</type>")
    t.step("project deploy, broken", lambda: deployed(sf("project", "deploy", "start", "--wait", "10", "--ignore-conflicts", folder=broken)), lambda answer: answer["success"] is False)


BLOCK = "Contact one = new Contact(LastName = 'Sf-Apex-Example');\ninsert one;\nSystem.debug('made ' + one.LastName);\n"


def run_apex(source):
    """`sf apex run` of a file, without the clock of its log."""
    file = Path(setting("FOLDER")) / "block.apex"
    file.write_text(source)
    answer = sf("apex", "run", "--file", str(file))
    result = answer.get("result") or answer.get("data") or {}
    return {"exit": answer["exit"], "message": answer.get("message"), **{name: result.get(name) for name in ("success", "compiled", "compileProblem", "exceptionMessage")},
            "log": [line.split("|DEBUG|")[1] for line in (result.get("logs") or "").splitlines() if "|DEBUG|" in line]}


def apex_arrived():
    """How many records the blocks made."""
    return sf("data", "query", "--query", "SELECT Id FROM Contact WHERE LastName = 'Sf-Apex-Example'")["result"]["totalSize"]


def apex(t):
    """Blocks of Apex, where nothing or nobody forbids them."""
    t.step("apex run", lambda: run_apex(BLOCK), lambda answer: answer["success"] is True and answer["log"] == ["made Sf-Apex-Example"])
    t.step("what the block made", apex_arrived, lambda answer: answer == 1)
    t.step("apex run, not Apex", lambda: run_apex("this is not Apex"), lambda answer: answer["compiled"] is False)


def apex_allowed(t):
    """The same at a boundary whose configuration lets anonymous Apex pass."""
    log_in(t)
    apex(t)


def uploads_alone(t):
    """Only that, for work on it."""
    log_in(t)
    uploads(t)


def apex_refused(t):
    """A block of Apex where nobody can judge what it writes."""
    t.step("refused: apex run", lambda: run_apex(BLOCK), lambda answer: answer["exit"] != 0 and "Eosin" in json.dumps(answer))
    t.step("the block made nothing", apex_arrived, lambda answer: answer == 0)


def write(path, header, rows):
    """A CSV file."""
    with open(path, "w", encoding="utf-8", newline="") as to:
        csv.writer(to, lineterminator="\n").writerows([header, *rows])


def read(path):
    """The rows of a CSV file."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def exported(answer, out):
    """What an export wrote."""
    if not out.exists():
        return answer
    rows = read(out)
    return {"rows": len(rows), "doctors": sum(row["Title"] == "Dr" for row in rows), "first": rows[0]["LastName"], "last": rows[-1]["LastName"]}


def refused(t):
    """Writes that a strict boundary does not let pass, as a person at a terminal sees them."""
    log_in(t)
    says = lambda answer: "EOSIN_BLOCKED" in json.dumps(answer)
    t.step("refused: data create record", lambda: sf("data", "create", "record", "--sobject", "Contact", "--values", "LastName=Unmarked-Example"), says)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        tree = {"records": [{"attributes": {"type": "Contact", "referenceId": "c1"}, "LastName": "Unmarked-Example"}]}
        (folder / "tree.json").write_text(json.dumps(tree))
        t.step("refused: data import tree", lambda: sf("data", "import", "tree", "--files", str(folder / "tree.json")), says)
        write(folder / "new.csv", ["LastName"], [["Unmarked-Example"]])
        t.step("refused: data upsert bulk", lambda: upserted(folder), says)
        write(folder / "people.csv", ["LastName", "FirstName"], [["Unmarked-Example", "Ada"]])
        t.step("refused: data create file", lambda: sf("data", "create", "file", "--file", str(folder / "people.csv")), says)
        t.step("refused: data import bulk", lambda: sf("data", "import", "bulk", "--file", str(folder / "new.csv"), "--sobject", "Contact", "--wait", "1", "--line-ending", "LF"), says)
    t.step("nothing arrived", lambda: sf("data", "query", "--query", "SELECT Id FROM Contact WHERE LastName = 'Unmarked-Example'")["result"]["totalSize"], lambda answer: answer == 0)
    apex_refused(t)
    weakening(t)


def weakening(t):
    """A deployment that would take from Eosin what it rests on, and one that would not."""
    plain = project("plain", "Plain__c", "<type>Text</type><length>20</length>")
    t.step("project deploy of somebody else's field", lambda: deployed(sf("project", "deploy", "start", "--wait", "10", "--ignore-conflicts", folder=plain)),
           lambda answer: answer.get("success") is True)
    weaker = project("weaker", "Eosin_Mark__c", "<type>Text</type><length>20</length>")
    flagged = lambda answer: answer.get("exit") and "EOSIN_BLOCKED" in json.dumps(answer) and "Eosin_Mark__c" in json.dumps(answer)
    for name, rest in (("REST", "true"), ("SOAP", "false")):
        t.step("refused: project deploy of a weaker mark by " + name, lambda rest=rest: deployed(sf(
            "project", "deploy", "start", "--wait", "10", "--ignore-conflicts", environment={"SF_ORG_METADATA_REST_DEPLOY": rest}, folder=weaker)), flagged)
    t.step("the mark is as it was", lambda: fields(sf("sobject", "describe", "--sobject", "Contact")).get("Eosin_Mark__c"), lambda answer: answer in (None, "textarea"))


def project(name, field, definition):
    """A project with one field of Contact."""
    root = Path(setting("FOLDER")) / name
    file = root / "force-app" / "main" / "default" / "objects" / "Contact" / "fields" / (field + ".field-meta.xml")
    file.parent.mkdir(parents=True, exist_ok=True)
    (root / "sfdx-project.json").write_text('{"packageDirectories": [{"path": "force-app", "default": true}], "sourceApiVersion": "66.0"}')
    file.write_text(f'<?xml version="1.0" encoding="UTF-8"?><CustomField xmlns="http://soap.sforce.com/2006/04/metadata"><fullName>{field}</fullName><label>{field}</label>{definition}</CustomField>')
    return root


def upserted(folder):
    """A table by an external id."""
    write(folder / "upsert.csv", ["External_Id__c", "LastName"], [["refused-1", "Unmarked-Example"]])
    return sf("data", "upsert", "bulk", "--sobject", "Contact", "--file", str(folder / "upsert.csv"), "--external-id", "External_Id__c", "--wait", "1", "--line-ending", "LF")


def prepare(t):
    """Deploys what a story needs into a fresh org. Not a story of its own."""
    t.step("log in", lambda: sf("org", "login", "access-token", "--instance-url", setting("URL_HTTP"), "--no-prompt", "--alias", ALIAS,
                                environment={"SF_ACCESS_TOKEN": token()}, org=None), fine)
    for folder in setting("DEPLOY").split(os.pathsep):
        t.step("deploy " + Path(folder).name, lambda folder=folder: deployed(sf("project", "deploy", "start", "--wait", "10", "--ignore-conflicts", folder=folder)),
               lambda answer: answer["success"] is True)


if __name__ == "__main__":
    transcript.run({"walk": walk, "refused": refused, "apex": apex_allowed, "uploads": uploads_alone, "prepare": prepare})
