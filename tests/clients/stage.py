"""Sets the stage: fresh orgs, a gateway in front of one, and the credentials that a story is given."""

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path

from servers import Server

# What the local org accepts; `eosin org` prints them when it starts. None of them is a secret.
CREDENTIALS = {
    "USER": "admin@org.example",
    "PASSWORD": "local-password",
    "SECURITY_TOKEN": "token",
    "KEY": "local-client",
    "SECRET": "local-secret",
    "REFRESH": "local-refresh",
    "ORGANIZATION": "00D000000000001",
}


class Place:
    """Where a story is told: addresses, and for a gateway the place behind it."""

    def __init__(self, name, http, https, ca, behind=None):
        self.name, self.http, self.https, self.ca, self.behind = name, http, https, ca, behind


class Stage:
    """Starts places and stops them all at the end."""

    def __init__(self, eosin, folder, prepared=None, org=()):
        self.eosin, self.folder, self.servers, self.prepared, self.org = eosin, folder, [], prepared, org
        folder.mkdir()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in reversed(self.servers):
            server.stop()

    def straight(self, name="org"):
        """A fresh org, with the fields that were prepared."""
        ca = self.folder / f"{name}-ca.pem"
        snapshot = self.folder / f"{name}.snapshot"
        if self.prepared:
            shutil.copy(self.prepared, snapshot)
        server = Server(self.folder, name, [self.eosin, "org", "--ca-out", ca, "--snapshot", snapshot, *self.org])
        self.servers.append(server)
        place = Place(name, server.address("http"), server.address("https"), ca)
        server.answers(place.http + "/services/data")
        server.answers(place.https + "/services/data", ca)
        return place

    def keep(self, place):
        """Stops an org and gives the snapshot that it leaves."""
        for server in self.servers:
            server.stop()
        return self.folder / f"{place.name}.snapshot"

    def through(self, environment, dataset=None, name=None, more=""):
        """A gateway in front of a fresh org: a sandbox lets in what has no mark, production does not.

        With a `Dataset`, the gateway knows it and believes its generator's log about synthetic records; `more` is said of
        each boundary in its configuration.
        """
        name = name or environment
        behind = self.straight(f"{name}-org")
        home = self.folder / name
        self.say("init", "--yes", home)
        (home / "eosin.toml").write_text(configuration(home, environment, behind.http, dataset, more))
        if dataset:
            (home / "datasets").mkdir(exist_ok=True)
            shutil.copy(dataset.manifest, home / "datasets" / "story.dataset.json")
        server = Server(home, "gateway", [self.eosin, "run", "--config", home / "eosin.toml"])
        self.servers.append(server)
        addresses = server.address("listening plain:"), server.address("listening tls:")
        place = Place(name, *addresses, home / "keys" / "authority.pem", behind)
        server.answers(place.http + "/services/data")
        server.answers(place.https + "/services/data", place.ca)
        return place

    def say(self, *arguments):
        """Runs one `eosin` command to its end and gives its output."""
        command = [str(word) for word in (self.eosin, *arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, cwd=self.folder)
        if done.returncode > 1:
            raise SystemExit(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def generate(self, records):
        """Marks records with a generator's own log and key, as a program apart from any gateway would."""
        home, out = self.folder / "generator", self.folder / "marked.json"
        self.say("init", "--yes", home)
        given = self.folder / "made.json"
        given.write_text(json.dumps({"records": records}))
        self.say("mark", given, "--out", out, "--dataset", "client story", "--generator", "client-story", "--config", home / "eosin.toml")
        return Dataset(out, Path(f"{out}.dataset.json"), home / "keys" / "ledger.vkey")

    def generate_csv(self, given):
        """Marks a Contact table that a generator left, in the same log."""
        home, out = self.folder / "generator", self.folder / "Contact.csv"
        self.say("mark", given, "--object", "Contact", "--out", out, "--dataset", "client table", "--generator", "Snowfakery",
                 "--config", home / "eosin.toml")
        return Dataset(out, Path(f"{out}.dataset.json"), home / "keys" / "ledger.vkey")

    def judge(self, file, dataset):
        """What `eosin judge` says of a file, by a stranger who trusts only the generator's key."""
        return json.loads(self.say("judge", file, "--dataset", dataset.manifest, "--trust", dataset.vkey, "--json"))


class Dataset:
    """Marked records, the file that goes with them, and the key of the log that vouches for them."""

    def __init__(self, records, manifest, vkey):
        self.records, self.manifest, self.vkey = records, manifest, vkey

    def count(self):
        """How many rows a marked table has."""
        return sum(1 for _ in csv.DictReader(io.StringIO(self.records.read_text())))


def configuration(home, environment, upstream, dataset, more):
    """The `eosin.toml` that `eosin init` wrote, with our boundaries instead of its examples."""
    kept = (home / "eosin.toml").read_text().split("[[boundary]]")[0]
    boundary = lambda name, tls: f"""
[[boundary]]
name = "{name}"
protocol = "salesforce"
listen = "127.0.0.1:0"
tls = {str(tls).lower()}
upstream = "{upstream}"
environment = "{environment}"
mode = "enforce"
{more}
"""
    if dataset:
        kept += f'\n[[trust]]\nvkey = "{dataset.vkey}"\nvouches_for = ["synthetic"]\n'
    return kept + boundary("plain", False) + boundary("tls", True)
