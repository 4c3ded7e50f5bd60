"""The places of the clinical scenes: FHIR servers that are not ours, a gateway in front of some of them.

    direct        a server with both kinds of people, and nothing in front of it
    production    the same behind a boundary that hides synthetic people
    sandbox       the same behind a boundary that hides attested people
    clean-…       a server that never held what the boundary of that name hides
"""

import json
import shutil
import sys
from pathlib import Path
from urllib.parse import quote

import people
import wire
from places import BOUNDARIES, KINDS, PLANTED, Started

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
import install  # noqa: E402
import servers  # noqa: E402
from servers import Server  # noqa: E402

HERE = Path(__file__).resolve().parent / "fhir"
MADE = 200
# What there is of each person.
THINGS = ("Patient", "Observation", "Appointment")
# Types that are counted where many resources cross.
COUNTED = ("Patient", "Observation", "Condition", "Encounter", "Immunization", "Procedure")
JSON = [("Content-Type", "application/fhir+json")]


def modules():
    """Medplum and a client, as the lock file has them."""
    folder = install.CACHE / "fhir"

    def made():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder / name)
        install.run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", folder=folder)

    install.once(folder, (HERE / "package-lock.json").read_text(), made)
    return folder


class Medplum:
    """Medplum's router over its store in memory: a process, with an address for each place."""

    name, base = "medplum", "/fhir"

    def serve(self, folder, names):
        """Where each place's server is, and the processes."""
        servers.START_SECONDS = 120  # definitions are long to read on a busy machine
        medplum = Server(folder, "medplum", [install.node(), HERE / "medplum.mjs", *names], {"NODE_MODULES": str(modules())})
        return {name: medplum.address(name) for name in names}, [medplum]


class Place:
    """One address, with the server that stands behind it."""

    def __init__(self, name, origin, behind, base):
        self.name, self.origin, self.org, self.base, self.session, self.ids = name, origin, behind, base, "", None

    def bearer(self):
        return []

    def address(self):
        """The base of what a client talks to, and `behind` of the server itself."""
        return self.origin + self.base

    def behind(self):
        return self.org + self.base

    def find(self, search):
        """How many resources of the server itself a search has: asked behind the gateway."""
        answer = wire.ask(self.org, "GET", f"{self.base}/{search}", [])
        if answer.status != 200:
            return f"{answer.status} {answer.text()[:300]}"
        return len(json.loads(answer.body).get("entry", []))


class Stage(Started):
    """Starts everything once, and stops it."""

    def __init__(self, eosin, folder, server):
        super().__init__(eosin, folder, MADE)
        # `server` is what stands behind the gateway.
        self.resources, self.server = {}, server

    def __enter__(self):
        names = ("direct", *BOUNDARIES, *(f"clean-{name}" for name in BOUNDARIES))
        origins, started = self.server.serve(self.folder, names)
        self.servers += started
        home = self.folder / "fhir-home"
        self.say("init", "--yes", home)
        self.configure(home, origins)
        self.mark(home)
        gateway = Server(home, "gateway", [self.eosin, "run", "--config", home / "eosin.toml"])
        self.servers.append(gateway)
        for name, origin in origins.items():
            at = gateway.address(f"listening {name}:") if name in BOUNDARIES else origin
            self.places[name] = Place(name, at, origin, self.server.base)
            self.furnish(self.places[name])
        return self

    def configure(self, home, origins):
        kept = (home / "eosin.toml").read_text().split("[[boundary]]")[0]
        for name in BOUNDARIES:
            kept += f'[[boundary]]\nname = "{name}"\nprotocol = "fhir"\nfhir_base = "{self.server.base or "/"}"\nlisten = "127.0.0.1:0"\nupstream = "{origins[name]}"\n' \
                f'environment = "{name}"\nmode = "enforce"\nreads = "isolated"\nsystem_of_record = {str(name == "production").lower()}\n'
        (home / "eosin.toml").write_text(kept)

    def mark(self, home):
        """Seals both kinds in the gateway's own log, as the generator and as the system of record."""
        by = {"synthetic": ["--generator", "scenes"], "attested": ["--attest", "production"]}
        (home / "datasets").mkdir(exist_ok=True)
        for kind in KINDS:
            given, out = self.folder / f"{kind}.ndjson", self.folder / f"{kind}.marked.ndjson"
            made = list(people.invented(kind[:3], MADE))
            lines = [json.dumps(one) for number, person in enumerate(made) for one in about(kind, number, person)]
            given.write_text("\n".join(lines) + "\n")
            self.say("mark", given, "--out", out, "--dataset", f"{kind} people", *by[kind], "--config", home / "eosin.toml")
            shutil.copy(f"{out}.dataset.json", home / "datasets" / f"{kind}.dataset.json")
            marked = [json.loads(line) for line in out.read_text().splitlines()]
            self.resources[kind] = [marked[at : at + len(THINGS)] for at in range(0, len(marked), len(THINGS))]

    def furnish(self, place):
        """The people who are there from the start, set up behind the gateway."""
        hidden = BOUNDARIES.get(place.name.removeprefix("clean-"))
        absent = hidden if place.name.startswith("clean-") else None
        for kind in KINDS:
            # Whom the people of one kind see, and nobody else: about nobody, and shown everywhere.
            doctor = {"resourceType": "Practitioner", "id": doctor_of(kind), "name": [{"family": "Practice"}]}
            wire.ask(place.org, "PUT", f"{place.base}/Practitioner/{doctor['id']}", JSON, json.dumps(doctor).encode())
        for number in range(PLANTED):
            for kind in (kind for kind in KINDS if kind != absent):
                for resource in self.resources[kind][number]:
                    target = f"{place.base}/{resource['resourceType']}/{resource['id']}"
                    answer = wire.ask(place.org, "PUT", target, JSON, json.dumps(resource).encode())
                    if answer.status >= 300:
                        raise SystemExit(f"{place.name}: {target} ended with {answer.status}: {answer.text()[:500]}")


def about(kind, number, person):
    """What there is of a person: themselves, something measured, and an appointment."""
    own = {thing: identity(kind, number, thing) for thing in THINGS}
    subject = {"reference": f"Patient/{own['Patient']}"}
    yield {
        "resourceType": "Patient", "id": own["Patient"],
        "identifier": [{"system": "urn:scenes:number", "value": f"{kind[:3]}-{number}"}],
        "name": [{"family": person["LastName"], "given": [person["FirstName"]]}],
        "telecom": [{"system": "email", "value": person["Email"]}],
        "gender": "female", "birthDate": dashed(person["Birthdate"]),
        "address": [{"line": [person["MailingStreet"]], "city": person["MailingCity"]}],
    }
    yield {
        "resourceType": "Observation", "id": own["Observation"], "status": "final",
        "code": {"coding": [{"system": "urn:scenes:code", "code": f"{kind[:3]}-code-{number}"}], "text": f"Pulse of {person['LastName']}"},
        "subject": subject, "performer": [{"reference": f"Practitioner/{doctor_of(kind)}"}], "effectiveDateTime": f"2026-05-{1 + number % 28:02}T10:00:00Z",
        "valueQuantity": {"value": 60 + number % 40, "unit": "beats/min"},
    }
    yield {
        "resourceType": "Appointment", "id": own["Appointment"], "status": "booked",
        "description": f"Visit of {person['LastName']}", "start": f"2026-06-{1 + number % 28:02}T10:00:00Z",
        "end": f"2026-06-{1 + number % 28:02}T10:30:00Z", "participant": [{"actor": subject, "status": "accepted"}],
    }


def doctor_of(kind):
    return f"{KINDS.index(kind) + 1:08x}-0009-4000-8000-000000000000"


def identity(kind, number, thing):
    """An id of a server's kind: the same in every place, so that answers can be compared."""
    return f"{KINDS.index(kind) + 1:08x}-{THINGS.index(thing) + 1:04x}-4{number:03x}-8000-{number * 7919 % 2**48:012x}"


def dashed(date):
    year, month, day = date.split("-")
    return f"{year}-{int(month):02}-{int(day):02}"


def words(stage, kind, number):
    """How one person is written in the scenes."""
    patient, observation, appointment = stage.resources[kind][number]
    new = {**patient}
    new.pop("id")
    family = patient["name"][0]["family"]
    value = {"name": family, "json": json.dumps(new), "patient": patient["id"], "observation": observation["id"], "appointment": appointment["id"],
             "doctor": doctor_of(kind), "number": f"{kind[:3]}-{number}", "code": f"{kind[:3]}-code-{number}", "email": patient["telecom"][0]["value"],
             "inner": json.dumps(new)[1:-1], "with_id": json.dumps(patient), "search": quote(f"urn:scenes:number|{kind[:3]}-{number}", safe="")}
    return value
