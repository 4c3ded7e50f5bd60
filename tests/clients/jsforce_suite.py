"""jsforce's own test suites against the local org: straight to it, and through gateways in front of others.

The suites come from the npm releases that carry their tests (1.10.0, and 2.0.0-alpha.13 with today's jsforce); nothing
of them is in our repository. Today's suite is on GitHub only: `--checkout FOLDER` runs it from a checkout. Each is played
at three places: straight, through a gateway with `reads = "open"`, and through one that isolates reads. What is known to
fail, and why, is `suite/known.json`; straight, a test that fails and is not there fails the run, and so does a score
anywhere that is lower than `suite/scores.json` has it. Prints each score, and ends with `N passed, N failed, N skipped`.

    jsforce_suite.py --eosin PATH [--checkout FOLDER] [--keep] [--write] [suite …]
    jsforce_suite.py --org HTTP,HTTPS,CA [suite …]      one running org, straight only: for work on the org
"""

import argparse
import concurrent.futures
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

import install
import stage

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "leaks"))
import fields  # noqa: E402

SUITE = HERE / "suite"
FILE_SECONDS = 240
TEST_MS = 60_000
# How far a score may fall: a few tests wait for what takes time.
SCORE_SLACK = 3
BIG_ROWS = 25_000
VERSION = "v60.0"


class Suite:
    """A suite's tests in a folder of their own, and how to run them."""

    def __init__(self, name, files, runner, folder):
        self.name, self.files, self.runner, self.folder = name, files, runner, folder


def modules():
    """The suites and what runs them, as the lock file has them."""
    folder = install.CACHE / "suite"
    lock = SUITE / "package-lock.json"

    def get():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SUITE / name, folder / name)
        install.run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", folder=folder)

    install.once(folder, lock.read_text(), get)
    return folder / "node_modules"


def suites(packages, checkout, folder):
    """Each suite, laid out beside the packages that it needs."""
    one = Suite("jsforce 1.10.0", packages / "jsforce-1" / "test", run_mocha, packages / "jsforce-1")
    found = [one, laid_out("jsforce 2.0.0-alpha.13 with jsforce 3.10.26", packages / "jsforce-2" / "test", packages, folder / "suite-2")]
    if checkout:
        found.append(laid_out("jsforce of GitHub with jsforce 3.10.26", checkout / "test", packages, folder / "suite-checkout"))
    return {key: suite for key, suite in zip(("1", "2", "checkout"), found)}


def laid_out(name, tests, packages, folder):
    """A copy of TypeScript tests whose `../src` is the installed jsforce: the suite runs on what is shipped."""
    folder.mkdir()
    shutil.copytree(tests, folder / "test")
    (folder / "node_modules").symlink_to(packages)
    mapped = {r"^(\.\./)+src$": "jsforce", r"^(\.\./)+(src|lib)/(.+)$": "jsforce/lib/$3", "^puppeteer$": str(SUITE / "browser.cjs")}
    settings = {"testMatch": ["**/test/*.test.ts"], "transform": {r"\.tsx?$": str(folder / "transform.cjs")}, "moduleNameMapper": mapped,
                "testTimeout": TEST_MS, "setupFiles": [str(folder / "setup.cjs")], "rootDir": str(folder)}
    shutil.copy(SUITE / "transform.cjs", folder)
    shutil.copy(SUITE / "jest-setup.cjs", folder / "setup.cjs")
    (folder / "jest.config.json").write_text(json.dumps(settings))
    return Suite(name, folder / "test", run_jest, folder)


def environment(place, token):
    """What the suites read: where the org is, and who logs in."""
    given = {"SF_LOGIN_URL": place.http, "SF_USERNAME": stage.CREDENTIALS["USER"], "SF_PASSWORD": stage.CREDENTIALS["PASSWORD"],
             "SF_ACCESS_TOKEN": token, "SF_OAUTH2_CLIENT_ID": stage.CREDENTIALS["KEY"], "SF_OAUTH2_CLIENT_SECRET": stage.CREDENTIALS["SECRET"],
             "NODE_EXTRA_CA_CERTS": str(place.ca), "NO_COLOR": "1"}
    return {**{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}, **given}


def run_jest(suite, node, packages, given, out):
    """Runs a TypeScript suite, file by file; gives each test's name, and what went wrong or nothing."""
    results = []
    for file in sorted(suite.files.glob("*.test.ts")):
        name = file.name.removesuffix(".test.ts")
        command = [node, packages / "jest" / "bin" / "jest.js", "--config", suite.folder / "jest.config.json", "--json",
                   f"--outputFile={out}-{name}.json", "--forceExit", "--runInBand", "--runTestsByPath", file]
        told = told_by(command, suite, given, f"{out}-{name}")
        for read in told["testResults"] if told else []:
            if not read["assertionResults"]:
                results.append((f"{name}: the file", first_line(read["message"])))
            # What a suite skips itself is no test of ours.
            for test in [one for one in read["assertionResults"] if one["status"] != "pending"]:
                problem = None if test["status"] == "passed" else first_line("\n".join(test["failureMessages"]) or test["status"])
                results.append((f"{name}: {test['fullName']}", problem))
        if not told:
            results.append((f"{name}: the file", f"did not end within {FILE_SECONDS} seconds"))
    return results


def run_mocha(suite, node, packages, given, out):
    """Runs a JavaScript suite, file by file: one that hangs does not take the rest with it."""
    results = []
    for file in sorted(suite.files.glob("*.test.js")):
        name = file.name.removesuffix(".test.js")
        command = [node, packages / "mocha" / "bin" / "mocha.js", "--reporter", "json", "--reporter-option", f"output={out}-{name}.json", "--exit",
                   "--require", SUITE / "setup.cjs", "--timeout", str(TEST_MS), file]
        told = told_by(command, suite, given, f"{out}-{name}")
        for test in told["tests"] + [one for one in told["failures"] if one["title"].startswith('"')] if told else []:
            problem = first_line(test["err"].get("message") or "failed") if test["err"] else None
            results.append((f"{name}: {test['fullTitle']}", problem))
        if not told:
            results.append((f"{name}: the file", f"did not end within {FILE_SECONDS} seconds"))
    return results


def told_by(command, suite, given, out):
    """Runs a test runner on one file and reads what it wrote; nothing if it did not end in time."""
    with open(f"{out}.log", "wb") as log:
        runner = subprocess.Popen([str(word) for word in command], cwd=suite.folder, env=given, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                  start_new_session=True)
        try:
            runner.wait(FILE_SECONDS)
        except subprocess.TimeoutExpired:
            # The runner has processes of its own: the group is what we started, and nobody else is in it.
            os.killpg(runner.pid, signal.SIGKILL)
            runner.wait()
            return None
    report = Path(f"{out}.json")
    if not report.exists():
        raise SystemExit(f"{suite.name} did not run; it said:\n{Path(f'{out}.log').read_text(errors='replace')[-3000:]}")
    return json.loads(report.read_text())


def first_line(text):
    """The first line of a message that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "failed")[:200]


def post(place, token, path, body, kind="application/json", method="POST"):
    """One request of the preparation."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": kind, **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(place.http + path, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        said = answer.read()
    return json.loads(said) if said else None


def prepare(place, package):
    """What the suites find in the org they are written for: their package, a big table, sample data; gives a session.

    Eosin's fields are there too: what a gateway isolates goes by them.
    """
    form = {"grant_type": "password", "client_id": stage.CREDENTIALS["KEY"], "client_secret": stage.CREDENTIALS["SECRET"],
            "username": stage.CREDENTIALS["USER"], "password": stage.CREDENTIALS["PASSWORD"]}
    session = post(place, None, "/services/oauth2/token", urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded")
    token, base = session["access_token"], f"/services/data/{VERSION}"
    deploy(place, token, package)
    put(place, token, fields.package())
    job = post(place, token, f"{base}/jobs/ingest", {"object": "BigTable__c", "operation": "insert"})
    rows = "OwnerId\n" + f"{session['id'].rsplit('/', 1)[1]}\n" * BIG_ROWS
    post(place, token, f"{base}/jobs/ingest/{job['id']}/batches", rows.encode(), "text/csv", "PUT")
    post(place, token, f"{base}/jobs/ingest/{job['id']}", {"state": "UploadComplete"}, method="PATCH")
    for number in range(12):
        sample(place, token, base, number)
    topic = {"Name": "JSforceTestAccountUpdates", "Query": "SELECT Id, Name FROM Account", "ApiVersion": 54.0, "NotifyForFields": "Referenced"}
    # The package has it as metadata of a kind that this org keeps and does not run.
    report = {"name": "Lead List Report", "reportType": {"type": "LeadList"}, "detailColumns": ["LAST_NAME", "FIRST_NAME", "EMAIL"],
              "reportFormat": "SUMMARY", "groupingsDown": [{"name": "COMPANY", "sortOrder": "Asc", "dateGranularity": "None"}]}
    post(place, token, f"{base}/analytics/reports", {"reportMetadata": report})
    try:
        post(place, token, f"{base}/sobjects/PushTopic", topic)
    except urllib.error.HTTPError:
        pass
    return token


def sample(place, token, base, number):
    """An account with people and opportunities, and a lead: what a new Developer Edition org has."""
    people = [{"attributes": {"type": "Contact", "referenceId": f"c{n}"}, "FirstName": f"Sample{n}", "LastName": f"Example-{number}",
               "Email": f"sample{number}.{n}@example.org"} for n in range(2)]
    opportunities = [{"attributes": {"type": "Opportunity", "referenceId": f"o{n}"}, "Name": f"Opportunity {number}.{n}", "CloseDate": f"2026-{1 + n:02}-{1 + number:02}",
                      "StageName": "Prospecting", "Amount": 1000 * number} for n in range(3)]
    account = {"attributes": {"type": "Account", "referenceId": "a"}, "Name": f"{'ABCD'[number % 4]} Sample Account {number}",
               "Contacts": {"records": people}, "Opportunities": {"records": opportunities}}
    post(place, token, f"{base}/composite/tree/Account", {"records": [account]})
    post(place, token, f"{base}/sobjects/Lead", {"FirstName": "Sample", "LastName": f"Lead-{number}", "Company": f"Example {number}"})


def deploy(place, token, package):
    """Deploys the suites' package as they carry it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        for file in sorted(package.rglob("*")):
            if file.is_file():
                zipped.write(file, file.relative_to(package.parent))
    put(place, token, packed.getvalue())


def put(place, token, zipped):
    """Deploys a zip, and waits until it is there."""
    options = json.dumps({"deployOptions": {"singlePackage": True, "rollbackOnError": False}})
    edge = "part-of-a-deployment"
    body = (f'--{edge}\r\nContent-Disposition: form-data; name="json"\r\nContent-Type: application/json\r\n\r\n{options}\r\n'
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="deploy.zip"\r\nContent-Type: application/zip\r\n\r\n').encode()
    body += zipped + f"\r\n--{edge}--\r\n".encode()
    base = f"/services/data/{VERSION}/metadata/deployRequest"
    begun = post(place, token, base, body, f"multipart/form-data; boundary={edge}")
    url = urllib.request.Request(f"{place.http}{base}/{begun['id']}?includeDetails=true", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(url, timeout=60) as answer:
        result = json.load(answer)["deployResult"]
    if result["status"] not in ("Succeeded", "SucceededPartial"):
        raise SystemExit(f"the suites' package does not deploy: {json.dumps(result)[:3000]}")


def play(suite, key, place, clients_node, packages, out):
    """One suite at one place."""
    token = prepare(place.behind or place, packages / "jsforce-1" / "test" / "package" / "JSforceTestSuite")
    return suite.runner(suite, clients_node, packages, environment(place, token), out / f"{key}-{place.name}")


def count(suite, key, place, results, known, least, tally):
    """Prints a score and what failed. Straight, a failure that is not known is a fault of ours; anywhere, a lower score is."""
    failed = {name: problem for name, problem in results if problem}
    passed = len(results) - len(failed)
    print(f"\n{suite.name}, {place.name}: {passed} of {len(results)}", flush=True)
    files = sorted({name.split(":")[0] for name, _ in results})
    of = {file: [problem for name, problem in results if name.split(":")[0] == file] for file in files}
    print("  " + ", ".join(f"{file} {told.count(None)}/{len(told)}" for file, told in of.items()), flush=True)
    unknown, reasons = 0, {}
    for name, problem in failed.items():
        why = reason(known, place.name, f"{name}: {problem}")
        unknown += not why
        reasons[why or "not known"] = reasons.get(why or "not known", 0) + 1
        if not why:
            print(f"  {'FAILED ' if place.name == STRAIGHT else 'unknown'} {name}\n            {problem}", flush=True)
    for why, times in sorted(reasons.items(), key=lambda pair: -pair[1]):
        print(f"  {times:4} x {why}", flush=True)
    fallen = passed < least - SCORE_SLACK
    if fallen:
        print(f"  FAILED  the score was {least}", flush=True)
    tally["passed"] += passed
    tally["failed"] += fallen + (unknown if place.name == STRAIGHT else 0)
    tally["skipped"] += len(failed) - (unknown if place.name == STRAIGHT else 0)
    return passed, len(results)


def reason(known, place, told):
    """Why a test is known to fail: by what it is called and what it said."""
    lists = known["everywhere"] if place == STRAIGHT else known["through"] + known["everywhere"]
    return next((why for pattern, why in lists if re.search(pattern, told)), None)


STRAIGHT, OPEN, ISOLATED = "straight", "through, reads open", "through, reads isolated"

# The classes of the suites' package, as their author would map them for a gateway.
MAPS = "".join(f"""
[[boundary.apex]]
path = "{path}"
method = "{method}"
object = "Account"
records = "{records}"
fields = {{ name = "Name", phone = "Phone", website = "Website" }}
""" for path, method, records in (("/JSforceTestApexRest", "POST", ""), ("/JSforceTestApexRest/*", "PATCH", ""),
                                  ("/JSforceTestApexRest/*", "PUT", "/account"), ("/JSforceTestApexRest/*", "DELETE", ""), ("/JSforceTestData", "DELETE", "")))


def main():
    """Runs the suites and counts."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--eosin", type=Path)
    arguments.add_argument("--org")
    arguments.add_argument("--checkout", type=Path)
    arguments.add_argument("--keep", action="store_true", help="leave reports and logs, and say where")
    arguments.add_argument("--write", action="store_true", help="write down the scores")
    arguments.add_argument("suites", nargs="*")
    given = arguments.parse_args()
    tally = {"passed": 0, "failed": 0, "skipped": 0}
    folder = Path(tempfile.mkdtemp(prefix="eosin-suites-"))
    known, scores = (json.loads((SUITE / name).read_text()) for name in ("known.json", "scores.json"))
    try:
        packages, node = modules(), install.node()
        for key, suite in suites(packages, given.checkout and given.checkout.resolve(), folder).items():
            if given.suites and key not in given.suites:
                continue
            if given.org:
                place = stage.Place(STRAIGHT, *given.org.split(","))
                count(suite, key, place, play(suite, key, place, node, packages, folder), known, 0, tally)
                continue
            with stage.Stage(given.eosin.resolve(), folder / f"stage-{key}", org=["--apex-rest", SUITE / "apex-rest.toml"]) as servers:
                places = [servers.straight("straight"), servers.through("sandbox", name="open", more='reads = "open"' + MAPS),
                          servers.through("sandbox", name="isolated", more=MAPS)]
                with concurrent.futures.ThreadPoolExecutor() as pool:
                    played = list(pool.map(lambda place: play(suite, key, place, node, packages, folder), places))
                for place, name, results in zip(places, (STRAIGHT, OPEN, ISOLATED), played):
                    place.name = name
                    told = count(suite, key, place, results, known, scores.get(key, {}).get(name, [0])[0], tally)
                    scores.setdefault(key, {})[name] = list(told)
        if given.write:
            (SUITE / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    finally:
        if given.keep:
            print(f"reports and logs are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{tally['passed']} passed, {tally['failed']} failed, {tally['skipped']} skipped")
    return 1 if tally["failed"] or not tally["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
