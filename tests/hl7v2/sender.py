#!/usr/bin/env python3
"""A sender of HL7 v2 over MLLP: the client of PyPI `hl7`, as it is, and `hl7apy` reading what it hears.

    sender.py HOST PORT FRAMES

Sends each message of the file FRAMES, which holds them in frames, over one connection, and prints MSA-1, MSA-2 and MSA-3 of each
answer. Both libraries must read the answer and agree.
"""

import sys

import hl7
from hl7.client import MLLPClient
from hl7apy.parser import parse_message


def heard(answer):
    assert answer.startswith(b"\x0b") and answer.endswith(b"\x1c\r"), answer
    text = answer[1:-2].decode("utf-8")
    by_hl7 = hl7.parse(text).segment("MSA")
    msa = parse_message(text, find_groups=False).msa
    said = [str(by_hl7[number]) if len(by_hl7) > number else "" for number in (1, 2, 3)]
    assert [msa.msa_1.value, msa.msa_2.value] == said[:2], text
    return " ".join(said).strip()


def main(host, port, frames):
    with open(frames, "rb") as file:
        messages = [frame[1:] for frame in file.read().split(b"\x1c\r") if frame]
    with MLLPClient(host, int(port)) as client:
        for message in messages:
            print(heard(client.send_message(message)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
