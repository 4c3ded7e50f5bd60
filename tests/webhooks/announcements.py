"""Emergency versions and policy versions, announced by two gateways to one consumer that believes the library alone."""

import base64
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cloudevents.v1.conversion import from_json
from cloudevents.v1.http import CloudEvent
from consumer import Consumer

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
from servers import Server  # noqa: E402

STOP = """
@id("nothing-synthetic")
@reason("an emergency")
forbid (principal, action, resource) when { context.synthetic > 0 };
@id("all-else")
@reason("as before")
permit (principal, action, resource);
"""
CASES = """
[[case]]
name = "synthetic stops"
action = "create"
environment = "staging"
records = [{ verdict = "synthetic" }]
expect = "block"
"""
KINDS = ["eosin.policy.activated", "eosin.emergency.asked", "eosin.emergency.in-force", "eosin.emergency.stood-down"]


class Replicas:
    """Two gateways that share the folder of versions, and announce to the same consumer."""

    def __init__(self, eosin, folder):
        self.eosin, self.folder, self.gateways = eosin, folder, []
        self.homes = [folder / "one", folder / "two"]
        self.ops = Consumer("whsec_" + base64.b64encode(b"announcements-" * 2).decode())
        first = self.homes[0]
        for home in self.homes:
            self.say("init", "--yes", home)
            (home / "keys" / "ops.whsec").write_text(self.ops.secret)
        for name in ("ada", "bel"):
            self.say("emergency", "key", name, "--out", folder)
        for home in self.homes:
            text = (home / "eosin.toml").read_text().split("[[boundary]]")[0]
            text = text.replace('folder = "policies"', f'folder = "{first}/policies"').replace("keys/policy.", f"{first}/keys/policy.")
            for name in ("ada", "bel"):
                text += f'[[emergency.signer]]\nname = "{name}"\nkey = "{folder}/{name}.vkey"\n'
            text += f'[[announce]]\nname = "ops"\nurl = "{self.ops.url}"\nkeys = ["keys/ops.whsec"]\nretry_seconds = {[1] * 30}\n'
            text += '[[boundary]]\nname = "crm"\nprotocol = "salesforce"\nlisten = "127.0.0.1:0"\nupstream = "http://127.0.0.1:9"\n' \
                'environment = "staging"\nreads = "open"\n'
            (home / "eosin.toml").write_text(text)
        (folder / "stop.cedar").write_text(STOP)
        (folder / "cases.toml").write_text(CASES)

    def say(self, *arguments, ends=0):
        words = [str(word) for word in (self.eosin, *arguments)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, cwd=self.folder)
        if done.returncode != ends:
            raise AssertionError(f"`eosin {' '.join(words[1:])}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def here(self, *arguments, ends=0):
        return self.say(*arguments, "--config", self.homes[0] / "eosin.toml", ends=ends)

    def start(self):
        self.gateways = [Server(home, "gateway", [self.eosin, "run", "--config", home / "eosin.toml"]) for home in self.homes]
        for gateway in self.gateways:
            gateway.address("listening crm:")

    def stop(self):
        for gateway in self.gateways:
            gateway.stop()
        self.gateways = []


def need(condition, sentence):
    if not condition:
        raise AssertionError(sentence)


def wait(condition, sentence, seconds=20):
    until = time.monotonic() + seconds
    while not condition():
        need(time.monotonic() < until, sentence)
        time.sleep(0.05)


def versions_are_announced_once_each_by_two_gateways(scene):
    """Each event comes signed and once; while the consumer is away it waits, over a restart too; and it is on record."""
    with tempfile.TemporaryDirectory() as folder:
        replicas = Replicas(scene.eosin, Path(folder))
        try:
            announced(replicas)
        finally:
            replicas.stop()
            replicas.ops.stop()


def announced(replicas):
    ops = replicas.ops
    replicas.here("emergency", "prepare", "stop.cedar", "--cases", "cases.toml", "--reason", "DRILL")
    replicas.start()
    wait(lambda: (replicas.homes[0] / "policies" / "announced" / "ops" / "progress.json").exists(), "nobody took up the announcements")
    shipped = replicas.folder / "ours.cedar"
    shutil.copy(Path(__file__).resolve().parents[2] / "crates/policy/policies/default.cedar", shipped)
    replicas.here("policy", "activate", shipped, "--reason", "CASE-1")
    wait(lambda: len(ops.events) == 1, "the policy version was not announced")

    # Away: what is said meanwhile waits, and a restart forgets none of it.
    ops.status = 503
    replicas.here("emergency", "activate", "stop", "--key", "ada.skey", "--scope", "boundary=crm", "--for", "1h", "--reason", "CASE-2")
    replicas.here("emergency", "approve", "stop", "--key", "bel.skey")
    wait(lambda: any(one["attempts"] for one in status(replicas)), "it was not tried")
    need(len(ops.events) == 1, "the consumer was away")
    replicas.stop()
    ops.status = 200
    replicas.start()
    wait(lambda: len(ops.events) == 3, "what waited was not announced")
    # The one that announces goes away, and the other goes on.
    replicas.gateways[0].stop()
    replicas.here("emergency", "stand-down", "stop", "--key", "bel.skey", "--reason", "CASE-2-closed")
    wait(lambda: len(ops.events) == 4, "the other gateway did not go on")
    wait(lambda: all(one["delivered"] for one in status(replicas)), "not all is on record")
    replicas.stop()

    told = [from_json(CloudEvent, body) for _, body in ops.events]
    came = [one["type"] for one in told]
    # Of the two that waited the first had been tried and has its own wait: whichever is due sooner comes first.
    need(came[:1] + sorted(came[1:3], key=KINDS.index) + came[3:] == KINDS, came)
    need(ops.refused == 0, "a signature did not verify")
    for (headers, _), event in zip(ops.events, told):
        need(headers["webhook-id"] == event["id"], "one name")
        need(headers["content-type"].startswith("application/cloudevents+json"), headers["content-type"])
        need(event["specversion"] == "1.0" and event["source"].startswith("//"), str(event))
    force, down = told[came.index("eosin.emergency.in-force")].data, told[3].data
    need((force["by"], force["approved"], force["scope"]) == ("ada", "bel", "boundary=crm"), force)
    need(down["activation"] == force["activation"] and down["reason"] == "CASE-2-closed", down)
    need([one["type"] for one in status(replicas)] == KINDS, "the status names them")
    rows = 0
    for home in replicas.homes:
        replicas.say("index", "update", "--config", home / "eosin.toml")
        sql = "SELECT announcement, event FROM announcements"
        rows += len(replicas.say("index", "query", sql, "--json", "--config", home / "eosin.toml").splitlines())
    need(rows == 4, f"{rows} rows: each once, in the ledger of whoever announced it")


def status(replicas):
    done = subprocess.run([str(replicas.eosin), "emergency", "status", "--json", "--config", str(replicas.homes[0] / "eosin.toml")],
                          capture_output=True, text=True, check=False)
    return json.loads(done.stdout)["announcements"]


STORIES = [versions_are_announced_once_each_by_two_gateways]
