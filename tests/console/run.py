#!/usr/bin/env python3
"""The console in real Chromium: installs what drives it, once, into the cache folder of the checkout, and plays the story.

    run.py --eosin PATH [--screenshots FOLDER]

Run by `cargo xtask console`. Ends with `N passed, N failed, N skipped`.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients"))
import install  # noqa: E402
import told  # noqa: E402


def modules():
    """playwright-core and axe-core, as the lock file has them."""
    folder = install.CACHE / "console"

    def npm():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder / name)
        install.run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", folder=folder)

    return install.once(folder, (HERE / "package-lock.json").read_text(), npm)


def the_console_in_chromium_has_nothing_that_somebody_could_not_use(scene):
    """Runs the story beside its modules, where Node looks for them."""
    eosin, screenshots = scene
    folder = modules()
    for module in HERE.glob("*.mjs"):
        shutil.copy(module, folder / module.name)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "there is no Chromium: install the Debian package `chromium`"
    with tempfile.TemporaryDirectory() as home:
        words = ["node", folder / "story.mjs", eosin, chromium, home, *screenshots]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:]
    print(done.stdout.rstrip().splitlines()[-1], flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eosin", type=Path, required=True, help="the binary")
    parser.add_argument("--screenshots", type=Path, help="where to put pictures of each page")
    given = parser.parse_args()
    pictures = [given.screenshots.resolve()] if given.screenshots else []
    sys.exit(told.stories([the_console_in_chromium_has_nothing_that_somebody_could_not_use], (given.eosin.resolve(), pictures)))
