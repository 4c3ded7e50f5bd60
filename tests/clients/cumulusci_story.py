"""A day with CumulusCI, unmodified: its command `cci` loads Snowfakery recipes by REST and by Bulk API v1.

A project as a team would keep it stands in the folder `cumulusci`. The org is given as on a build server without a browser:
`CUMULUSCI_ORG_…` and the connected app in the environment, with a refresh token that CumulusCI redeems itself.
"""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import transcript
from asked import count, session
from transcript import setting

HERE = Path(__file__).resolve().parent
CLINICS = 5
PEOPLE = 2 * CLINICS
SECONDS = 300
TOLD = re.compile(r"Prepared|Running step|finished with result|Downloaded|Extracting|Done!|rror|Updated|Deleting|Upserting|EOSIN_BLOCKED")
# What Rich puts before the words of a log line.
CLOCK = re.compile(r"^(\[[0-9/]+ [0-9:]+\]| {19})? ")


def project():
    """The project, in a folder of its own, and the environment of a build server."""
    home = Path(setting("FOLDER"))
    folder = home / "clinic"
    if not folder.exists():
        shutil.copytree(HERE / "cumulusci", folder)
        subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    # CumulusCI asks PyPI for a newer one of itself once an hour: it did just now.
    (home / ".cumulusci").mkdir(exist_ok=True)
    (home / ".cumulusci" / "cumulus_timestamp").write_text(str(time.time()))
    app = {"client_id": setting("KEY"), "client_secret": setting("SECRET")}
    address = setting("URL_HTTPS")
    org = {**app, "refresh_token": setting("REFRESH"), "instance_url": address, "id": f"{address}/id/00D000000000001/005000000000001", "connected_app": "env"}
    return folder, {**os.environ, "COLUMNS": "400", "CUMULUSCI_KEY": "0123456789abcdef", "CUMULUSCI_ORG_dev": json.dumps(org),
                    "CUMULUSCI_SERVICE_connected_app": json.dumps({**app, "login_url": address, "callback_url": "http://localhost:8080/callback"})}


def cci(*words):
    """One command: how it ended, and what it said, without what differs between two runs."""
    folder, environment = project()
    done = subprocess.run([setting("CCI"), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=SECONDS, check=False, cwd=folder, env=environment)
    (Path(setting("FOLDER")) / "cci.log").open("a").write(f"$ cci {' '.join(words)}\n{done.stdout}\n")
    if "--json" in words:
        return {"exit": done.returncode, **json.loads(done.stdout)}
    said = [CLOCK.sub("", line).strip() for line in done.stdout.splitlines()]
    return {"exit": done.returncode, "said": [line for line in said if TOLD.search(line)]}


def task(name, **options):
    """`cci task run` against the org."""
    return cci("task", "run", name, "--org", "dev", *(word for option, value in options.items() for word in (f"--{option}", str(value))))


def generate(api):
    """Makes a recipe's records and loads them."""
    return task("generate_and_load_from_yaml", generator_yaml="datasets/people.recipe.yml", num_records=CLINICS, num_records_tablename="Account",
                vars=f"way:{api}", mapping=f"datasets/{api}.mapping.yml")


def arrived(given):
    """Who stands in the org, and how many of them have a clinic."""
    return {"people": count(given, "LastName LIKE 'Recipe-%'"), "with clinics": count(given, "LastName LIKE 'Recipe-%' AND Account.Name LIKE 'Recipe Clinic %'")}


def both(number):
    """All of so many people, each with a clinic."""
    return lambda answer: answer == {"people": number, "with clinics": number}


def fine(answer):
    """Whether a command succeeded."""
    return answer["exit"] == 0


def walk(t):
    """Everything that should work, on a boundary that refuses nothing."""
    given = session()
    pick = lambda answer: {name: answer[name] for name in ("instance_url", "org_type", "is_sandbox", "namespace")}
    t.step("org info", lambda: pick(cci("org", "info", "dev", "--json")), lambda answer: answer["instance_url"] == setting("URL_HTTPS"))
    t.step("a recipe by REST", lambda: generate("rest"), fine)
    t.step("a recipe by REST arrived", lambda: arrived(given), both(PEOPLE))
    t.step("a recipe by Bulk API v1", lambda: generate("bulk"), lambda answer: fine(answer) and sum("finished with result: Success" in line for line in answer["said"]) == 2)
    t.step("a recipe by Bulk API v1 arrived", lambda: arrived(given), both(2 * PEOPLE))
    t.step("extract by Bulk API v1", lambda: task("extract_dataset", mapping="datasets/bulk.mapping.yml", sql_path="datasets/all.sql"), fine)
    t.step("what was extracted", lambda: extracted(), lambda answer: answer == {"Account": 2 * CLINICS, "Contact": 2 * PEOPLE})
    t.step("upsert of what is there", lambda: task("load_dataset", mapping="datasets/upsert.mapping.yml", sql_path="datasets/all.sql"), fine)
    t.step("nobody is there twice", lambda: arrived(given), both(2 * PEOPLE))
    t.step("delete by Bulk API v1", lambda: task("delete_data", objects="Contact", where="LastName LIKE 'Recipe-%'", api="bulk"), fine)
    t.step("all are gone", lambda: arrived(given), both(0))
    t.step("load of the extract by Bulk API v1", lambda: task("load_dataset", mapping="datasets/bulk.mapping.yml", sql_path="datasets/all.sql"), fine)
    t.step("all are back", lambda: arrived(given), both(2 * PEOPLE))
    t.step("delete by REST", lambda: task("delete_data", objects="Contact", where="LastName LIKE 'Recipe-%'", api="rest"), fine)
    t.step("load of the extract by REST", lambda: task("load_dataset", mapping="datasets/rest.mapping.yml", sql_path="datasets/all.sql"), fine)
    t.step("all are back again", lambda: arrived(given), both(2 * PEOPLE))
    # Its parts are loaded at once, in any order: how it ended is compared, not what it said.
    t.step("the snowfakery task", lambda: task("snowfakery", recipe="datasets/people.recipe.yml", run_until_records_loaded=f"Account:{CLINICS}", recipe_options="way:snowfakery")["exit"], lambda answer: answer == 0)
    t.step("the snowfakery task's records arrived", lambda: arrived(given), both(3 * PEOPLE))


def extracted():
    """How many rows of each table an extract has."""
    said = (Path(setting("FOLDER")) / "clinic" / "datasets" / "all.sql").read_text()
    return {table: said.count(f'INSERT INTO "{table}" VALUES') for table in ("Account", "Contact")}


def refused(t):
    """A recipe at a strict boundary, as a person at a terminal sees it."""
    given = session()
    says = lambda answer: answer["exit"] == 1 and "EOSIN_BLOCKED" in json.dumps(answer)
    t.step("refused: a recipe by REST", lambda: generate("rest"), says)
    t.step("refused: a recipe by Bulk API v1", lambda: generate("bulk"), says)
    t.step("nothing arrived", lambda: [count(given, "Id != null", "Account"), count(given, "Id != null")], lambda answer: answer == [0, 0])


if __name__ == "__main__":
    transcript.run({"walk": walk, "refused": refused})
