#!/usr/bin/env python3
"""Reads HL7 v2 messages before and after they were marked, with two parsers that are not ours.

    parse.py BEFORE AFTER [MOST]

Each message of AFTER must parse wherever the one of BEFORE does, carry one ZEO segment right after MSH, and have the
same names (PID-5) and birth dates (PID-7). The parsers are PyPI `hl7` and `hl7apy`. Prints how many messages each of
them read and exits 0, or says which message is wrong and exits 1. `hl7apy` takes tens of milliseconds a message: with
MOST it is asked about so many only, spread over the file.
"""

import re
import sys

import hl7
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message


def messages(path):
    with open(path, "rb") as file:
        text = file.read().decode("utf-8").replace("\ufeff", "")
    lines = [line for line in re.split(r"[\r\n]+", text) if line]
    found = []
    for line in lines:
        if line.startswith("MSH"):
            found.append([])
        found[-1].append(line)
    return ["\r".join(lines) for lines in found]


def by_hl7(text):
    """The names of the segments, and PID-5 and PID-7 of each PID, as PyPI `hl7` has them."""
    message = hl7.parse(text)
    persons = [segment for segment in message if str(segment[0]) == "PID"]

    def field(segment, number):
        return str(segment[number]) if len(segment) > number else ""

    names = [str(segment[0][0]) for segment in message]
    return names, [(field(person, 5), field(person, 7)) for person in persons]


def by_hl7apy(text):
    """PID-5 and PID-7 of each PID as `hl7apy` has them, or nothing where it does not read the message."""
    try:
        message = parse_message(text, find_groups=False)
        persons = [child for child in message.children if child.name == "PID"]
        return [(person.pid_5.to_er7(), person.pid_7.to_er7()) for person in persons]
    except (HL7apyException, AttributeError, IndexError, KeyError, ValueError) as error:
        return error


def main(before, after, most=None):
    before, after = messages(before), messages(after)
    step = max(1, len(before) // int(most)) if most else 1
    assert len(before) == len(after), f"{len(before)} messages became {len(after)}"
    read = asked = 0
    for number, (old, new) in enumerate(zip(before, after), 1):
        old_names, old_persons = by_hl7(old)
        new_names, new_persons = by_hl7(new)
        assert new_names == ["MSH", "ZEO", *old_names[1:]], f"message {number}: other segments"
        assert new_persons == old_persons, f"message {number}: another person"
        if (number - 1) % step:
            continue
        asked += 1
        old_persons, new_persons = by_hl7apy(old), by_hl7apy(new)
        if not isinstance(old_persons, Exception):
            assert not isinstance(new_persons, Exception), f"message {number}: hl7apy: {type(new_persons).__name__}"
            assert new_persons == old_persons, f"message {number}: another person to hl7apy"
            read += 1
    print(f"hl7 {len(after)} of {len(after)}, hl7apy {read} of {asked}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except AssertionError as error:
        sys.exit(str(error))
