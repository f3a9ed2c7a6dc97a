"""Clauses and errors of other rooms as sentences; no Qt, no napari."""

from __future__ import annotations


def capital(words: str) -> str:
    """Return words with a capital first letter; the others stay: names and units have their own."""
    return words[:1].upper() + words[1:]


def sentence(clause: str) -> str:
    """Return a clause as a sentence: a capital letter first and one full stop last."""
    return capital(clause).rstrip(".") + "." if clause else ""


def error_sentence(error: Exception, name: str, done: str = "segmented") -> str:
    """Return the one sentence that tells the user about an error; `done` is what was not done.

    Errors of this package already are such sentences; of any other, its kind and its first line
    are shown.
    """
    first_line = (str(error).strip().splitlines() or [""])[0]
    if type(error).__module__.partition(".")[0] == "napari_etch" and first_line:
        return first_line
    if isinstance(error, MemoryError):
        # only the Segment dock has a region to choose
        remedy = "draw a smaller rectangle and choose it as the region"
        if done != "segmented":
            remedy = "close other programs, or take less of it"
        return f"There is not enough memory for “{name}”: {remedy}."
    said = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    return f"“{name}” could not be {done} ({said.rstrip('.')}); the full report is in the log."
