"""The kill duel: a gateway under load is killed and started again every few seconds. Nobody may be told what is not so.

    kill.py --eosin PATH [--seconds 20] [--every 3] [--gateways 1|2]

Clients write people, half of whom the boundary refuses, and try again where the connection was cut or they were told to
wait. Afterwards: every answer was an answer or a clean refusal that may be repeated; every ruling that a client was told
of is in the ledger, at its place; the ledger verifies; who was accepted is in the org, and nobody who was refused.

Two gateways stand in front of the same org, each with a ledger of its own and as the other's witness; clients go to either,
and one of the two is killed at a time. Then both ledgers verify, with the other's cosignature on their last checkpoint.
"""

import argparse
import json
import random
import re
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import places
import wire

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
import told  # noqa: E402
from servers import Server  # noqa: E402

BOUNDARY = "production"
CLIENTS = 8
PEOPLE = 20_000


class Load:
    """Clients that write until they are told to stop, and what they were answered."""

    def __init__(self, stage, origins):
        self.stage, self.place, self.origins = stage, stage.places[BOUNDARY], origins
        self.over, self.lock, self.said = threading.Event(), threading.Lock(), Counter()
        self.accepted, self.refused, self.rulings, self.wrong = [], [], {}, []

    def run(self):
        while not self.over.is_set():
            with self.lock:
                number = self.stage.person()
            kind = places.KINDS[number % 2]
            self.write(kind, self.stage.rows[kind, "Contact"][number])

    def write(self, kind, row):
        """One person, until there is an answer."""
        body = json.dumps({name: value for name, value in places.as_json("Contact", row).items() if name != "attributes"}).encode()
        headers = [*self.place.bearer(), ("Content-Type", "application/json")]
        turn = random.randrange(len(self.origins))
        while not self.over.is_set():
            # As a load balancer without a memory: any of them, and another after a failure.
            turn += 1
            try:
                answer = wire.ask(self.origins[turn % len(self.origins)], "POST", f"{places.DATA}/sobjects/Contact", headers, body)
            except OSError:
                self.count("not listening")
                time.sleep(0.02)
                continue
            if answer.status == 0 or len(answer.body) < int(answer.headers.get("content-length", 0)):
                self.count("cut off")
                continue
            if answer.status == 503 and "retry-after" in answer.headers:
                self.count("told to wait")
                time.sleep(0.02)
                continue
            self.answered(kind, row, answer)
            return

    def answered(self, kind, row, answer):
        ruling = re.search(r'ruling="([^#"]+)#(\d+)"', answer.headers.get("eosin-provenance", ""))
        with self.lock:
            self.said[str(answer.status)] += 1
            if ruling is None:
                self.wrong.append(f"{answer.status} without a ruling: {answer.text()[:200]}")
                return
            self.rulings[ruling.group(1), int(ruling.group(2))] = kind
            if answer.status == 201 and kind == "attested":
                self.accepted.append(row["LastName"])
            elif answer.status == 403 and kind == "synthetic":
                self.refused.append(row["LastName"])
            else:
                self.wrong.append(f"{answer.status} for somebody {kind}: {answer.text()[:200]}")

    def count(self, word):
        with self.lock:
            self.said[word] += 1


def free_port():
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return chosen.getsockname()[1]


class Gateway:
    """One gateway that is killed and started again."""

    def __init__(self, stage, home):
        self.stage, self.home, self.starts, self.server = stage, home, 0, None

    def start(self):
        self.starts += 1
        self.server = Server(self.home, f"gateway-{self.starts}", [self.stage.eosin, "run", "--config", self.home / "eosin.toml"])
        self.server.address(f"listening {BOUNDARY}:")

    def end(self, how):
        self.server.process.send_signal(how)
        self.server.process.wait()

    def folder(self):
        return self.home / "ledger"


def witnessed(stage, ports):
    """A second gateway's folder beside the first: all shared but the ledger, and each the other's witness."""
    homes = [stage.folder / "home", stage.folder / "home-2"]
    stage.say("init", "--yes", homes[1])
    places_of = [free_port(), free_port()]
    boundaries = "[[boundary]]" + (homes[0] / "eosin.toml").read_text().split("[[boundary]]", 1)[1]
    for at, (home, other) in enumerate(zip(homes, reversed(homes))):
        text = f"""[ledger]
folder = "ledger"
signer = "keys/ledger.skey"
vkey = "keys/ledger.vkey"
quorum = 1

[[ledger.witness]]
url = "http://127.0.0.1:{places_of[1 - at]}"
vkey = "{other}/keys/witness.vkey"

[witness]
listen = "127.0.0.1:{places_of[at]}"
folder = "witness"
key = "keys/witness.skey"
logs = ["{other}/keys/ledger.vkey"]

[datasets]
folder = "{homes[0]}/datasets"

[registry]
folder = "{homes[0]}/registry"
key = "{homes[0]}/keys/registry.key"

[[trust]]
vkey = "{other}/keys/ledger.vkey"
vouches_for = ["synthetic", "attested"]

"""
        if at == 1:
            boundaries = boundaries.replace(f'"127.0.0.1:{ports[0]}"', f'"127.0.0.1:{ports[1]}"')
        (home / "eosin.toml").write_text(text + boundaries)
    return homes


def duel(load, gateways, seconds, every):
    """Load, kills, and the load's end; how often a gateway was killed."""
    kills = 0
    clients = [threading.Thread(target=load.run) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(every)
        # Turn about: a machine that loses power, and an operator who stops it in good order.
        gateway = gateways[kills // 2 % len(gateways)]
        gateway.end(signal.SIGKILL if kills % 2 == 0 else signal.SIGTERM)
        kills += 1
        gateway.start()
    load.over.set()
    for client in clients:
        client.join()
    # The first has its last checkpoint cosigned by the others as it ends; it comes back to do the same for them.
    for gateway in gateways:
        gateway.server.stop()
        if gateway is not gateways[-1]:
            gateway.start()
    for gateway in gateways[:-1]:
        gateway.server.stop()
    return kills


def entries(folder):
    """Every entry of a tiled log, in order (C2SP tlog-tiles: bundles of entries with two bytes of length each)."""
    found = []
    size = int((folder / "checkpoint").read_text().split("\n")[1])
    while len(found) < size:
        number = len(found) // 256
        name = "/".join([*(f"x{part:03}" for part in parts(number)[:-1]), f"{parts(number)[-1]:03}"])
        whole = folder / "tile" / "entries" / name
        width = min(256, size - number * 256)
        data = (whole if whole.exists() else folder / "tile" / "entries" / f"{name}.p" / str(width)).read_bytes()
        before = len(found)
        while data and len(found) - before < width:
            length = int.from_bytes(data[:2], "big")
            found.append(data[2 : 2 + length])
            data = data[2 + length :]
    return found


def parts(number):
    found = [number % 1000]
    while number >= 1000:
        number //= 1000
        found.insert(0, number % 1000)
    return found


def problems(stage, load, gateways):
    """What is wrong after the duel, a sentence each."""
    place = load.place
    yield from load.wrong[:5]
    logged = {}
    for gateway in gateways:
        report = json.loads(stage.say("ledger", "verify", "--json", "--config", gateway.home / "eosin.toml"))
        if not report["intact"]:
            yield f"the ledger does not verify: {report}"
        witnesses = report["witnesses"]
        if len(gateways) > 1 and not (witnesses and witnesses["cosigned"] and witnesses["problem"] is None):
            yield f"the ledger is not cosigned: {witnesses}"
        logged[report["origin"]] = entries(gateway.folder())
    for (origin, index), kind in load.rulings.items():
        there = logged.get(origin, [])
        entry = json.loads(there[index]) if index < len(there) else {}
        if entry.get("counts", {}).get(kind) != 1:
            yield f"a client was told of ruling {origin}#{index} for somebody {kind}; the ledger has: {json.dumps(entry)[:300]}"
    there = set()
    for first in range(0, len(load.accepted), 50):
        part = load.accepted[first : first + 50]
        target = f"{places.DATA}/query?" + places.urlencode({"q": f"SELECT LastName FROM Contact WHERE LastName IN ({', '.join(repr(name) for name in part)})"})
        there |= {row["LastName"] for row in json.loads(wire.ask(place.org, "GET", target, place.bearer()).body)["records"]}
    if missing := set(load.accepted) - there:
        yield f"{len(missing)} who were accepted are not in the org"
    if came := place.find("SELECT COUNT() FROM Contact WHERE LastName LIKE '%syn___'") - places.PLANTED:
        yield f"{came} who were refused are in the org"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eosin", type=Path, required=True, help="the binary")
    parser.add_argument("--seconds", type=float, default=20, help="how long the duel is")
    parser.add_argument("--every", type=float, default=3, help="seconds between two kills")
    parser.add_argument("--gateways", type=int, default=1, choices=(1, 2), help="how many stand in front of the org")
    arguments = parser.parse_args()
    ports = [free_port() for _ in range(arguments.gateways)]
    with tempfile.TemporaryDirectory() as folder, places.Stage(arguments.eosin.resolve(), folder, made=PEOPLE, port=ports[0]) as stage:
        stage.servers.pop().stop()
        homes = witnessed(stage, ports) if arguments.gateways > 1 else [stage.folder / "home"]
        gateways = [Gateway(stage, home) for home in homes]
        try:
            for gateway in gateways:
                gateway.start()
            load = Load(stage, [f"http://127.0.0.1:{port}" for port in ports])
            kills = duel(load, gateways, arguments.seconds, arguments.every)
        finally:
            for gateway in gateways:
                gateway.server.stop()
        wrong = list(problems(stage, load, gateways))
    said = ", ".join(f"{count} × {word}" for word, count in sorted(load.said.items()))
    of = Counter(origin for origin, _ in load.rulings)
    print(f"killed {kills} times in {arguments.seconds:.0f} s under {CLIENTS} clients: {said}; "
          f"{' + '.join(str(count) for count in of.values())} rulings told and found")
    if len(of) != arguments.gateways:
        wrong.append("not every gateway ruled on something: the duel shows nothing")
    if not load.accepted or not load.refused:
        wrong.append("nobody was let in, or nobody refused: the duel shows nothing")
    return told.duel(wrong)


if __name__ == "__main__":
    sys.exit(main())
