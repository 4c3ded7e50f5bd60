"""Traces, read by somebody who is not us: a collector made of the messages of the `opentelemetry-proto` package."""

import http.client
import json
import socket
import socketserver
import tempfile
import threading
import time
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from servers import Server

CANARY = "Zzyzx-Canary"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CREATE = "/services/data/v67.0/sobjects/Contact"
MESSAGE = f"MSH|^~\\&|SENDER|LAB|EHR|HOSPITAL|20261122080000||ADT^A01|MSG1|P|2.5.1\rPID|1||77^^^X^MR||{CANARY}^Ada\r"


class Answering(ThreadingHTTPServer):
    """Something that answers HTTP on a free port."""

    daemon_threads = True

    def __init__(self, answer):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status, kind, said = answer(self.command, self.path, self.headers, body)
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST = do

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"


class Collector(Answering):
    """Keeps what it decodes."""

    def __init__(self):
        self.spans, self.raw, self.services, self.status = [], b"", [], 200
        super().__init__(self.take)

    def take(self, method, path, headers, body):
        if self.status != 200:
            return self.status, "text/plain", b"not now"
        assert (method, path) == ("POST", "/v1/traces"), (method, path)
        assert headers["content-type"] == "application/x-protobuf", headers["content-type"]
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            self.services.append(facts(resource.resource.attributes))
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        self.raw += body
        return 200, "application/x-protobuf", ExportTraceServiceResponse().SerializeToString()


class Receiver(socketserver.ThreadingTCPServer):
    """Acknowledges each message of HL7 v2."""

    daemon_threads = True

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            while self.request.recv(65536):
                self.request.sendall(b"\x0bMSH|^~\\&|EHR|HOSPITAL|SENDER|LAB|20261122080001||ACK^A01|ACK1|P|2.5.1\rMSA|AA|MSG1\r\x1c\r")

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)


def facts(attributes):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def served(*servers):
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


@contextmanager
def world(scene, telemetry):
    """A gateway with a boundary of Salesforce and one of HL7 v2, which sends traces to `telemetry`."""
    seen = []

    def upstream(method, path, headers, _body):
        seen.append((method, path, headers))
        said = {"id": "003000000000001AAA", "success": True, "errors": []} if method == "POST" else {"records": []}
        return (201 if method == "POST" else 200), "application/json", json.dumps(said).encode()

    org, feed = Answering(upstream), Receiver()
    with tempfile.TemporaryDirectory() as folder, served(org, feed):
        home = Path(folder) / "home"
        was, scene.home = scene.home, home
        try:
            scene.say("init", "--yes", home)
        finally:
            scene.home = was
        file = home / "eosin.toml"
        text = file.read_text().replace("https://your-domain.my.salesforce.com", org.url)
        text = text.replace('listen = "127.0.0.1:8443"\ntls = true ', 'listen = "127.0.0.1:0"\ntls = false')
        text = text.replace('environment = "production"', 'environment = "test"')
        text = "\n".join(line for line in text.splitlines() if not line.startswith(("[admin]", 'listen = "127.0.0.1:9')))
        text += f'\n[admin]\nlisten = "127.0.0.1:0"\n\n[telemetry]\nendpoint = "{telemetry}"\n'
        text += '\n[[boundary]]\nname = "feed"\nprotocol = "hl7v2"\nlisten = "127.0.0.1:0"\nenvironment = "test"\n'
        text += f'upstream = "mllp://127.0.0.1:{feed.server_address[1]}"\n'
        file.write_text(text)
        gateway = Server(home, "gateway", [scene.eosin, "run"])
        try:
            yield gateway, seen
        finally:
            gateway.stop()


def ask(url, method, target, body=None, headers=None):
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    connection.request(method, target, body, {"content-type": "application/json", "user-agent": "story/1", **(headers or {})})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def until(what, condition):
    end = time.monotonic() + 40
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.05)
    return found


def one(spans, name, parent=None):
    found = [span for span in spans if span.name == name and parent in (None, span.parent_span_id)]
    assert len(found) == 1, (name, [span.name for span in spans])
    return found[0]


def a_collector_that_is_not_ours_reads_each_transaction_with_its_steps(scene):
    collector = Collector()
    with served(collector), world(scene, collector.url) as (gateway, seen):
        crm = gateway.address("listening crm:")
        body = json.dumps({"LastName": CANARY})
        given = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "other=1"}
        status = ask(crm, "POST", CREATE + f"?note={CANARY}", body, given)
        assert ask(crm, "GET", f"/services/data/v67.0/limits?q={CANARY}", None, {"traceparent": "rubbish", "tracestate": "x=1"}) == 200
        ask(crm, "GET", "/services/data", None, {"traceparent": f"00-{TRACE}-{PARENT}-00"})
        with socket.create_connection(tuple(gateway_feed(gateway))) as stream:
            stream.sendall(b"\x0b" + MESSAGE.encode() + b"\x1c\r")
            assert b"MSA|AA|MSG1" in stream.recv(4096)
        named = lambda name: [span for span in collector.spans if span.name == name]
        until("three transactions", lambda: named("POST crm") and named("GET crm") and named("message feed"))
        own = one(collector.spans, "POST crm")
        assert (own.trace_id.hex(), own.parent_span_id.hex(), own.kind) == (TRACE, PARENT, Span.SPAN_KIND_SERVER)
        told = facts(own.attributes)
        expected = {"eosin.boundary": "crm", "eosin.client": "story/1", "eosin.protocol": "salesforce", "eosin.entrance": "judged",
                    "http.request.method": "POST", "http.response.status_code": status, "eosin.records": 1}
        assert expected.items() <= told.items(), told
        ledger = [json.loads(line) for line in scene_ledger(scene, gateway)]
        ruled = [entry for entry in ledger if entry["entry"].get("eosin") == "ruling@1" and entry["entry"].get("client") == "story/1"]
        assert ruled and f'{told["eosin.ledger"]}#{told["eosin.ledger.index"]}' == ruled[0]["place"], (told, ruled)
        assert told["eosin.decision"] == ruled[0]["entry"]["decision"] and told["eosin.policy"] == ruled[0]["entry"]["policy"]
        below = [span for span in collector.spans if span.parent_span_id == own.span_id]
        assert [span.name for span in below] == ["read", "judge", "decide", "commit", "apply"], below
        ends = [(span.start_time_unix_nano, span.end_time_unix_nano) for span in below]
        assert all(start <= end for start, end in ends) and all(left[1] == right[0] for left, right in zip(ends, ends[1:]))
        assert own.start_time_unix_nano <= ends[0][0] and ends[-1][1] <= own.end_time_unix_nano
        assert all(span.trace_id == own.trace_id for span in below)
        led_on_as_the_standard_says(seen, below[-1], collector.spans)
        message = one(collector.spans, "message feed")
        steps = [span.name for span in collector.spans if span.parent_span_id == message.span_id]
        assert steps == ["read", "judge", "decide", "commit", "apply"], steps
        assert facts(message.attributes)["eosin.outcome"] == "accepted" and not message.parent_span_id
        assert not [span for span in collector.spans if span.status.code == Status.STATUS_CODE_ERROR]
        services = collector.services[0]
        assert services["service.name"] == "eosin" and services["service.instance.id"] == told["eosin.ledger"], services
    for text in (CANARY.encode(), b"note=", b"003000000000001", b"tracestate", b"other=1", b"MSG1"):
        assert text not in collector.raw, text


def led_on_as_the_standard_says(seen, applied, spans):
    """The upstream is below the step that asked it; what is not recorded goes on as it came; what is none begins a trace."""
    written = next(headers for method, _, headers in seen if method == "POST")
    assert applied.kind == Span.SPAN_KIND_CLIENT
    assert written["traceparent"] == f"00-{TRACE}-{applied.span_id.hex()}-01" and written["tracestate"] == "other=1"
    read = next(headers for _, path, headers in seen if "limits" in path)
    begun = one(spans, "GET crm")
    shown = one(spans, "forward", begun.span_id)
    assert read["traceparent"] == f"00-{begun.trace_id.hex()}-{shown.span_id.hex()}-01" and read["tracestate"] is None
    assert not begun.parent_span_id and begun.trace_id.hex() != TRACE
    passed = next(headers for _, path, headers in seen if path == "/services/data")
    assert passed["traceparent"] == f"00-{TRACE}-{PARENT}-00", "the program before us does not record"


def gateway_feed(gateway):
    line = until("the feed's line", lambda: [line for line in gateway.said().splitlines() if "listening feed:" in line])[0]
    host, port = line.split("mllp://")[1].split(" ")[0].rsplit(":", 1)
    return host, int(port)


def scene_ledger(scene, gateway):
    """The ledger's entries, once the gateway has published them."""
    was, scene.home = scene.home, gateway.log.parent
    try:
        return until("an entry", lambda: [line for line in scene.say("ledger", "show", "--json").splitlines() if "ruling@1" in line])
    finally:
        scene.home = was


def a_collector_that_is_away_stops_nobody_and_is_counted(scene):
    collector = Collector()
    collector.status = 503
    with served(collector), world(scene, collector.url) as (gateway, _):
        crm, admin = gateway.address("listening crm:"), gateway.address("health and metrics:")
        statuses = {ask(crm, "POST", CREATE, json.dumps({"LastName": f"{CANARY}-{number}"})) for number in range(20)}
        assert len(statuses) == 1 and statuses < {201, 403}, statuses

        def counted(outcome):
            with urllib.request.urlopen(admin + "/metrics", timeout=20) as answer:
                text = answer.read().decode()
            return int(text.split(f'eosin_traces_total{{outcome="{outcome}"}} ')[1].split("\n")[0])

        until("giving up", lambda: counted("given_up") > 0)
        collector.status = 200
        ask(crm, "POST", CREATE, json.dumps({"LastName": CANARY}))
        until("taking again", lambda: counted("taken") > 0)
        assert counted("no_room") == 0 and counted("refused") == 0


STORIES = [
    a_collector_that_is_not_ours_reads_each_transaction_with_its_steps,
    a_collector_that_is_away_stops_nobody_and_is_counted,
]
