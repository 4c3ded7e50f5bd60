#!/usr/bin/env python3
"""Installs what the webhook stories need, once, into the cache folder of the checkout; plays stories and leak scenes.

    all.py --eosin PATH

Run by `cargo xtask webhooks`. Each of the two ends with `N passed, N failed, N skipped`.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "clients"))
import install  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eosin", type=Path, required=True, help="the binary")
    eosin = parser.parse_args().eosin.resolve()
    python = install.python("webhooks", HERE / "requirements.txt")
    scripts = (HERE / "run.py", ROOT / "tests" / "leaks" / "webhook_scenes.py")
    ended = [subprocess.run([python, "-u", script, "--eosin", eosin], check=False).returncode for script in scripts]
    return max(ended)


if __name__ == "__main__":
    sys.exit(main())
