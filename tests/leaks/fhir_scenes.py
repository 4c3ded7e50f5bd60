"""Plays the clinical scenes: each without Eosin, through it, and as it must be; see `scenes.py` for what closed means."""

import json
import re
from html import unescape
from pathlib import Path

import fhir_places
import places
import scenes

HERE = Path(__file__).resolve().parent
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# What a server says of itself and of when; and links, which each side gives to its own pages.
PASSING = {"lastUpdated", "versionId", "timestamp", "link", "transactionTime", "request", "fullUrl", "lastModified", "etag"}
PASSING_ELEMENTS = re.compile(rf"<({'|'.join(sorted(PASSING))})(?: [^>]*/>|>.*?</\1>)")


def table():
    return scenes.table(HERE / "fhir.toml")


def problem(stage, channel):
    """What is wrong with a channel, in a sentence; nothing if it is as the table says."""
    channel = channel.at(stage.server.name)
    for boundary in channel.boundaries:
        said = (way_in if channel.direction == "in" else way_out)(stage, channel, boundary)
        if said:
            return f"at {boundary}: {said}"
    return None


def way_in(stage, channel, boundary):
    refused = places.BOUNDARIES[boundary]
    allowed = next(kind for kind in places.KINDS if kind != refused)

    def arrived(place, kind):
        given = fhir_places.words(stage, kind, stage.person()) | planted(stage, refused, allowed)
        log = scenes.play(stage.places[place], channel.steps, given)
        return stage.places[place].find(scenes.fill(channel.arrives, given)), log

    if channel.absent:
        count, log = arrived("direct", refused)
        return f"this server has that way now: say so in the table\n{scenes.told(log)}" if count else None
    return scenes.entered(channel, boundary, refused, allowed, arrived)


def way_out(stage, channel, boundary):
    hidden = places.BOUNDARIES[boundary]
    shown = next(kind for kind in places.KINDS if kind != hidden)
    given = planted(stage, hidden, shown)
    # A scene that changes something brings somebody of its own.
    given |= {f"n.{word}": text for word, text in fhir_places.words(stage, shown, stage.person()).items()}
    bare, clean, through = (scenes.play(stage.places[place], channel.steps, given) for place in ("direct", f"clean-{boundary}", boundary))
    if channel.absent:
        # What a server answers to steps of which it has the first.
        return None if alike(bare[-1:], clean[-1:]) else f"this server has that way now: say so in the table\n{scenes.told(bare)}"
    if alike(bare, clean):
        return f"the scene shows nothing even without Eosin:\n{scenes.told(bare)}"
    names = [given[f"{letter}.name"] for letter in ("h", "h1", "h2")]
    # A link that repeats what was asked tells nothing.
    within = [url for step in channel.steps for url in re.findall(r'"url":"([^"]+)"', scenes.fill(step.get("body", ""), given))]
    said = [repeated(unescape(answer.text()), [asked.partition(" ")[2], *within]).lower() for asked, answer in through]
    seen = [name for name in names if any(name.lower() in text for text in said)]
    if "{h." not in json.dumps(channel.steps):
        seen += [given[f"h.{thing}"] for thing in ("patient", "observation", "appointment") if any(given[f"h.{thing}"] in answer.text() for _, answer in through)]
    return scenes.betrayed(channel, clean, through, seen, channel.same and not alike(through, clean))


def repeated(text, asked):
    """An answer without the addresses that were asked."""
    for one in filter(None, asked):
        text = text.replace(one, "")
    return text


def planted(stage, hidden, shown):
    """The people who are there already: `h.` is who is hidden, `s.` who is shown."""
    given = {}
    for letter, kind in (("h", hidden), ("s", shown)):
        for number in range(places.PLANTED):
            mark = letter if number == 0 else f"{letter}{number}"
            given |= {f"{mark}.{word}": text for word, text in fhir_places.words(stage, kind, number).items()}
    return given | {"base": stage.server.base}


def alike(one, other):
    """Whether two runs of a scene were answered alike, but for ids that servers give, addresses and times."""
    return [normal(answer) for _, answer in one] == [normal(answer) for _, answer in other]


def normal(answer):
    return {"status": answer.status, "tag": "etag" in answer.headers, "location": "location" in answer.headers, "body": shape(answer.text())}


def shape(text):
    if text.startswith("<"):
        return without(PASSING_ELEMENTS.sub("", text))
    try:
        return without(json.loads(text))
    except ValueError:
        return [without(json.loads(line)) if line.startswith("{") else line for line in text.splitlines()]


def without(value):
    if isinstance(value, dict):
        kept = {name: without(inner) for name, inner in value.items() if name not in PASSING}
        # An empty list and none are one answer.
        return {name: inner for name, inner in kept.items() if inner not in ([], {})}
    if isinstance(value, list):
        return [without(one) for one in value]
    return re.sub(r"https?://127\.0\.0\.1:\d+", "<host>", UUID.sub("<id>", value)) if isinstance(value, str) else value
