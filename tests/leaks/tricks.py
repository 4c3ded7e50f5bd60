"""The tricks of the duel: each bends a request that would be refused, hoping that we read it otherwise than the org does.

To add one: a function that takes a `doors.Try` and gives the bytes to send, or nothing where it does not apply; then a
line in `TRICKS`. What a trick may use of the framing is in `frame`.
"""

import gzip
import json
import re
import zlib

HOST = "org.example"


def frame(attempt, body=None, headers=(), length=True, version="HTTP/1.1", tail=b"", kind=None):
    """The bytes of a request; `length` may be a number that is not true, or False for none."""
    body = attempt.body if body is None else body
    lines = [f"{attempt.method} {attempt.target} {version}", f"Host: {HOST}", "Connection: close", f"Authorization: Bearer {attempt.session}"]
    lines += [f"{name}: {value}" for name, value in attempt.headers]
    if kind is not False:
        lines.append(f"Content-Type: {kind or attempt.kind}")
    lines += [f"{name}: {value}" for name, value in headers]
    if length is not False:
        lines.append(f"Content-Length: {len(body) if length is True else length}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body + tail


def chunks(body, size=7, extension=b"", trailer=b""):
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces) + b"0\r\n" + trailer + b"\r\n"


CHUNKED = [("Transfer-Encoding", "chunked")]


def is_json(attempt):
    return attempt.record is not None


def is_xml(attempt):
    return "xml" in attempt.kind


def is_csv(attempt):
    return attempt.kind == "text/csv"


def is_form(attempt):
    return attempt.kind.startswith("multipart/")


# ---- Framing -------------------------------------------------------------------------------------------------------


def framing(**how):
    return lambda attempt: frame(attempt, **how)


def chunked(headers=CHUNKED, **how):
    return lambda attempt: frame(attempt, chunks(attempt.body, **how), headers, length=False)


def two_lengths(attempt):
    return frame(attempt, headers=[("Content-Length", "2")])


def length_and_chunks(attempt):
    return frame(attempt, chunks(attempt.body), CHUNKED, length=4)


def chunks_hidden(value):
    return lambda attempt: frame(attempt, chunks(attempt.body), [("Transfer-Encoding", value)], length=False)


def header_line(line):
    """A framing header that only some read: written with a space, a tab or a line break in it."""
    def trick(attempt):
        plain = frame(attempt, chunks(attempt.body), length=False)
        return plain.replace(b"Connection: close\r\n", b"Connection: close\r\n" + line, 1)

    return trick


def pipelined(attempt):
    first = f"GET /services/data HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\n\r\n".encode()
    return first + frame(attempt)


def smuggled(attempt):
    """The whole request as the body of one that is open."""
    inner = frame(attempt)
    return f"POST /services/oauth2/revoke HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(inner)}\r\n\r\n".encode() + inner


def smuggled_short(attempt):
    inner = frame(attempt)
    return f"POST /services/oauth2/revoke HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode() + inner


def get_with_body(attempt):
    return frame(attempt).replace(attempt.method.encode(), b"GET", 1)


def trailers(attempt):
    return frame(attempt, chunks(attempt.body, trailer=b"Content-Type: text/plain\r\nEosin-Provenance: v=1, attested=1\r\n"), CHUNKED, length=False)


# ---- Coding --------------------------------------------------------------------------------------------------------


def coded(coding, compress):
    return lambda attempt: frame(attempt, compress(attempt.body), [("Content-Encoding", coding)])


def raw_deflate(body):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def two_members(body):
    return gzip.compress(b'{"LastName":"x"}') + gzip.compress(body)


def bomb(attempt):
    padded = attempt.body + b" " * (64 << 20)
    return frame(attempt, gzip.compress(padded, 9), [("Content-Encoding", "gzip")])


def zipped_in_zipped(attempt):
    return frame(attempt, gzip.compress(gzip.compress(attempt.body)), [("Content-Encoding", "gzip")])


def recoded(encoding, kind=None, prefix=b""):
    def trick(attempt):
        if is_form(attempt):
            return None
        body = prefix + attempt.body.decode().encode(encoding)
        return frame(attempt, body, kind=(kind or attempt.kind.split(";")[0]) + f"; charset={encoding}")

    return trick


def seven_bits(attempt):
    text = attempt.body.decode()
    if is_form(attempt):
        return None
    body = text.replace("<", "+ADw-").replace(">", "+AD4-").replace('"', "+ACI-")
    return frame(attempt, body.encode(), kind=attempt.kind.split(";")[0] + "; charset=utf-7")


def byte_order_mark(attempt):
    return frame(attempt, b"\xef\xbb\xbf" + attempt.body)


# ---- JSON ----------------------------------------------------------------------------------------------------------


def record(change):
    """Bends the text of the record inside the JSON body."""
    def trick(attempt):
        return frame(attempt, attempt.wrap(change(attempt.record)).encode("utf-8", "surrogatepass")) if is_json(attempt) else None

    return trick


def member(name, value):
    """Says the mark's fields again, as if it were nobody's."""
    return record(lambda text: text.rstrip()[:-1] + f', "{name}": {value}}}')


def member_first(name, value):
    return record(lambda text: "{" + f'"{name}": {value}, ' + text.lstrip()[1:])


def without(*names):
    def change(text):
        kept = {name: value for name, value in json.loads(text).items() if name not in names and not (names == ("*",) and "Eosin" in name)}
        return json.dumps(kept)

    return record(change)


def respelled(name, spelling):
    return record(lambda text: text.replace(f'"{name}"', f'"{spelling}"', 1))


def escaped_value(text):
    return re.sub(r'"eosin1\.', lambda _: '"' + "".join(f"\\u{ord(c):04x}" for c in "eosin1."), text, count=1)


def nested(attempt):
    if not is_json(attempt):
        return None
    return frame(attempt, attempt.wrap(attempt.record[:-1] + ', "Description": ' + "[" * 5000 + "]" * 5000 + "}").encode())


def two_documents(attempt):
    return frame(attempt, b'{"LastName":"x"}\n' + attempt.body) if is_json(attempt) else None


def after_the_end(attempt):
    return frame(attempt, attempt.body + b"\0" + b'{"LastName":"x"}') if is_json(attempt) else None


# ---- XML -----------------------------------------------------------------------------------------------------------


def xml(change):
    return lambda attempt: frame(attempt, change(attempt.body.decode()).encode()) if is_xml(attempt) else None


def entity(text):
    text = re.sub(r"(<\?xml[^>]*\?>)", r'\1<!DOCTYPE x [<!ENTITY m "eosin1">]>', text, count=1)
    return text.replace("eosin1.", "&m;.", 1)


def external(text):
    return re.sub(r"(<\?xml[^>]*\?>)", r'\1<!DOCTYPE x [<!ENTITY % m SYSTEM "file:///etc/hostname"> %m;]>', text, count=1)


def character_references(text):
    return re.sub(r">eosin1\.", ">" + "".join(f"&#{ord(c)};" for c in "eosin1."), text, count=1)


def cdata(text):
    return re.sub(r">(eosin1\.[^<]*)<", r"><![CDATA[\1]]><", text, count=1)


def comment(text):
    return re.sub(r">eosin1\.", ">eos<!-- x -->in1.", text, count=1)


def commented_out(text):
    return re.sub(r"(<[^>]*Eosin_[A-Za-z_]*>[^<]*</[^>]*>)", r"<!-- \1 -->", text)


def twice(text):
    return re.sub(r"(<([^<>]*LastName)>)", r"<\2>Nobody</\2>\1", text, count=1)


def other_prefix(text):
    return text.replace("xmlns:urn=", "xmlns:zzz=").replace("<urn:", "<zzz:").replace("</urn:", "</zzz:")


# ---- CSV -----------------------------------------------------------------------------------------------------------


def csv(change):
    return lambda attempt: frame(attempt, change(attempt.body.decode()).encode()) if is_csv(attempt) else None


def header(change):
    def bend(text):
        first, rest = text.split("\n", 1)
        return change(first) + "\n" + rest

    return csv(bend)


def without_our_columns(text):
    names, cells = text.strip().split("\n")
    import csv as tables

    row = next(tables.reader([cells]))
    kept = [(name, cell) for name, cell in zip(names.split(","), row) if "Eosin" not in name]
    return ",".join(name for name, _ in kept) + "\n" + ",".join(cell for _, cell in kept) + "\n"


def quoted_everything(text):
    import csv as tables
    import io

    out = io.StringIO()
    tables.writer(out, quoting=tables.QUOTE_ALL, lineterminator="\n").writerows(tables.reader(text.splitlines()))
    return out.getvalue()


# ---- Forms ---------------------------------------------------------------------------------------------------------


def form(change):
    return lambda attempt: frame(attempt, change(attempt.body)) if is_form(attempt) else None


def two_boundaries(attempt):
    return frame(attempt, kind="multipart/form-data; boundary=other; boundary=edge") if is_form(attempt) else None


# ---- Head ----------------------------------------------------------------------------------------------------------


def target(change):
    def trick(attempt):
        bent = change(attempt.target)
        return None if bent == attempt.target else frame(attempt).replace(attempt.target.encode(), bent.encode(), 1)

    return trick


def head(*headers, method=None):
    def trick(attempt):
        made = frame(attempt, headers=headers)
        return made.replace(attempt.method.encode(), method.encode(), 1) if method else made

    return trick


def kinds(kind):
    return lambda attempt: None if is_form(attempt) else frame(attempt, kind=kind)


TRICKS = {
    "as it is": framing(),
    # Framing
    "in chunks": chunked(),
    "chunks of one byte": chunked(size=1),
    "chunk extensions": chunked(extension=b';x="\\r\\n0"'),
    "chunk sizes with zeros before": lambda a: frame(a, b"".join(b"%08x\r\n%s\r\n" % (1, bytes([c])) for c in a.body) + b"0\r\n\r\n", CHUNKED, length=False),
    "two lengths": two_lengths,
    "a length and chunks": length_and_chunks,
    "a length that is too short": framing(length=5),
    "a length that is too long": framing(length=10_000_000),
    "a negative length": framing(length="-1"),
    "a length with a sign": lambda a: frame(a, length=f"+{len(a.body)}"),
    "a length in hexadecimal": lambda a: frame(a, length=hex(len(a.body))),
    "no length": framing(length=False),
    "chunked, then identity": chunks_hidden("chunked, identity"),
    "chunked twice": chunks_hidden("chunked, chunked"),
    "chunked in quotes": chunks_hidden('"chunked"'),
    "chunked with a control character": chunks_hidden("\x0bchunked"),
    "a space before the colon": header_line(b"Transfer-Encoding : chunked\r\n"),
    "a folded header": header_line(b"X-Fold: a\r\n Transfer-Encoding: chunked\r\n"),
    "a header ended by a bare line feed": header_line(b"X-Bare: a\nTransfer-Encoding: chunked\r\n"),
    "trailers that say otherwise": trailers,
    "after another request": pipelined,
    "inside another request": smuggled,
    "inside another request with two framings": smuggled_short,
    "a body on a GET": get_with_body,
    "HTTP/1.0": framing(version="HTTP/1.0"),
    "HTTP/0.9": framing(version="HTTP/0.9"),
    # Coding
    "gzip": coded("gzip", gzip.compress),
    "x-gzip": coded("x-gzip", gzip.compress),
    "GZIP, in capitals": coded("GZIP", gzip.compress),
    "deflate": coded("deflate", zlib.compress),
    "raw deflate": coded("deflate", raw_deflate),
    "gzip in gzip": zipped_in_zipped,
    "gzip, gzip": coded("gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
    "gzip of two members": coded("gzip", two_members),
    "gzip with bytes after it": coded("gzip", lambda body: gzip.compress(body) + b"{}"),
    "gzip cut short": coded("gzip", lambda body: gzip.compress(body)[:-6]),
    "said to be gzip, and is not": coded("gzip", lambda body: body),
    "gzip that is not said": lambda a: frame(a, gzip.compress(a.body)),
    "said to be identity": coded("identity", lambda body: body),
    "brotli that is not": coded("br", lambda body: body),
    "a bomb": bomb,
    # Text
    "a byte-order mark": byte_order_mark,
    "UTF-16 with a mark": recoded("utf-16"),
    "UTF-16, little end first": recoded("utf-16-le"),
    "UTF-16, big end first": recoded("utf-16-be"),
    "UTF-32": recoded("utf-32"),
    "UTF-7": seven_bits,
    "said to be Latin-1": recoded("latin-1"),
    "said to be EBCDIC": recoded("cp037"),
    # JSON
    "the mark again, null": member("Eosin_Mark__c", "null"),
    "the mark before, null": member_first("Eosin_Mark__c", "null"),
    "the mark again in another case, null": member("eosin_mark__C", "null"),
    "the tick again, taken out": member("Eosin_Synthetic__c", "false"),
    "the subject again, attested": member("EOSIN_SUBJECT__C", '"attested"'),
    "the name again": member("LASTNAME", '"Nobody"'),
    "the mark's name with an escape": respelled("Eosin_Mark__c", "Eosin\\u005fMark__c"),
    "the name's name with an escape": respelled("LastName", "\\u004castName"),
    "the mark with escapes": record(escaped_value),
    "the mark's name with a namespace": respelled("Eosin_Mark__c", "acme__Eosin_Mark__c"),
    "the mark's name with a space": respelled("Eosin_Mark__c", "Eosin_Mark__c "),
    "no mark": without("Eosin_Mark__c"),
    "no field of ours": without("*"),
    "a lone surrogate": member("Description", '"\\ud800"'),
    "NaN": member("Eosin_Number__c", "NaN"),
    "a huge number": member("Eosin_Number__c", "1e999"),
    "a number of a million digits": member("Eosin_Number__c", "9" * 1_000_000),
    "deeply nested": nested,
    "two documents": two_documents,
    "a zero byte and another document": after_the_end,
    "a comment": record(lambda text: text[:-1] + "/* x */}"),
    "a comma too many": record(lambda text: text[:-1] + ",}"),
    "single quotes": record(lambda text: text.replace('"', "'")),
    "attributes of another object": record(lambda text: text.replace('"type": "Contact"', '"type": "Account"', 1)),
    "attributes said twice": member("attributes", '{"type":"Account"}'),
    # XML
    "an entity": xml(entity),
    "an external entity": xml(external),
    "character references": xml(character_references),
    "CDATA": xml(cdata),
    "a comment in the mark": xml(comment),
    "our fields commented out": xml(commented_out),
    "a field twice": xml(twice),
    "another prefix": xml(other_prefix),
    "said to be UTF-16": xml(lambda text: text.replace("UTF-8", "UTF-16", 1)),
    "a processing instruction": xml(lambda text: text.replace("?>", "?><?eosin skip?>", 1)),
    "a second envelope": xml(lambda text: text + text.split("?>", 1)[1]),
    # CSV
    "no column of ours": csv(without_our_columns),
    "everything in quotes": csv(quoted_everything),
    "our column in capitals": header(lambda line: line.replace("Eosin_Mark__c", "EOSIN_MARK__C")),
    "our column with a space": header(lambda line: line.replace("Eosin_Mark__c", " Eosin_Mark__c")),
    "our column with a zero byte": header(lambda line: line.replace("Eosin_Mark__c", "Eosin_Mark__c\0")),
    "our column with a soft hyphen": header(lambda line: line.replace("Eosin_Mark__c", "Eosin\u00ad_Mark__c")),
    "the name's column twice": header(lambda line: line.replace("FirstName", "LastName")),
    "carriage returns alone": csv(lambda text: text.replace("\n", "\r")),
    "a shifted row": csv(lambda text: text.replace("\n", "\nx,", 1)),
    "a formula": csv(lambda text: text.replace("eosin1.", "=eosin1.", 1)),
    "a quote left open": csv(lambda text: text.replace("\n", '\n"', 1)),
    "semicolons": csv(lambda text: text.replace(",", ";")),
    "a separator line": csv(lambda text: "sep=,\n" + text),
    # Forms
    "the parts' names in other case": form(lambda body: body.replace(b'name="', b'NAME="')),
    "a part twice": form(lambda body: body.replace(b"--edge\r\n", b'--edge\r\nContent-Disposition: form-data; name="VersionData"; filename="a"\r\n\r\nx\r\n--edge\r\n', 1)),
    "a part in base64": form(lambda body: body.replace(b"octet-stream\r\n", b"octet-stream\r\nContent-Transfer-Encoding: base64\r\n", 1)),
    "a form that never ends": form(lambda body: body.replace(b"--edge--", b"--edge", 1)),
    "bare line feeds between parts": form(lambda body: body.replace(b"\r\n--edge", b"\n--edge")),
    "text before the first part": form(lambda body: b"{}\r\n" + body),
    "two boundaries": two_boundaries,
    # Head
    "method override to GET": head(("X-HTTP-Method-Override", "GET")),
    "method override in the query": target(lambda t: t + "?_HttpMethod=GET"),
    "two method overrides": head(("X-HTTP-Method-Override", "PATCH"), ("X-HTTP-Method", "POST")),
    "a method in small letters": head(method="post"),
    "an encoded path": target(lambda t: t.replace("services", "%73ervices", 1)),
    "an encoded path, twice": target(lambda t: t.replace("services", "%2573ervices", 1)),
    "an encoded slash": target(lambda t: t.replace("/data/", "%2Fdata/", 1)),
    "two slashes": target(lambda t: t.replace("/", "//", 2)),
    "a dot segment": target(lambda t: t.replace("/services", "/x/../services", 1)),
    "an encoded dot segment": target(lambda t: t.replace("/services", "/x/%2e%2e/services", 1)),
    "a backslash": target(lambda t: t.replace("/services/", "/services\\", 1)),
    "a dot at the end": target(lambda t: t + "."),
    "a slash at the end": target(lambda t: t + "/"),
    "a matrix parameter": target(lambda t: t.replace("/services", "/services;x=y", 1)),
    "a fragment": target(lambda t: t + "#x"),
    "a path in capitals": target(lambda t: t.upper()),
    "an overlong letter": target(lambda t: t.replace("/services", "/%c1%b3ervices", 1)),
    "another version": target(lambda t: t.replace("65.0", "20.0", 1)),
    "an absolute target": target(lambda t: f"http://{HOST}{t}"),
    "an absolute target of another host": target(lambda t: f"http://elsewhere.example{t}"),
    "said to be a login": target(lambda t: "/services/oauth2/token/../.." + t),
    "no content type": kinds(False),
    "another content type": kinds("text/plain"),
    "two content types in one": kinds("application/json, text/csv"),
    "a provenance of one's own": head(("Eosin-Provenance", 'v=1, attested=1, ruling="eosin.local/x#1", ledger="eosin.local/x"')),
    "Connection takes a header away": head(("Connection", "close, Content-Type, Eosin-Provenance")),
    "said to have passed here": head(("Via", "1.1 eosin"), ("X-Forwarded-For", "127.0.0.1"), ("Eosin-Ruling", "1")),
    "an upgrade": head(("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")),
    "expects a word first": head(("Expect", "100-continue")),
    "expects something else": head(("Expect", "x")),
}
