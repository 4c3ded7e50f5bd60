"""What a client was answered, step by step, so that two runs can be laid side by side."""

import json
import os
import sys


def setting(name):
    """One EOSIN_CLIENT_… setting; a story cannot run without it."""
    return os.environ["EOSIN_CLIENT_" + name]


class Transcript:
    """The steps of one story, in order."""

    def __init__(self):
        self.steps = []

    def step(self, name, act, holds=None):
        """Does one thing, keeps the answer or the error as the client shows it, and says whether it is as it should be.

        `holds` takes the answer; a story that only compared two servers could find both equally wrong.
        """
        try:
            answer = act()
        except Exception as error:  # the client's own way of saying no is part of its answer
            answer = {"raised": type(error).__name__, "text": str(error)}
        held = None
        if holds is not None:
            try:
                held = bool(holds(answer))
            except Exception:  # an answer of another shape does not hold
                held = False
        self.steps.append({"step": name, "answer": answer, "held": held})
        return answer

    def write(self, path):
        """Writes the transcript as JSON."""
        with open(path, "w", encoding="utf-8") as to:
            json.dump({"steps": self.steps}, to, indent=1, default=str)
            to.write("\n")


def run(stories):
    """`story.py SCENE OUT`: plays one scene and writes its transcript."""
    scene, out = sys.argv[1:3]
    transcript = Transcript()
    try:
        stories[scene](transcript)
    except Exception as error:  # a story that breaks off still shows how far it came
        said = {"raised": type(error).__name__, "text": str(error)}
        transcript.steps.append({"step": "the story goes on to its end", "answer": said, "held": False})
    transcript.write(out)
