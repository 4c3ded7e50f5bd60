#!/usr/bin/env python3
"""The control API, asked by Schemathesis as its document says and otherwise: it finds nothing.

    run.py --eosin PATH [--examples NUMBER]

Run by `cargo xtask control`. Ends with `N passed, N failed, N skipped`.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients"))
import told  # noqa: E402
import traces  # noqa: E402
from servers import Server  # noqa: E402

SCOPES = (
    "see-posture see-transactions see-records see-datasets see-policies see-quarantine see-ledgers query-index register-datasets decide-quarantine "
    "change-policies switch-emergency"
).split()
PEOPLE = "Id,LastName,Email\n" + "".join(f"p{n},Zzyzx-{n},p{n}@example.org\n" for n in range(9))


class Scene:
    """A gateway that has refused some writes and kept them, a dataset, and a console with an operator's token."""

    def __init__(self, eosin, home, examples):
        self.eosin, self.home, self.examples = eosin, home, examples
        self.say("init", "--yes", home)
        file = home / "eosin.toml"
        text = file.read_text().replace("https://your-domain.my.salesforce.com", "http://127.0.0.1:9")
        text = text.replace('listen = "127.0.0.1:8443"\ntls = true ', 'listen = "127.0.0.1:0"\ntls = false')
        file.write_text(text)
        (home / "people.csv").write_text(PEOPLE)
        self.say("mark", "people.csv", "--out", "marked.csv", "--dataset", "control story", "--generator", "control-story")
        (home / "password.txt").write_text("violet kettle ninety\n")
        self.say("operator", "add", "ada", "--role", "admin", "--password-file", "password.txt")
        made = self.say("token", "make", "ada", "--json", *[word for scope in SCOPES for word in ("--scope", scope)])
        self.token = json.loads(made)["token"]
        self.gateway = Server(home, "gateway", [eosin, "run"])
        self.console = None
        try:
            at = self.gateway.address("listening crm:")
            for _ in range(4):
                self.refused(at + "/services/data/v67.0/sobjects/Contact")
            self.console = Server(home, "console", [eosin, "console", "--listen", "127.0.0.1:0", "--json"])
            self.url = self.started()
        except BaseException:
            self.stop()
            raise

    def started(self):
        """The console says in JSON where it listens."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            if found := re.search(r'"listens":"([0-9.:]+)"', self.console.said()):
                return f"http://{found.group(1)}"
            time.sleep(0.05)
        raise SystemExit(f"the console did not start: {self.console.said()}")

    def say(self, *arguments):
        command = [str(word) for word in (self.eosin, *arguments)]
        done = subprocess.run(command, cwd=self.home.parent if arguments[0] == "init" else self.home, capture_output=True,
                              text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise SystemExit(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    @staticmethod
    def refused(url):
        """Something that nobody can read: it is kept."""
        body = b'{"LastName":"Zzyzx-7","LastName":"Canary"}'
        request = urllib.request.Request(url, body, {"content-type": "application/json", "authorization": "Bearer x"})
        try:
            urllib.request.urlopen(request, timeout=20).close()
        except urllib.error.HTTPError as error:
            assert error.code == 403, error.code
            return
        raise SystemExit("what nobody can read was let through")

    def get(self, target):
        request = urllib.request.Request(self.url + target, headers={"authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def stop(self):
        for server in (self.gateway, self.console):
            if server:
                server.stop()


def there_is_something_to_ask_about(scene):
    """The lists are not empty, or the fuzzer would see empty pages alone."""
    for name, least in (("transactions", 4), ("batches", 1), ("quarantine-events", 4)):
        until = time.monotonic() + 20
        # A gateway publishes when it rests, and the console reads on each second.
        while (found := len(scene.get(f"/api/v1/{name}")["items"])) < least and time.monotonic() < until:
            time.sleep(0.2)
        assert found >= least, f"{name} has {found} rows"
    assert len(scene.get("/api/v1/quarantine")["items"]) == 4


def schemathesis_finds_nothing(scene):
    """Every operation, with what the document allows and what it does not, and each check that Schemathesis has."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", HERE / "schemathesis.toml", "run", f"{scene.url}/api/v1/openapi.json",
        "--header", f"Authorization: Bearer {scene.token}", "--max-examples", str(scene.examples), "--seed", "7",
        "--phases", "examples,coverage,fuzzing", "--workers", "2", "--suppress-health-check", "all", "--no-color",
        "--generation-database", "none",
    ]
    done = subprocess.run([str(word) for word in command], cwd=scene.home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=600, env={**os.environ, "PYTHONWARNINGS": "ignore", "SCHEMATHESIS_HOOKS": str(HERE / "shorter.py")})
    assert done.returncode == 0, done.stdout[-12000:] + scene.console.said()
    tested = re.search(r"Test cases:\s*\n\s*(.*)|(\d+) generated", done.stdout)
    print("  " + (tested.group(0) if tested else done.stdout[-300:]).strip(), flush=True)


def nothing_of_what_was_kept_is_in_any_answer_or_log(scene):
    """After all that, the canary of the withheld records is nowhere that a program can see it."""
    shown = json.dumps([scene.get(f"/api/v1/{name}") for name in ("transactions", "records", "quarantine?all=true", "incidents")])
    for text in (shown, scene.console.log.read_text(), scene.gateway.log.read_text()):
        assert "Zzyzx" not in text and "Canary" not in text, "content of a record was said"
    scene.say("ledger", "verify", "operators/log", "--vkey", "operators/log.vkey")


STORIES = [
    there_is_something_to_ask_about,
    schemathesis_finds_nothing,
    nothing_of_what_was_kept_is_in_any_answer_or_log,
    *traces.STORIES,
]

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eosin", type=Path, required=True, help="the binary")
    parser.add_argument("--examples", type=int, default=8, help="how many of each kind are made of each operation")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(given.eosin.resolve(), Path(folder) / "home", given.examples)
        try:
            sys.exit(told.stories(STORIES, scene))
        finally:
            scene.stop()
