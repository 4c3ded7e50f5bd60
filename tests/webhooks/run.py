#!/usr/bin/env python3
"""Events through a gateway, from senders and to consumers that we did not write.

    pip install -r tests/webhooks/requirements.txt
    python tests/webhooks/run.py --eosin target/debug/eosin

The sender of CloudEvents is the CloudEvents SDK; every consumer verifies with the `standardwebhooks` library.
"""

import argparse
import base64
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import announcements
from cloudevents.v1.conversion import to_binary, to_structured
from cloudevents.v1.http import CloudEvent
from consumer import Consumer, verify
from standardwebhooks.webhooks import WebhookVerificationError

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
import told  # noqa: E402
from servers import Server  # noqa: E402

PEOPLE = [
    {"FirstName": "Ada", "LastName": "Zzyzx", "Birthdate": "1984-02-29", "Phone": "(205) 555-0100", "Email": "ada@example.org"},
    {"FirstName": "Eve", "LastName": "Zzyzx", "Birthdate": "1990-03-01", "Phone": "(205) 555-0101", "Email": "eve@example.org"},
]


class Scene:
    """Three boundaries, one a format, in front of the same two consumers."""

    def __init__(self, eosin, folder):
        self.eosin, self.home = eosin, folder / "home"
        secrets = {name: "whsec_" + base64.b64encode(name.encode() * 5).decode() for name in ("attested", "synthetic", "older")}
        self.attested, self.synthetic = Consumer(secrets["attested"]), Consumer(secrets["synthetic"])
        self.say("init", "--yes", self.home)
        for name, secret in secrets.items():
            (self.home / "keys" / f"{name}.whsec").write_text(secret)
        (self.home / "eosin.toml").write_text(self.configuration())
        self.marked = {
            "attested": self.mark(folder, "attested", "--attest", "json"),
            "synthetic": self.mark(folder, "synthetic", "--generator", "webhook-story"),
        }
        self.server = Server(self.home, "gateway", [eosin, "run", "--config", self.home / "eosin.toml"])
        self.at = {name: self.server.address(f"listening {name}:") for name in ("json", "cloudevents", "outbound")}

    def say(self, *arguments):
        command = [str(word) for word in (self.eosin, *arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode > 1:
            raise SystemExit(f"`{' '.join(command)}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def mark(self, folder, name, *how):
        given, out = folder / f"{name}.json", folder / f"{name}-marked.json"
        given.write_text(json.dumps({"records": [{"attributes": {"type": "Contact"}, **one} for one in PEOPLE]}))
        self.say("mark", given, "--out", out, "--dataset", f"webhooks {name}", *how, "--config", self.home / "eosin.toml")
        (self.home / "datasets").mkdir(exist_ok=True)
        shutil.copy(f"{out}.dataset.json", self.home / "datasets" / f"{name}.dataset.json")
        return [{key: value for key, value in one.items() if key != "attributes"} for one in json.loads(out.read_text())["records"]]

    def configuration(self):
        text = (self.home / "eosin.toml").read_text()
        text = text[: text.index("[[boundary]]")]
        if "[datasets]" not in text:
            text += '[datasets]\nfolder = "datasets"\n'
        for name, format, words in (
            ("json", "json", 'object = "Contact"\nrecords = "/data"\nclass = "/class"\nid = "/id"'),
            ("cloudevents", "cloudevents", 'object = "Contact"'),
            ("outbound", "outbound-message", ""),
        ):
            text += f"""
[[boundary]]
name = "{name}"
protocol = "webhook"
listen = "127.0.0.1:0"
environment = "production"
quarantine = true
system_of_record = true

[boundary.events]
format = "{format}"
path = "/events"
retry_seconds = [1, 1, 1, 1, 1, 1]
{words}

[[boundary.webhook]]
class = "attested"
url = "{self.attested.url}"
keys = ["keys/attested.whsec", "keys/older.whsec"]

[[boundary.webhook]]
class = "synthetic"
url = "{self.synthetic.url}"
keys = ["keys/synthetic.whsec"]
"""
        return text

    def post(self, name, headers, body):
        request = urllib.request.Request(self.at[name] + "/events", data=body, headers=dict(headers), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()

    def release(self, item, *more):
        command = [self.eosin, "quarantine", "release", item, "--reason", "CASE-7", "--by", "tests", "--config", self.home / "eosin.toml", *more]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)

    def stop(self):
        self.server.stop()
        self.attested.stop()
        self.synthetic.stop()


def need(condition, sentence):
    if not condition:
        raise AssertionError(sentence)


def cloud(record, said):
    attributes = {"type": "contact.updated", "source": "/crm"}
    if said:
        attributes["eosinclass"] = said
    return CloudEvent(attributes, record)


def cloudevents_of_the_sdk(scene):
    """What the SDK sends, in both of its modes, goes to the endpoint of its class; the other key does not verify it."""
    for convert in (to_structured, to_binary):
        for said, consumer in (("attested", scene.attested), ("synthetic", scene.synthetic)):
            before = len(consumer.events)
            headers, body = convert(cloud(scene.marked[said][0], said))
            if convert is to_binary:
                headers["content-type"] = "application/json"
            status, answer = scene.post("cloudevents", headers, body)
            need(status == 200, f"{status} {answer}")
            need(len(consumer.events) == before + 1, f"{said} came to its consumer")
            got, sent = consumer.events[-1]
            need(sent == body, "byte for byte")
            other = scene.synthetic.secret if said == "attested" else scene.attested.secret
            try:
                verify(other, got, sent)
                raise AssertionError("the other endpoint's key verifies it too")
            except WebhookVerificationError:
                pass


def two_keys_at_once(scene):
    """While one key takes the other's place, a consumer with either is content."""
    got, sent = scene.attested.events[-1]
    older = (scene.home / "keys" / "older.whsec").read_text()
    verify(older, got, sent)
    verify(scene.attested.secret, got, sent)


def a_list_is_split(scene):
    """One message with both kinds: each consumer gets its own, and nothing else."""
    attested, synthetic = len(scene.attested.events), len(scene.synthetic.events)
    events = [{"id": f"s{at}", "class": said, "data": scene.marked[said][at]} for said in ("attested", "synthetic") for at in (0, 1)]
    status, answer = scene.post("json", {"Content-Type": "application/json"}, json.dumps(events).encode())
    need((status, json.loads(answer)["delivered"]) == (200, 4), answer)
    need((len(scene.attested.events), len(scene.synthetic.events)) == (attested + 1, synthetic + 1), "one delivery each")
    for consumer, said in ((scene.attested, "attested"), (scene.synthetic, "synthetic")):
        need({one["class"] for one in json.loads(consumer.events[-1][1])} == {said}, f"only {said}")


def a_false_class_is_kept_and_released_once(scene):
    """An event that contradicts its content waits for a person, and then goes to the right endpoint, once."""
    body = json.dumps({"id": "false", "class": "attested", "data": scene.marked["synthetic"][0]}).encode()
    attested, synthetic = len(scene.attested.events), len(scene.synthetic.events)
    status, answer = scene.post("json", {"Content-Type": "application/json"}, body)
    need(status == 202, answer)
    [item] = json.loads(answer)["items"]
    need((len(scene.attested.events), len(scene.synthetic.events)) == (attested, synthetic), "nothing was sent")
    need(scene.release(item).returncode == 1, "without a person's word it stays")
    done = scene.release(item, "--to", "synthetic")
    need(done.returncode == 0, done.stdout + done.stderr)
    need((len(scene.attested.events), len(scene.synthetic.events)) == (attested, synthetic + 1), "once, to the right endpoint")
    need(scene.release(item, "--to", "synthetic").returncode == 1, "not twice")


def a_consumer_that_was_down(scene):
    """What a consumer could not take it gets later, under the same name; nothing is lost and nothing comes twice."""
    scene.synthetic.status = 503
    before = len(scene.synthetic.events)
    for number in range(3):
        body = json.dumps({"id": f"down-{number}", "class": "synthetic", "data": scene.marked["synthetic"][1]}).encode()
        status, answer = scene.post("json", {"Content-Type": "application/json"}, body)
        need((status, json.loads(answer)["waiting"]) == (202, 1), answer)
    scene.synthetic.status = 200
    until = time.monotonic() + 60
    while len(scene.synthetic.events) < before + 3 and time.monotonic() < until:
        time.sleep(0.1)
    need(len(scene.synthetic.events) == before + 3, "all three came")


def outbound_message(scene):
    """A Salesforce outbound message: split, its session withheld, and acknowledged."""
    def row(number, record):
        fields = "".join(f"<sf:{name}>{str(value).lower() if isinstance(value, bool) else value}</sf:{name}>"
                         for name, value in record.items() if not isinstance(value, dict))
        return (f'<Notification><Id>04l00000000000{number}</Id><sObject xsi:type="sf:Contact" '
                f'xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{fields}</sObject></Notification>')

    rows = row(1, scene.marked["attested"][0]) + row(2, scene.marked["synthetic"][0])
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><notifications '
        'xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00D000000000001</OrganizationId>'
        '<ActionId>04k000000000001</ActionId><SessionId>00D-SESSION-SECRET</SessionId><EnterpriseUrl>https://org.example/c'
        f"</EnterpriseUrl><PartnerUrl>https://org.example/u</PartnerUrl>{rows}</notifications></soapenv:Body></soapenv:Envelope>"
    ).encode()
    status, answer = scene.post("outbound", {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}, body)
    need(status == 200 and "<Ack>true</Ack>" in answer, answer)
    for consumer, number in ((scene.attested, 1), (scene.synthetic, 2)):
        sent = consumer.events[-1][1].decode()
        need(re.findall(r"<Id>(04l\d+)</Id>", sent) == [f"04l00000000000{number}"], sent[:200])
        need("SECRET" not in sent, "the session is not passed on")


def nothing_is_told(scene):
    """Neither ledger nor log holds a name or a session."""
    scene.server.stop()
    for path in [*scene.home.rglob("*"), scene.server.log]:
        if path.is_file() and "datasets" not in path.parts:
            held = path.read_bytes()
            need(b"Zzyzx" not in held and b"SESSION-SECRET" not in held, f"{path} tells")
    need(scene.attested.refused == scene.synthetic.refused == 0, "no delivery came with a signature that does not verify")


STORIES = [cloudevents_of_the_sdk, two_keys_at_once, a_list_is_split, a_false_class_is_kept_and_released_once,
           a_consumer_that_was_down, outbound_message, nothing_is_told, *announcements.STORIES]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eosin", type=Path, required=True, help="the binary")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(arguments.eosin.resolve(), Path(folder))
        try:
            return told.stories(STORIES, scene, lambda: scene.server.said())
        finally:
            scene.stop()


if __name__ == "__main__":
    sys.exit(main())
