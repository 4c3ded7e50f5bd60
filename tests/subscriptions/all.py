#!/usr/bin/env python3
"""Installs what the stories of subscriptions need, once, into the cache folder of the checkout, and plays them.

    all.py --eosin PATH

Run by `cargo xtask subscriptions`. Ends with `N passed, N failed, N skipped`.
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
    python = install.python("subscriptions", HERE / "requirements.txt")
    return subprocess.run([python, "-u", HERE / "run.py", "--eosin", eosin], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
