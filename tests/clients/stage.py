"""Sets the stage: fresh orgs, a gateway in front of one, and the credentials that a story is given."""

import json
import subprocess
from pathlib import Path

from servers import Server, free_port

# What the local org accepts; `eosin org` prints them when it starts. None of them is a secret.
CREDENTIALS = {
    "USER": "admin@org.example",
    "PASSWORD": "local-password",
    "SECURITY_TOKEN": "token",
    "KEY": "local-client",
    "SECRET": "local-secret",
    "REFRESH": "local-refresh",
    "ORGANIZATION": "00D000000000001",
}


class Place:
    """Where a story is told: addresses, and for a gateway the place behind it."""

    def __init__(self, name, http, https, ca, behind=None):
        self.name, self.http, self.https, self.ca, self.behind = name, http, https, ca, behind


class Stage:
    """Starts places and stops them all at the end."""

    def __init__(self, eosin, folder):
        self.eosin, self.folder, self.servers = eosin, folder, []
        folder.mkdir()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in reversed(self.servers):
            server.stop()

    def straight(self, name="org"):
        """A fresh org."""
        http, https, ca = free_port(), free_port(), self.folder / f"{name}-ca.pem"
        server = Server(self.folder, name, [self.eosin, "org", "--http", f"127.0.0.1:{http}", "--https", f"127.0.0.1:{https}", "--ca-out", ca])
        self.servers.append(server)
        place = Place(name, f"http://127.0.0.1:{http}", f"https://127.0.0.1:{https}", ca)
        server.answers(place.http + "/services/data")
        server.answers(place.https + "/services/data", ca)
        return place

    def through(self, strict):
        """A gateway in front of a fresh org: in front of a sandbox, which lets in what has no mark, or of production."""
        name = "production" if strict else "sandbox"
        behind = self.straight(f"{name}-org")
        home = self.folder / name
        self.say("init", "--yes", home)
        http, https = free_port(), free_port()
        (home / "eosin.toml").write_text(configuration(home, name, behind.http, http, https))
        server = Server(home, "gateway", [self.eosin, "run", "--config", home / "eosin.toml"])
        self.servers.append(server)
        place = Place(name, f"http://127.0.0.1:{http}", f"https://127.0.0.1:{https}", home / "keys" / "authority.pem", behind)
        server.answers(place.http + "/services/data")
        server.answers(place.https + "/services/data", place.ca)
        return place

    def say(self, *arguments):
        """Runs one `eosin` command to its end and gives its output."""
        command = [str(word) for word in (self.eosin, *arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, cwd=self.folder)
        return done


def configuration(home, environment, upstream, http, https):
    """The `eosin.toml` that `eosin init` wrote, with our boundaries instead of its examples."""
    kept = (home / "eosin.toml").read_text().split("[[boundary]]")[0]
    boundary = lambda name, port, tls: f"""
[[boundary]]
name = "{name}"
protocol = "salesforce"
listen = "127.0.0.1:{port}"
tls = {str(tls).lower()}
upstream = "{upstream}"
environment = "{environment}"
mode = "enforce"
"""
    return kept + boundary("plain", http, False) + boundary("tls", https, True)
