#!/usr/bin/env python3
"""A receiver of HL7 v2 over MLLP, made of a library that is not ours.

    receiver.py hl7apy|hl7

Listens on a free port of loopback and prints it, then the control id of each message that arrives. Accepts every message
with an acknowledgement of its own. `hl7apy` closes the connection after each answer, PyPI `hl7` keeps it.
Ends when its standard input does.
"""

import asyncio
import sys
import threading

import hl7
import hl7.mllp
from hl7apy.mllp import AbstractHandler, MLLPServer


def told(line):
    print(line, flush=True)


class Accept(AbstractHandler):
    def reply(self):
        fields = self.incoming_message.split("\r")[0].split("|")
        told(fields[9])
        return f"\x0bMSH|^~\\&|RIS|WARD|LAB|HALL|20260102||ACK|R{fields[9]}|P|2.5\rMSA|AA|{fields[9]}\r\x1c\r"


class EveryType(dict):
    """Whatever the message is, the same handler."""

    def __missing__(self, kind):
        return (Accept,)


def by_hl7apy():
    server = MLLPServer("127.0.0.1", 0, EveryType())
    server.daemon_threads = True
    told(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


async def by_hl7():
    async def serve(reader, writer):
        try:
            while not writer.is_closing():
                message = await reader.readmessage()
                told(str(message.segment("MSH")[10]))
                writer.writemessage(message.create_ack())
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    server = await hl7.mllp.start_hl7_server(serve, "127.0.0.1", 0)
    told(server.sockets[0].getsockname()[1])
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    by_hl7apy() if sys.argv[1] == "hl7apy" else asyncio.run(by_hl7())
