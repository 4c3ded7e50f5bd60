"""The bypass duel: every trick at every door, with somebody whom the boundary refuses. Nobody may arrive unread.

    duel.py --eosin PATH [part of a trick's or a door's name …]

A try is won if the person is not in the org afterwards. That the doors are doors is shown first: there, somebody whom
the boundary lets in arrives by each. Reads are open there: some doors answer with what they wrote. HTTP/2 has tricks of its own, in `frames.py`.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import doors
import frames
import places
import tricks
import wire

BOUNDARY = "production"
SECONDS = 6


class Arena:
    """The boundary of the duel, and what a door may need of it."""

    def __init__(self, stage):
        self.stage, self.place = stage, stage.places[BOUNDARY]
        self.session = self.place.session

    def behind(self, method, target, value, through=False, headers=()):
        """A request that is no try: it makes the job that an upload needs."""
        body = json.dumps(value).encode()
        origin = self.place.origin if through else self.place.org
        answer = wire.ask(origin, method, target, [*self.place.bearer(), ("Content-Type", "application/json"), *headers], body)
        try:
            return json.loads(answer.body) if answer.status < 300 else {"id": f"no-job-{answer.status}"}
        except ValueError:
            return {"id": "no-job"}

    def attempt(self, door, kind):
        number = self.stage.person()
        row = self.stage.rows[kind, "Contact"][number]
        made = doors.DOORS[door](self, row, number)
        made.session = self.session
        return made, row, number

    def send(self, made, sent):
        answer = wire.send(self.place.origin, sent, SECONDS)
        if made.after:
            self.behind(*made.after, through=True)
        return answer

    def arrived(self, row, number):
        found = [f"SELECT Id FROM Contact WHERE LastName = '{row['LastName']}'", f"SELECT Id FROM Contact WHERE Email = '{row['Email']}'",
                 f"SELECT Id FROM ContentVersion WHERE Title = 'Duel {number}'"]
        return sum(count for soql in found if isinstance(count := self.place.find(soql), int))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eosin", type=Path, required=True, help="the binary")
    parser.add_argument("only", nargs="*", help="only tricks and doors whose names have one of these parts")
    arguments = parser.parse_args()
    chosen = lambda door, trick: not arguments.only or any(part.lower() in f"{door}: {trick}".lower() for part in arguments.only)
    tries = passed = failed = 0
    with tempfile.TemporaryDirectory() as folder, places.Stage(arguments.eosin.resolve(), folder, made=6000, reads="open") as stage:
        arena = Arena(stage)
        for door in set(doors.DOORS) - doors.SHUT:
            made, row, number = arena.attempt(door, "attested")
            answer = arena.send(made, tricks.frame(made))
            is_door = arena.arrived(row, number) > 0
            passed, failed = passed + is_door, failed + (not is_door)
            if not is_door:
                print(f"FAILED  {door}: somebody who is let in does not arrive: {answer.status} {answer.text()[:300]}", flush=True)
        for name, trick in {**tricks.TRICKS, **frames.TRICKS}.items():
            lost = []
            for door in doors.DOORS:
                if not chosen(door, name):
                    continue
                made, row, number = arena.attempt(door, "synthetic")
                sent = trick(made)
                if sent is None:
                    continue
                tries += 1
                answer = arena.send(made, sent)
                if arena.arrived(row, number):
                    lost.append(f"{door} ({answer.status})")
            passed, failed = passed + (not lost), failed + bool(lost)
            if lost:
                print(f"FAILED  {name}: arrived by {', '.join(lost)}", flush=True)
        # Whatever was tried, the gateway is still there and still lets in whom it should.
        made, row, number = arena.attempt("sobjects", "attested")
        arena.send(made, tricks.frame(made))
        alive = arena.arrived(row, number) > 0
        passed, failed = passed + alive, failed + (not alive)
        if not alive:
            print("FAILED  after the duel nobody is let in any more", flush=True)
    print(f"the bypass duel: {tries} tries of {len(tricks.TRICKS) + len(frames.TRICKS)} tricks at {len(doors.DOORS)} doors")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
