"""The page of leak channels, out of the table whose scenes have been played."""

import scenes

HEAD = """# Leak channels

Every way we know by which a record can get into a Salesforce org, a FHIR server, a feed of HL7 v2 or the consumer of an
event or of a topic, or out of it, past whoever keeps synthetic people and patients apart. Each row is a scene in `tests/leaks/`, played
without Eosin and through it: without, it leaks.

A way **in** is closed when a refused record does not arrive and an allowed one does, if that way is for anybody. A way **out** is closed when the
answer is the same as that of an org which never held what is hidden, but for ids and times; of a report's file that is written here, its rows are. `cargo xtask leaks --write`
plays them all and writes this page; the tests fail where the two differ.

"""


SERVERS = """The rows of FHIR are played against Medplum's router over its store in memory always, to which the scenes add what it lacks
(`_include`, `_has`, chained parameters, `$everything`, `$export`, references that must lead somewhere), and once more against helios-hfs over a database where that is
built (`hfs` in `PATH`, or named by `HELIOS_HFS`). A server without a way is shown to have none. Of {rows} rows

{told}
"""


def text(channels):
    closed = sum(not one.open for one in channels)
    lines = [HEAD + f"{len(channels)} channels: {closed} closed, {len(channels) - closed} open.\n", servers(channels)]
    for direction, title in (("in", "Ways in"), ("out", "Ways out")):
        rows = [one for one in channels if one.direction == direction]
        if rows:
            lines.append(f"## {title}\n\n| protocol | channel | at | | how |\n|---|---|---|---|---|")
            for one in sorted(rows, key=lambda one: one.protocol):
                state, how = ("**open**", one.open) if one.open else ("closed", one.closed_by)
                lines.append(f"| {one.protocol} | {one.name} | {', '.join(one.boundaries)} | {state} | {how} |")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def servers(channels):
    """Which FHIR server has which ways: the scenes hold it of each that is there."""
    rows = [one for one in channels if one.protocol.startswith("FHIR")]
    told = []
    for server in scenes.SERVERS:
        absent = [f"{one.name} ({one.at_server[server]['absent']})" for one in rows if "absent" in one.at_server[server]]
        told.append(f"- {server} has {len(rows) - len(absent)}. It has not: {'; '.join(absent)}.")
    return SERVERS.format(rows=len(rows), told="\n".join(told))


def check(path, channels, write):
    """A sentence, if the page does not say what the table says."""
    wanted = text(channels)
    if write:
        path.write_text(wanted)
    there = path.read_text() if path.exists() else ""
    return "" if there == wanted else f"{path.name} is not what the scenes show; `cargo xtask leaks --write` writes it"
