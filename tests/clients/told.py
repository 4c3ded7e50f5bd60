"""What scripts of stories and duels print, so that `cargo xtask` can count it: a line each, and the sum at the end."""

import time


def stories(played, scene, more=lambda: ""):
    """Plays stories one after the other on one scene; 1 if one of them failed. `more` says what helps to see why."""
    failed = 0
    for story in played:
        begun = time.monotonic()
        try:
            story(scene)
            print(f"ok      {story.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
        except AssertionError as error:
            failed += 1
            print(f"FAILED  {story.__name__}: {error}\n{more()}".rstrip(), flush=True)
    print(f"{len(played) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


def duel(wrong):
    """Says what went wrong in a duel, if something did; 1 then."""
    for sentence in wrong[:20]:
        print(f"FAILED  {sentence}")
    print(f"{0 if wrong else 1} passed, {len(wrong)} failed, 0 skipped")
    return 1 if wrong else 0
