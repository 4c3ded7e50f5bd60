#!/usr/bin/env python3
"""Reads FHIR resources before and after they were marked, with a library that is not ours.

    parse.py BEFORE AFTER

Each line of AFTER must be a resource that PyPI `fhirclient` (R4, strict) takes wherever it takes the line of BEFORE, with
the same values but for the labels: `meta.security`, `meta.tag`, the mark's extension and the identifier of a synthetic
patient. Prints how many resources were read and exits 0, or says which line is wrong and exits 1.
"""

import importlib
import json
import sys

from fhirclient.models.fhirabstractbase import FHIRValidationError


def parsed(line):
    """The resource as the library gives it back, or what it says is wrong."""
    resource = json.loads(line)
    module = importlib.import_module("fhirclient.models." + resource["resourceType"].lower())
    try:
        return getattr(module, resource["resourceType"])(resource, strict=True).as_json(), None
    except FHIRValidationError as error:
        return None, str(error)


def bare(resource):
    """A resource without what a mark adds."""
    kept = {name: value for name, value in resource.items() if name not in ("meta", "extension", "identifier")}
    for name in ("extension", "identifier"):
        kept[name] = [one for one in resource.get(name, []) if "eosin" not in (one.get("url") or one.get("system") or "")]
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("security", "tag", "extension")}
    return {**kept, "meta": meta}


def main(before, after):
    """Compares line by line."""
    with open(before, encoding="utf-8") as one, open(after, encoding="utf-8") as other:
        pairs = list(zip(one.read().splitlines(), other.read().splitlines(), strict=True))
    taken = 0
    for number, (was, now) in enumerate(pairs, start=1):
        (old, _), (new, wrong) = parsed(was), parsed(now)
        if old is None:
            continue
        if new is None:
            sys.exit(f"line {number}: marked, the library refuses it: {wrong.splitlines()[0]}")
        labels = [code["code"] for code in new["meta"]["security"]]
        if "HTEST" not in labels:
            sys.exit(f"line {number}: the library finds no HTEST")
        if bare(old) != bare(new):
            sys.exit(f"line {number}: another value changed")
        taken += 1
    print(f"fhirclient read {taken} of {len(pairs)} resources, marked as unmarked")
    return 0 if taken else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
