"""Installs the clients once, into the cache folder of the checkout, by package name and pinned version."""

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache" / "clients"

# jsforce needs a Node that not every system has; this package is Node itself.
NODE_LEAST = (22, 19)
NODE_VERSION = "22.23.3"


class Clients:
    """Where the installed programs are."""

    def __init__(self, python, node, modules, cci=""):
        self.python, self.node, self.modules, self.cci = str(python), str(node), str(modules), str(cci)
        self.sf = str(modules / "@salesforce" / "cli" / "bin" / "run.js")


def clients(wanted=()):
    """Everything a story needs, installed if it is not yet; CumulusCI, which brings much with it, only for its own story."""
    CACHE.mkdir(parents=True, exist_ok=True)
    program = python("python", "requirements.txt")
    cci = python("cumulusci-python", "requirements-cumulusci.txt").with_name("cci") if "cumulusci" in wanted else ""
    return Clients(program, node(), modules(), cci)


def once(folder, wanted, install):
    """Runs `install` unless `folder` holds what is `wanted` already; a half-done install is done again."""
    stamp = folder / "installed"
    digest = hashlib.sha256(wanted.encode()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == digest):
        print(f"installing into {folder.relative_to(HERE.parents[1])}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        install()
        stamp.write_text(digest)
    return folder


def python(name, packages):
    """A Python with the pinned packages of a list."""
    requirements = HERE / packages
    folder = CACHE / name
    program = folder / "venv" / "bin" / "python"

    def install():
        run(sys.executable, "-m", "venv", folder / "venv")
        run(program, "-m", "pip", "install", "--quiet", "--no-input", "-r", requirements)

    once(folder, requirements.read_text() + sys.version, install)
    return program


def modules():
    """The npm packages, as the lock file has them."""
    folder = CACHE / "npm"

    def install():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder / name)
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", folder=folder)

    once(folder, (HERE / "package-lock.json").read_text(), install)
    return folder / "node_modules"


def node():
    """A Node that is new enough: the system's, or one from npm."""
    found = shutil.which("node")
    if found:
        version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
        if tuple(int(part) for part in version.strip().lstrip("v").split(".")[:2]) >= NODE_LEAST:
            return Path(found)
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(platform.machine().lower(), platform.machine())
    package = f"node-{sys.platform}-{machine}"
    folder = CACHE / "node"

    def install():
        (folder / "package.json").write_text('{"private": true}\n')
        run("npm", "install", "--no-audit", "--no-fund", "--no-save", "--loglevel=error", f"{package}@{NODE_VERSION}", folder=folder)

    once(folder, package + NODE_VERSION, install)
    return folder / "node_modules" / package / "bin" / "node"


def run(*command, folder=None):
    """Runs an installer; what it says goes to our error stream, where a failed install is looked for."""
    done = subprocess.run([str(word) for word in command], cwd=folder, stdout=sys.stderr, check=False,
                          env={**os.environ, "npm_config_update_notifier": "false"})
    if done.returncode:
        raise SystemExit(f"could not install: `{' '.join(str(word) for word in command)}` ended with {done.returncode}")


def played(says, name, here):
    """Runs the `run.py` of a folder with a binary, on a Python of its own that has the pinned packages of that folder."""
    parser = argparse.ArgumentParser(description=says.splitlines()[0])
    parser.add_argument("--eosin", type=Path, required=True, help="the binary")
    eosin = parser.parse_args().eosin.resolve()
    program = python(name, here / "requirements.txt")
    return subprocess.run([program, "-u", here / "run.py", "--eosin", eosin], check=False).returncode
