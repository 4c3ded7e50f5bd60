"""What a story asks apart from its client: a session, and how many records have arrived."""

import json
import urllib.parse
import urllib.request

from transcript import setting

VERSION = "66.0"


def session():
    """A session, as another program of the user's would get it."""
    form = {"grant_type": "password", "client_id": setting("KEY"), "client_secret": setting("SECRET"),
            "username": setting("USER"), "password": setting("PASSWORD")}
    with urllib.request.urlopen(setting("URL_HTTP") + "/services/oauth2/token", urllib.parse.urlencode(form).encode(), timeout=30) as answer:
        return json.load(answer)["access_token"]


def count(given, condition, thing="Contact"):
    """How many records there are, asked apart from this client."""
    asked = urllib.parse.urlencode({"q": f"SELECT count() FROM {thing} WHERE {condition}"})
    request = urllib.request.Request(f"{setting('URL_HTTP')}/services/data/v{VERSION}/query?{asked}", headers={"Authorization": "Bearer " + given})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["totalSize"]
