"""What the learner typed and chose, kept in small files in their user data folder, and sent nowhere.

A file grows by a line for each entry and is never rewritten, so notebooks that
are open at the same time take nothing from each other.
"""

from __future__ import annotations

import json
import os
import pathlib
from datetime import datetime, timezone

import platformdirs

__all__ = ["folder", "forget", "keep", "kept", "pause"]

FILES = ("guesses", "answers")
_not_written: dict[str, list[dict]] = {
    name: [] for name in FILES
}  # what could not be put into a file: it counts until the kernel ends
_paused = False


def folder() -> pathlib.Path:
    """Where everything is kept: the user's data folder, or the one that THINKING_MACHINES_DATA names."""
    return pathlib.Path(
        os.environ.get("THINKING_MACHINES_DATA")
        or platformdirs.user_data_dir("thinking-machines", appauthor=False)
    )


def forget() -> None:
    """Clear every recorded guess and every recorded answer, of all notebooks."""
    for name in FILES:
        _not_written[name].clear()
        _file(name).unlink(missing_ok=True)


def pause() -> None:
    """Record nothing more in this kernel: the solution notebooks solve nothing on the learner's behalf."""
    global _paused
    _paused = True


def keep(name: str, entry: dict) -> str:
    """Add an entry to a file ("guesses" or "answers"), with the time.

    returns: nothing to say, or in a sentence why the entry is not in the file
    """
    if _paused:
        return ""
    entry = {**entry, "at": datetime.now(timezone.utc).isoformat(timespec="seconds")}
    line = json.dumps(entry, ensure_ascii=False)
    try:
        folder().mkdir(parents=True, exist_ok=True)
        with _file(name).open("a", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
            file.write(f"\n{line}\n")  # on a line of its own, even after one that was cut short
    except OSError as problem:
        _not_written[name].append(entry)
        return f"It is kept until the kernel ends, and no longer, because the folder {folder()} cannot be written to ({problem.strerror})."
    return ""


def kept(name: str) -> list[dict]:
    """Every entry of a file, the first one first. A line that cannot be read is passed over."""
    try:
        lines = _file(name).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # no file yet, or one that may not be read
        lines = []
    entries = []
    for line in lines:
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return [entry for entry in entries + _not_written[name] if isinstance(entry, dict)]


def _file(name):
    return folder() / f"{name}.jsonl"
