"""Guess first, then look: predictions that are recorded, and compared with what was computed.

A guess is kept in a small file in the user's data folder, so that it survives a
kernel restart; it is sent nowhere. The first guess is the one that counts.
"""

from __future__ import annotations

import html
import json
import os
import pathlib
from datetime import datetime, timezone

import ipywidgets as widgets
import platformdirs

__all__ = ["Prediction", "Summary", "folder", "forget"]

NO_GUESS = "none recorded"


def folder() -> pathlib.Path:
    """Where the guesses are kept: the user's data folder, or the one that THINKING_MACHINES_DATA names."""
    return pathlib.Path(os.environ.get("THINKING_MACHINES_DATA") or platformdirs.user_data_dir("thinking-machines", appauthor=False))


def forget() -> None:
    """Clear every recorded guess."""
    _file().unlink(missing_ok=True)


class Prediction(widgets.VBox):
    """A question whose answer the learner guesses before it is computed.

    name:    what it is kept under, such as "02 top weight"
    options: the answers to choose from; without them the answer is a number
    """

    _ipython_display_ = None

    def __init__(self, name: str, question: str, options=None, unit: str = ""):
        self.name, self.question, self.unit, self.truth = name, question, unit, None
        self.choices = tuple(options) if options else None
        prompt = widgets.HTML(f"<b>Predict.</b> {html.escape(question)}")
        if self.choices:
            self.answer = widgets.RadioButtons(options=self.choices, value=None, layout=widgets.Layout(width="auto"))
        else:
            self.answer = widgets.Text(placeholder="a number", description="my guess", layout=widgets.Layout(width="220px"))
        self.button = widgets.Button(description="Record my guess")
        self.button.on_click(lambda _: self.record(self.answer.value))
        self.status = widgets.HTML()
        super().__init__([prompt, self.answer, widgets.HBox([self.button, self.status])])
        self._say()

    @property
    def guess(self):
        """The first recorded guess, or None."""
        guesses = _load().get(self.name, [])
        return guesses[0]["guess"] if guesses else None

    def record(self, guess) -> None:
        """Keep a guess: one of the options, or a number or the text of one (0.5, 1/8, 20 %, 4e48)."""
        try:
            guess = self._read(guess)
        except ValueError as problem:
            self.status.value = html.escape(str(problem))
            return
        everything = _load()
        everything.setdefault(self.name, []).append({"guess": guess, "at": datetime.now(timezone.utc).isoformat(timespec="seconds")})
        _save(everything)
        self._say()

    def reveal(self, truth) -> "Reveal":
        """Compare with what was computed: a number, or the option that is right."""
        if self.choices and truth not in self.choices:
            raise ValueError(f"the right answer must be one of the options, and got {truth!r}")
        self.truth = truth if self.choices else float(truth)
        self._say()
        return Reveal(self)

    def compared(self) -> tuple[str, str]:
        """The guess and the truth, as texts."""
        return self._text(self.guess), "not computed yet" if self.truth is None else self._text(self.truth)

    def _text(self, answer) -> str:
        if answer is None:
            return NO_GUESS
        return answer if isinstance(answer, str) else f"{answer:.4g}{' ' + self.unit if self.unit else ''}"

    def _read(self, guess):
        if self.choices:
            if guess not in self.choices:
                raise ValueError("Choose one of the answers first.")
            return guess
        text = str(guess).strip().replace(",", ".").replace("−", "-").replace("–", "-")
        try:
            if text.endswith("%"):
                return float(text[:-1]) / 100
            if text.count("/") == 1:
                top, bottom = text.split("/")
                return float(top) / float(bottom)
            return float(text)
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"“{text[:40]}” is not a number: type one such as 0.5, 1/8, 20 % or 4e48." if text else "Type a number first.") from None

    def _say(self) -> None:
        guess, truth = self.compared()
        if self.guess is None:
            self.status.value = "Nothing is recorded yet."
        elif self.truth is None:
            self.status.value = html.escape(f"Recorded: {guess}. Run the next cells to compare.")
        else:
            self.status.value = html.escape(f"Your first guess: {guess}. Computed: {truth}.")

    def _repr_mimebundle_(self, include=None, exclude=None):
        options = "".join(f"\n  ( ) {option}" for option in self.choices or ())
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {"text/plain": f"Predict. {self.question}{options}", "application/vnd.jupyter.widget-view+json": view}


class Reveal:
    """One line: what was computed, and what was guessed."""

    def __init__(self, prediction: Prediction):
        self.prediction = prediction

    def __repr__(self):
        guess, truth = self.prediction.compared()
        return f"computed: {truth}   your guess: {guess}"


class Summary:
    """Guess against truth for the predictions of one notebook."""

    def __init__(self, *predictions: Prediction):
        self.predictions = predictions

    def __repr__(self):
        rows = [("prediction", "computed", "your guess")]
        rows += [(p.name.split(maxsplit=1)[-1], p.compared()[1], p.compared()[0]) for p in self.predictions]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows)


def _file() -> pathlib.Path:
    return folder() / "guesses.json"


def _load() -> dict:
    try:
        everything = json.loads(_file().read_text(encoding="utf-8"))
        if isinstance(everything, dict) and all(isinstance(v, list) for v in everything.values()):
            return everything
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        pass
    _file().replace(_file().with_suffix(".damaged.json"))                   # set aside, not lost
    return {}


def _save(everything: dict) -> None:
    folder().mkdir(parents=True, exist_ok=True)
    part = _file().with_suffix(".part")
    part.write_text(json.dumps(everything, ensure_ascii=False, indent=1), encoding="utf-8")
    part.replace(_file())                                                   # whole or not at all
