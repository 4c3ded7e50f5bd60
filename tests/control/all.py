#!/usr/bin/env python3
"""Installs what the stories of the control API need, once, into the cache folder of the checkout, and plays them.

    all.py --eosin PATH

Run by `cargo xtask control`. Ends with `N passed, N failed, N skipped`.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients"))
import install  # noqa: E402

if __name__ == "__main__":
    sys.exit(install.played(__doc__, "control", HERE))
