"""Plays the scenes of the table: each without Eosin, through it, and as it must be.

A way in is closed if what is refused there does not arrive, and what is allowed does. A way out is closed if an answer
is the same as that of an org which never held what is hidden. Either is shown to be a way at all by playing the same
requests without Eosin: there it leaks, or the scene fails.
"""

import base64
import copy
import csv
import json
import re
import sys
import time
import tomllib
import zipfile
from datetime import datetime, timedelta, timezone
from html import escape, unescape
from io import BytesIO, StringIO
from itertools import takewhile
from pathlib import Path
from urllib.parse import quote

import places
import wire

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
import compare  # noqa: E402

HERE = Path(__file__).resolve().parent
# FHIR servers before which the rows of FHIR are played.
SERVERS = ("medplum", "helios")
WORDS = {"name", "protocol", "direction", "closed_by", "open", "steps", "arrives", "boundaries", "same", "refused", "lacks", "rows", *SERVERS}
# What a row can say of one: that it has no such way, how the way is gone there, or that answers are not compared.
SERVER_WORDS = {"absent", "steps", "same"}
STEP_WORDS = {"request", "headers", "type", "body", "capture", "behind", "until"}
# A step is asked again until it is answered with the status that it waits for, but not for longer.
WAIT_SECONDS = 60


class Channel:
    """One row of the table."""

    def __init__(self, row):
        self.at_server, self.absent = {server: row.get(server, {}) for server in SERVERS}, ""
        steps = row["steps"] + [step for own in self.at_server.values() for step in own.get("steps", [])]
        unknown = set(row) - WORDS or {word for own in self.at_server.values() for word in set(own) - SERVER_WORDS} or {word for step in steps for word in set(step) - STEP_WORDS}
        if unknown:
            raise SystemExit(f"{row.get('name')}: the table has no word {', '.join(sorted(unknown))}")
        self.name, self.protocol, self.direction, self.steps = row["name"], row["protocol"], row["direction"], row["steps"]
        self.closed_by, self.open = row.get("closed_by", ""), row.get("open", "")
        self.arrives = row.get("arrives", "SELECT Id FROM Contact WHERE LastName = '{name}'")
        self.boundaries = row.get("boundaries", list(places.BOUNDARIES) if self.direction == "out" else ["production"])
        # `refused`: nobody gets in by it, or nothing is answered at all, which tells nothing either.
        self.refused = row.get("refused", False)
        self.same, self.lacks = row.get("same", not self.refused), row.get("lacks", "")
        # `rows`: a file that is written here: its rows are compared, not how they are written, nor who is said below to have made it.
        self.shape = rows_of if row.get("rows") else shape
        if bool(self.closed_by) == bool(self.open):
            raise SystemExit(f"{self.name}: say either how it is closed or why it is open")

    def at(self, server):
        """The row as it is played at one of the servers."""
        own = copy.copy(self)
        own.absent, own.steps, own.same = (self.at_server[server].get(word, getattr(self, word)) for word in ("absent", "steps", "same"))
        return own


def table(file=HERE / "salesforce.toml"):
    rows = [Channel(row) for row in tomllib.loads(file.read_text())["channel"]]
    names = [row.name for row in rows]
    if twice := {name for name in names if names.count(name) > 1}:
        raise SystemExit(f"the table has {', '.join(sorted(twice))} twice")
    return rows


def problem(stage, channel):
    """What is wrong with a channel, in a sentence; nothing if it is as the table says."""
    for boundary in channel.boundaries:
        said = (way_in if channel.direction == "in" else way_out)(stage, channel, boundary)
        if said:
            return f"at {boundary}: {said}"
    return None


def way_in(stage, channel, boundary):
    refused = places.BOUNDARIES[boundary]
    allowed = next(kind for kind in places.KINDS if kind != refused)

    def arrived(place, kind):
        number = stage.person()
        given = person(stage, kind, number)
        log = play(stage.places[place], channel.steps, given)
        count = stage.places[place].find(fill(channel.arrives, given))
        return count, log

    return entered(channel, boundary, refused, allowed, arrived)


def entered(channel, boundary, refused, allowed, arrived):
    """What is wrong with a way in. `arrived` plays it at a place for somebody of a kind: how many came, and what was answered."""
    count, log = arrived("direct", refused)
    if count == 0 or isinstance(count, str):
        return f"the scene does nothing even without Eosin ({count}):\n{told(log)}"
    count, log = arrived(boundary, refused)
    if channel.open:
        return None if count else "it is closed now: say in the table how, and take `open` away"
    if count:
        return f"a refused record arrived:\n{told(log)}"
    if any(answer.status >= 500 for _, answer in log):
        return f"it was refused with an error that clients repeat:\n{told(log)}"
    if channel.refused:
        return None
    count, log = arrived(boundary, allowed)
    return None if count else f"an allowed record did not arrive ({count}):\n{told(log)}"


def way_out(stage, channel, boundary):
    hidden = places.HIDES[boundary]
    shown = next(kind for kind in places.KINDS if kind != hidden)
    bare = play_planted(stage, places.BARE.get(boundary, "direct"), channel, hidden, shown)
    clean = play_planted(stage, f"clean-{boundary}", channel, hidden, shown)
    through = play_planted(stage, boundary, channel, hidden, shown)
    if alike(bare, clean, channel.shape):
        return f"the scene shows nothing even without Eosin:\n{told(bare)}"
    names = [row["LastName"] for row in stage.rows[hidden, "Contact"][: places.PLANTED]]
    seen = [name for name in names if any(name.lower() in answer.text().lower() for _, answer in through)]
    ids = [value[:15] for one in stage.places[boundary].ids[hidden] for value in one.values()]
    asked = json.dumps(channel.steps)
    if "{h." not in asked:
        seen += [value for value in ids if any(value in answer.text() for _, answer in through)]
    return betrayed(channel, clean, through, seen, channel.same and not alike(through, clean, channel.shape))


def betrayed(channel, clean, through, seen, differs):
    """What is wrong with a way out: what was `seen` of who is hidden, and whether the answer `differs` from a clean place's."""
    if channel.open:
        return None if seen or differs else "it is closed now: say in the table how, and take `open` away"
    if channel.lacks and any(channel.lacks in answer.text() for _, answer in through):
        return f"the answer has {channel.lacks}:\n{told(through)}"
    if seen:
        return f"what is hidden was shown:\n{told(through)}"
    if channel.refused and not 400 <= through[-1][1].status < 500:
        return f"it was answered, and should be refused:\n{told(through)}"
    return f"the answer betrays that something is hidden:\n{told(through)}\nwhere nothing is hidden it is:\n{told(clean)}" if differs else None


def play_planted(stage, place, channel, hidden, shown):
    """The scene with the people who are in the org already: `h.` is who is hidden, `s.` who is shown."""
    at = stage.places[place]
    given = {}
    for letter, kind in (("h", hidden), ("s", shown)):
        for number in range(places.PLANTED):
            one = stage.rows[kind, "Contact"][number]
            mark = letter if number == 0 else f"{letter}{number}"
            given |= {f"{mark}.name": one["LastName"], f"{mark}.email": one["Email"], f"{mark}.phone": one["Phone"],
                      f"{mark}.mark": one["Eosin_Mark_Id__c"], f"{mark}.given": one["FirstName"]}
            given |= {f"{mark}.{word}": text for word, text in person(stage, kind, number).items() if word in ("json", "inner", "without_key")}
            given |= {f"{mark}.{thing.lower()}": value for thing, value in at.ids[kind][number].items()}
    now = datetime.now(timezone.utc).replace(microsecond=0)
    for name, moment in (("hour_ago", now - timedelta(hours=1)), ("hour_on", now + timedelta(hours=1))):
        given[name] = quote(moment.isoformat())
    return play(at, channel.steps, given)


def person(stage, kind, number):
    """How one person is written in each format."""
    row = stage.rows[kind, "Contact"][number]
    record = places.as_json("Contact", row)
    bare = {name: value for name, value in record.items() if name != "attributes"}
    cells = ",".join(quoted(value) for value in row.values())
    xml = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in row.items() if name != places.DATASET)
    prefixed = "".join(f"<urn1:{name}>{escape(str(value))}</urn1:{name}>" for name, value in row.items() if name != places.DATASET)
    flat = {name: value for name, value in bare.items() if name != "Eosin_Dataset__r"}
    # As literals of a document that itself stands in a JSON text.
    graphql = json.dumps(", ".join(f"{name}: {json.dumps(value)}" for name, value in flat.items()))[1:-1]
    return {"name": row["LastName"], "given": row["FirstName"], "email": row["Email"], "json": json.dumps(bare), "record": json.dumps(record),
            "flat": json.dumps(flat), "renamed": json.dumps({OTHERWISE.get(name, name): value for name, value in flat.items()}), "header": ",".join(row), "cells": cells, "xml": xml, "urn1": prefixed, "graphql": graphql, "number": str(number),
            "key": row["Eosin_Mark_Id__c"], "without_key": json.dumps({name: value for name, value in bare.items() if name != "Eosin_Mark_Id__c"}),
            "table64": base64.b64encode(f"{','.join(row)}\n{cells}\n".encode()).decode(), "inner": json.dumps(bare)[1:-1], "mark": row["Eosin_Mark__c"]}


# How a class of Apex calls what the record calls otherwise.
OTHERWISE = {"FirstName": "given", "LastName": "family"}


def quoted(value):
    return '"' + value.replace('"', '""') + '"' if re.search(r'[",\n]', value) else value


def play(place, steps, given):
    """The requests of a scene, one after the other; what an answer gave can stand in the next."""
    given = {**given, "session": place.session, "data": places.DATA, "origin": place.origin}
    log = []
    for step in steps:
        method, _, target = fill(step["request"], given).partition(" ")
        target = re.sub(r"<<(.*?)>>", lambda match: quote(match.group(1), safe=""), target)
        headers = [] if any(name.lower() == "authorization" for name, _ in pairs(step)) else place.bearer()
        headers += [(name, fill(value, given)) for name, value in pairs(step)]
        if "type" in step:
            headers.append(("Content-Type", step["type"]))
        # What a scene needs and is not about is set up behind the gateway.
        origin = place.org if step.get("behind") else place.origin
        body = fill(step.get("body", ""), given).encode()
        answer = waited(step.get("until"), lambda: wire.ask(origin, method, target or "/", [(name, value) for name, value in headers if value], body))
        if not step.get("behind"):
            log.append((f"{method} {target}", answer))
        said = "".join(f"{name}: {value}\n" for name, value in answer.headers.items()) + answer.text()
        for name, pattern in step.get("capture", {}).items():
            found = re.search(pattern, said)
            given[name] = found.group(1) if found else f"no-{name}"
    return log


def waited(status, ask):
    """The answer, and where a status is waited for the first that has it, or the last there was time for."""
    until, answer = time.monotonic() + WAIT_SECONDS, ask()
    while status and answer.status != status and time.monotonic() < until:
        time.sleep(0.2)
        answer = ask()
    return answer


def pairs(step):
    return [tuple(line.split(": ", 1)) for line in step.get("headers", [])]


def fill(text, given):
    return re.sub(r"\{([a-z][a-z0-9_.]*)\}", lambda match: given.get(match.group(1), match.group(0)), text)


def rows_of(answer):
    """The cells of a report's file, header and all, whether it is written with commas, as a sheet or as a workbook."""
    if answer.status == 200 and answer.body.startswith(b"PK"):
        return list(takewhile(bool, cells_of(answer.body)))
    text = answer.text()
    if answer.status != 200 or "<table" not in text:
        return list(takewhile(bool, csv.reader(StringIO(text, newline=""))))
    lines = re.findall(r"<tr>(.*?)</tr>", text.split("</table>")[0], re.DOTALL)
    return [[unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.DOTALL)] for line in lines]


def cells_of(workbook):
    """The rows of a workbook's first sheet, as it is written here or as the org writes it: with texts that cells share."""
    with zipfile.ZipFile(BytesIO(workbook)) as archive:
        part = lambda name: archive.read(name).decode() if name in archive.namelist() else ""
        shared = re.findall(r"<si><t[^>]*>(.*?)</t></si>", part("xl/sharedStrings.xml"), re.DOTALL)
        sheet = part("xl/worksheets/sheet1.xml")
    cell = re.compile(r'<c/>|<c [^>]*t="(s|inlineStr)"[^>]*>(?:<v>(\d+)</v>|<is><t[^>]*>(.*?)</t></is>)</c>', re.DOTALL)
    told = lambda found: unescape(shared[int(found[2])] if found[1] == "s" else found[3] or "")
    return [[told(found) for found in cell.finditer(row)] for row in re.findall(r"<row[^>]*?(?:/>|>(.*?)</row>)", sheet, re.DOTALL)]


def alike(one, other, shaped=None):
    """Whether two runs of a scene were answered alike, but for ids, addresses and times."""
    shaped = shaped or shape

    def shown(log):
        return [{"step": number, "answer": {"status": answer.status, "body": shaped(answer)}} for number, (_, answer) in enumerate(log)]

    return compare.normal({"steps": shown(one)}) == compare.normal({"steps": shown(other)})


# Tags that are made of times and ids; and numbers that the org counts up, which a row of the table is about.
TIMED = re.compile(r'(?<="weakEtag":)\d+|(?<="weakEtag": )\d+|(?<="eTag":")[0-9a-f]+|(?<="eTag": ")[0-9a-f]+')
COUNTED = re.compile(r'(?<="Name":")0000\d{4}(?=")')
# How many calls an org has answered, in a SOAP header.
CALLS = re.compile(r"(?<=<current>)\d+(?=</current>)")

# When a report was saved as a file, below its rows.
SAVED = re.compile(r'(?<="Generated By:  )[^"]*')


def shape(answer):
    text = SAVED.sub("somebody", COUNTED.sub("number", CALLS.sub("0", TIMED.sub("0", answer.text()))))
    try:
        return without_datasets(json.loads(text))
    except ValueError:
        return text


def without_datasets(value):
    """An answer without rows of datasets: hidden from whomever anything is hidden from, while every org here has them."""
    if isinstance(value, dict):
        return {name: without_datasets(inner) for name, inner in value.items()}
    if isinstance(value, list):
        is_dataset = lambda one: isinstance(one, dict) and (one.get("attributes") or {}).get("type") == "Eosin_Dataset__c"
        return [without_datasets(one) for one in value if not is_dataset(one)]
    return value


def told(log):
    return "\n".join(f"  {request}\n  -> {answer.status} {answer.text()[:600]}" for request, answer in log)
