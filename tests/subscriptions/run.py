#!/usr/bin/env python3
"""The Pub/Sub API of the local org with clients that we did not write, and a subscriber that is killed in the middle.

    pip install -r tests/subscriptions/requirements.txt
    python tests/subscriptions/run.py --eosin target/debug/eosin

aiosfpubsub brings Salesforce's own messages, compiled, and reads Avro with Apache's library; fastavro reads and writes it
again. Every consumer verifies with the `standardwebhooks` library.
"""

import argparse
import asyncio
import io
import json
import os
import signal
import sys
import tempfile
import threading
import time
import zipfile
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import certifi

# The library trusts what `certifi` names: here the local org's own authority.
TRUSTED = {}
certifi.where = lambda: TRUSTED["file"]

import aiosfpubsub.pubsub_api_pb2 as messages  # noqa: E402
import aiosfpubsub.pubsub_api_pb2_grpc as stubs  # noqa: E402
import fastavro  # noqa: E402
import grpc  # noqa: E402
from aiosfpubsub.client import Client  # noqa: E402
from scene import DATA, KEPT, KINDS, TOPIC, Scene, need, until  # noqa: E402

import told  # noqa: E402

VISIT = ('<?xml version="1.0" encoding="UTF-8"?><CustomObject xmlns="http://soap.sforce.com/2006/04/metadata">'
         "<label>Visit</label><pluralLabel>Visits</pluralLabel><eventType>HighVolume</eventType>"
         "<deploymentStatus>Deployed</deploymentStatus><fields><fullName>Who__c</fullName><label>Who</label>"
         "<type>Text</type><length>80</length></fields></CustomObject>")


def a_client_that_is_not_ours(scene):
    """aiosfpubsub logs in by SOAP, asks for topic and schema, subscribes, and reads what changed by Apache's Avro."""
    row = {"FirstName": "Ann", "LastName": "Zzyzx", "MailingCity": "Selma", "Birthdate": "1984-02-29"}
    one = scene.add(row)
    scene.place.json("PATCH", f"{DATA}/sobjects/Contact/{one}", {"Phone": "(205) 555-0100", "MailingCity": None})
    scene.place.json("DELETE", f"{DATA}/sobjects/Contact/{one}")
    host, port = scene.at["https"].removeprefix("https://").split(":")
    client = Client(scene.at["http"], "admin@org.example", "local-passwordtoken", host, int(port))
    client.auth()
    topic = client.get_topic(TOPIC)
    need(topic.can_subscribe and not topic.can_publish and topic.tenant_guid, str(topic))
    got = []

    async def some():
        task = asyncio.create_task(client.subscribe(TOPIC, "EARLIEST", b"", 50, lambda answer, _: got.append(answer)))
        for _ in range(200):
            if sum(len(answer.events) for answer in got) >= 3:
                break
            await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(some())
    events = [event for answer in got for event in answer.events]
    need(len(events) == 3, f"{len(events)} events")
    read = []
    for event in events:
        schema = client.get_schema_json(event.event.schema_id)
        value = client.decode(schema, event.event.payload)
        again = fastavro.schemaless_reader(io.BytesIO(event.event.payload), fastavro.parse_schema(json.loads(schema)))
        need(value == again, "two libraries read two things")
        read.append(value)
    headers = [value["ChangeEventHeader"] for value in read]
    need([header["changeType"] for header in headers] == ["CREATE", "UPDATE", "DELETE"], str(headers))
    need(all(header["recordIds"] == [one] and header["entityName"] == "Contact" for header in headers), str(headers))
    need(read[0]["Name"]["LastName"] == "Zzyzx" and read[0]["MailingAddress"]["City"] == "Selma", str(read[0]))
    need(read[1]["Phone"] == "(205) 555-0100" and read[1]["Name"] is None, str(read[1]))
    fields = json.loads(client.get_schema_json(events[1].event.schema_id))["fields"]
    need("Phone" in named(fields, headers[1]["changedFields"]), str(headers[1]))
    need(named(fields, headers[1]["nulledFields"]) == {"MailingAddress.City"}, str(headers[1]))


def named(fields, bitmaps):
    """The fields that bitmaps mean, as Salesforce's own example reads them: bits from the right, of the schema's fields."""
    names = set()
    for bitmap in bitmaps:
        within, _, digits = bitmap.rpartition("-")
        inner = fields
        if within:
            inner = next(kind for kind in fields[int(within)]["type"] if isinstance(kind, dict))["fields"]
        for at, bit in enumerate(reversed(bin(int(digits, 16))[2:])):
            if bit == "1":
                names.add((fields[int(within)]["name"] + "." if within else "") + inner[at]["name"])
    return names


def publishing(scene):
    """A platform event that fastavro wrote is published by grpcio, kept, and given back; one of another schema is refused."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        types = "<types><members>Visit__e</members><name>CustomObject</name></types>"
        archive.writestr("package.xml", f'<Package xmlns="http://soap.sforce.com/2006/04/metadata">{types}<version>65.0</version></Package>')
        archive.writestr("objects/Visit__e.object", VISIT)
    edge = "edge"
    body = (f'--{edge}\r\nContent-Disposition: form-data; name="json"\r\nContent-Type: application/json\r\n\r\n'
            '{"deployOptions": {"singlePackage": true}}\r\n'
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="p.zip"\r\nContent-Type: application/zip\r\n\r\n').encode()
    body += packed.getvalue() + f"\r\n--{edge}--\r\n".encode()
    scene.place.ask("POST", f"{DATA}/metadata/deployRequest", [*scene.place.bearer(), ("Content-Type", f"multipart/form-data; boundary={edge}")], body)
    tenant = scene.place.json("GET", f"{DATA}/query?q=SELECT+Id+FROM+Organization")["records"][0]["Id"]
    who = (("accesstoken", scene.place.session), ("instanceurl", scene.at["https"]), ("tenantid", tenant))
    stub = stubs.PubSubStub(grpc.insecure_channel(scene.at["http"].removeprefix("http://")))
    topic = stub.GetTopic(messages.TopicRequest(topic_name="/event/Visit__e"), metadata=who)
    schema = fastavro.parse_schema(json.loads(stub.GetSchema(messages.SchemaRequest(schema_id=topic.schema_id), metadata=who).schema_json))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, {"CreatedDate": 0, "CreatedById": "005", "Who__c": "Zoë"})
    made = [messages.ProducerEvent(id="one", schema_id=topic.schema_id, payload=out.getvalue()),
            messages.ProducerEvent(id="two", schema_id="foreign", payload=out.getvalue()),
            messages.ProducerEvent(id="three", schema_id=topic.schema_id, payload=b"\xff\xff")]
    results = stub.Publish(messages.PublishRequest(topic_name="/event/Visit__e", events=made), metadata=who).results
    need([one.correlation_key for one in results] == ["one", "two", "three"], str(results))
    need(results[0].replay_id and not results[0].error.msg and results[1].error.msg and results[2].error.msg, str(results))
    more = stub.PublishStream(iter([messages.PublishRequest(topic_name="/event/Visit__e", events=made[:1])]), metadata=who)
    need(len(next(more).results) == 1, "the stream publishes too")
    first = messages.FetchRequest(topic_name="/event/Visit__e", replay_preset=messages.EARLIEST, num_requested=10)

    def asks():
        yield first
        time.sleep(1)

    answer = next(stub.Subscribe(asks(), metadata=who))
    need(len(answer.events) == 2, str(answer))
    value = fastavro.schemaless_reader(io.BytesIO(answer.events[0].event.payload), schema)
    need(value["Who__c"] == "Zoë" and value["CreatedDate"] > 1_600_000_000_000, str(value))
    try:
        stub.GetTopic(messages.TopicRequest(topic_name="/event/Visit__e"), metadata=(("accesstoken", "x"), *who[1:]))
        raise AssertionError("a false session came in")
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata())
        need(error.code() == grpc.StatusCode.UNAUTHENTICATED, str(error))
        need(trailers["error-code"] == "sfdc.platform.eventbus.grpc.service.auth.error", str(trailers))


def changes_reach_their_endpoint(scene):
    """Whatever happens to a marked record, the event goes to the endpoint of its class, though it holds no mark itself."""
    scene.start()
    made = {kind: [scene.add(scene.person(kind)) for _ in range(2)] for kind in KINDS}
    for ids in made.values():
        scene.place.json("PATCH", f"{DATA}/sobjects/Contact/{ids[0]}", {"Department": "Cardiology"})
        scene.place.json("DELETE", f"{DATA}/sobjects/Contact/{ids[1]}")
    for kind, ids in made.items():
        want = {(ids[0], "create"), (ids[1], "create"), (ids[0], "update"), (ids[1], "delete")}
        until(lambda kind=kind, want=want: want <= {(one, what) for one, what, _ in scene.came(kind)},
              lambda kind=kind: f"{kind}: {[(one, what) for one, what, _ in scene.came(kind)]}\n{scene.gateway.said()}")
        for one, what, event in scene.came(kind):
            if (one, what) == (ids[0], "update"):
                need(event["data"]["header"]["changedFields"][0] == "Department", str(event["data"]["header"]))
                need("Department" in event["data"]["change"] and "LastName" in event["data"]["record"], "what changed, and the record")
    need(not scene.ids("attested") & set(made["synthetic"]), "no synthetic record at the attested endpoint")
    need(not scene.ids("synthetic") & set(made["attested"]), "no attested record at the synthetic endpoint")


def who_proves_nothing_is_kept(scene):
    """An unmarked record's event, and one that says falsely what it is, wait for a person."""
    before = len(scene.kept())
    bare = scene.add({"LastName": "Unmarked"})
    synthetic = {name: value for name, value in scene.person("synthetic").items() if not name.startswith("Eosin_Synthetic")}
    false = scene.add(synthetic | {"Eosin_Subject__c": "attested"})
    until(lambda: len(scene.kept()) >= before + 2, lambda: scene.gateway.said())
    need(not {bare, false} & (scene.ids("attested") | scene.ids("synthetic")), "neither went anywhere")


def killed_in_the_middle(scene):
    """Killed again and again while records are made: every event arrives, once for whoever looks at its name."""
    made = {kind: [] for kind in KINDS}
    refused = {kind: consumer.refused for kind, consumer in scene.consumers.items()}
    for turn in range(4):
        for number in range(12):
            kind = KINDS[number % 2]
            made[kind].append(scene.add(scene.person(kind)))
            if number == 4 + turn:
                os.kill(scene.gateway.process.pid, signal.SIGKILL)
                scene.gateway.process.wait()
        scene.start()
    for kind, ids in made.items():
        until(lambda kind=kind, ids=ids: set(ids) <= scene.ids(kind),
              lambda kind=kind, ids=ids: f"{kind} lacks {len(set(ids) - scene.ids(kind))} of {len(ids)}\n{scene.gateway.said()}")
        came = [one for one, what, _ in scene.came(kind) if what == "create" and one in set(ids)]
        need(len(came) == len(set(came)), "an event under two names")
        need(came == ids, "in the order in which they were made")
        need(scene.consumers[kind].refused == refused[kind], "every signature verifies")
    need(not scene.ids("attested") & set(made["synthetic"]) and not scene.ids("synthetic") & set(made["attested"]), "each to its own")


def entries(scene):
    text = scene.say("ledger", "show", "--json", "--kind", "subscription", "--config", scene.home / "eosin.toml")
    return [json.loads(line)["entry"] for line in text.splitlines()]


def a_replay_id_that_is_gone(scene):
    """The events behind the bookmark are gone: it stops and says so, or goes on where it is told to, and says so."""
    scene.stop()
    flood(scene)
    scene.start()
    until(lambda: "the subscription has ended" in scene.gateway.said(), lambda: scene.gateway.said())
    later = scene.add(scene.person("attested"))
    time.sleep(1)
    need(later not in scene.ids("attested"), "it has stopped")
    scene.stop()
    need([entry["then"] for entry in entries(scene)] == ["stop"], str(entries(scene)))
    scene.configure(on_gone='"earliest"')
    scene.start()
    until(lambda: later in scene.ids("attested"), lambda: scene.gateway.said())
    need("gone" in scene.gateway.said(), "it is said aloud")
    scene.stop()
    need([entry["then"] for entry in entries(scene)] == ["stop", "earliest"], str(entries(scene)))
    need(entries(scene)[0]["topic"] == TOPIC, str(entries(scene)))


def flood(scene):
    """More changes than the org keeps, of a record that is attested."""
    one = scene.add(scene.person("attested"))
    for number in range(KEPT + 5):
        scene.place.json("PATCH", f"{DATA}/sobjects/Contact/{one}", {"Description": f"change {number}"})


class Relay(ThreadingHTTPServer):
    """The org's REST, but for what it is told to fail at: a beginning of paths, and the status instead of an answer."""

    def __init__(self, at):
        super().__init__(("127.0.0.1", 0), Relayed)
        self.org, self.at, self.fails = at["http"], f"http://127.0.0.1:{self.server_port}", None
        self.names = [at["http"].encode(), at["https"].encode()]
        self.failed, self.logins = [], 0
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Relayed(BaseHTTPRequestHandler):
    """One request to the relay."""

    def answer(self):
        relay, body = self.server, self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, status = relay.fails or ("", 0)
        relay.logins += self.path.endswith("/oauth2/token")
        if status and self.path.startswith(path):
            relay.failed.append(time.monotonic())
            given = b'[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]'
        else:
            names = ("Authorization", "Content-Type")
            asked = Request(relay.org + self.path, body or None, {name: self.headers[name] for name in names if self.headers[name]}, method=self.command)
            try:
                with urlopen(asked) as came:
                    status, given = came.status, came.read()
            except HTTPError as error:
                status, given = error.code, error.read()
            # The session is used where it was got.
            for name in relay.names:
                given = given.replace(name, relay.at.encode())
        self.send_response(status)
        self.send_header("Content-Length", str(len(given)))
        self.end_headers()
        self.wfile.write(given)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


def an_org_that_refuses_for_long(scene):
    """A login or a look-up that is refused again and again ends nothing: it waits longer each time, says why, and loses nothing."""
    relay = Relay(scene.at)
    try:
        scene.stop()
        scene.configure(org=relay.at, on_gone='"earliest"')
        for path, begun in (("/services/oauth2/token", False), ("/services/data/", True)):
            for status in (401, 503):
                if begun and scene.gateway is None:
                    scene.start()
                relay.fails, relay.failed, logins = (path, status), [], relay.logins
                made = scene.add(scene.person("attested"))
                if scene.gateway is None:
                    scene.start()
                until(lambda: len(relay.failed) >= 3, lambda: f"asked {len(relay.failed)} times\n{scene.gateway.said()}")
                first, second, third = relay.failed[:3]
                need(second - first >= 0.9 and third - second >= 1.8, f"it waits longer each time: {relay.failed}")
                word = "answered" if begun else "status"
                need(f"{word} {status}" in scene.gateway.said(), scene.gateway.said())
                need(made not in scene.ids("attested"), "it has not been looked up")
                need(scene.gateway.process.poll() is None and relay.logins - logins >= 2, "each try begins with a login")
                relay.fails = None
                until(lambda made=made: made in scene.ids("attested"), lambda: scene.gateway.said())
                need([one for one, _, _ in scene.came("attested")].count(made) == 1, "once")
                if not begun:
                    scene.stop()
        scene.stop()
    finally:
        relay.shutdown()
        relay.server_close()


class Stranger(stubs.PubSubServicer):
    """Serves what nobody can read: a schema that is none, one that is another's, one that nests without end."""

    schemas = {"none": "{", "other": '{"type":"record","name":"O","fields":[{"name":"n","type":["null","O"]}]}'}

    def __init__(self):
        self.sent = False

    def GetTopic(self, request, context):
        return messages.TopicInfo(topic_name=request.topic_name, can_subscribe=True, schema_id="none")

    def GetSchema(self, request, context):
        if request.schema_id not in self.schemas:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such schema")
        return messages.SchemaInfo(schema_json=self.schemas[request.schema_id], schema_id=request.schema_id)

    def Subscribe(self, requests, context):
        first = next(requests)
        if first.replay_preset != messages.CUSTOM or first.replay_id != b"last":
            payloads = {"none": b"\x00\x01", "other": b"\x02" * 100_000, "unknown": b"\xff" * 1000, "": b"x"}
            events = [messages.ConsumerEvent(event=messages.ProducerEvent(id=f"foreign-{name}", schema_id=name, payload=payload),
                                             replay_id=b"last" if name == "" else b"early") for name, payload in payloads.items()]
            yield messages.FetchResponse(events=events, latest_replay_id=b"last", pending_num_requested=46)
        for _ in requests:
            pass


def avro_of_a_foreign_schema(scene):
    """What cannot be read is kept whole, sealed, and nothing is lost, nor read twice after a restart."""
    server = grpc.server(futures.ThreadPoolExecutor(8))
    stubs.add_PubSubServicer_to_server(Stranger(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        before = len(scene.kept())
        scene.configure(api=f"http://127.0.0.1:{port}", folder='"foreign"')
        scene.start()
        until(lambda: len(scene.kept()) >= before + 4, lambda: f"{len(scene.kept()) - before} kept\n{scene.gateway.said()}")
        scene.stop()
        scene.start()
        time.sleep(1)
        need(len(scene.kept()) == before + 4, "each once")
        scene.stop()
    finally:
        server.stop(None)


class Versions(Stranger):
    """Serves one batch of marked rows, each written by a schema of its own: more of them than are remembered."""

    def __init__(self, rows):
        super().__init__()
        self.asked, self.schemas, self.events = [], {}, []
        for number, row in enumerate(rows):
            fields = [{"name": name, "type": ["null", "string"], "default": None} for name in row]
            schema = {"type": "record", "name": "Visit__e", "fields": [*fields, {"name": f"Version{number}__c", "type": ["null", "string"], "default": None}]}
            out = io.BytesIO()
            fastavro.schemaless_writer(out, fastavro.parse_schema(schema), row)
            self.schemas[f"v{number}"] = json.dumps(schema)
            self.events.append(messages.ProducerEvent(id=f"visit-{number}", schema_id=f"v{number}", payload=out.getvalue()))

    def GetSchema(self, request, context):
        self.asked.append(request.schema_id)
        return super().GetSchema(request, context)

    def Subscribe(self, requests, context):
        first = next(requests)
        if first.replay_preset != messages.CUSTOM:
            events = [messages.ConsumerEvent(event=event, replay_id=event.id.encode()) for event in self.events]
            # Those of the first come again at the end, by a schema that could have been forgotten meanwhile.
            events.append(messages.ConsumerEvent(event=messages.ProducerEvent(id="again", schema_id="v0", payload=self.events[0].payload), replay_id=b"end"))
            yield messages.FetchResponse(events=events, latest_replay_id=b"end", pending_num_requested=10)
        for _ in requests:
            pass


def more_schemas_than_are_remembered(scene):
    """A batch of events by 20 schemas is read whole, each schema asked for once."""
    rows = [{name: value for name, value in scene.person("attested").items() if isinstance(value, str)} for _ in range(20)]
    versions = Versions(rows)
    server = grpc.server(futures.ThreadPoolExecutor(8))
    stubs.add_PubSubServicer_to_server(versions, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        kept, before = len(scene.kept()), len(scene.consumers["attested"].events)
        scene.configure(api=f"http://127.0.0.1:{port}", topic="/event/Visit__e", folder='"versions"')
        scene.start()
        came = lambda: [json.loads(body)["id"] for _, body in list(scene.consumers["attested"].events)[before:]]
        until(lambda: len(came()) >= 21, lambda: f"{came()}\n{scene.gateway.said()}")
        need(came() == [*(f"visit-{number}" for number in range(20)), "again"], str(came()))
        need(sorted(versions.asked) == sorted(versions.schemas), f"each once: {versions.asked}")
        need(len(scene.kept()) == kept, "nothing was unreadable")
        scene.stop()
    finally:
        server.stop(None)


def nothing_is_told(scene):
    """Neither ledger, nor bookmark, nor log holds a name, a session or a secret."""
    scene.stop()
    words = [scene.rows["attested"][1]["LastName"].encode(), b"Zzyzx", scene.place.session.encode(), b"local-secret"]
    for path in [*scene.home.rglob("*"), scene.home / "gateway.log"]:
        if path.is_file() and "datasets" not in path.parts and path.name != "org.secret":
            held = path.read_bytes()
            need(not any(word in held for word in words), f"{path} tells")


STORIES = [a_client_that_is_not_ours, publishing, changes_reach_their_endpoint, who_proves_nothing_is_kept, killed_in_the_middle,
           a_replay_id_that_is_gone, an_org_that_refuses_for_long, avro_of_a_foreign_schema, more_schemas_than_are_remembered,
           nothing_is_told]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eosin", type=Path, required=True, help="the binary")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(arguments.eosin.resolve(), Path(folder))
        TRUSTED["file"] = str(scene.ca)
        try:
            return told.stories(STORIES, scene)
        finally:
            scene.end()


if __name__ == "__main__":
    sys.exit(main())
