"""Guess first, then look: predictions that are recorded, and compared with what was computed.

A guess is kept (helpers/questions/answers_file.py), so it survives a kernel restart; it's sent
nowhere. The first guess is the one that counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

import ipywidgets as widgets

from helpers import data
from helpers.questions import answers_file
from helpers.questions.question import Question, as_text
from helpers.widgets.accessible_controls import AccessibleControls
from helpers.widgets.markup import bold, escaped, items, readable
from helpers.widgets.static_fallback import note, show_with_fallback, view_entry

__all__ = ["Prediction", "Summary"]

NO_GUESS = "none recorded"


class Prediction(Question):
    """A question whose answer the learner guesses before it is computed.

    name:    what it's kept under, such as "02 top weight"; without a question, an entry of
             data/predictions.json
    options: the answers to choose from, or each answer → the reason why it's right or wrong, which
             reveal() shows to those who chose it; without options the answer is a number

    >>> Prediction("02 shift", "Both scores rise by 5. Weights?", {"grow": "Only gaps count.", "stay": ""})
    Predict. Both scores rise by 5. Weights?
      ( ) grow
      ( ) stay
    """

    def __init__(
        self,
        name: str,
        question: str = "",
        options: Mapping[str, str] | Iterable[str] | None = None,
        unit: str = "",
    ):
        if not question:
            question, options, unit = written(name)
        self.name, self.unit, self._entered = name, unit, False
        self.truth: float | str | None = None
        options = dict(options if isinstance(options, Mapping) else dict.fromkeys(options or (), ""))
        control = None if options else self._number_box()
        super().__init__(question, options, "Predict.", "Submit", control, [AccessibleControls()])
        self._show()

    def _number_box(self) -> widgets.Text:
        box = widgets.Text(
            placeholder="a number",
            description="my guess",
            continuous_update=False,
            layout=widgets.Layout(width="220px"),
        )
        box.on_msg(self._key_pressed)
        box.observe(self._typed, "value")
        return box

    @property
    def guess(self) -> float | str | None:
        """The first recorded guess, or None."""
        kind = str if self.options else float
        return next((guess for guess in answers_file.guesses(self.name) if isinstance(guess, kind)), None)

    def record(self, guess) -> None:
        """Keep a guess: one of the options, or a number or the text of one (0.5, 1/8, 20 %, 4e48)."""
        self.answer(guess)

    def _key_pressed(self, _, content, buffers) -> None:
        self._entered = content.get("event") == "submit"  # Enter; what was typed comes right after it

    def _typed(self, change) -> None:
        if self._entered:
            self.record(change.new)
        else:  # the box was left, perhaps for the button
            self.say("Not recorded yet: press Enter in the box, or the button.")

    def read(self, given):
        self._entered = False
        return super().read(given) if self.options else _number(str(given))

    def recorded(self, given) -> None:
        problem = answers_file.keep("guesses", {"name": self.name, "guess": given})
        self._show(given, problem)

    def reveal(self, truth) -> Reveal:
        """Compare with what was computed: a number, or the option that is right."""
        if self.options and truth not in self.options:
            raise ValueError(f"the right answer must be one of the options, and got {truth!r}")
        self.truth = truth if self.options else float(truth)
        self._show()
        return Reveal(self)

    def compared(self) -> tuple[str, str]:
        """The guess and the truth, as texts."""
        return self._text(self.guess), "not computed yet" if self.truth is None else self._text(self.truth)

    @property
    def reason(self) -> str:
        """Why the first guess is right or wrong, where the prediction says so."""
        return self.options.get(str(self.guess), "") if self.truth is not None else ""

    def _text(self, answer) -> str:
        if answer is None:
            return NO_GUESS
        if isinstance(answer, str):
            return answer
        whole = float(answer).is_integer() and abs(answer) < 1e9
        return f"{answer:{',.0f' if whole else '.4g'}} {self.unit}".strip()

    def _show(self, latest=None, problem="") -> None:
        guess, truth = self.compared()
        if self.guess is None:
            said = "Nothing is recorded yet."
        elif self.truth is not None:
            said = f"Your first guess: {guess}. Computed: {truth}. {self.reason}"
        elif latest is not None and self._text(latest) != guess:
            said = (
                f"Recorded: {self._text(latest)}. Your first guess, {guess}, is the one that counts. "
                "Run the next cells to compare."
            )
        else:
            said = f"Recorded: {guess}. Run the next cells to compare."
        self.say(f"{said} {problem}")

    def _ipython_display_(self):
        markup = (
            f"<p>{bold(self.lead)} {escaped(self.question)}</p>{items(map(escaped, self.options))}"
            "<p>Run the cell to record your guess.</p>"
        )
        show_with_fallback(self, [({"text/plain": repr(self), "text/html": note(markup)}, {})])

    def _repr_mimebundle_(self, include=None, exclude=None):
        """Everything in one, for those who ask for a single output."""
        return {"text/plain": repr(self), **view_entry(self)}

    def __repr__(self):
        return readable(as_text(f"{self.lead} {self.question}", self.options))


class Reveal:
    """What was computed and what was guessed, and the reason that belongs to the guess."""

    def __init__(self, prediction: Prediction):
        self.prediction = prediction

    def __repr__(self):
        guess, truth = self.prediction.compared()
        return f"computed: {truth}   your guess: {guess}\n{self.prediction.reason}".strip()


def written(name: str) -> tuple[str, dict[str, str], str]:
    """The question, the options with their reasons, and the unit of a prediction in data/predictions.json.

    >>> written("03 column sums")[1]["1 and 1"]
    'That would happen if softmax ran along both axes.'
    """
    entries = data.from_json("predictions.json")
    if name not in entries:
        raise ValueError(
            f"there is no prediction named {name!r} in data/predictions.json, and no question was given"
        )
    return entries[name]["question"], entries[name].get("options", {}), entries[name].get("unit", "")


class Summary:
    """Guess against truth for the predictions of one notebook."""

    def __init__(self, *predictions: Prediction):
        self.predictions = predictions

    def __repr__(self):
        rows = [("prediction", "computed", "your guess")]
        rows += [
            (p.name.strip().partition(" ")[2] or p.name, p.compared()[1], p.compared()[0])
            for p in self.predictions
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows
        )


def _number(text: str) -> float:
    """A finite number, as people write it: 0.5, 0,5, 1,000, 1/8, 20 %."""
    text = text.strip()
    plain = text.replace("−", "-").replace("–", "-")
    thousands = re.fullmatch(r"-?[1-9]\d{0,2}(,\d{3})+(\.\d+)?", plain)
    try:
        number = _value(plain.replace(",", "" if thousands else "."))
    except (ValueError, ZeroDivisionError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(
            f"“{text[:40]}” is not a number: type one such as 0.5, 1/8, 20 % or 4e48."
            if text
            else "Type a number first."
        )
    return number


def _value(text: str) -> float:
    if text.endswith("%"):
        return float(text[:-1]) / 100
    if text.count("/") == 1:
        top, bottom = text.split("/")
        return float(top) / float(bottom)
    return float(text)
