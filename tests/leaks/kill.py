"""The kill duel: a gateway under load is killed and started again every few seconds. Nobody may be told what is not so.

    kill.py --eosin PATH [--seconds 20] [--every 3]

Clients write people, half of whom the boundary refuses, and try again where the connection was cut or they were told to
wait. Afterwards: every answer was an answer or a clean refusal that may be repeated; every ruling that a client was told
of is in the ledger, at its place; the ledger verifies; who was accepted is in the org, and nobody who was refused.
"""

import argparse
import json
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
from servers import Server  # noqa: E402

BOUNDARY = "production"
CLIENTS = 8
PEOPLE = 20_000


class Load:
    """Clients that write until they are told to stop, and what they were answered."""

    def __init__(self, stage):
        self.stage, self.place = stage, stage.places[BOUNDARY]
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
        while not self.over.is_set():
            try:
                answer = wire.ask(self.place.origin, "POST", f"{places.DATA}/sobjects/Contact", headers, body)
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
            self.rulings[int(ruling.group(2))] = kind
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


def start(stage, home, count):
    server = Server(home, f"gateway-{count}", [stage.eosin, "run", "--config", home / "eosin.toml"])
    server.address(f"listening {BOUNDARY}:")
    return server


def duel(stage, seconds, every):
    """Load, kills, and the load's end; how often the gateway was killed."""
    home, kills = stage.folder / "home", 0
    load = Load(stage)
    clients = [threading.Thread(target=load.run) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    until = time.monotonic() + seconds
    gateway = stage.servers.pop()
    while time.monotonic() < until:
        time.sleep(every)
        # Turn about: a machine that loses power, and an operator who stops it in good order.
        gateway.process.send_signal(signal.SIGKILL if kills % 2 == 0 else signal.SIGTERM)
        gateway.process.wait()
        kills += 1
        gateway = start(stage, home, kills)
    load.over.set()
    for client in clients:
        client.join()
    gateway.stop()
    return load, kills


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


def problems(stage, load):
    """What is wrong after the duel, a sentence each."""
    place, home = load.place, stage.folder / "home"
    yield from load.wrong[:5]
    verified = stage.say("ledger", "verify", "--config", home / "eosin.toml")
    if "intact" not in verified and "verified" not in verified:
        yield f"the ledger does not verify: {verified}"
    logged = entries(home / "ledger")
    for index, kind in load.rulings.items():
        entry = json.loads(logged[index]) if index < len(logged) else {}
        if entry.get("counts", {}).get(kind) != 1:
            yield f"a client was told of ruling {index} for somebody {kind}; the ledger has: {json.dumps(entry)[:300]}"
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
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, places.Stage(arguments.eosin.resolve(), folder, made=PEOPLE, port=free_port()) as stage:
        load, kills = duel(stage, arguments.seconds, arguments.every)
        wrong = list(problems(stage, load))
    said = ", ".join(f"{count} × {word}" for word, count in sorted(load.said.items()))
    print(f"killed {kills} times in {arguments.seconds:.0f} s under {CLIENTS} clients: {said}; {len(load.rulings)} rulings told and found")
    if not load.accepted or not load.refused:
        wrong.append("nobody was let in, or nobody refused: the duel shows nothing")
    for sentence in wrong[:20]:
        print(f"FAILED  {sentence}")
    print(f"{0 if wrong else 1} passed, {len(wrong)} failed, 0 skipped")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
