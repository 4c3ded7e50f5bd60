"""The kill duel of a feed: a boundary of HL7 v2 under load is killed and started again every few seconds.

    kill_feed.py --eosin PATH [--seconds 20] [--every 3]

Senders send admissions, half of which the boundary refuses, in order, each on a connection of its own; one that was cut off is
sent again with the same control id, as senders do. Afterwards: who heard AA has their message at the receiver, whose own answer
it is; who heard AR has it nowhere, and the ruling that the refusal names is in the ledger; every message that arrived has a
ruling too; each sender's messages arrived in its order, but for repetitions; the ledger verifies.
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

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "incidents"))
import feed  # noqa: E402
import kill  # noqa: E402
import stories  # noqa: E402
import told  # noqa: E402

SENDERS = 8
EACH = 4_000
CLASSES = ("attested", "synthetic")


def messages():
    """For each sender its messages, attested and synthetic by turns, with control ids that say whose and which."""
    people = list(stories.people(0, 25))
    for sender in range(SENDERS):
        yield [feed.result(number, people[number % len(people)]).replace(f"|CL{number:05}|", f"|S{sender}N{number:05}|") for number in range(EACH)]


class Sender:
    """One connection after the other, one message after the other, until told to stop."""

    def __init__(self, port, mine, over):
        self.port, self.mine, self.over = port, mine, over
        self.said, self.counts, self.wrong = [], Counter(), []

    def run(self):
        stream, buffer = None, [b""]
        for kind, message in self.mine:
            answer = None
            while answer is None and not self.over.is_set():
                try:
                    if stream is None:
                        stream, buffer = socket.create_connection(("127.0.0.1", self.port), timeout=30), [b""]
                    stream.sendall(feed.START + message.encode() + feed.END)
                    answer = feed.read_frame(stream, buffer)
                    if answer is None:
                        raise OSError("cut off")
                except OSError:
                    self.counts["cut off, or not listening"] += 1
                    stream = None
                    time.sleep(0.02)
                    continue
                code, text = msa(answer)
                if code == "AE":
                    # What it says is to be sent again.
                    self.counts["told to send it again"] += 1
                    answer = None
                    time.sleep(0.02)
            if answer is None:
                return
            self.counts[code] += 1
            self.said.append((kind, feed.control_id(message), code, text))
            if code != ("AA" if kind == "attested" else "AR"):
                self.wrong.append(f"{code} for somebody {kind}: {text}")


def msa(answer):
    fields = next(segment for segment in answer.split("\r") if segment.startswith("MSA")).split("|")
    return fields[1], fields[3] if len(fields) > 3 else ""


class Feed(stories.Stage):
    """A stage whose boundary listens at one port, start after start."""

    def configure(self, port, environment="production"):
        super().configure(port, environment)
        self.at = kill.free_port()
        file = self.home / "eosin.toml"
        file.write_text(file.read_text().replace('listen = "127.0.0.1:0"', f'listen = "127.0.0.1:{self.at}"').replace("quarantine = true", "quarantine = false"))

    def end(self, how):
        self.server.process.send_signal(how)
        self.server.process.wait()


def prepared(stage):
    """Each sender's messages with their marks, as (kind, message)."""
    every = list(messages())
    parts = {kind: [one for mine in every for one in mine[at::2]] for at, kind in enumerate(CLASSES)}
    marked = {
        "attested": iter(stage.mark("attested", parts["attested"], "--attest", "alabama")),
        "synthetic": iter(stage.mark("synthetic", parts["synthetic"], "--generator", "kill-duel")),
    }
    return [[(CLASSES[number % 2], next(marked[CLASSES[number % 2]])) for number in range(EACH)] for _ in every]


def problems(stage, receiver, senders):
    for sender in senders:
        yield from sender.wrong[:3]
    report = json.loads(stage.run("ledger", "verify", "--json"))
    if not report["intact"]:
        yield f"the ledger does not verify: {report}"
    logged = kill.entries(stage.home / "ledger")
    rulings = Counter()
    for entry in map(json.loads, logged):
        if entry.get("eosin") == "ruling@1":
            rulings.update(kind for kind in CLASSES if entry["counts"].get(kind))
    arrived = [feed.control_id(message) for message in receiver.messages]
    there = set(arrived)
    for sender in senders:
        for kind, control, code, text in sender.said:
            if (code == "AA") != (control in there):
                yield f"{control} was told {code}, and is {'' if control in there else 'not '}at the receiver"
            if code == "AR":
                place = re.search(r"Ruling \S+#(\d+)", text)
                entry = json.loads(logged[int(place.group(1))]) if place and int(place.group(1)) < len(logged) else {}
                if entry.get("counts", {}).get(kind) != 1:
                    yield f"{control} was told of a ruling that is not in the ledger: {text[:200]}"
    if rulings["attested"] < len(arrived):
        yield f"{len(arrived)} messages arrived, and only {rulings['attested']} have a ruling"
    if any(control for control in there if int(control.split("N")[1]) % 2):
        yield "a synthetic message arrived"
    for number in range(len(senders)):
        mine = [control for control in arrived if control.startswith(f"S{number}N")]
        first = list(dict.fromkeys(mine))
        if first != sorted(first):
            yield f"the messages of sender {number} arrived in another order"
    if not all(any(code == wanted for *_, code, _ in sender.said) for sender in senders for wanted in ("AA", "AR")):
        yield "a sender had nothing taken or nothing refused: the duel shows nothing"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eosin", type=Path, required=True, help="the binary")
    parser.add_argument("--seconds", type=float, default=20, help="how long the duel is")
    parser.add_argument("--every", type=float, default=3, help="seconds between two kills")
    arguments = parser.parse_args()
    receiver, over, kills = feed.Receiver(), threading.Event(), 0
    with tempfile.TemporaryDirectory() as folder:
        stage = Feed(arguments.eosin.resolve(), Path(folder))
        stage.configure(receiver.port)
        mine = prepared(stage)
        with stage:
            senders = [Sender(stage.at, one, over) for one in mine]
            threads = [threading.Thread(target=sender.run) for sender in senders]
            for thread in threads:
                thread.start()
            until = time.monotonic() + arguments.seconds
            while time.monotonic() < until:
                time.sleep(arguments.every)
                # Turn about: a machine that loses power, and an operator who stops it in good order.
                stage.end(signal.SIGKILL if kills % 2 == 0 else signal.SIGTERM)
                kills += 1
                stage.__enter__()
            over.set()
            for thread in threads:
                thread.join()
        wrong = list(problems(stage, receiver, senders))
    receiver.close()
    counts = sum((sender.counts for sender in senders), Counter())
    again = len(receiver.messages) - len({feed.control_id(message) for message in receiver.messages})
    print(f"killed {kills} times in {arguments.seconds:.0f} s under {SENDERS} senders: "
          f"{', '.join(f'{count} × {word}' for word, count in sorted(counts.items()))}; "
          f"{len(receiver.messages)} arrived, {again} of them again")
    return told.duel(wrong)


if __name__ == "__main__":
    sys.exit(main())
