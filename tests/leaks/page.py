"""The page of leak channels, out of the table whose scenes have been played."""

HEAD = """# Leak channels

Every way we know by which a record can get into a Salesforce org, a FHIR server, a feed of HL7 v2 or the consumer of an
event or of a topic, or out of it, past whoever keeps synthetic people and patients apart. Each row is a scene in `tests/leaks/`, played
without Eosin and through it: without, it leaks. The FHIR server is Medplum's router over its store in memory; what that
store lacks (`_include`, `_has`, chained parameters, `$everything`, `$export`) the scenes add to it.

A way **in** is closed when a refused record does not arrive and an allowed one does, if that way is for anybody. A way **out** is closed when the
answer is the same as that of an org which never held what is hidden, but for ids and times; of a report's file that is written here, its rows are. `cargo xtask leaks --write`
plays them all and writes this page; the tests fail where the two differ.

"""


def text(channels):
    closed = sum(not one.open for one in channels)
    lines = [HEAD + f"{len(channels)} channels: {closed} closed, {len(channels) - closed} open.\n"]
    for direction, title in (("in", "Ways in"), ("out", "Ways out")):
        rows = [one for one in channels if one.direction == direction]
        if rows:
            lines.append(f"## {title}\n\n| protocol | channel | at | | how |\n|---|---|---|---|---|")
            for one in sorted(rows, key=lambda one: one.protocol):
                state, how = ("**open**", one.open) if one.open else ("closed", one.closed_by)
                lines.append(f"| {one.protocol} | {one.name} | {', '.join(one.boundaries)} | {state} | {how} |")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def check(path, channels, write):
    """A sentence, if the page does not say what the table says."""
    wanted = text(channels)
    if write:
        path.write_text(wanted)
    there = path.read_text() if path.exists() else ""
    return "" if there == wanted else f"{path.name} is not what the scenes show; `cargo xtask leaks --write` writes it"
