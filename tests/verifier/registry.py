#!/usr/bin/env python3
"""Checks roots and proofs of fingerprint registries that Eosin wrote, from spec/registry.md alone.

It shares nothing with Eosin and needs nothing but Python.

    registry.py proof   ROOT ENTRIES FINGERPRINT PROOF    PROOF is a file; root and fingerprint are hex
    registry.py table   FOLDER                            every check, the order, the root, the stored tree
    registry.py vectors VECTORS                           spec/vectors/registry.json

Prints one line and exits 0, or says what is wrong and exits 1.
"""

import base64
import hashlib
import json
import os
import sys


class Wrong(Exception):
    """What was checked is not right."""


def need(condition, message):
    if not condition:
        raise Wrong(message)


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf(entry):
    return sha256(b"\0" + entry)


def node(left, right):
    return sha256(b"\1" + left + right)


def tree(hashes):
    """RFC 9162 section 2.1.1, of leaf hashes."""
    if not hashes:
        return sha256(b"")
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    return node(tree(hashes[:split]), tree(hashes[split:]))


def root_of_path(hash_, index, size, path):
    """RFC 9162 section 2.1.3.2."""
    need(0 <= index < size, "a leaf's index is not in the tree")
    number, last = index, size - 1
    for sibling in path:
        need(last != 0, "a path is too long")
        if number & 1 or number == last:
            hash_ = node(sibling, hash_)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            hash_ = node(hash_, sibling)
        number, last = number >> 1, last >> 1
    need(last == 0, "a path is too short")
    return hash_


def unhex(text, length):
    need(len(text) == 2 * length and text == text.lower(), f"not {length} bytes of hex: {text!r}")
    return bytes.fromhex(text)


def no_twice(pairs):
    need(len({name for name, _ in pairs}) == len(pairs), "a member is named twice")
    return dict(pairs)


def proved(root, entries, fingerprint, text):
    """The tags that the proof proves to be there; none means that the fingerprint is absent."""
    proof = json.loads(text, object_pairs_hook=no_twice)
    need(set(proof) == {"entries", "eosin", "fingerprint", "leaves", "root"}, "not the members of a proof")
    need(proof["eosin"] == "presence@1", "not a proof of presence")
    need(unhex(proof["root"], 32) == root and proof["entries"] == entries, "about another snapshot")
    need(unhex(proof["fingerprint"], 16) == fingerprint, "about another fingerprint")
    need(len(proof["leaves"]) <= 64, "too many leaves")
    found = []
    for number, one in enumerate(proof["leaves"]):
        need(set(one) == {"fingerprint", "index", "path", "tag"}, "not the members of a leaf")
        need(one["index"] == proof["leaves"][0]["index"] + number, "the leaves do not follow each other")
        entry = unhex(one["fingerprint"], 16) + unhex(one["tag"], 8)
        path = [base64.b64decode(hash_, validate=True) for hash_ in one["path"]]
        need(root_of_path(leaf(entry), one["index"], entries, path) == root, "a leaf is not in the tree")
        found.append((one["index"], entry[:16], entry[16:]))
    if found and all(one == fingerprint for _, one, _ in found):
        return [tag for _, _, tag in found]
    if len(found) == 2:
        need(found[0][1] < fingerprint < found[1][1], "the leaves are not the neighbours")
    elif len(found) == 1:
        index, one, _ = found[0]
        need(
            (index == 0 and one > fingerprint) or (index == entries - 1 and one < fingerprint),
            "the leaf is not at the end",
        )
    else:
        need(not found and entries == 0 and root == sha256(b""), "the leaves prove nothing")
    return []


def table(folder):
    with open(os.path.join(folder, "table"), "rb") as file:
        data = file.read()
    header = data[:4096]
    need(header[:8] == b"EOSINREG" and int.from_bytes(header[8:16], "big") == 1, "not a table of version 1")
    need(sha256(header[:4064]) == header[4064:], "the header does not match its check")
    generation, count = header[24:32], int.from_bytes(header[32:40], "big")
    root, index_hash = header[40:72], header[72:104]
    need(not any(header[104:4064]), "the header's rest is not zeros")
    blocks = -(-count // 170)
    entries, index = [], b""
    for number in range(blocks):
        block = data[4096 * (number + 1) : 4096 * (number + 2)]
        check = sha256(b"eosin registry block\0" + generation + number.to_bytes(8, "big") + block[:4080])
        need(check[:16] == block[4080:], f"block {number} does not match its check")
        taken = min(170, count - 170 * number)
        entries += [block[24 * at : 24 * at + 24] for at in range(taken)]
        need(not any(block[24 * taken : 4080]), "a block's rest is not zeros")
        index += block[:24]
    need(all(one < other for one, other in zip(entries, entries[1:])), "the entries are not in order")
    at = 4096 * (blocks + 1)
    need(data[at : at + len(index)] == index and sha256(index) == index_hash, "the index is not that of the blocks")
    at += len(index)
    leaves = [leaf(entry) for entry in entries]
    need(tree(leaves) == root, "the entries do not lead to the root")
    level = leaves
    for _ in range(4):
        level = [tree(level[first : first + 256]) for first in range(0, len(level) - 255, 256)]
        stored = b"".join(level)
        need(data[at : at + len(stored)] == stored, "the stored tree is not that of the entries")
        at += len(stored)
    need(at == len(data), "something follows the tree")
    return count, root


def vectors(path):
    with open(path, encoding="utf-8") as file:
        told = json.load(file)
    entries = sorted({unhex(one, 16) + unhex(tag, 8) for one, tag in told["entries"]})
    root = tree([leaf(entry) for entry in entries])
    need(len(entries) == told["snapshot"]["entries"], "another number of entries")
    need(root.hex() == told["snapshot"]["root"], "another root")
    entry = json.loads(told["snapshot"]["ledger_entry"], object_pairs_hook=no_twice)
    need(entry["root"] == root.hex() and entry["entries"] == len(entries), "the ledger entry tells another root")
    need(
        told["snapshot"]["ledger_entry"] == json.dumps(entry, sort_keys=True, separators=(",", ":")),
        "the ledger entry is not canonical",
    )
    for one in told["proofs"]:
        fingerprint = unhex(one["fingerprint"], 16)
        tags = proved(root, len(entries), fingerprint, one["proof"])
        need([tag.hex() for tag in tags] == one["tags"], f"{one['name']}: proves something else")
        need(tags == [entry[16:] for entry in entries if entry[:16] == fingerprint], f"{one['name']}: is not true")
    return len(told["proofs"])


def main(arguments):
    match arguments:
        case ["proof", root, entries, fingerprint, path]:
            with open(path, encoding="utf-8") as file:
                tags = proved(unhex(root, 32), int(entries), unhex(fingerprint, 16), file.read())
            return "present: " + " ".join(tag.hex() for tag in tags) if tags else "absent"
        case ["table", folder]:
            count, root = table(folder)
            return f"registry of {count} entries is whole, root {root.hex()}"
        case ["vectors", path]:
            return f"{vectors(path)} proofs are as told"
    raise Wrong(__doc__)


if __name__ == "__main__":
    try:
        print(main(sys.argv[1:]))
    except (Wrong, OSError, ValueError, KeyError, TypeError) as wrong:
        print(f"wrong: {wrong}", file=sys.stderr)
        sys.exit(1)
