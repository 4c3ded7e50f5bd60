"""What happened, three times: without Eosin, and with it."""

import json
import re
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import feed

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
from servers import START_SECONDS, Server  # noqa: E402

VERIFIER = Path(__file__).resolve().parents[1] / "verifier" / "verify.py"
WIDTH = 120
GIVEN = ["Moira", "Anselm", "Odette", "Bram", "Ines", "Corin"]
FAMILY = ["Kerrigan", "Ashdown", "Tolliver", "Brisbane", "Marchetti", "Okonjo", "Lindqvist"]


class Told:
    """A story as it is told, and what of it did not hold."""

    def __init__(self, title, source):
        self.lines, self.passed, self.failed, self.title = [f"\n## {title}\n", textwrap.fill(f"*{source}*", WIDTH) + "\n"], 0, [], title

    def say(self, text):
        self.lines.append(textwrap.fill(text, WIDTH) + "\n")

    def show(self, *rows):
        wrapped = (textwrap.fill(row, WIDTH, subsequent_indent="            ", break_on_hyphens=False) for row in rows)
        self.lines.append("```text\n" + "\n".join(wrapped) + "\n```\n")

    def hold(self, true, what):
        """Something that the story rests on."""
        if true:
            self.passed += 1
        else:
            self.failed.append(f"{self.title}: {what}")

    def page(self):
        return "\n".join(self.lines)


class Stage:
    """A folder with keys, a ledger and one boundary in front of a receiver."""

    def __init__(self, eosin, folder):
        self.eosin, self.home, self.server, self.port = eosin, folder / "eosin", None, None
        folder.mkdir(exist_ok=True)
        self.run("init", "--yes", self.home, cwd=folder)

    def configure(self, port, environment="production"):
        """One boundary, which is also the system of record that the lab's own results are attested by."""
        kept = (self.home / "eosin.toml").read_text().split("[[boundary]]")[0]
        kept += f'[[boundary]]\nname = "alabama"\nprotocol = "hl7v2"\nlisten = "127.0.0.1:0"\nupstream = "mllp://127.0.0.1:{port}"\n' \
            f'environment = "{environment}"\njurisdiction = "US-AL"\nmode = "enforce"\nquarantine = true\nsystem_of_record = true\n'
        (self.home / "eosin.toml").write_text(kept)

    def run(self, *arguments, cwd=None, code=0):
        command = [str(word) for word in (self.eosin, *arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, cwd=cwd or self.home)
        if done.returncode != code:
            raise SystemExit(f"`eosin {' '.join(command[1:])}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def mark(self, name, messages, *how):
        """Marks messages; the gateway knows the dataset from then on."""
        (self.home / f"{name}.hl7").write_text("".join(messages), newline="")
        out = f"{name}.marked.hl7"
        self.run("mark", f"{name}.hl7", "--out", out, "--dataset", name, *how)
        shutil.copy(self.home / f"{out}.dataset.json", self.home / "datasets" / f"{name}.dataset.json")
        with open(self.home / out, newline="", encoding="utf-8") as file:
            return feed.split(file.read())

    def __enter__(self):
        self.server = Server(self.home, "gateway", [self.eosin, "run"])
        line, until = re.compile(r"alabama: mllp://127\.0\.0\.1:(\d+)"), time.monotonic() + START_SECONDS
        while not (found := line.search(self.server.log.read_text(errors="replace"))):
            if self.server.process.poll() is not None or time.monotonic() > until:
                break
            time.sleep(0.05)
        if not found:
            raise SystemExit(f"the gateway did not start:\n{self.server.said()}")
        self.port = int(found.group(1))
        return self

    def __exit__(self, *_):
        self.server.stop()


def people(first, count):
    """Invented people; nothing about them says that they are."""
    for number in range(first, first + count):
        family = FAMILY[number % len(FAMILY)] + ["son", "ley", "worth", "field"][number // len(FAMILY) % 4]
        given = GIVEN[number % len(GIVEN)]
        yield family, given, f"{1938 + number}{1 + number % 12:02}{1 + number % 28:02}", f"{114 + number * 3} Dauphin Street", f"2514{31 + number:02}{2100 + number * 7}"


def refusal(text):
    """A refusal without what differs from run to run: places in the ledger, and names that are drawn."""
    text = re.sub(r"eosin\.local/[a-z0-9]+(#\d+)?", lambda found: "eosin.local/…" + ("#…" if found.group(1) else ""), text)
    return re.sub(r"as item [a-z0-9]+", "as item …", text)


def bulk_upload(eosin, folder):
    told = Told("Six test messages in a bulk upload",
                "Alabama, July 2025, reported in September: CDCgov/prime-reportstream#18872. \"The message IDs for the data received by "
                "Alabama can't be proven\": the system in between kept nothing of a bulk upload.")
    stage = Stage(eosin, folder)
    own = [feed.result(number, person) for number, person in enumerate(people(0, 40))]
    tests = [feed.result(900 + number, person) for number, person in enumerate(people(40, 6))]

    told.say("A laboratory uploads the results of a day, 40 of them. Six more are in the file: a vendor's acceptance test, left there. They "
             "are made to look like results, say `P` for production, and nothing in them says otherwise.")
    receiver = feed.Receiver()
    upload = own[:17] + tests[:3] + own[17:29] + tests[3:] + own[29:]
    codes = [code for code, _ in feed.send(receiver.port, upload)]
    told.say("**Without Eosin** the department takes all of them, and has 46 cases.")
    told.show(f"sent      {len(upload)} messages", f"accepted  {codes.count('AA')}", "proof     none: nothing that anybody kept says which six")
    told.hold(codes.count("AA") == 46 and len(receiver.messages) == 46, "all 46 arrive without Eosin")
    receiver.close()

    told.say("**With Eosin** the vendor marks what its tool makes, as it makes it; the laboratory vouches for its own results; and the feed "
             "goes through a boundary. The file is the same mixture.")
    receiver = feed.Receiver()
    stage.configure(receiver.port)
    marked = stage.mark("vendor-test", tests, "--generator", "LIS test tool")
    vouched = stage.mark("results-28-july", own, "--attest", "alabama")
    upload = vouched[:17] + marked[:3] + vouched[17:29] + marked[3:] + vouched[29:]
    with stage:
        said = feed.send(stage.port, upload)
    codes = [code for code, _ in said]
    arrived = {feed.control_id(message) for message in receiver.messages}
    told.show(f"sent      {len(upload)} messages", f"accepted  {codes.count('AA')}", f"refused   {codes.count('AR')}, each with")
    told.show(refusal(next(text for code, text in said if code == "AR")))
    told.hold(codes.count("AA") == 40 and codes.count("AR") == 6, f"40 accepted and 6 refused, not {codes}")
    told.hold(arrived == {feed.control_id(message) for message in own}, "the forty that arrive are the laboratory's own")
    told.hold([feed.control_id(message) for message in receiver.messages] == [feed.control_id(message) for message in own], "in their order")

    told.say("And what was missing: proof. Each refusal names its ruling. The ruling is in the ledger, which anybody can check with a program "
             "that is not ours, and the mark names the dataset, whose making is in the ledger too.")
    rulings = [re.search(r"Ruling ([^ ]+#\d+)", text) for code, text in said if code == "AR"]
    told.hold(all(rulings), "each refusal names its ruling")
    stage.run("ledger", "prove", rulings[0].group(1), "--out", "first.tlog-proof")
    checked = subprocess.run([sys.executable, VERIFIER, "proof", "keys/ledger.vkey", "first.tlog-proof", "first.json"],
                             cwd=stage.home, capture_output=True, text=True, check=False)
    if "No module named" in checked.stderr:
        told.say("(The verifier needs PyPI `cryptography`.)")
    told.hold(checked.returncode == 0, f"the verifier takes the proof: {checked.stderr}")
    entry = json.loads((stage.home / "first.json").read_text())
    (stage.home / "refused.hl7").write_text("".join(marked), newline="")
    findings = json.loads(stage.run("judge", "refused.hl7", "--config", "eosin.toml", "--json", code=1))["findings"]
    told.hold(all(one["verdict"] == "synthetic" and one["integrity"] == "intact" for one in findings), "all six are proven synthetic")
    told.show(
        "verify.py proof    " + re.sub(r"entry \d+ of \d+", "entry … of …", refusal(checked.stdout.strip())),
        f"the entry          decision {entry['decision']}, synthetic {entry['counts'].get('synthetic')}, boundary {entry['boundary']}",
        f"eosin judge        {len(findings)} records: {findings[0]['verdict']}, {findings[0]['integrity']}, {findings[0]['why']}",
    )
    receiver.close()
    return told


def by_name(eosin, folder):
    told = Told("A patient called Testing Build",
                "Washington: CDCgov/prime-reportstream#5897. A test patient's name was the only sign, and nobody reads names.")
    stage = Stage(eosin, folder)
    test = feed.result(77, ("Testing", "Build", "19800101", "12 Main Street", "2515550142"))
    person = feed.result(78, ("Testerman", "Bill", "19620714", "31 Spring Hill Avenue", "2514339871"))
    told.say("Somebody types a patient to see whether a new form works. There is no mark: no tool made her. A minute later there is a result "
             "for Bill Testerman, who is a person, and whose name begins alike.")
    receiver = feed.Receiver()
    feed.send(receiver.port, [test, person])
    told.say("**Without Eosin**")
    told.show("arrived   " + ", ".join(receiver.people()))
    told.hold(receiver.people() == ["Build Testing", "Bill Testerman"], "both arrive without Eosin")
    receiver.close()

    told.say("**With Eosin** nobody has to guess from a name. The laboratory vouches for its patients; nobody vouches for her. What has no mark "
             "is unproven, and unproven is not let into production by the policies that Eosin comes with. A name like hers never decides: "
             "it would have stopped Mr. Testerman too.")
    receiver = feed.Receiver()
    stage.configure(receiver.port)
    vouched = stage.mark("results", [person], "--attest", "alabama")
    with stage:
        said = feed.send(stage.port, [test, *vouched])
    told.show("arrived   " + ", ".join(receiver.people()), "refused   " + refusal(said[0][1]))
    told.hold([code for code, _ in said] == ["AR", "AA"], f"she is refused and he is not: {[code for code, _ in said]}")
    told.hold(receiver.people() == ["Bill Testerman"], "he arrives, she does not")
    told.hold("Testing" not in said[0][1] and "Build" not in said[0][1], "the refusal says nothing of her")
    receiver.close()
    return told


def de_identify(message):
    """The switch of a staging receiver: names, street, phone and day of birth are taken out on the way."""
    segments = message.split("\r")
    for at, segment in enumerate(segments):
        if segment.startswith("PID|"):
            fields = segment.split("|")
            fields[5], fields[7], fields[11], fields[13] = "DEIDENTIFIED^PATIENT", fields[7][:4], "", ""
            segments[at] = "|".join(fields)
    return "\r".join(segments)


def promoted(eosin, folder):
    told = Told("A receiver that kept its de-identify switch",
                "Nevada: CDCgov/prime-reportstream#6691. Promoted from staging to production with the switch on, so that the results of people "
                "went out without their names.")
    stage = Stage(eosin, folder)
    own = [feed.result(number, person) for number, person in enumerate(people(0, 5))]
    told.say("The mirror image: nothing synthetic at all. Five people were tested, and the department cannot call any of them.")
    receiver = feed.Receiver()
    feed.send(receiver.port, [de_identify(message) for message in own])
    told.say("**Without Eosin**")
    told.show("arrived   " + ", ".join(receiver.people()))
    told.hold(set(receiver.people()) == {"PATIENT DEIDENTIFIED"}, "five nameless results arrive without Eosin")
    receiver.close()

    told.say("**With Eosin** the laboratory's mark covers who a result is about. The switch changes that, and then the mark is one that was made "
             "for another record: a red line in the policies that Eosin comes with.")
    receiver = feed.Receiver()
    stage.configure(receiver.port)
    vouched = stage.mark("results", own, "--attest", "alabama")
    with stage:
        switched = feed.send(stage.port, [de_identify(message) for message in vouched])
        mended = feed.send(stage.port, vouched)
    told.show(f"switch on   {sum(code == 'AR' for code, _ in switched)} of {len(switched)} refused: {refusal(switched[0][1])}",
              f"switch off  {sum(code == 'AA' for code, _ in mended)} of {len(mended)} accepted: " + ", ".join(receiver.people()))
    told.hold(all(code == "AR" for code, _ in switched), f"what was changed is refused: {switched}")
    told.hold(all(code == "AA" for code, _ in mended), f"what was not is accepted: {mended}")
    told.hold(len(receiver.messages) == 5 and "PATIENT DEIDENTIFIED" not in receiver.people(), "five people arrive, with their names")
    told.say("The first message says so, to the sender and in the ledger, and all of them are kept in quarantine until somebody has looked.")
    receiver.close()
    return told


ALL = [bulk_upload, by_name, promoted]
