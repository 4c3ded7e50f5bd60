"""One HTTP/1.1 exchange, byte for byte as it is asked for: what a client library would mend is sent as it stands."""

import io
import socket
import zipfile
from urllib.parse import urlsplit

SECONDS = 30
ANSWER_BYTES_MAX = 32 << 20


class Answer:
    """What came back: a status (0 where nothing was said), header fields in lower case, and the body without its framing."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def text(self):
        return unzipped(self.body) if self.body.startswith(b"PK\x03\x04") else self.body.decode("utf-8", "replace")


def unzipped(body):
    """The entries of an archive, one after the other; of one that is cut, its bytes."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(body))
        return "".join(f"{name}\n{archive.read(name).decode('utf-8', 'replace')}\n" for name in archive.namelist())
    except zipfile.BadZipFile:
        return body.decode("utf-8", "replace")


def ask(origin, method, target, headers=(), body=b"", seconds=SECONDS):
    """A request with a length and an end."""
    at = urlsplit(origin)
    head = [f"{method} {target} HTTP/1.1", f"Host: {at.netloc}", "Connection: close"]
    head += [f"{name}: {value}" for name, value in headers]
    if body or method in ("POST", "PUT", "PATCH"):
        head.append(f"Content-Length: {len(body)}")
    return send(origin, "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body, seconds)


def send(origin, request, seconds=SECONDS):
    """These bytes, and what is answered until the other side closes."""
    at = urlsplit(origin)
    received = b""
    with socket.create_connection((at.hostname, at.port), timeout=seconds) as connection:
        try:
            connection.sendall(request)
            while len(received) < ANSWER_BYTES_MAX and (piece := connection.recv(65536)):
                received += piece
        except OSError:
            # Refused in the middle: what was said before counts.
            pass
    return parse(received)


def parse(received):
    """The answer in these bytes: that of the last status line where a `100 Continue` came before it."""
    head, _, rest = received.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 100"):
        head, _, rest = rest.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    chunked = "chunked" in headers.get("transfer-encoding", "")
    return Answer(status, headers, unchunked(rest) if chunked else rest)


def unchunked(rest):
    whole = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        if length == 0:
            break
        whole, rest = whole + rest[:length], rest[length + 2 :]
    return whole
