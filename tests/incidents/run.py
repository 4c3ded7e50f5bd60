"""The three incidents that Eosin exists for, played twice: as they happened, and with Eosin in the feed.

    run.py --eosin PATH [--write]

What happened is public (docs/incidents.md has the sources); the people here are invented. With `--write` the page is
written from what the stories said; without it, a page that says something else fails.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import stories

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "incidents.md"
HEAD = """# The three incidents

Three things that happened, in public, to people who did nothing careless. Each is played here twice by `cargo xtask
incidents`: as it was, and with Eosin in the feed. The people are invented, the messages are a lab's results in HL7 v2, and
the other two in the feed, a sender and a health department, are plain programs that know nothing of Eosin. This page is
written from the run; the tests fail where the two differ.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eosin", type=Path, required=True, help="the binary")
    parser.add_argument("--write", action="store_true", help="write docs/incidents.md")
    arguments = parser.parse_args()
    page, passed, failed = HEAD, 0, []
    for story in stories.ALL:
        with tempfile.TemporaryDirectory() as folder:
            told = story(arguments.eosin.resolve(), Path(folder))
        page += told.page()
        passed += told.passed
        failed += told.failed
        print(told.page())
    if arguments.write:
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        failed.append(f"{PAGE.relative_to(ROOT)} says something else; look, then `cargo xtask incidents --write`")
    for sentence in failed:
        print(f"FAILED  {sentence}")
    print(f"{passed} passed, {len(failed)} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
