#!/usr/bin/env python3
"""Checks logs and proofs that Eosin wrote, from the C2SP specifications alone.

Written from c2sp.org/signed-note, tlog-checkpoint, tlog-tiles, tlog-proof and tlog-cosignature, RFC 6962 section 2.1, and for
certificates DSSE 1.0.2, in-toto Statement v1 and spec/certificate.md. It shares nothing with Eosin: no code, no types,
no file. Ed25519 comes from PyPI `cryptography`.

    verify.py checkpoint  VKEY CHECKPOINT
    verify.py proof       VKEY PROOF ENTRY          PROOF is a .tlog-proof file, ENTRY the entry's bytes
    verify.py log         VKEY FOLDER               every entry, every tile, the root
    verify.py consistency VKEY FOLDER OLD_CHECKPOINT
    verify.py witness     VKEY WITNESS_VKEY NOTE    a checkpoint, or a .tlog-proof: the log signed it, the witness cosigned
    verify.py certificate VKEY CERTIFICATE FILE...  signature, statement, entry, proof, and each file's digest

VKEY is a verifier key or a file that holds one. Prints one line and exits 0, or says what is wrong and exits 1.
"""

import base64
import hashlib
import json
import os
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Wrong(Exception):
    """What was checked is not right."""


def need(condition, message):
    if not condition:
        raise Wrong(message)


def strict_base64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Wrong(f"not base64: {text!r}") from error
    need(base64.b64encode(data).decode() == text, f"not the one spelling of its bytes: {text!r}")
    return data


def decimal(text):
    need(text.isascii() and text.isdigit() and (text == "0" or text[0] != "0"), f"not a plain number: {text!r}")
    return int(text)


# c2sp.org/signed-note


def parse_vkey(text, kind=1):
    name, key_id, key = text.strip().split("+", 2)
    data = strict_base64(key)
    need(data[0] == kind and len(data) == 33, f"not an Ed25519 key of type {kind:02}")
    expected = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
    need(expected.hex() == key_id, "the key's id does not fit its name and bytes")
    return name, expected, Ed25519PublicKey.from_public_bytes(data[1:])


def open_note(note, vkey):
    """The text of a note that this key signed."""
    name, key_id, public = vkey
    need(all(c == "\n" or ord(c) >= 0x20 for c in note), "the note holds a control character")
    split = note.rfind("\n\n")
    need(split >= 0 and note.endswith("\n"), "not a signed note")
    text, signatures = note[: split + 1], note[split + 2 :].splitlines()
    need(signatures, "no signature")
    valid = False
    for line in signatures:
        need(line.startswith("\u2014 "), f"not a signature line: {line!r}")
        signer, _, encoded = line[2:].partition(" ")
        data = strict_base64(encoded)
        if signer == name and data[:4] == key_id:
            try:
                public.verify(data[4:], text.encode())
            except InvalidSignature as error:
                raise Wrong("the signature does not verify") from error
            valid = True
    need(valid, "not signed by this key")
    return text


# c2sp.org/tlog-cosignature


def cosigned_at(note, witness):
    """When this witness cosigned a checkpoint, in POSIX seconds."""
    name, key_id, public = witness
    split = note.rfind("\n\n")
    need(split >= 0 and note.endswith("\n"), "not a signed note")
    moments = []
    for line in note[split + 2 :].splitlines():
        signer, _, encoded = line.removeprefix("\u2014 ").partition(" ")
        data = strict_base64(encoded)
        if signer != name or data[:4] != key_id:
            continue
        at = int.from_bytes(data[4:12], "big")
        message = f"cosignature/v1\ntime {at}\n{note[: split + 1]}"
        try:
            public.verify(data[12:], message.encode())
        except InvalidSignature as error:
            raise Wrong("the cosignature does not verify") from error
        moments.append(at)
    need(moments, "this witness has not cosigned it")
    return max(moments)


# c2sp.org/tlog-checkpoint


def open_checkpoint(note, vkey):
    lines = open_note(note, vkey).split("\n")
    need(len(lines) >= 4 and lines[-1] == "" and all(lines[:-1]), "not a checkpoint")
    need(lines[0] == vkey[0], "the origin is not the key's name")
    root = strict_base64(lines[2])
    need(len(root) == 32, "the root is not a SHA-256")
    return decimal(lines[1]), root


# RFC 6962 section 2.1


def leaf(entry):
    return hashlib.sha256(b"\x00" + entry).digest()


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def split_point(size):
    return 1 << ((size - 1).bit_length() - 1)


def tree(hashes):
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    middle = split_point(len(hashes))
    return node(tree(hashes[:middle]), tree(hashes[middle:]))


def root_of_path(leaf_hash, index, size, path):
    """The root by RFC 6962's definition of PATH, read backwards."""
    need(index < size, "the index is not in the tree")
    if size == 1:
        need(not path, "the path is too long")
        return leaf_hash
    need(path, "the path is too short")
    middle = split_point(size)
    if index < middle:
        return node(root_of_path(leaf_hash, index, middle, path[:-1]), path[-1])
    return node(path[-1], root_of_path(leaf_hash, index - middle, size - middle, path[:-1]))


def roots_of_consistency(old, size, old_root, proof, whole=True):
    """Both roots that a consistency proof leads to, by RFC 6962's definition of SUBPROOF."""
    if old == size:
        if whole:
            need(not proof, "the proof is too long")
            return old_root, old_root
        need(len(proof) == 1, "the proof has the wrong length")
        return proof[0], proof[0]
    need(proof, "the proof is too short")
    middle = split_point(size)
    if old <= middle:
        before, after = roots_of_consistency(old, middle, old_root, proof[:-1], whole)
        return before, node(after, proof[-1])
    before, after = roots_of_consistency(old - middle, size - middle, old_root, proof[:-1], False)
    return node(proof[-1], before), node(proof[-1], after)


def consistency_proof(old, hashes, whole=True):
    """SUBPROOF itself, from leaf hashes."""
    if old == len(hashes):
        return [] if whole else [tree(hashes)]
    middle = split_point(len(hashes))
    if old <= middle:
        return consistency_proof(old, hashes[:middle], whole) + [tree(hashes[middle:])]
    return consistency_proof(old - middle, hashes[middle:], False) + [tree(hashes[:middle])]


# c2sp.org/tlog-tiles


def tile_path(level, number):
    parts = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        parts.insert(0, f"x{number % 1000:03}")
    return os.path.join("tile", str(level), *parts)


def read_tile(folder, level, number, width):
    path = tile_path(level, number)
    if width < 256:
        path += f".p/{width}"
    with open(os.path.join(folder, path), "rb") as file:
        return path, file.read()


def read_log(folder, size):
    """The leaf hashes of a log, every tile checked against the entries."""
    hashes = []
    for number in range((size + 255) // 256):
        width = min(256, size - number * 256)
        path, data = read_tile(folder, "entries", number, width)
        start = len(hashes)
        while data:
            length = int.from_bytes(data[:2], "big")
            need(len(data) >= 2 + length, f"{path} ends inside an entry")
            hashes.append(leaf(data[2 : 2 + length]))
            data = data[2 + length :]
        need(len(hashes) - start == width, f"{path} has not {width} entries")
    level, below = 0, hashes
    while below:
        for number in range((len(below) + 255) // 256):
            expected = below[number * 256 : (number + 1) * 256]
            path, data = read_tile(folder, level, number, len(expected))
            need(data == b"".join(expected), f"{path} does not hold the hashes of its entries")
        below = [tree(below[at : at + 256]) for at in range(0, len(below) - 255, 256)]
        level += 1
    return hashes


# c2sp.org/tlog-proof


def parse_proof(text):
    head, _, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    need(lines.pop(0) == "c2sp.org/tlog-proof@v1", "not a tlog-proof")
    if lines and lines[0].startswith("extra "):
        strict_base64(lines.pop(0)[len("extra ") :])
    need(lines and lines[0].startswith("index "), "no index line")
    index = decimal(lines.pop(0)[len("index ") :])
    path = [strict_base64(line) for line in lines]
    need(all(len(each) == 32 for each in path), "a hash is not a SHA-256")
    return index, path, checkpoint


def included(proof, vkey, entry):
    """Place and size, if the entry is in the log of this key."""
    index, path, note = parse_proof(proof)
    size, root = open_checkpoint(note, vkey)
    need(root_of_path(leaf(entry), index, size, path) == root, "the entry is not in the log")
    return index, size


# DSSE, in-toto Statement v1, spec/certificate.md


def canonical(value):
    """RFC 8785 for what a certificate holds: no number with a fraction, no name beyond ASCII."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def only_once(pairs):
    need(len(dict(pairs)) == len(pairs), "a member is named twice")
    return dict(pairs)


def open_envelope(data, vkey):
    """The statement that this key signed."""
    name, key_id, public = vkey
    envelope = json.loads(data, object_pairs_hook=only_once)
    need(canonical(envelope) + b"\n" == data, "the envelope is not written in its one spelling")
    need(envelope["payloadType"] == "application/vnd.in-toto+json", "the payload is of another type")
    (signature,) = envelope["signatures"]
    payload, kind = strict_base64(envelope["payload"]), envelope["payloadType"].encode()
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    try:
        public.verify(strict_base64(signature["sig"]), message)
    except InvalidSignature as error:
        raise Wrong("the signature does not verify") from error
    need(signature["keyid"] == f"{name}+{key_id.hex()}", "it names another key than the one that signed")
    statement = json.loads(payload, object_pairs_hook=only_once)
    need(canonical(statement) == payload, "the statement is not written in its one spelling")
    return statement


VERDICTS = "synthetic attested mixed unproven suspected transplanted forged untrusted unreadable".split()
# The members of a predicate (section 2), and those that its entry in the ledger does not have (section 5). A test
# compares both with the page.
MEMBERS = "at boundary contentRoot counts files judgedAgainst leaves receipt records rule salt says signer suspected".split()
NOT_IN_ENTRY = "files receipt salt says signer".split()


def certificate(vkey, path, files):
    with open(path, "rb") as file:
        statement = open_envelope(file.read(), vkey)
    need(statement["_type"] == "https://in-toto.io/Statement/v1", "not an in-toto Statement")
    need(statement["predicateType"] == "https://eosin.example/certificate/v1", "not a certificate")
    predicate, subjects = statement["predicate"], statement["subject"]
    unknown = sorted(set(predicate) - set(MEMBERS))
    need(not unknown, f"this verifier does not know the member {', '.join(unknown)}: a newer one may")
    need(predicate.get("leaves", "bytes") == "bytes", "the leaves are of a kind that this verifier does not know")
    need(predicate["signer"] == f"{vkey[0]}+{vkey[1].hex()}", "the signer is not the key that signed")
    counts = predicate["counts"]
    need(set(counts) == set(VERDICTS), "not every verdict is counted")
    need(sum(counts.values()) == predicate["records"] > 0, "the counts do not add up")
    need(sum(file["records"] for file in predicate["files"]) == predicate["records"], "the files do not add up")
    need(sum(predicate["suspected"].values()) == counts["suspected"], "the suspected do not add up")
    for word in ("synthetic", "mixed", "transplanted", "forged", "untrusted", "unreadable"):
        need(counts[word] == 0, f"it counts {word} records")
    need(predicate["suspected"]["strong"] == 0, "it counts strongly suspected records")

    salt = base64.urlsafe_b64decode(predicate["salt"] + "==")
    need(len(salt) == 16, "the salt has not 16 bytes")
    entry = {name: value for name, value in predicate.items() if name not in NOT_IN_ENTRY}
    entry["eosin"] = "certificate@1"
    entry["subjects"] = hashlib.sha256(salt + canonical([predicate["files"], subjects])).hexdigest()
    entry = canonical(entry)
    need(predicate["receipt"]["entry"].encode() == entry, "the ledger's entry says something else")
    index, size = included(predicate["receipt"]["proof"], vkey, entry)

    digests = set()
    for name in files:
        with open(name, "rb") as file:
            digests.add(hashlib.sha256(file.read()).hexdigest())
    certified = {subject["digest"]["sha256"] for subject in subjects}
    need(digests <= certified, "a file is not what was certified")
    need(certified <= digests, "a file that was certified is not there")
    return f"{len(subjects)} files, {predicate['records']} records, certified by entry {index} of {size} in {vkey[0]}"


def text_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def main(arguments):
    need(len(arguments) >= 3, __doc__)
    command, vkey = arguments[0], arguments[1]
    vkey = parse_vkey(text_of(vkey) if os.path.exists(vkey) else vkey)
    if command == "checkpoint" and len(arguments) == 3:
        size, root = open_checkpoint(text_of(arguments[2]), vkey)
        return f"checkpoint of {vkey[0]}: {size} entries, root {root.hex()}"
    if command == "proof" and len(arguments) == 4:
        with open(arguments[3], "rb") as file:
            entry = file.read()
        index, size = included(text_of(arguments[2]), vkey, entry)
        return f"entry {index} of {size} is in {vkey[0]}"
    if command == "witness" and len(arguments) == 4:
        witness = parse_vkey(text_of(arguments[2]) if os.path.exists(arguments[2]) else arguments[2], kind=4)
        note = text_of(arguments[3])
        if note.startswith("c2sp.org/tlog-proof@v1\n"):
            note = note.split("\n\n", 1)[1]
        size, _ = open_checkpoint(note, vkey)
        return f"{witness[0]} cosigned {size} entries of {vkey[0]} at {cosigned_at(note, witness)}"
    if command == "log" and len(arguments) == 3:
        size, root = open_checkpoint(text_of(os.path.join(arguments[2], "checkpoint")), vkey)
        need(tree(read_log(arguments[2], size)) == root, "the entries do not lead to the signed root")
        return f"log {vkey[0]}: {size} entries and all tiles are as signed"
    if command == "consistency" and len(arguments) == 4:
        size, root = open_checkpoint(text_of(os.path.join(arguments[2], "checkpoint")), vkey)
        old, old_root = open_checkpoint(text_of(arguments[3]), vkey)
        need(0 < old <= size, "the older checkpoint is not older, or of an empty log")
        # The log publishes tiles, not proofs: the proof is computed from them, then checked as if received.
        proof = consistency_proof(old, read_log(arguments[2], size))
        need(roots_of_consistency(old, size, old_root, proof) == (old_root, root), "the log was rewritten")
        return f"log {vkey[0]}: {size} entries continue the {old} of the older checkpoint"
    if command == "certificate" and len(arguments) >= 4:
        return certificate(vkey, arguments[2], arguments[3:])
    raise Wrong(__doc__)


if __name__ == "__main__":
    try:
        print(main(sys.argv[1:]))
    except (Wrong, OSError, ValueError, KeyError, TypeError) as wrong:
        print(f"wrong: {wrong}", file=sys.stderr)
        sys.exit(1)
