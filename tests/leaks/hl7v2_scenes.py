"""The scenes of HL7 v2: a test in Rust plays them (`crates/mllp/tests/it/leaks.rs`), and what it says of each is read here."""

import os
import subprocess
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
TEST = "leaks::no_way_into_a_feed_is_open"
PLAYED = "scene: "


class Channel:
    """One row of the table."""

    def __init__(self, row):
        self.name, self.protocol, self.direction = row["name"], row["protocol"], row["direction"]
        self.closed_by, self.open = row["closed_by"], ""
        self.boundaries = ["production"]


def table(file=HERE / "hl7v2.toml"):
    return [Channel(row) for row in tomllib.loads(file.read_text())["channel"]]


class Stage:
    """One run of the test, which plays all of them."""

    def __init__(self, _eosin, _folder):
        command = [os.environ.get("CARGO", "cargo"), "test", "-p", "mllp", "--test", "it", TEST, "--", "--exact", "--nocapture"]
        done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
        self.ended, self.told = done.returncode, done.stdout + done.stderr
        lines = [line[line.index(PLAYED) + len(PLAYED):] for line in self.told.splitlines() if PLAYED in line]
        self.played = dict(line.split(" | ", 1) for line in lines)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def problem(stage, channel):
    """What is wrong with a channel, in a sentence; nothing if it is as the table says."""
    said = stage.played.get(channel.name)
    if said is None:
        return f"the test did not come to it:\n{stage.told[-1500:]}"
    return "" if said == "as the table says" else said
