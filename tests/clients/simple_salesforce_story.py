"""A day with simple-salesforce, unmodified: every way to log in, every way to write, thousands of rows read back.

Knows nothing of Eosin: it is given an address and credentials, and a CA through REQUESTS_CA_BUNDLE as any user would.
"""

import csv
import json
import os
from urllib.parse import urlparse

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce

import transcript
from transcript import setting

ROWS = 2500
VERSION = "66.0"


class LoginHost(HTTPAdapter):
    """Answers for login.salesforce.com from the address under test: the one thing simple-salesforce cannot be told."""

    def __init__(self, to):
        self.to = to
        super().__init__()

    def send(self, request, **kwargs):
        request.url = self.to + request.url.split(".salesforce.com", 1)[1]
        request.headers.pop("Host", None)
        return super().send(request, **kwargs)


def session():
    """A requests session whose Salesforce login hosts are the server under test."""
    session = requests.Session()
    for host in ("https://login.salesforce.com", "https://example.my.salesforce.com"):
        session.mount(host, LoginHost(setting("URL_HTTPS")))
    return session


def key():
    """The private key that the connected app trusts."""
    with open(setting("JWT_KEY"), encoding="utf-8") as file:
        return file.read()


def logins():
    """Every way simple-salesforce offers, by name."""
    user = {"username": setting("USER"), "password": setting("PASSWORD")}
    app = {"consumer_key": setting("KEY"), "consumer_secret": setting("SECRET")}
    return {
        "password and connected app": {**user, **app},
        "JWT": {"username": setting("USER"), "consumer_key": setting("KEY"), "privatekey": key()},
        "client credentials": {**app, "domain": "example.my"},
        "SOAP with security token": {**user, "security_token": setting("SECURITY_TOKEN")},
        "SOAP with organization": {**user, "organizationId": setting("ORGANIZATION")},
    }


def log_in(**how):
    """A logged-in client."""
    return Salesforce(session=session(), version=VERSION, **how)


def plain(value):
    """Ordered dicts as the JSON they came from."""
    return json.loads(json.dumps(value, default=str))


def stays(sf):
    """Whether the client still talks to the address it was given, and a first call works."""
    return {"host": sf.sf_instance == urlparse(setting("URL_HTTPS")).netloc, "limits": "DailyApiRequests" in sf.limits()}


def walk(t):
    """Everything that should work, on a boundary that refuses nothing."""
    fine = {"host": True, "limits": True}
    for name, how in logins().items():
        t.step("log in: " + name, lambda how=how: stays(log_in(**how)), lambda answer: answer == fine)
    t.step(
        "log in with a wrong password",
        lambda: log_in(username=setting("USER"), password="wrong", consumer_key=setting("KEY"), consumer_secret=setting("SECRET")),
        lambda answer: answer["raised"] == "SalesforceAuthenticationFailed",
    )
    first = log_in(**logins()["password and connected app"])
    sf = Salesforce(session_id=first.session_id, instance_url=setting("URL_HTTPS"), version=VERSION, session=session())
    t.step("log in: a session", lambda: stays(sf), lambda answer: answer == fine)
    records(t, sf)
    collections(t, sf)
    composite(t, sf)
    reports(t, sf)
    bulk(t, sf)
    stranger = Salesforce(session_id="00D000000000001!nobody", instance_url=setting("URL_HTTPS"), version=VERSION)
    t.step("a session nobody opened", lambda: stranger.query("SELECT Id FROM Contact"), raised("SalesforceExpiredSession"))


def raised(name):
    """An answer that is this error of the client's."""
    return lambda answer: answer["raised"] == name


def records(t, sf):
    """One record at a time."""
    contact = {"FirstName": "Ada", "LastName": "Weird-Example", "Email": "ada@example.org", "Phone": "+1 202 555 0143"}
    made = t.step("create", lambda: plain(sf.Contact.create(contact)), lambda answer: answer["success"] is True)
    one = made["id"]
    t.step("get", lambda: picked(sf.Contact.get(one), contact), lambda answer: answer == contact)
    t.step("get with fields", lambda: plain(sf.restful(f"sobjects/Contact/{one}", {"fields": "LastName,Email"})),
           lambda answer: answer["Email"] == "ada@example.org")
    t.step("update", lambda: sf.Contact.update(one, {"Phone": "+1 202 555 0144"}), lambda answer: answer == 204)
    t.step("read the update", lambda: sf.Contact.get(one)["Phone"], lambda answer: answer == "+1 202 555 0144")
    named = {"LastName": "Upsert-Example", "Email": "upsert@example.org"}
    t.step("upsert that creates", lambda: sf.Contact.upsert("External_Id__c/simple-é", named), lambda answer: answer == 201)
    t.step("upsert that updates", lambda: sf.Contact.upsert("External_Id__c/simple-é", {"Title": "Dr"}), lambda answer: answer in (200, 204))
    t.step("get by external id", lambda: picked(sf.Contact.get_by_custom_id("External_Id__c", "simple-é"), {**named, "Title": ""}),
           lambda answer: answer["Title"] == "Dr")
    t.step("create without a required field", lambda: sf.Contact.create({"FirstName": "Nobody"}),
           lambda answer: "REQUIRED_FIELD_MISSING" in answer["text"])
    t.step("create with a field that is not there", lambda: sf.Contact.create({"LastName": "A", "Nope__c": "1"}),
           lambda answer: "INVALID_FIELD" in answer["text"])
    t.step("get what is not there", lambda: sf.Contact.get("003000000000000AAA"), raised("SalesforceResourceNotFound"))
    t.step("a malformed query", lambda: sf.query("SELECT FROM Contact"), raised("SalesforceMalformedRequest"))
    t.step("describe", lambda: described(sf.Contact.describe()), lambda answer: answer["LastName"] == ["string", 80])
    t.step("describe global", lambda: {"Contact", "Account", "Case"} <= {one["name"] for one in sf.describe()["sobjects"]},
           lambda answer: answer is True)
    t.step("delete", lambda: sf.Contact.delete(one), lambda answer: answer == 204)
    t.step("get what was deleted", lambda: sf.Contact.get(one), raised("SalesforceResourceNotFound"))


def picked(record, like):
    """The fields of a record that a story wrote."""
    return {name: record[name] for name in like}


def described(answer):
    """Type and length of the fields that a story uses."""
    return {field["name"]: [field["type"], field["length"]] for field in answer["fields"] if field["name"] in ("LastName", "Email", "Phone")}


def collections(t, sf):
    """Many records in one request, each with its own answer."""
    rows = [{"attributes": {"type": "Contact"}, "LastName": f"Many-{n}", "Email": f"many{n}@example.org"} for n in range(5)]
    rows[3].pop("LastName")
    call = lambda method, path, body=None, params=None: plain(
        sf.restful(path, params=params, method=method, data=json.dumps(body) if body is not None else None))
    made = t.step("collections: create, one bad", lambda: call("POST", "composite/sobjects", {"allOrNone": False, "records": rows}),
                  lambda answer: [one["success"] for one in answer] == [True, True, True, False, True])
    ids = [one["id"] for one in made if one["success"]]
    t.step("collections: all or none", lambda: call("POST", "composite/sobjects", {"allOrNone": True, "records": rows}),
           lambda answer: not any(one["success"] for one in answer))
    changed = [{"attributes": {"type": "Contact"}, "id": one, "Title": "Prof"} for one in ids[:2]] + [
        {"attributes": {"type": "Contact"}, "id": "003000000000000AAA", "Title": "Prof"}]
    t.step("collections: update, one not there", lambda: call("PATCH", "composite/sobjects", {"allOrNone": False, "records": changed}),
           lambda answer: [one["success"] for one in answer] == [True, True, False])
    upserts = [{"attributes": {"type": "Contact"}, "External_Id__c": f"many-{n}", "LastName": f"Upserted-{n}"} for n in range(3)]
    for turn in ("creates", "updates"):
        t.step("collections: upsert that " + turn,
               lambda: call("PATCH", "composite/sobjects/Contact/External_Id__c", {"allOrNone": False, "records": upserts}),
               lambda answer, turn=turn: [one["created"] for one in answer] == [turn == "creates"] * 3)
    t.step("collections: retrieve", lambda: call("POST", "composite/sobjects/Contact", {"ids": ids[:2] + ["003000000000000AAA"], "fields": ["LastName", "Title"]}),
           lambda answer: [one and one["Title"] for one in answer] == ["Prof", "Prof", None])
    t.step("collections: delete", lambda: call("DELETE", "composite/sobjects", params={"ids": ",".join(ids), "allOrNone": "false"}),
           lambda answer: all(one["success"] for one in answer))


def composite(t, sf):
    """Requests that refer to each other."""
    base = f"/services/data/v{VERSION}"
    steps = [
        {"method": "POST", "url": f"{base}/sobjects/Account", "referenceId": "clinic", "body": {"Name": "Example Clinic"}},
        {"method": "POST", "url": f"{base}/sobjects/Contact", "referenceId": "person",
         "body": {"LastName": "Composite-Example", "AccountId": "@{clinic.id}"}},
        {"method": "GET", "url": f"{base}/sobjects/Contact/@{{person.id}}?fields=LastName,AccountId", "referenceId": "read"},
        {"method": "GET", "url": f"{base}/query?q=SELECT+Name+FROM+Account+WHERE+Id='@{{clinic.id}}'", "referenceId": "query"},
    ]
    call = lambda path, body: plain(sf.restful(path, method="POST", data=json.dumps(body)))
    t.step("composite with references", lambda: call("composite", {"allOrNone": True, "compositeRequest": steps}),
           lambda answer: [one["httpStatusCode"] for one in answer["compositeResponse"]] == [201, 201, 200, 200])
    broken = [steps[0], {**steps[1], "body": {"FirstName": "No last name", "AccountId": "@{clinic.id}"}}]
    t.step("composite, all or none, one bad", lambda: call("composite", {"allOrNone": True, "compositeRequest": broken}),
           lambda answer: [one["httpStatusCode"] for one in answer["compositeResponse"]] == [400, 400])
    graph = {"graphs": [{"graphId": "g1", "compositeRequest": steps[:2]}, {"graphId": "g2", "compositeRequest": broken}]}
    t.step("composite graph", lambda: call("composite/graph", graph),
           lambda answer: [one["isSuccessful"] for one in answer["graphs"]] == [True, False])
    batch = {"batchRequests": [{"method": "POST", "url": f"v{VERSION}/sobjects/Contact", "richInput": {"LastName": "Batch-Example"}},
                               {"method": "GET", "url": f"v{VERSION}/sobjects/Contact/003000000000000AAA"}]}
    t.step("composite batch", lambda: call("composite/batch", batch),
           lambda answer: [one["statusCode"] for one in answer["results"]] == [201, 404])
    tree = {"records": [{"attributes": {"type": "Account", "referenceId": "a1"}, "Name": "Tree Clinic", "Contacts": {"records": [
        {"attributes": {"type": "Contact", "referenceId": "c1"}, "LastName": "Tree-Example"}]}}]}
    t.step("composite tree", lambda: call("composite/tree/Account", tree), lambda answer: answer["hasErrors"] is False)


def reports(t, sf):
    """A report: made, described, run with filters and groups, at once and in the background."""
    post = lambda path, **metadata: sf.restful(f"analytics/reports{path}", method="POST", data=json.dumps({"reportMetadata": metadata}))
    totals = lambda answer: {key: [one["value"] for one in fact["aggregates"]] for key, fact in answer["factMap"].items()}
    cells = lambda answer: [[cell["label"] for cell in row["dataCells"]] for fact in answer["factMap"].values() for row in fact.get("rows", [])]
    columns = ["Contact.LastName", "Account.Name"]
    filters = [{"column": "Account.Name", "operator": "contains", "value": "Clinic"}]
    made = post("", name="People of clinics", reportType={"type": "ContactList"}, reportFormat="SUMMARY", detailColumns=columns, reportFilters=filters,
                groupingsDown=[{"name": "Account.Name", "sortOrder": "Asc", "dateGranularity": "None"}], aggregates=["RowCount", "u!Contact.LastName"])
    report = made["reportMetadata"]["id"]
    t.step("report: described", lambda: picked(sf.restful(f"analytics/reports/{report}/describe")["reportMetadata"], {"name": 0, "reportFormat": 0, "reportFilters": 0}),
           lambda answer: answer["reportFormat"] == "SUMMARY")
    t.step("report: totals", lambda: totals(sf.restful(f"analytics/reports/{report}")), lambda answer: answer["T!T"][0] >= 2)
    t.step("report: rows", lambda: sorted(cells(sf.restful(f"analytics/reports/{report}", params={"includeDetails": "true"}))),
           lambda answer: ["Composite-Example", "Example Clinic"] in answer)
    t.step("report: run with other filters", lambda: totals(post(f"/{report}", reportFilters=filters + [{"column": "Contact.LastName", "operator": "startsWith", "value": "Tree"}],
                                                                 reportBooleanFilter="1 AND 2")), lambda answer: answer["T!T"] == [1, 1])
    begun = sf.restful(f"analytics/reports/{report}/instances", method="POST")
    t.step("report: run in the background", lambda: totals(sf.restful(f"analytics/reports/{report}/instances/{begun['id']}")), lambda answer: answer["T!T"][0] >= 2)


def bulk(t, sf):
    """Thousands of rows in, and out again by query with paging."""
    rows = [{"LastName": f"Bulk-{n:04}", "Email": f"bulk{n}@example.org", "External_Id__c": f"bulk-{n}"} for n in range(ROWS)]
    bad = [{"LastName": "", "Email": "none@example.org", "External_Id__c": "bad-1"}]
    job = t.step("bulk: insert, one bad row", lambda: sf.bulk2.Contact.insert(records=rows + bad),
                 lambda answer: [answer[0]["numberRecordsProcessed"], answer[0]["numberRecordsFailed"]] == [ROWS + 1, 1])
    job_id = job[0]["job_id"]
    t.step("bulk: successful rows", lambda: ends(sf.bulk2.Contact.get_successful_records(job_id)), lambda answer: answer["lines"] == ROWS + 1)
    t.step("bulk: failed rows", lambda: ends(sf.bulk2.Contact.get_failed_records(job_id)), lambda answer: "REQUIRED_FIELD_MISSING" in answer["last"])
    t.step("bulk: unprocessed rows", lambda: ends(sf.bulk2.Contact.get_unprocessed_records(job_id)), lambda answer: answer["lines"] <= 1)
    upserts = [{"External_Id__c": f"bulk-{n}", "LastName": f"Bulk-{n:04}", "Title": "Dr"} for n in range(ROWS - 2, ROWS + 2)]
    job = t.step("bulk: upsert", lambda: sf.bulk2.Contact.upsert(records=upserts, external_id_field="External_Id__c"),
                 lambda answer: answer[0]["numberRecordsFailed"] == 0)
    t.step("bulk: what the upsert created", lambda: sorted(
        line.split(",")[1] for line in sf.bulk2.Contact.get_successful_records(job[0]["job_id"]).splitlines()[1:]),
        lambda answer: answer == ['"false"', '"false"', '"true"', '"true"'])
    asked = "SELECT Id, LastName, Email FROM Contact WHERE LastName LIKE 'Bulk-%' ORDER BY LastName"
    t.step("query, first page", lambda: {**plain(sf.query(asked)), "records": "not compared"},
           lambda answer: answer["totalSize"] == ROWS + 2 and answer["done"] is False)
    t.step("query, every page", lambda: names(sf.query_all_iter(asked)), lambda answer: answer["count"] == ROWS + 2 and answer["distinct"] == ROWS + 2)
    t.step("query, counted", lambda: plain(sf.query("SELECT count() FROM Contact WHERE Title = 'Dr' AND LastName LIKE 'Bulk-%'")), lambda answer: answer["totalSize"] == 4)
    t.step("query, by the parent", lambda: plain(sf.query("SELECT LastName, Account.Name FROM Contact WHERE Account.Name = 'Tree Clinic'")),
           lambda answer: answer["records"][0]["Account"]["Name"] == "Tree Clinic")
    t.step("bulk: query", lambda: ends("".join(sf.bulk2.Contact.query(asked))), lambda answer: answer["lines"] == ROWS + 3)
    doomed = [{"Id": one["Id"]} for one in sf.query("SELECT Id FROM Contact WHERE LastName LIKE 'Bulk-00%' LIMIT 100")["records"]]
    t.step("bulk: delete", lambda: sf.bulk2.Contact.delete(records=doomed), lambda answer: answer[0]["numberRecordsFailed"] == 0)
    t.step("query all, with what was deleted", lambda: sum(one["IsDeleted"] for one in sf.query_all_iter(
        "SELECT Id, IsDeleted FROM Contact WHERE LastName LIKE 'Bulk-00%'", include_deleted=True)), lambda answer: answer == 100)


def ends(text):
    """How long a CSV is, and its first and last line."""
    lines = text.splitlines()
    return {"lines": len(lines), "first": lines[0] if lines else "", "last": lines[-1] if lines else ""}


def names(rows):
    """How many rows, how many different ones, and both ends."""
    found = [row["LastName"] for row in rows]
    return {"count": len(found), "distinct": len(set(found)), "first": found[0], "last": found[-1]}


def refused(t):
    """Writes that a strict boundary does not let pass, as this client's user sees them."""
    sf = log_in(**logins()["password and connected app"])
    says = lambda answer: "EOSIN_BLOCKED" in json.dumps(answer)
    row = {"LastName": "Unmarked-Example", "Email": "unmarked@example.org"}
    t.step("refused: create", lambda: sf.Contact.create(row), lambda answer: answer["raised"] == "SalesforceRefusedRequest" and says(answer))
    t.step("refused: upsert", lambda: sf.Contact.upsert("External_Id__c/refused-1", row), says)
    typed = {"attributes": {"type": "Contact"}, **row}
    t.step("refused: collections", lambda: plain(sf.restful("composite/sobjects", method="POST", data=json.dumps({"allOrNone": False, "records": [typed]}))),
           lambda answer: answer[0]["success"] is False and says(answer))
    sub = {"method": "POST", "url": f"/services/data/v{VERSION}/sobjects/Contact", "referenceId": "one", "body": row}
    t.step("refused: composite", lambda: plain(sf.restful("composite", method="POST", data=json.dumps({"compositeRequest": [sub]}))),
           lambda answer: answer["compositeResponse"][0]["httpStatusCode"] == 403 and says(answer))
    t.step("refused: bulk", lambda: sf.bulk2.Contact.insert(records=[row]), says)
    t.step("nothing arrived", lambda: sf.query("SELECT count() FROM Contact WHERE LastName = 'Unmarked-Example'")["totalSize"], lambda answer: answer == 0)


def marked(t):
    """Writes records that carry marks, reads them back, and leaves what it read for `eosin judge`."""
    sf = log_in(**logins()["password and connected app"])
    records = read_json("MARKED")["records"]
    dataset = read_json("DATASET")
    row = {"Name": "Client story", "Eosin_Manifest__c": json.dumps(dataset["manifest"]), "Eosin_Receipt__c": json.dumps(dataset["receipts"])}
    named = records[0]["Eosin_Dataset__r"]["Eosin_Dataset_Id__c"]
    t.step("the dataset's row", lambda: sf.Eosin_Dataset__c.upsert("Eosin_Dataset_Id__c/" + named, row), lambda answer: answer == 201)
    ids = []
    for number, record in enumerate(records):
        made = t.step(f"create marked {number}", lambda record=record: plain(sf.Contact.create(untyped(record))), lambda answer: answer["success"] is True)
        ids.append(made["id"])
    leave("INTACT", t.step("read them back by query", lambda: [found(sf, one, record) for one, record in zip(ids, records)],
                           lambda answer: all(record["Eosin_Mark__c"] and record["Eosin_Synthetic__c"] for record in answer)))
    t.step("edit a phone", lambda: sf.Contact.update(ids[0], {"Phone": "+1 202 555 0199"}), lambda answer: answer == 204)
    leave("MODIFIED", t.step("read the edited one", lambda: [found(sf, ids[0], records[0])], lambda answer: answer[0]["Phone"].endswith("0199")))
    bulk_load(t, sf)
    moved = {**untyped(records[1]), "LastName": "Somebody-Else", "FirstName": "Moved", "Email": "moved@example.org", "Birthdate": "1971-02-03"}
    t.step("refused: the mark of another record", lambda: plain(sf.Contact.create(moved)), lambda answer: "EOSIN_BLOCKED" in answer["text"])
    flipped = untyped(records[2])
    flipped["Eosin_Mark__c"] = flipped["Eosin_Mark__c"][:-8] + ("A" if flipped["Eosin_Mark__c"][-8] != "A" else "B") + flipped["Eosin_Mark__c"][-7:]
    t.step("refused: a mark with a flipped bit", lambda: plain(sf.Contact.create(flipped)), lambda answer: "EOSIN_BLOCKED" in answer["text"])


def bulk_load(t, sf):
    """Loads a table that `eosin mark` left, as it is, and leaves what a query gives of it."""
    dataset = read_json("TABLE_DATASET")
    with open(setting("TABLE"), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    row = {"Name": "Client table", "Eosin_Manifest__c": json.dumps(dataset["manifest"]), "Eosin_Receipt__c": json.dumps(dataset["receipts"])}
    named = rows[0]["Eosin_Dataset__r.Eosin_Dataset_Id__c"]
    t.step("the table's dataset", lambda: sf.Eosin_Dataset__c.upsert("Eosin_Dataset_Id__c/" + named, row), lambda answer: answer == 201)
    t.step("bulk load of the marked table", lambda: sf.bulk2.Contact.insert(csv_file=setting("TABLE")),
           lambda answer: [job["numberRecordsFailed"] for job in answer] == [0] and sum(job["numberRecordsProcessed"] for job in answer) == len(rows))
    names = [name for name in rows[0] if not name.endswith("__r.Eosin_Dataset_Id__c")] + ["Eosin_Dataset__r.Eosin_Dataset_Id__c"]
    asked = f"SELECT {', '.join(names)} FROM Contact WHERE Eosin_Dataset__r.Eosin_Dataset_Id__c = '{named}'"
    leave("LOADED", t.step("read the table back", lambda: plain(list(sf.query_all_iter(asked))), lambda answer: len(answer) == len(rows)))


def marked_refused(t):
    """Marked records at the door of production."""
    sf = log_in(**logins()["password and connected app"])
    record = read_json("MARKED")["records"][0]
    t.step("refused: a synthetic record in production", lambda: plain(sf.Contact.create(untyped(record))), lambda answer: "EOSIN_BLOCKED" in answer["text"])
    t.step("nothing arrived", lambda: sf.query("SELECT count() FROM Contact")["totalSize"], lambda answer: answer == 0)


def untyped(record):
    """A record without the attributes that only some routes take."""
    return {name: value for name, value in record.items() if name != "attributes" and value is not None}


def found(sf, one, like):
    """A record as a query gives it, with the fields that were written."""
    names = [name for name in untyped(like) if not name.endswith("__r")] + ["Eosin_Dataset__r.Eosin_Dataset_Id__c"]
    return plain(sf.query(f"SELECT {', '.join(names)} FROM Contact WHERE Id = '{one}'"))["records"][0]


def read_json(name):
    """A file that the harness left for the story."""
    with open(setting(name), encoding="utf-8") as file:
        return json.load(file)


def leave(name, records):
    """Records for the harness to judge."""
    with open(setting(name), "w", encoding="utf-8") as to:
        json.dump({"records": records}, to)


if __name__ == "__main__":
    transcript.run({"walk": walk, "refused": refused, "marked": marked, "marked_refused": marked_refused})
