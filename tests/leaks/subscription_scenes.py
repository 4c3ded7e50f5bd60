"""Plays the scenes of a followed topic: each to a consumer that sorts nothing, and through Eosin; see `scenes.py` for what closed means."""

import json
import sys
import time
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "subscriptions"))
SPEC = spec_from_file_location("followed", HERE.parent / "subscriptions" / "scene.py")
followed = module_from_spec(SPEC)
SPEC.loader.exec_module(followed)

WORDS = {"name", "to", "closed_by", "open", "row", "also", "then", "with", "allowed"}
WAIT_SECONDS = 20
STILL = 20
# Observes only: what comes goes where it would have gone without Eosin.
STRAIGHT = """
[[boundary]]
name = "straight"
protocol = "webhook"
listen = "127.0.0.1:0"
environment = "production"
mode = "observe"
quarantine = true

[boundary.events]
format = "cloudevents"
path = "/events"
object = "Contact"
records = "/record"
"""


class Channel:
    """One row of the table."""

    def __init__(self, row):
        if unknown := set(row) - WORDS:
            raise SystemExit(f"{row.get('name')}: the table has no word {', '.join(sorted(unknown))}")
        self.name, self.to, self.row = row["name"], row["to"], row["row"]
        self.closed_by, self.open = row.get("closed_by", ""), row.get("open", "")
        self.also, self.then, self.change = row.get("also", {}), row.get("then", []), row.get("with", {})
        self.allowed = row.get("allowed", True)
        self.protocol, self.direction = "Change event", "in"
        self.boundaries = ["production" if self.to == "attested" else "test"]
        if bool(self.closed_by) == bool(self.open):
            raise SystemExit(f"{self.name}: say either how it is closed or why it is open")


def table(file=HERE / "subscriptions.toml"):
    return [Channel(row) for row in tomllib.loads(file.read_text())["channel"]]


class Stage:
    """An org, a gateway that follows its contacts twice, and the consumers of both boundaries."""

    def __init__(self, eosin, folder):
        self.scene = followed.Scene(eosin, Path(folder))
        home = self.scene.home
        self.straight = {}
        text = (home / "eosin.toml").read_text()
        boundary, subscription = STRAIGHT, text[text.index("[[subscription]]"):].replace('"contacts"', '"straight"')
        for kind in followed.KINDS:
            (home / "keys" / f"straight-{kind}.whsec").write_text("whsec_" + ("c3RyYWlnaHQt" * 4)[: 32 if kind == "attested" else 36])
            self.straight[kind] = followed.Consumer((home / "keys" / f"straight-{kind}.whsec").read_text())
            boundary += f'\n[[boundary.webhook]]\nclass = "{kind}"\nurl = "{self.straight[kind].url}"\nkeys = ["keys/straight-{kind}.whsec"]\n'
        at = text.index("[[subscription]]")
        (home / "eosin.toml").write_text(text[:at] + boundary + "\n" + text[at:] + "\n" + subscription)
        self.scene.start()

    def play(self, channel, kind):
        """Does what the scene says for somebody of a kind; the record's id, and what the last event says that happened."""
        row = self.scene.person(kind)
        if channel.row != "marked":
            other = self.scene.person(channel.to)
            row = {name: value for name, value in row.items() if not name.startswith("Eosin_")}
            if channel.row == "moved":
                row |= {name: value for name, value in other.items() if name.startswith("Eosin_")}
        may_pass = kind == channel.to
        one = self.scene.add(row if may_pass else row | channel.also)
        last = "create"
        for last in channel.then:
            path = f"{followed.DATA}/sobjects/Contact/{one}"
            if last == "update":
                self.scene.place.json("PATCH", path, {"Department": "Cardiology"} if may_pass else channel.change)
            else:
                self.scene.place.json("DELETE", path)
        return one, last

    def came(self, consumers, one, what):
        for consumer in consumers:
            for _, body in list(consumer.events):
                event = json.loads(body)
                if event["type"].endswith(f".{what}") and one in event["data"]["header"]["recordIds"]:
                    return True
        return False

    def done(self):
        """Whether both subscriptions are done with the same event."""
        marks = [list((self.scene.home / "subscriptions" / name).glob("*.replay")) for name in ("contacts", "straight")]
        return all(marks) and len({mark[0].read_bytes() for mark in marks}) == 1

    def arrives(self, channel, kind):
        """Whether the last event of a scene came without Eosin, and whether it came through it."""
        one, what = self.play(channel, kind)
        end = time.monotonic() + WAIT_SECONDS
        straight, still = False, 0
        # A bookmark is written behind the events that were sent together: both have to stand where they are for a while.
        while time.monotonic() < end and still < STILL:
            straight = straight or self.came(self.straight.values(), one, what)
            still = still + 1 if straight and self.done() else 0
            time.sleep(0.02)
        return straight, self.came([self.scene.consumers[channel.to]], one, what)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.scene.end()
        for consumer in self.straight.values():
            consumer.stop()


def problem(stage, channel):
    """What is wrong with a channel, in a sentence; nothing if it is as the table says."""
    refused = "synthetic" if channel.to == "attested" else "attested"
    straight, arrived = stage.arrives(channel, refused)
    if not straight:
        return f"the scene does nothing even without Eosin\n{stage.scene.gateway.said()}"
    if channel.open:
        return "" if arrived else "it is closed now: say in the table how, and take `open` away"
    if arrived:
        return "a record arrived that must not"
    if not channel.allowed:
        return ""
    _, arrived = stage.arrives(channel, channel.to)
    return "" if arrived else f"an allowed record did not arrive\n{stage.scene.gateway.said()}"
