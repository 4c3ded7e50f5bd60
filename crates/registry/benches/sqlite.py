#!/usr/bin/env python3
"""The bench's keys in SQLite: what a registry in a database would cost. Prints rows of the bench's table.

    sqlite.py ENTRIES LOOKUPS

The table is as lean as SQLite has it: WITHOUT ROWID, the key is the entry, inserted in order of keys. What Python
itself costs a lookup is measured with a query that reads no table, and taken off.
"""

import hashlib
import os
import sqlite3
import sys
import tempfile
import time

ABSENT = 1 << 40
entries, lookups = int(sys.argv[1]), int(sys.argv[2])


def key(number):
    return hashlib.sha256(number.to_bytes(8, "big")).digest()[:16]


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "registry.db")
    rows = sorted((key(number), (number // 4).to_bytes(8, "big")) for number in range(entries))
    start = time.perf_counter()
    database = sqlite3.connect(path)
    database.execute("create table entry (fingerprint blob, tag blob, primary key (fingerprint, tag)) without rowid")
    database.executemany("insert into entry values (?, ?)", rows)
    database.commit()
    print(f"| SQLite: insert in order | {time.perf_counter() - start:.2f} s |")
    del rows
    print(f"| SQLite: on disk | {os.path.getsize(path) / entries:.3f} bytes an entry |")
    database.execute("pragma mmap_size = 4294967296")

    def ask(query, first):
        keys = [key(number) for number in range(first, first + min(lookups, entries))]
        cursor = database.cursor()
        start = time.perf_counter()
        found = sum(cursor.execute(query, (one,)).fetchone() is not None for one in keys)
        return (time.perf_counter() - start) / len(keys), found

    python, _ = ask("select ?", 0)
    for name, first in (("absent", ABSENT), ("present", 0)):
        each, found = ask("select tag from entry where fingerprint = ?", first)
        assert found == (0 if first else min(lookups, entries))
        print(f"| SQLite: find, {name} | {1 / max(each - python, 1e-9):.0f} /s without Python's {python * 1e9:.0f} ns |")
