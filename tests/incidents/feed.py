"""A public-health feed over MLLP: who sends, who receives, and the lab's messages. Plain sockets, nothing of Eosin."""

import contextlib
import re
import socket
import threading

START, END = b"\x0b", b"\x1c\r"
FRAME_BYTES_MAX = 1 << 20


def read_frame(stream, buffer):
    """The next message of a connection, or None at its end."""
    while END not in buffer[0]:
        more = stream.recv(65536)
        if not more or len(buffer[0]) > FRAME_BYTES_MAX:
            return None
        buffer[0] += more
    frame, buffer[0] = buffer[0].split(END, 1)
    return frame.lstrip(START).decode("utf-8")


class Receiver:
    """A health department: takes every message, keeps it, and says so."""

    def __init__(self):
        self.listener, self.messages = socket.create_server(("127.0.0.1", 0)), []
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(stream,), daemon=True).start()

    def serve(self, stream):
        buffer = [b""]
        # A sender that goes away has gone; what it sent before is kept.
        with stream, contextlib.suppress(OSError):
            while (message := read_frame(stream, buffer)) is not None:
                self.messages.append(message)
                answer = f"MSH|^~\\&|DOH|AL|LAB|QA|20250728||ACK|A{control_id(message)}|P|2.5.1\rMSA|AA|{control_id(message)}\r"
                stream.sendall(START + answer.encode() + END)

    def people(self):
        """The names that arrived, as the department would read them."""
        return [name(message) for message in self.messages]

    def close(self):
        self.listener.close()


def send(port, messages):
    """Sends messages in order over one connection; the answer to each, as code and text."""
    said, buffer = [], [b""]
    with socket.create_connection(("127.0.0.1", port), timeout=30) as stream:
        for message in messages:
            stream.sendall(START + message.encode() + END)
            answer = read_frame(stream, buffer)
            msa = next(segment for segment in answer.split("\r") if segment.startswith("MSA")).split("|")
            said.append((msa[1], msa[3] if len(msa) > 3 else ""))
    return said


def control_id(message):
    return message.split("\r")[0].split("|")[9]


def name(message):
    pid = next(segment for segment in message.split("\r") if segment.startswith("PID"))
    return " ".join(reversed(pid.split("|")[5].split("^")[:2]))


def split(text):
    """The messages of a file that holds one after another."""
    text = text.replace("\r\n", "\r").replace("\n", "\r")
    found = re.split(r"(?:(?<=\r)|^)(?=MSH\|)", text)
    return [message for message in found if message.startswith("MSH|")]


def result(number, person, code="P", what="SARS-CoV-2 RNA"):
    """A lab's result about somebody."""
    family, given, born, street, phone = person
    return "".join(segment + "\r" for segment in (
        f"MSH|^~\\&|LIS|COASTAL LAB|ELR|DOH|20250728{number % 24:02}{number % 60:02}||ORU^R01^ORU_R01|CL{number:05}|{code}|2.5.1",
        f"PID|1||{70000 + number}^^^COASTAL^MR||{family}^{given}||{born}|F|||{street}^^Mobile^AL^36602||{phone}",
        f"OBR|1|||94500-6^{what}^LN|||20250727",
        "OBX|1|CWE|94500-6^SARS-CoV-2 RNA^LN||260415000^Not detected^SCT||||||F",
    ))
