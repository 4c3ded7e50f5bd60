#!/usr/bin/env python3
"""Checks logs and proofs that Eosin wrote, from the C2SP specifications alone.

Written from c2sp.org/signed-note, tlog-checkpoint, tlog-tiles and tlog-proof, and RFC 6962 section 2.1. It shares
nothing with Eosin: no code, no types, no file. Ed25519 comes from PyPI `cryptography`.

    verify.py checkpoint  VKEY CHECKPOINT
    verify.py proof       VKEY PROOF ENTRY          PROOF is a .tlog-proof file, ENTRY the entry's bytes
    verify.py log         VKEY FOLDER               every entry, every tile, the root
    verify.py consistency VKEY FOLDER OLD_CHECKPOINT

VKEY is a verifier key or a file that holds one. Prints one line and exits 0, or says what is wrong and exits 1.
"""

import base64
import hashlib
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


def parse_vkey(text):
    name, key_id, key = text.strip().split("+", 2)
    data = strict_base64(key)
    need(data[0] == 1 and len(data) == 33, "not an Ed25519 verifier key")
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
        index, path, note = parse_proof(text_of(arguments[2]))
        size, root = open_checkpoint(note, vkey)
        with open(arguments[3], "rb") as file:
            entry = file.read()
        need(root_of_path(leaf(entry), index, size, path) == root, "the entry is not in the log")
        return f"entry {index} of {size} is in {vkey[0]}"
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
    raise Wrong(__doc__)


if __name__ == "__main__":
    try:
        print(main(sys.argv[1:]))
    except (Wrong, OSError, ValueError) as wrong:
        print(f"wrong: {wrong}", file=sys.stderr)
        sys.exit(1)
