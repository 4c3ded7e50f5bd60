"""Lays two transcripts side by side: same answers, whatever differs between any two runs put aside."""

import difflib
import json
import re
from datetime import datetime, timedelta, timezone

ID = re.compile(r"(?<![A-Za-z0-9_])[0-9a][A-Za-z0-9]{14}(?:[A-Z0-5]{3})?(?![A-Za-z0-9_])")
CURSOR = re.compile(r"(?<=/query/)[A-Za-z0-9]+(?=-\d+)")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?")
HOST = re.compile(r"(?:https?://)?(?:127\.0\.0\.1|localhost|\[::1\]):\d+")
FOLDER = re.compile(r"/tmp/[A-Za-z0-9_./-]+")
CLOCKED = {"totalProcessingTime", "apiActiveProcessingTime", "apexProcessingTime", "Remaining", "issued_at", "signature", "access_token", "accessToken", "numRecordsProcessedPerSecond"}


def normal(transcript):
    """A transcript without ids, times, ports and folders: each id becomes a number in order of appearance."""
    seen = {}

    def name(match):
        key = match.group(0)[:15]
        if not any(c.isdigit() for c in key[1:]):
            return match.group(0)
        return f"<id {seen.setdefault(key, len(seen) + 1)}>"

    def text(value):
        value = TIME.sub(lambda match: "<now>" if recent(match.group(0)) else match.group(0), value)
        value = FOLDER.sub("<folder>", HOST.sub("<host>", value))
        return ID.sub(name, CURSOR.sub("<cursor>", value))

    def walk(value, key=None):
        if key in CLOCKED:
            return f"<{key}>"
        if isinstance(value, dict):
            return {text(name): walk(inner, name) for name, inner in sorted(value.items())}
        if isinstance(value, list):
            return [walk(inner) for inner in value]
        return text(value) if isinstance(value, str) else value

    return [{"step": one["step"], "answer": walk(one["answer"])} for one in transcript["steps"]]


def recent(written):
    """Whether a time is of this run, rather than one that the story wrote."""
    try:
        moment = datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", written.replace("Z", "+00:00")))
    except ValueError:
        return False
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return abs(datetime.now(timezone.utc) - moment) < timedelta(days=1)


def differences(left, right):
    """For each step of two transcripts, its name and how the answers differ, or `None`."""
    left, right = normal(left), normal(right)
    found = []
    for index in range(max(len(left), len(right))):
        one = left[index] if index < len(left) else None
        two = right[index] if index < len(right) else None
        step = (one or two)["step"]
        found.append((step, None if one == two else "\n".join(lines(one, two))))
    return found


def lines(one, two):
    """The lines in which two answers differ, at most twenty."""
    pretty = lambda value: json.dumps(value, indent=1, sort_keys=True).splitlines()
    return [line for line in difflib.unified_diff(pretty(one), pretty(two), "straight", "through the gateway", n=1, lineterm="")][:20]


def check():
    """The normaliser's own scenes: what is put aside, and what is not."""
    step = lambda answer: {"steps": [{"step": "s", "answer": answer}]}
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    same = [
        ({"id": "003000000000001AAA", "again": "003000000000001"}, {"id": "0039x0000000Zz1QAE", "again": "0039x0000000Zz1"}),
        ("http://127.0.0.1:8080/x", "https://localhost:443/x"),
        (now, "2026-01-01T00:00:00Z") if recent("2026-01-01T00:00:00Z") else (now, now),
        ({"Remaining": 3}, {"Remaining": 4}),
    ]
    other = [
        (["003000000000001AAA", "003000000000002AAA"], ["003000000000001AAA", "003000000000001AAA"]),
        ("2001-01-01T00:00:00Z", "2002-01-01T00:00:00Z"),
        ({"success": True}, {"success": False}),
        ("recommendations", "representations"),
    ]
    assert all(differences(step(a), step(b))[0][1] is None for a, b in same)
    assert all(differences(step(a), step(b))[0][1] for a, b in other)
