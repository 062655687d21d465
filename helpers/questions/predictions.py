"""Guess first, then look: predictions that are recorded, and compared with what was computed.

A guess is kept (helpers/questions/answers_file.py), so that it survives a kernel restart; it is
sent nowhere. The first guess is the one that counts.
"""

from __future__ import annotations

import html
import math
import re

import ipywidgets as widgets

from helpers.questions import answers_file
from helpers.widgets.accessible_controls import AccessibleControls
from helpers.widgets.static_fallback import note, show_with_fallback, view_entry

__all__ = ["Prediction", "Summary"]

NO_GUESS = "none recorded"


class Prediction(widgets.VBox):
    """A question whose answer the learner guesses before it is computed.

    name:    what it is kept under, such as "02 top weight"
    options: the answers to choose from; without them the answer is a number
    """

    def __init__(self, name: str, question: str, options=None, unit: str = ""):
        self.name, self.question, self.unit, self.truth = name, question, unit, None
        self.choices = tuple(options) if options else None
        prompt = widgets.HTML(f"<b>Predict.</b> {html.escape(question)}")
        if self.choices:
            self.answer = widgets.RadioButtons(
                options=self.choices, value=None, layout=widgets.Layout(width="auto")
            )
        else:
            self.answer = widgets.Text(
                placeholder="a number",
                description="my guess",
                continuous_update=False,
                layout=widgets.Layout(width="220px"),
            )
            self.answer.on_msg(self._key_pressed)
            self.answer.observe(self._typed, "value")
        self.button = widgets.Button(description="Record my guess")
        self.button.on_click(lambda _: self.record(self.answer.value))
        self._entered = False
        self.status = widgets.HTML()
        super().__init__(
            [prompt, self.answer, widgets.HBox([self.button, self.status]), AccessibleControls()]
        )
        self._say()

    @property
    def guess(self):
        """The first recorded guess, or None."""
        return next(iter(_guesses(self.name)), None)

    def record(self, guess) -> None:
        """Keep a guess: one of the options, or a number or the text of one (0.5, 1/8, 20 %, 4e48)."""
        self._entered = False
        try:
            guess = self._read(guess)
        except ValueError as problem:
            self.status.value = html.escape(str(problem))
            return
        problem = answers_file.keep("guesses", {"name": self.name, "guess": guess})
        self._say(guess, problem)

    def _key_pressed(self, _, content, buffers) -> None:
        self._entered = content.get("event") == "submit"  # Enter; what was typed comes right after it

    def _typed(self, change) -> None:
        if self._entered:
            self.record(change.new)
        else:  # the box was left, perhaps for the button
            self.status.value = "Not recorded yet: press Enter in the box, or the button."

    def reveal(self, truth) -> Reveal:
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
        text = str(guess).strip().replace("−", "-").replace("–", "-")
        thousands = re.fullmatch(r"-?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", text)
        try:
            number = _number(text.replace(",", "" if thousands else "."))
        except (ValueError, ZeroDivisionError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(
                f"“{text[:40]}” is not a number: type one such as 0.5, 1/8, 20 % or 4e48."
                if text
                else "Type a number first."
            )
        return number

    def _say(self, latest=None, problem="") -> None:
        guess, truth = self.compared()
        if self.guess is None:
            said = "Nothing is recorded yet."
        elif self.truth is not None:
            said = f"Your first guess: {guess}. Computed: {truth}."
        elif latest is not None and self._text(latest) != guess:
            said = f"Recorded: {self._text(latest)}. Your first guess, {guess}, is the one that counts. Run the next cells to compare."
        else:
            said = f"Recorded: {guess}. Run the next cells to compare."
        self.status.value = html.escape(f"{said} {problem}".strip())

    def _ipython_display_(self):
        options = "".join(f"<li>{html.escape(option)}</li>" for option in self.choices or ())
        markup = f"<p><b>Predict.</b> {html.escape(self.question)}</p>{f'<ul>{options}</ul>' if options else ''}<p>Run the cell to record your guess.</p>"
        show_with_fallback(self, [({"text/plain": self._as_text(), "text/html": note(markup)}, {})])

    def _repr_mimebundle_(self, include=None, exclude=None):
        """Everything in one, for those who ask for a single output."""
        return {"text/plain": self._as_text(), **view_entry(self)}

    def _as_text(self) -> str:
        return f"Predict. {self.question}" + "".join(f"\n  ( ) {option}" for option in self.choices or ())


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
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows
        )


def _number(text: str) -> float:
    if text.endswith("%"):
        return float(text[:-1]) / 100
    if text.count("/") == 1:
        top, bottom = text.split("/")
        return float(top) / float(bottom)
    return float(text)


def _guesses(name: str) -> list:
    """The guesses kept under a name, the first one first."""
    return [
        entry["guess"]
        for entry in answers_file.kept("guesses")
        if entry.get("name") == name and "guess" in entry
    ]
