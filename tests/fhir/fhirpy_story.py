"""A day with fhirpy, unmodified: searches, counts, pages, includes, reads and writes. Knows nothing of Eosin."""

import json
import sys
from pathlib import Path

from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import BaseFHIRError, ResourceNotFound

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "clients"))
import transcript  # noqa: E402
from transcript import setting  # noqa: E402


def story(tell):
    client = SyncFHIRClient(setting("URL"))
    people = json.loads(setting("PEOPLE"))
    shown, hidden = people["shown"], people["hidden"]
    patients = client.resources("Patient")
    family = lambda found: sorted(one["name"][0]["family"] for one in found)

    tell.step("a search by name finds somebody", lambda: family(patients.search(name=shown["name"]).fetch()), lambda found: found == [shown["name"]])
    tell.step("a search by another name", lambda: family(patients.search(name=hidden["name"]).fetch()), lambda found: not found)
    tell.step("everybody, page by page", lambda: family(patients.sort("birthdate").limit(1).fetch_all()), lambda found: len(found) == 3)
    tell.step("everybody at once", lambda: family(patients.fetch()))
    tell.step("how many there are", lambda: patients.search(_summary="count").fetch_raw().total)
    tell.step("the first of them", lambda: patients.sort("birthdate").first()["name"][0]["family"])
    tell.step("one by id", lambda: patients.get(shown["patient"]).serialize(), lambda one: one["id"] == shown["patient"])
    tell.step("another by id", lambda: raised(lambda: patients.get(hidden["patient"])), lambda said: said == "ResourceNotFound")
    tell.step("what was measured, with whom", lambda: included(client))
    tell.step("what is about somebody", lambda: len(client.resources("Observation").search(subject=f"Patient/{shown['patient']}").fetch()), lambda count: count == 1)
    tell.step("a part of each", lambda: len(patients.elements("name").fetch()))
    new = {key: value for key, value in json.loads(people["new"]["json"]).items() if key != "resourceType"}
    tell.step("a new one", lambda: saved(client, new), lambda one: one["name"][0]["family"] == people["new"]["name"])
    tell.step("and it is found", lambda: family(patients.search(name=people["new"]["name"]).fetch()), lambda found: found == [people["new"]["name"]])


def refusal(tell):
    client = SyncFHIRClient(setting("URL"))
    other = {key: value for key, value in json.loads(json.loads(setting("PEOPLE"))["refused"]["json"]).items() if key != "resourceType"}
    said = tell.step("one that does not belong here", lambda: refused(client, other), lambda said: "EOSIN_BLOCKED" in said)
    tell.step("the refusal names nobody", lambda: True, lambda _: other["name"][0]["family"] not in said)


def saved(client, values):
    one = client.resource("Patient", **values)
    one.save()
    return one.serialize()


def refused(client, values):
    try:
        saved(client, values)
    except BaseFHIRError as said:
        return f"{type(said).__name__}: {said}"
    return "it was taken"


def raised(act):
    try:
        act()
    except ResourceNotFound as error:
        return type(error).__name__
    return "nothing"


def included(client):
    bundle = client.resources("Observation").include("Observation", "subject").fetch_raw()
    return sorted((entry.resource["resourceType"], entry.search["mode"]) for entry in bundle.entry)


if __name__ == "__main__":
    transcript.run({"story": story, "refusal": refusal})
