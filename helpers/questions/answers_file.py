"""What the learner typed and chose: one file of guesses and one of answers, on their own computer.

Nothing is sent anywhere. A file grows by one line for each entry and is never rewritten, so notebooks
that are open at the same time take nothing from each other. Only this module knows how an entry is
written: everybody else asks for guesses(), first_answers() or answers_to(), which pass over whatever
was edited by hand, damaged, or written by another version of the course.
"""

from __future__ import annotations

import json
import math
import os
import sys
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import platformdirs

from helpers.widgets.markup import readable

__all__ = [
    "Answer",
    "Choice",
    "answers",
    "answers_to",
    "choices",
    "first_answers",
    "folder",
    "forget",
    "guesses",
    "keep",
    "kept",
    "pause",
    "predicted",
]

FILES = ("guesses", "answers")
BROWSER_FOLDER = Path("/drive")  # in JupyterLite: the learner's files, which the browser keeps
_not_written: dict[str, list[dict]] = {name: [] for name in FILES}  # counts until the kernel ends
_paused = False


class Answer(NamedTuple):
    """An answer to an exercise that was checked: what the check said ("right", "wrong", …) and the code."""

    kind: str
    code: str


class Choice(NamedTuple):
    """An option that was chosen, and whether it was the right one."""

    answer: str
    right: bool


def folder() -> Path:
    """Where everything is kept: the user's data folder, or the one that THINKING_MACHINES_DATA names.

    >>> folder().is_absolute()
    True
    """
    named = os.environ.get("THINKING_MACHINES_DATA")
    if named:
        return _resolved(named)
    if _in_the_browser() and BROWSER_FOLDER.is_dir():
        return BROWSER_FOLDER / "thinking-machines"
    return Path(platformdirs.user_data_dir("thinking-machines", appauthor=False))


@lru_cache
def _resolved(named: str) -> Path:
    """Resolved once, so that a learner who changes the working directory still finds their answers."""
    return Path(os.path.realpath(os.path.expanduser(named)))


def _in_the_browser() -> bool:
    return sys.platform == "emscripten"


def forget() -> str:
    """Delete every recorded guess and answer, of all notebooks, and say in a sentence what was done.

    >>> forget()  # doctest: +SKIP
    'All recorded guesses and answers are deleted.'
    """
    try:
        for name in FILES:
            _not_written[name].clear()
            _file(name).unlink(missing_ok=True)
    except OSError as problem:
        return (
            f"Not everything is deleted, because the folder {folder()} can't be changed ({_why(problem)}). "
            "Delete the files guesses.jsonl and answers.jsonl there yourself."
        )
    return "All recorded guesses and answers are deleted."


def pause() -> None:
    """Record nothing more in this kernel: the solution notebooks solve nothing on the learner's behalf."""
    global _paused
    _paused = True


def keep(name: str, entry: dict) -> str:
    """Add an entry to a file ("guesses" or "answers"), with the time.

    returns: "", or in a sentence why the entry won't be there later
    """
    if _paused:
        return ""
    entry = {**entry, "at": datetime.now(timezone.utc).isoformat(timespec="seconds")}
    try:
        folder().mkdir(parents=True, exist_ok=True)
        with _file(name).open("a", encoding="ascii", newline="\n") as file:
            file.write(f"\n{json.dumps(entry)}\n")  # on a line of its own, even after one that was cut short
    except OSError as problem:
        _not_written[name].append(entry)
        return (
            "It's kept only until the kernel ends, "
            f"because the folder {folder()} can't be written to ({_why(problem)})."
        )
    if _in_the_browser() and not folder().is_relative_to(BROWSER_FOLDER):
        return "It's kept only until this page is reloaded, because this browser has no folder for it."
    return ""


def kept(name: str) -> list[dict]:
    """Every entry of a file, the first one first. A line that can't be read is passed over."""
    try:
        lines = _file(name).read_bytes().split(b"\n")  # only "\n": code may hold other line separators
    except OSError:  # no file yet, or one that may not be read
        lines = []
    entries = [_read(line) for line in lines] + _not_written[name]
    return [entry for entry in entries if isinstance(entry, dict)]


def _read(line: bytes):
    try:
        return json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):  # no JSON, or nested too deeply
        return None


def guesses(name: str) -> list[float | str]:
    """The guesses for a prediction, the first one first: finite numbers and texts."""
    found = (_guess(entry.get("guess")) for entry in kept("guesses") if entry.get("name") == name)
    return [guess for guess in found if guess is not None]


def predicted() -> set[str]:
    """The names of the predictions that have a guess."""
    return {
        entry["name"]
        for entry in kept("guesses")
        if isinstance(entry.get("name"), str) and _guess(entry.get("guess")) is not None
    }


def first_answers(kind: str) -> dict[str, Choice]:
    """What was chosen first for each recall question (kind "question") or bug (kind "zoo"), by its name."""
    found: dict[str, Choice] = {}
    for name, choice in choices(kind):
        found.setdefault(name, choice)
    return found


def choices(kind: str) -> list[tuple[str, Choice]]:
    """Everything that was chosen, the first one first, each with the name of its question or bug."""
    return [
        (entry[kind], Choice(readable(entry["answer"]), entry.get("right") is True))
        for entry in kept("answers")
        if isinstance(entry.get(kind), str) and isinstance(entry.get("answer"), str)
    ]


def answers() -> dict[str, list[Answer]]:
    """Every answer that was checked, the first one first, by the exercise (or the puzzle)."""
    found: dict[str, list[Answer]] = {}
    for entry in kept("answers"):
        if isinstance(entry.get("exercise"), str):
            answer = Answer(_text(entry.get("kind")), _text(entry.get("code")))
            found.setdefault(entry["exercise"], []).append(answer)
    return found


def answers_to(exercise: str) -> list[Answer]:
    """Every answer to one exercise that was checked, the first one first."""
    return answers().get(exercise, [])


def _guess(value) -> float | str | None:
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number with more than 308 digits
        return None


def _text(value) -> str:
    return readable(value) if isinstance(value, str) else ""


def _why(problem: OSError) -> str:
    return problem.strerror or str(problem)


def _file(name: str) -> Path:
    return folder() / f"{name}.jsonl"
