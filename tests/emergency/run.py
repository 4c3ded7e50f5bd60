"""An emergency version is put in force under a load of bookings, at three gateways in front of one FHIR server.

    run.py --eosin PATH [--bookings 3000]

Attested and synthetic bookings (Appointment and Slot) are posted to three gateways, each a process with a ledger of its own, that
share the log of policy versions. The normal version lets both pass: the boundary is staging. In the middle two people put a
prepared version in force. No attested booking may fail, and no synthetic one that begins more than a second after the moment may
arrive: by the answers, and by what the server has. With up to 10,000 bookings one person then stands it down; with more it
is left alone, and has to expire by itself. Ends with `N passed, N failed, N skipped`. Run by `cargo xtask emergency`.
"""

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
import told  # noqa: E402
from servers import Server  # noqa: E402

GATEWAYS = 3
CLIENTS = 2  # of each gateway
ROWS = 400  # of each kind; they are sent again and again
BOUND_SECONDS = 1.0
EXPIRY_FROM = 10_001
KINDS = {"synthetic": ["--generator", "scenes"], "attested": ["--attest", "booking"]}
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


def bookings(kind):
    """Appointments and slots, each with its kind in its comment, so that it can be told where it arrives."""
    for number in range(ROWS):
        begin, end = f"2027-03-{1 + number % 28:02}T09:00:00Z", f"2027-03-{1 + number % 28:02}T09:30:00Z"
        common = {"id": f"{kind}-{number}", "status": "booked", "start": begin, "end": end, "comment": f"{kind} {number}"}
        if number % 2:
            yield {"resourceType": "Slot", **common, "status": "busy", "schedule": {"reference": f"Schedule/{number % 7}"}}
        else:
            person = {"actor": {"reference": f"Patient/{kind}-{number}"}, "status": "accepted"}
            yield {"resourceType": "Appointment", **common, "participant": [person]}


class Clinic(BaseHTTPRequestHandler):
    """A FHIR server that takes every booking, and notes what came when."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    came = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.came.append((time.time(), "synthetic" if b'"synthetic ' in body else "attested"))
        self.send_response(201)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


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
        self.clinic = ThreadingHTTPServer(("127.0.0.1", 0), Clinic)
        self.clinic.daemon_threads = True
        threading.Thread(target=self.clinic.serve_forever, daemon=True).start()
        for home in self.homes:
            self.say("init", "--yes", home)
        for name in ("ada", "bel"):
            self.say("emergency", "key", name, "--out", self.folder)
        for home in self.homes:
            self.configure(home)
        for kind, by in KINDS.items():
            given, out = self.folder / f"{kind}.ndjson", self.folder / f"{kind}.marked.ndjson"
            given.write_text("".join(json.dumps(booking) + "\n" for booking in bookings(kind)))
            self.here("mark", given, "--out", out, "--dataset", kind, *by)
            data = next(self.folder.glob(f"{kind}.marked.ndjson*.dataset.json"))
            data.rename(self.homes[0] / "datasets" / data.name)
            self.rows[kind] = [(json.loads(line)["resourceType"], line.encode()) for line in out.read_text().splitlines()]
        for number, home in enumerate(self.homes):
            gateway = Server(home, f"gateway-{number}", [self.eosin, "run", "--config", home / "eosin.toml"])
            self.gateways.append(gateway)
            self.origins.append(gateway.address("listening booking:").removeprefix("http://"))
        (self.folder / "stop-synthetic.cedar").write_text(STOP)
        (self.folder / "cases.toml").write_text(CASES)
        self.here("emergency", "prepare", self.folder / "stop-synthetic.cedar", "--cases", self.folder / "cases.toml", "--reason", "DRILL")
        return self

    def configure(self, home):
        """The configuration that `eosin init` wrote, with one boundary, the others' trust, and one log of versions for all."""
        kept = (home / "eosin.toml").read_text().split("[[boundary]]")[0]
        first = self.homes[0]
        kept = kept.replace('folder = "policies"', f'folder = "{first}/policies"').replace("keys/policy.", f"{first}/keys/policy.")
        kept = kept.replace('folder = "datasets"', f'folder = "{first}/datasets"')
        if home != first:
            kept += f'[[trust]]\nvkey = "{first}/keys/ledger.vkey"\nvouches_for = ["synthetic", "attested"]\n'
        for name in ("ada", "bel"):
            kept += f'[[operator]]\nname = "{name}"\nkey = "{self.folder}/{name}.vkey"\n'
        kept += f'[[boundary]]\nname = "booking"\nprotocol = "fhir"\nfhir_base = "/fhir"\nlisten = "127.0.0.1:0"\n' \
            f'upstream = "http://127.0.0.1:{self.clinic.server_port}"\nenvironment = "staging"\nmode = "enforce"\nreads = "open"\n' \
            'system_of_record = true\n'
        (home / "eosin.toml").write_text(kept)

    def __exit__(self, *_):
        for gateway in self.gateways:
            gateway.stop()
        self.clinic.shutdown()

    def moment(self):
        """When the log of versions was published last."""
        return (self.homes[0] / "policies" / "log" / "checkpoint").stat().st_mtime


class Load:
    """Clients that book at every gateway until all is booked, and what each was answered."""

    def __init__(self, stage, bookings):
        self.stage, self.left, self.lock, self.said = stage, bookings, threading.Lock(), []

    def take(self):
        with self.lock:
            self.left -= 1
            return self.left if self.left >= 0 else None

    def run(self, gateway):
        connection = http.client.HTTPConnection(self.stage.origins[gateway], timeout=60)
        while (number := self.take()) is not None:
            kind = "attested" if number % 2 else "synthetic"
            thing, body = self.stage.rows[kind][number // 2 % ROWS]
            begun = time.time()
            headers = {"Content-Type": "application/fhir+json", "User-Agent": "portal"}
            connection.request("POST", f"/fhir/{thing}", body, headers)
            answer = connection.getresponse()
            text = answer.read()
            ruled = (answer.status, b"stop-synthetic/nothing-synthetic" in text)
            self.said.append((gateway, kind, begun, time.time(), ruled))

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


def passes(said, gateway, after):
    """When the first synthetic booking passed at a gateway that began after this."""
    ends = [end for at, kind, begun, end, (status, _) in said if at == gateway and kind == "synthetic" and begun > after and status == 201]
    return min(ends, default=None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eosin", type=Path, required=True, help="the binary")
    parser.add_argument("--bookings", type=int, default=3_000, help="how many bookings cross, half of them attested")
    arguments = parser.parse_args()
    expires = arguments.bookings >= EXPIRY_FROM
    with tempfile.TemporaryDirectory() as folder, Stage(arguments.eosin.resolve(), Path(folder)) as stage:
        load = Load(stage, arguments.bookings)
        stage.here("emergency", "activate", "stop-synthetic", "--key", stage.folder / "ada.skey", "--scope", "boundary=booking",
                   "--for", "60s" if expires else "1h", "--reason", "DRILL")
        load.begin()
        until(load, arguments.bookings * 2 // 3)
        stage.here("emergency", "approve", "stop-synthetic", "--key", stage.folder / "bel.skey")
        begun = stage.moment()
        if expires:
            status = subprocess.run([stage.eosin, "emergency", "status", "--json", "--config", stage.homes[0] / "eosin.toml"],
                                    capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
            until_text = json.loads(status.stdout)["inForce"][0]["until"]
            ended = int(time.mktime(time.strptime(until_text[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone)
            load.join()
            # Whatever was left of the minute, then once more at each gateway.
            time.sleep(max(0, ended + BOUND_SECONDS - time.time()))
        else:
            until(load, arguments.bookings // 3)
            stage.here("emergency", "stand-down", "stop-synthetic", "--key", stage.folder / "bel.skey", "--reason", "DRILL")
            ended = stage.moment()
            load.join()
            time.sleep(max(0, ended + BOUND_SECONDS - time.time()))
        after = Load(stage, GATEWAYS * CLIENTS * 20)
        after.begin()
        after.join()
        wrong = list(problems(load, after, begun, ended))
        tell(load, after, begun, ended, expires)
    return told.duel(wrong)


def problems(load, after, begun, ended):
    """What is wrong afterwards, a sentence each."""
    for gateway, kind, start, _, (status, named) in load.said + after.said:
        if kind == "attested" and status != 201:
            yield f"an attested booking was answered {status} at gateway {gateway}, {start - begun:+.3f} s from the activation"
        if kind == "synthetic" and status == 201 and begun + BOUND_SECONDS < start < ended:
            yield f"a synthetic booking passed at gateway {gateway}, {start - begun:.3f} s after the activation"
        if kind == "synthetic" and status != 201 and not named:
            yield f"a synthetic booking was answered {status} at gateway {gateway}, and not by the emergency version"
        if kind == "synthetic" and status != 201 and not begun - 1 < start < ended + BOUND_SECONDS:
            yield f"a synthetic booking was refused at gateway {gateway} while nothing was in force, {start - begun:+.3f} s"
    late = [moment for moment, kind in Clinic.came if kind == "synthetic" and begun + 2 * BOUND_SECONDS < moment < ended]
    if late:
        yield f"{len(late)} synthetic bookings arrived at the clinic while it was in force"
    accepted = sum(1 for _, _, _, _, (status, _) in load.said + after.said if status == 201)
    if accepted != len(Clinic.came):
        yield f"{accepted} bookings were accepted, and {len(Clinic.came)} arrived"
    for gateway in range(GATEWAYS):
        kinds = Counter((kind, status) for at, kind, _, _, (status, _) in load.said if at == gateway)
        if not kinds["synthetic", 403] or not kinds["synthetic", 201]:
            yield f"gateway {gateway} refused none, or let none pass: the story shows nothing ({dict(kinds)})"
        if passes(after.said, gateway, ended) is None:
            yield f"at gateway {gateway} nothing synthetic passes after the end"


def tell(load, after, begun, ended, expires):
    effects = []
    for gateway in range(GATEWAYS):
        refused = [end for at, kind, _, end, (status, _) in load.said if at == gateway and kind == "synthetic" and status == 403]
        last = [start for at, kind, start, _, (status, _) in load.said
                if at == gateway and kind == "synthetic" and status == 201 and start < ended]
        if refused and last:
            effects.append(f"{min(refused) - begun:.3f} s (last to pass began {max(last) - begun:+.3f} s)")
    said = Counter(f"{kind} {status}" for _, kind, _, _, (status, _) in load.said + after.said)
    print(f"{len(load.said)} bookings at {GATEWAYS} gateways in {max(end for _, _, _, end, _ in load.said) - min(start for _, _, start, _, _ in load.said):.1f} s: "
          + ", ".join(f"{count} × {word}" for word, count in sorted(said.items())))
    print(f"in effect after {'; '.join(effects)}")
    print("it expired by itself" if expires else "it was stood down by one person", flush=True)


if __name__ == "__main__":
    sys.exit(main())
