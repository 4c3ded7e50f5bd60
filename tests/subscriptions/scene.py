"""An org, a gateway that follows the changes of its contacts, and the consumers of both endpoints."""

import base64
import csv
import json
import subprocess
import sys
import time
from pathlib import Path

for near in ("webhooks", "leaks", "clients"):
    sys.path.append(str(Path(__file__).resolve().parents[1] / near))

import people  # noqa: E402
from consumer import Consumer  # noqa: E402
from places import DATA, Place, deploy  # noqa: E402
from servers import Server  # noqa: E402

KINDS = ("attested", "synthetic")
KEPT = 80
TOPIC = "/data/ContactChangeEvent"


def need(condition, sentence):
    if not condition:
        raise AssertionError(sentence)


def until(condition, sentence, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(sentence() if callable(sentence) else sentence)
        time.sleep(0.05)


class Scene:
    """An org, a gateway that follows its contacts, and the consumers of both endpoints."""

    def __init__(self, eosin, folder):
        self.eosin, self.folder, self.home = eosin, folder, folder / "home"
        secrets = {kind: "whsec_" + base64.b64encode(kind.encode() * 5).decode() for kind in KINDS}
        self.consumers = {kind: Consumer(secrets[kind]) for kind in KINDS}
        self.say("init", "--yes", self.home)
        for kind, secret in secrets.items():
            (self.home / "keys" / f"{kind}.whsec").write_text(secret)
        (self.home / "keys" / "org.secret").write_text("local-secret")
        self.ca = folder / "org.pem"
        self.org = Server(folder, "org", [eosin, "org", "--change-events", "Contact", "--keep-events", KEPT, "--ca-out", self.ca])
        self.at = {name: self.org.address(name) for name in ("http", "https")}
        self.place = Place("org", self.at["http"], self.at["http"])
        self.place.log_in()
        deploy(self.place)
        self.configure()
        self.rows = {kind: self.mark(kind) for kind in KINDS}
        self.next, self.gateway = 0, None

    def say(self, *arguments, code=0):
        done = subprocess.run([str(word) for word in (self.eosin, *arguments)], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)
        if done.returncode != code:
            raise SystemExit(f"`eosin {' '.join(map(str, arguments))}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def configure(self, api=None, **words):
        words = {"begin": '"earliest"', **words}
        topic, org = words.pop("topic", TOPIC), words.pop("org", self.at["http"])
        text = (self.home / "eosin.toml").read_text().split("[[boundary]]")[0]
        text += "".join("" if "[datasets]" in text else '[datasets]\nfolder = "datasets"\n')
        text += f"""
[[boundary]]
name = "contacts"
protocol = "webhook"
listen = "127.0.0.1:0"
environment = "production"
quarantine = true
system_of_record = true

[boundary.events]
format = "cloudevents"
path = "/events"
object = "Contact"
records = "/record"
retry_seconds = [1, 1, 1, 1]
"""
        for kind, consumer in self.consumers.items():
            text += f'\n[[boundary.webhook]]\nclass = "{kind}"\nurl = "{consumer.url}"\nkeys = ["keys/{kind}.whsec"]\n'
        text += f"""
[[subscription]]
name = "contacts"
boundary = "contacts"
topic = "{topic}"
org = "{org}"
api = "{api or self.at["http"]}"
client_id = "local-client"
client_secret = "keys/org.secret"
""" + "".join(f"{name} = {value}\n" for name, value in words.items())
        (self.home / "eosin.toml").write_text(text)

    def mark(self, kind):
        given, out = self.folder / f"{kind}.csv", self.folder / f"{kind}.marked.csv"
        people.write(given, "Contact", people.invented(kind[:3], 300))
        how = ["--attest", "contacts"] if kind == "attested" else ["--generator", "subscriptions"]
        self.say("mark", given, "--object", "Contact", "--out", out, "--dataset", f"{kind} contacts", *how, "--config", self.home / "eosin.toml")
        (self.home / "datasets").mkdir(exist_ok=True)
        (self.home / "datasets" / f"{kind}.dataset.json").write_bytes(Path(f"{out}.dataset.json").read_bytes())
        with open(out, newline="", encoding="utf-8") as marked:
            return [{name: value for name, value in row.items() if value and "." not in name} for row in csv.DictReader(marked)]

    def person(self, kind):
        self.next += 1
        row = dict(self.rows[kind][self.next])
        if "Eosin_Synthetic__c" in row:
            row["Eosin_Synthetic__c"] = row["Eosin_Synthetic__c"].lower() == "true"
        return row

    def add(self, row):
        return self.place.json("POST", f"{DATA}/sobjects/Contact", row)["id"]

    def start(self):
        self.gateway = Server(self.home, "gateway", [self.eosin, "run", "--config", self.home / "eosin.toml"])
        self.gateway.address("listening contacts:")

    def stop(self):
        if self.gateway:
            self.gateway.stop()
        self.gateway = None

    def came(self, kind):
        """The events that a consumer has taken: record ids and kinds of change."""
        events = [json.loads(body) for _, body in self.consumers[kind].events]
        return [(event["data"]["header"]["recordIds"][0], event["type"].rsplit(".", 1)[1], event) for event in events]

    def ids(self, kind):
        return {one for one, _, _ in self.came(kind)}

    def kept(self):
        return json.loads(self.say("quarantine", "list", "--json", "--config", self.home / "eosin.toml"))

    def end(self):
        self.stop()
        self.org.stop()
        for consumer in self.consumers.values():
            consumer.stop()
