"""An emergency version is put in force under a load of bookings, at three gateways in front of one clinic.

    run.py --eosin PATH [--bookings 3000]
    run.py --eosin PATH --activations 100

Attested and synthetic bookings (a Salesforce ServiceAppointment; a FHIR Appointment and Slot) are posted to three gateways, each a process
with a ledger of its own, that share the log of policy versions. The normal version lets both pass: the boundary is staging. In the
middle two people put a prepared version in force. No attested booking may fail, and no synthetic one that begins more than a second
after the moment may arrive: by the answers, and by what the clinic has. With up to 10,000 bookings one person then stands it down;
with more it is left alone, and has to expire by itself. Bookings go on over its end. It has to be announced, once each, signed.

With `--activations` versions of the policies are activated one after the other instead, and it is measured how soon each is in effect at
each gateway. Ends with `N passed, N failed, N skipped`. Run by `cargo xtask emergency`.
"""

import argparse
import base64
import hashlib
import hmac
import json
import socket
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
import told  # noqa: E402
from servers import Server  # noqa: E402

GATEWAYS = 3
CLIENTS = 2  # of each gateway
ROWS = 400  # of each kind and standard; they are sent again and again
BOUND_SECONDS = 1.0
AFTER_SECONDS = 2.0  # bookings go on for so long after its end
EXPIRY_FROM = 10_001
KINDS = ("synthetic", "attested")
SECRET = b"announced to the clinic's people"
STOP = """
@id("nothing-synthetic")
@reason("an emergency: nothing synthetic is booked")
forbid (principal, action, resource) when { context.synthetic > 0 || context.mixed > 0 };
@id("all-else")
@reason("as before")
permit (principal, action, resource);
"""
CASES = """
[[case]]
name = "synthetic bookings stop"
action = "create"
environment = "staging"
records = [{ verdict = "synthetic" }]
expect = "block"
policy = "stop-synthetic/nothing-synthetic"
[[case]]
name = "attested bookings go on"
action = "create"
environment = "staging"
records = [{ verdict = "attested" }]
expect = "pass"
"""
NO_PROBES = """
@id("no-probes")
@reason("the other version")
forbid (principal == Eosin::Client::"probe", action, resource);
"""
DEFAULT = Path(__file__).resolve().parents[2] / "crates" / "policy" / "policies" / "default.cedar"


def resources(kind):
    """Appointments and slots, each with its kind in its comment, so that it can be told where it arrives."""
    for number in range(ROWS):
        begin, end = f"2027-03-{1 + number % 28:02}T09:00:00Z", f"2027-03-{1 + number % 28:02}T09:30:00Z"
        common = {"id": f"{kind}-{number}", "status": "booked", "start": begin, "end": end, "comment": f"{kind} {number}"}
        if number % 2:
            yield {"resourceType": "Slot", **common, "status": "busy", "schedule": {"reference": f"Schedule/{number % 7}"}}
        else:
            person = {"actor": {"reference": f"Patient/{kind}-{number}"}, "status": "accepted"}
            yield {"resourceType": "Appointment", **common, "participant": [person]}


def appointments(kind):
    """The same for an org."""
    for number in range(ROWS):
        day = f"2027-03-{1 + number % 28:02}"
        yield {"attributes": {"type": "ServiceAppointment"}, "ParentRecordId": f"0WO{number:015}", "Status": "Scheduled",
               "Subject": f"{kind} {number}", "SchedStartTime": f"{day}T09:00:00.000+0000", "SchedEndTime": f"{day}T09:30:00.000+0000"}


class Clinic(socketserver.StreamRequestHandler):
    """An org and a FHIR server that take every booking and note what came when; and the people that emergencies are announced to."""

    disable_nagle_algorithm = True
    came, announced, lock = [], [], threading.Lock()
    created = b'{"id":"08p000000000001AAA","success":true,"errors":[]}'

    def handle(self):
        while first := self.rfile.readline():
            fields = {}
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                fields[name.lower()] = value.strip()
            body = self.rfile.read(int(fields.get(b"content-length", 0)))
            if not first.startswith(b"POST "):
                # A gateway asks what a booking refers to; nothing of it is here.
                self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                continue
            if b"/announced" in first:
                self.announcement(fields, body)
            else:
                self.came.append((time.time(), "synthetic" if b'"synthetic ' in body else "attested"))
            kind = b"application/fhir+json" if b"/fhir" in first else b"application/json"
            answer = b"{}" if b"/fhir" in first else self.created
            self.wfile.write(b"HTTP/1.1 201 Created\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (kind, len(answer), answer))

    def announcement(self, fields, body):
        signed = b"%s.%s.%s" % (fields[b"webhook-id"], fields[b"webhook-timestamp"], body)
        wanted = b"v1," + base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest())
        with self.lock:
            self.announced.append((time.time(), json.loads(body)["type"], fields[b"webhook-signature"] == wanted))


class Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


class Client:
    """One connection that is kept, and requests that are made already: the load has to come from somewhere."""

    def __init__(self, origin):
        host, port = origin.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers = self.socket.makefile("rb")

    def send(self, request):
        """The status, and the body."""
        self.socket.sendall(request)
        status, length = int(self.answers.readline().split()[1]), 0
        while (line := self.answers.readline()) not in (b"\r\n", b""):
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
            elif line[:18].lower() == b"transfer-encoding:":
                raise AssertionError("an answer came in chunks")
        return status, self.answers.read(length)

    def close(self):
        self.answers.close()
        self.socket.close()


def post(target, body, client, content_type):
    head = f"POST {target} HTTP/1.1\r\nHost: booking.example\r\nUser-Agent: {client}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Stage:
    """The clinic, the gateways, and the bookings, marked."""

    def __init__(self, eosin, folder):
        self.eosin, self.folder, self.gateways, self.origins, self.rows = eosin, folder, [], [], {}
        self.homes = [folder / f"home-{number}" for number in range(GATEWAYS)]

    def say(self, *arguments):
        words = [str(word) for word in (self.eosin, *arguments)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, cwd=self.folder)
        if done.returncode:
            raise SystemExit(f"`eosin {' '.join(words[1:])}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def here(self, *arguments):
        return self.say(*arguments, "--config", self.homes[0] / "eosin.toml")

    def __enter__(self):
        self.clinic = Listener(("127.0.0.1", 0), Clinic)
        self.upstream = f"http://127.0.0.1:{self.clinic.server_address[1]}"
        threading.Thread(target=self.clinic.serve_forever, daemon=True).start()
        for home in self.homes:
            self.say("init", "--yes", home)
            (home / "keys" / "people.whsec").write_text("whsec_" + base64.b64encode(SECRET).decode())
        for name in ("ada", "bel"):
            self.say("emergency", "key", name, "--out", self.folder)
        for home in self.homes:
            self.configure(home)
        for kind in KINDS:
            self.rows[kind] = list(self.marked(kind))
        for number, home in enumerate(self.homes):
            gateway = Server(home, f"gateway-{number}", [self.eosin, "run", "--config", home / "eosin.toml"])
            self.gateways.append(gateway)
            addresses = (gateway.address(f"listening {name}:").removeprefix("http://") for name in ("fhir", "org"))
            self.origins.append(tuple(addresses))
        (self.folder / "stop-synthetic.cedar").write_text(STOP)
        (self.folder / "cases.toml").write_text(CASES)
        self.here("emergency", "prepare", self.folder / "stop-synthetic.cedar", "--cases", self.folder / "cases.toml", "--reason", "DRILL")
        return self

    def marked(self, kind):
        """Requests, each with the boundary that it goes to: resources and appointments in turn."""
        given, out = self.folder / f"{kind}.ndjson", self.folder / f"{kind}.marked.ndjson"
        given.write_text("".join(json.dumps(booking) + "\n" for booking in resources(kind)))
        self.mark(kind, "fhir", given, out)
        fhir = [json.loads(line) for line in out.read_text().splitlines()]
        given, out = self.folder / f"{kind}.json", self.folder / f"{kind}.marked.json"
        given.write_text(json.dumps({"records": list(appointments(kind))}))
        self.mark(kind, "org", given, out)
        org = json.loads(out.read_text())["records"]
        for resource, record in zip(fhir, org):
            body = json.dumps(resource).encode()
            yield "fhir", post(f"/fhir/{resource['resourceType']}", body, "portal", "application/fhir+json")
            body = json.dumps({name: value for name, value in record.items() if name != "attributes"}).encode()
            yield "org", post("/services/data/v67.0/sobjects/ServiceAppointment", body, "portal", "application/json")

    def mark(self, kind, standard, given, out):
        by = ["--attest", standard] if kind == "attested" else ["--generator", "scenes"]
        self.here("mark", given, "--out", out, "--dataset", f"{kind} {standard}", *by)
        data = next(self.folder.glob(f"{out.name}*.dataset.json"))
        data.rename(self.homes[0] / "datasets" / data.name)

    def configure(self, home):
        """The configuration that `eosin init` wrote, with two boundaries, the others' trust, and one log of versions for all."""
        kept = (home / "eosin.toml").read_text().split("[[boundary]]")[0]
        first = self.homes[0]
        kept = kept.replace('folder = "policies"', f'folder = "{first}/policies"').replace("keys/policy.", f"{first}/keys/policy.")
        kept = kept.replace('folder = "datasets"', f'folder = "{first}/datasets"')
        if home != first:
            kept += f'[[trust]]\nvkey = "{first}/keys/ledger.vkey"\nvouches_for = ["synthetic", "attested"]\n'
        for name in ("ada", "bel"):
            kept += f'[[emergency.signer]]\nname = "{name}"\nkey = "{self.folder}/{name}.vkey"\n'
        kept += f'[[announce]]\nname = "people"\nurl = "{self.upstream}/announced"\nkeys = ["keys/people.whsec"]\n'
        for name, protocol in (("fhir", 'protocol = "fhir"\nfhir_base = "/fhir"'), ("org", 'protocol = "salesforce"')):
            kept += f'[[boundary]]\nname = "{name}"\n{protocol}\nlisten = "127.0.0.1:0"\nupstream = "{self.upstream}"\n' \
                'environment = "staging"\nmode = "enforce"\nreads = "open"\nsystem_of_record = true\n'
        (home / "eosin.toml").write_text(kept)

    def __exit__(self, *_):
        for gateway in self.gateways:
            gateway.stop()
        self.clinic.shutdown()

    def moment(self):
        """When the log of versions was published last."""
        return (self.homes[0] / "policies" / "log" / "checkpoint").stat().st_mtime

    def until(self):
        """The second in which the emergency version in force ends: no request that begins in it is ruled on by it."""
        done = subprocess.run([self.eosin, "emergency", "status", "--json", "--config", self.homes[0] / "eosin.toml"],
                              capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        return int(datetime.fromisoformat(json.loads(done.stdout)["inForce"][0]["until"]).timestamp())


class Load:
    """Clients that book at every gateway until all is booked and a moment has come, and what each was answered."""

    def __init__(self, stage, bookings):
        self.stage, self.left, self.lock, self.said, self.end = stage, bookings, threading.Lock(), [], 0.0

    def take(self):
        with self.lock:
            self.left -= 1
            return self.left if self.left >= 0 or time.time() < self.end else None

    def run(self, gateway):
        fhir, org = (Client(origin) for origin in self.stage.origins[gateway])
        mine = []
        while (number := self.take()) is not None:
            kind = "attested" if number % 2 else "synthetic"
            rows = self.stage.rows[kind]
            standard, request = rows[number // 2 % len(rows)]
            begun = time.time()
            status, text = (fhir if standard == "fhir" else org).send(request)
            mine.append((gateway, kind, begun, time.time(), (status, b"stop-synthetic/nothing-synthetic" in text), standard))
        with self.lock:
            self.said += mine
        fhir.close()
        org.close()

    def begin(self):
        self.clients = [threading.Thread(target=self.run, args=(at % GATEWAYS,)) for at in range(GATEWAYS * CLIENTS)]
        for client in self.clients:
            client.start()

    def join(self):
        for client in self.clients:
            client.join()


def until(load, left):
    """Waits until no more than so many are left."""
    while load.left > left:
        time.sleep(0.01)


def emergency(stage, bookings):
    """The whole story; what is wrong afterwards."""
    expires = bookings >= EXPIRY_FROM
    load = Load(stage, bookings)
    load.end = time.time() + 600  # it goes on over the end, whenever that is
    load.begin()
    until(load, bookings * 2 // 3)
    stage.here("emergency", "activate", "stop-synthetic", "--key", stage.folder / "ada.skey", "--scope", "boundary=fhir,boundary=org",
               "--for", "60s" if expires else "1h", "--reason", "DRILL")
    stage.here("emergency", "approve", "stop-synthetic", "--key", stage.folder / "bel.skey")
    begun = stage.moment()
    if expires:
        ended = stage.until()
    else:
        until(load, bookings // 3)
        time.sleep(2 * BOUND_SECONDS)  # a quick machine has crossed them all while people signed
        stage.here("emergency", "stand-down", "stop-synthetic", "--key", stage.folder / "bel.skey", "--reason", "DRILL")
        ended = stage.moment()
    load.end = ended + BOUND_SECONDS + AFTER_SECONDS
    load.join()
    wait_for_announcements()
    tell(load.said, begun, ended, expires)
    return list(problems(load.said, begun, ended, expires))


def wait_for_announcements():
    """The last is announced a moment after it happened."""
    by = time.time() + 5
    while len(Clinic.announced) < 3 and time.time() < by:
        time.sleep(0.05)


def problems(said, begun, ended, expires):
    """What is wrong afterwards, a sentence each."""
    for gateway, kind, start, answered, (status, named), _ in said:
        if kind == "attested" and status != 201:
            yield f"an attested booking was answered {status} at gateway {gateway}, {start - begun:+.3f} s from the activation"
        # One that began shortly before the end may be ruled on after it, and then it passes: the clinic has none of before.
        if kind == "synthetic" and status == 201 and begun + BOUND_SECONDS < start and answered < ended:
            yield f"a synthetic booking passed at gateway {gateway}, {start - begun:.3f} s after the activation"
        if kind == "synthetic" and status != 201 and not named:
            yield f"a synthetic booking was answered {status} at gateway {gateway}, and not by the emergency version"
        if kind == "synthetic" and status != 201 and not begun - 1 < start < ended + BOUND_SECONDS:
            yield f"a synthetic booking was refused at gateway {gateway} while nothing was in force, {start - begun:+.3f} s"
    late = [moment for moment, kind in Clinic.came if kind == "synthetic" and begun + 2 * BOUND_SECONDS < moment < ended]
    if late:
        yield f"{len(late)} synthetic bookings arrived at the clinic while it was in force"
    accepted = sum(1 for one in said if one[4][0] == 201)
    if accepted != len(Clinic.came):
        yield f"{accepted} bookings were accepted, and {len(Clinic.came)} arrived"
    for gateway in range(GATEWAYS):
        for standard in ("fhir", "org"):
            kinds = Counter((kind, status) for at, kind, _, _, (status, _), by in said if (at, by) == (gateway, standard))
            if not kinds["synthetic", 403] or not kinds["synthetic", 201] or not kinds["attested", 201]:
                yield f"gateway {gateway}, {standard}: refused none, or let none pass: the story shows nothing ({dict(kinds)})"
        if not [one for one in said if one[0] == gateway and one[1] == "synthetic" and one[4][0] == 201 and one[2] >= ended]:
            yield f"at gateway {gateway} nothing synthetic passes after the end"
    wanted = Counter(f"eosin.emergency.{word}" for word in ("asked", "in-force", "expired" if expires else "stood-down"))
    told_of = Counter(kind for _, kind, _ in Clinic.announced)
    if told_of != wanted:
        yield f"announced was {dict(told_of)}, and not {dict(wanted)}"
    if not all(is_good for _, _, is_good in Clinic.announced):
        yield "an announcement was not signed as it should be"


def tell(said, begun, ended, expires):
    """The figures, as a table for BENCHMARKS.md."""
    seconds = max(one[3] for one in said) - min(one[2] for one in said)
    sums = Counter((kind, status) for _, kind, _, _, (status, _), _ in said)
    inside = [one for one in said if one[2] >= begun and one[3] < ended]
    failed = sum(count for (kind, status), count in sums.items() if kind == "attested" and status != 201)
    attested = sum(count for (kind, _), count in sums.items() if kind == "attested")
    print(f"{len(said)} bookings at {GATEWAYS} gateways in {seconds:.1f} s, {len(said) / seconds:.0f} a second")
    print("\n| | gateway 1 | gateway 2 | gateway 3 |\n|---|---|---|---|")

    def row(name, of):
        print(f"| {name} | " + " | ".join(of(gateway) for gateway in range(GATEWAYS)) + " |")

    def moments(gateway, status, place, among):
        return [one[place] for one in among if one[0] == gateway and one[1] == "synthetic" and one[4][0] == status]

    def shown(values, choose, since):
        return f"{(choose(values) - since) * 1000:+.0f} ms" if values else "none"

    row("bookings", lambda at: f"{sum(1 for one in said if one[0] == at):,}")
    row("first synthetic one refused, after the moment of activation", lambda at: shown(moments(at, 403, 3, said), min, begun))
    row("last synthetic one that passed began", lambda at: shown(moments(at, 201, 2, inside) or moments(at, 201, 2, [one for one in said if one[2] < begun]), max, begun))
    row("first synthetic one that passes again, after the end", lambda at: shown([end for end in moments(at, 201, 3, said) if end >= ended], min, ended))
    row("attested ones while it was in force", lambda at: f"{sum(1 for one in inside if one[0] == at and one[1] == 'attested'):,}")
    print(f"\n{attested:,} attested bookings, {failed} failed; {sums['synthetic', 403]:,} synthetic ones refused, {sums['synthetic', 201]:,} passed before and after")
    held_up = sum(1 for one in said if one[1] == "synthetic" and one[4][0] == 201 and begun + BOUND_SECONDS < one[2] < ended <= one[3])
    print(f"{held_up} synthetic ones began while it was in force and were answered after its end")
    for moment, kind, _ in Clinic.announced:
        since = ended if kind.endswith(("expired", "down")) else begun
        print(f"announced {kind}: {(moment - since) * 1000:+.0f} ms")
    print("it expired by itself, by the clock" if expires else "it was stood down by one person", flush=True)


class Probe(threading.Thread):
    """Asks one gateway again and again; which status it begins to answer with, and when."""

    def __init__(self, origin, request):
        super().__init__(daemon=True)
        self.client, self.request, self.changes, self.goes, self.wrong = Client(origin), request, [], True, []

    def run(self):
        before = None
        while self.goes:
            status, _ = self.client.send(self.request)
            if status not in (201, 403):
                self.wrong.append(status)
            if status != before:
                self.changes.append((time.time(), status))
                before = status


def activations(stage, count):
    """Versions in turn; how soon each is in effect at each gateway."""
    one, two = stage.folder / "one.cedar", stage.folder / "two.cedar"
    one.write_text(DEFAULT.read_text())
    two.write_text(DEFAULT.read_text() + NO_PROBES)
    _, row = stage.rows["attested"][0]
    probes = [Probe(fhir, row.replace(b"User-Agent: portal", b"User-Agent: probe")) for fhir, _ in stage.origins]
    for probe in probes:
        probe.start()
    wrong, seconds = [], []
    for number in range(count):
        file, status = (one, 201) if number % 2 else (two, 403)
        stage.here("policy", "activate", file, "--reason", f"DRILL-{number}")
        moment = stage.moment()
        for at, probe in enumerate(probes):
            by = time.time() + 10
            while probe.changes[-1][1] != status and time.time() < by:
                time.sleep(0.002)
            if probe.changes[-1][1] != status:
                wrong.append(f"version {number} is not in effect at gateway {at} after 10 s")
            else:
                seconds.append(max(0.0, probe.changes[-1][0] - moment))
    for probe in probes:
        probe.goes = False
        probe.join()
        wrong += [f"a request was answered {status}" for status in probe.wrong]
    seconds.sort()
    at = lambda part: f"{seconds[min(len(seconds) - 1, int(len(seconds) * part))] * 1000:.0f} ms"  # noqa: E731
    print(f"\n| activations | gateways | median | p99 | longest |\n|---|---|---|---|---|\n"
          f"| {count} | {GATEWAYS} | {statistics.median(seconds) * 1000:.0f} ms | {at(0.99)} | {seconds[-1] * 1000:.0f} ms |\n", flush=True)
    if seconds[-1] > BOUND_SECONDS:
        wrong.append(f"a version was in effect after {seconds[-1]:.3f} s only")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eosin", type=Path, required=True, help="the binary")
    parser.add_argument("--bookings", type=int, default=3_000, help="how many bookings cross at least, half of them attested")
    parser.add_argument("--activations", type=int, default=0, help="measure so many activations of policy versions instead")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Stage(arguments.eosin.resolve(), Path(folder)) as stage:
        if arguments.activations:
            wrong = activations(stage, arguments.activations)
        else:
            wrong = emergency(stage, arguments.bookings)
    return told.duel(wrong)


if __name__ == "__main__":
    sys.exit(main())
