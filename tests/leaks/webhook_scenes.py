"""Plays the scenes of events: each as posted to the consumer itself, and through Eosin; see `scenes.py` for what closed means.

It needs what tests/webhooks/requirements.txt names.
"""

import json
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "webhooks"))
# By its path: `run` is also the name of the script that plays this.
SPEC = spec_from_file_location("webhook_stories", HERE.parent / "webhooks" / "run.py")
webhooks = module_from_spec(SPEC)
SPEC.loader.exec_module(webhooks)

BOUNDARIES = {"JSON event": "json", "CloudEvents": "cloudevents", "Outbound message": "outbound"}
WORDS = {"name", "protocol", "to", "closed_by", "open", "type", "headers", "body", "allowed"}


class Channel:
    """One row of the table."""

    def __init__(self, row):
        if unknown := set(row) - WORDS:
            raise SystemExit(f"{row.get('name')}: the table has no word {', '.join(sorted(unknown))}")
        self.name, self.protocol, self.to, self.body = row["name"], row["protocol"], row["to"], row["body"]
        self.closed_by, self.open = row.get("closed_by", ""), row.get("open", "")
        self.headers = {"Content-Type": row.get("type", "application/json"), **row.get("headers", {})}
        self.allowed = row.get("allowed", True)
        self.direction, self.boundaries = "in", ["production" if self.to == "attested" else "test"]
        if bool(self.closed_by) == bool(self.open):
            raise SystemExit(f"{self.name}: say either how it is closed or why it is open")


def table(file=HERE / "webhooks.toml"):
    return [Channel(row) for row in tomllib.loads(file.read_text())["channel"]]


class Stage:
    """A gateway with its two consumers, and a consumer that takes whatever comes."""

    def __init__(self, eosin, folder):
        self.scene, self.count = webhooks.Scene(eosin, Path(folder)), 0

    def words(self, channel, kind):
        """What stands in a body for one person: of the kind that the consumer must not have, or of the other."""
        self.count += 1
        may = self.scene.marked[channel.to]
        record = self.scene.marked[kind][0]
        bare = {name: value for name, value in record.items() if not name.startswith("Eosin_")}
        if kind == channel.to:
            # Who may pass may also be marked, and carries a mark of his own.
            bare = moved = record
        else:
            bare = bare | {"FirstName": "Ann"}
            moved = bare | {name: value for name, value in may[1].items() if name.startswith("Eosin_")}
        records = {"record": record, "bare": bare, "moved": moved, "other": may[1]}
        words = {name: json.dumps(one) for name, one in records.items()}
        return {**words, "id": f"leak-{self.count}", "said": channel.to, "SAID": channel.to.upper()}, records

    def fill(self, text, given):
        words, records = given
        if text.startswith("{envelope:"):
            return envelope(words, [records[name] for name in text[len("{envelope:"):-1].split(",")])
        for name, value in words.items():
            text = text.replace("{" + name + "}", value)
        return text

    def arrives(self, channel, kind, straight):
        """Whether the person of a scene is in what the consumer took, and the answer to the sender."""
        given = self.words(channel, kind)
        consumer = getattr(self.scene, channel.to)
        body = self.fill(channel.body, given).encode()
        headers = {name: self.fill(value, given) for name, value in channel.headers.items()}
        sought = given[1]["record"]["Email"] if kind == channel.to else given[1]["record"]["Phone"]
        sought = [sought, given[1]["bare"]["Phone"]]
        if straight:
            return any(one in body.decode() for one in sought), 200
        before = len(consumer.events)
        status, _ = self.scene.post(BOUNDARIES[channel.protocol], headers, body)
        came = b"".join(sent for _, sent in consumer.events[before:]).decode()
        return any(one in came for one in sought), status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.scene.stop()


def envelope(words, records):
    rows = ""
    for number, record in enumerate(records):
        said = record | {"Eosin_Subject__c": words["said"]}
        said.pop("Eosin_Synthetic__c", None)
        fields = "".join(f"<sf:{name}>{value}</sf:{name}>" for name, value in said.items() if isinstance(value, str))
        rows += (f'<Notification><Id>{words["id"]}-{number}</Id><sObject xsi:type="sf:Contact" '
                 f'xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{fields}</sObject></Notification>')
    return ('<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
            'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><notifications '
            'xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00D000000000001</OrganizationId>'
            f"<SessionId>SESSION-SECRET</SessionId>{rows}</notifications></soapenv:Body></soapenv:Envelope>")


def problem(stage, channel):
    """What is wrong with a channel, in a sentence; nothing if it is as the table says."""
    refused = "synthetic" if channel.to == "attested" else "attested"
    if not stage.arrives(channel, refused, straight=True)[0]:
        return "the scene does nothing even without Eosin"
    arrived, status = stage.arrives(channel, refused, straight=False)
    if channel.open:
        return "" if arrived else "it is closed now: say in the table how, and take `open` away"
    if arrived:
        return f"a record arrived that must not ({status})"
    if status >= 500 and channel.protocol != "Outbound message":
        return f"it was refused with an error that senders repeat ({status})"
    if not channel.allowed:
        return ""
    arrived, status = stage.arrives(channel, channel.to, straight=False)
    return "" if arrived else f"an allowed record did not arrive ({status})"
