"""Starts a local org, and a gateway in front of one, from the `eosin` binary; stops what it started."""

import os
import re
import signal
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

START_SECONDS = 30


class Server:
    """One running `eosin`, with what it says in a file."""

    def __init__(self, folder, name, command, environment=None):
        self.log = Path(folder) / f"{name}.log"
        self.command = [str(word) for word in command]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
                                            env={**os.environ, **(environment or {})})

    def answers(self, url, ca=None):
        """Waits until the server answers at `url`; a server that has ended, or takes too long, is an error."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                # The server may listen before it has written down whom to trust.
                context = ssl.create_default_context(cafile=str(ca)) if ca else None
                urllib.request.urlopen(url, timeout=2, context=context).close()
                return self
            except urllib.error.HTTPError:
                return self
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise SystemExit(f"`{' '.join(self.command)}` does not answer at {url}; it said:\n{self.said()}")

    def address(self, what):
        """The address on the line of its output that begins with `what`: the system chose the port, so nobody else has it."""
        until = time.monotonic() + START_SECONDS
        line = re.compile(rf"^\s*{re.escape(what)}\s+(https?://[0-9.]+:[0-9]+)", re.MULTILINE)
        while time.monotonic() < until and self.process.poll() is None:
            if found := line.search(self.log.read_text(errors="replace")):
                return found.group(1)
            time.sleep(0.05)
        self.stop()
        raise SystemExit(f"`{' '.join(self.command)}` gave no address for {what}; it said:\n{self.said()}")

    def said(self):
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-4000:]

    def stop(self):
        """Ends the process that we started, and no other."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

