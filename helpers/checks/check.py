"""The check under an exercise: it says what came out, keeps the answer, and gives hints when asked."""

from __future__ import annotations

import html
import inspect
from collections.abc import Callable

import ipywidgets as widgets

from helpers.checks.exercises import EXERCISES, Exercise
from helpers.checks.judge import Verdict, judge
from helpers.checks.source import source_of
from helpers.questions import answers_file
from helpers.questions.answers_file import answers_to
from helpers.widgets.accessible_controls import AccessibleControls
from helpers.widgets.static_fallback import note, show_with_fallback
from helpers.widgets.verdict import paragraph

__all__ = ["Check", "Checked", "Text"]

LONGEST = 20_000  # characters of an answer that are kept


class Check:
    """Checks the learner's function for one exercise: call it with the function.

    >>> check = Check("scale")
    >>> print(check(lambda scores, d_k: scores / d_k).verdict.mistake)
    divided by d_k or scaled twice
    """

    def __init__(self, name: str):
        self.exercise: Exercise = EXERCISES[name]
        self.__doc__ = (
            f"Check your answer to the exercise {name}: {self.exercise.returns}. Hints: .hint(), .hint(2);"
            " then .solution(); .last() shows your last answer."
        )

    def __call__(self, answer: Callable) -> Checked:
        verdict, code = judge(self.exercise, answer), source_of(answer)[:LONGEST]
        problem = ""
        if verdict.kind != "open":
            problem = answers_file.keep(
                "answers",
                {
                    "exercise": self.exercise.name,
                    "kind": verdict.kind,
                    "mistake": verdict.mistake,
                    "code": code,
                },
            )
        return Checked(self, verdict, problem, code)

    def hint(self, step: int = 1) -> Text:
        """The first hint, or the second."""
        if step not in (1, 2):
            raise ValueError(f"there are two hints, 1 and 2, and got {step!r}")
        return Text(f"Hint {step}. {self.exercise.hints[step - 1]}")

    def solution(self) -> Text:
        """One right answer. There are others."""
        return Text(inspect.getsource(self.exercise.right).rstrip())

    def last(self) -> Text:
        """The answer that was checked last, also after a restart."""
        answers = [answer.code for answer in answers_to(self.exercise.name) if answer.code]
        return Text(answers[-1] if answers else "No answer has been checked yet.")


class Text(str):
    """A text that a cell shows as it is."""

    def __repr__(self):
        return str(self)


class Checked(widgets.VBox):
    """What a check says, with buttons for hints, the solution and the last answer."""

    def __init__(self, check: Check, verdict: Verdict, problem: str = "", code: str = ""):
        self.check, self.verdict = check, verdict
        texts = {
            "open": f"{verdict.text}{_tried_before(check)}",
            "right": f"{verdict.text} {check.exercise.lesson}",
        }
        text = texts.get(verdict.kind, verdict.text).strip()
        self.said = " ".join(filter(None, [f"{check.exercise.name}: {text}", problem]))
        shown = widgets.HTML(paragraph(self.said, verdict.kind))
        shown.add_class("tm-verdict")
        self.more = widgets.HTML(
            _side_by_side(code, str(check.solution())) if verdict.kind == "right" else ""
        )
        self.buttons = {
            name: widgets.Button(description=name, layout=widgets.Layout(width="auto"))
            for name in ("Show a hint", "Show the second hint", "Show the solution", "Show my last answer")
        }
        for button, show in zip(
            self.buttons.values(), (check.hint, lambda: check.hint(2), check.solution, check.last)
        ):
            button.on_click(lambda _, show=show: self._show(show()))
        super().__init__(
            [
                shown,
                widgets.HBox(list(self.buttons.values()), layout=widgets.Layout(flex_flow="row wrap")),
                self.more,
                AccessibleControls(),
            ]
        )

    def _show(self, text):
        self.more.value = (
            f"<pre style='font-family: monospace; white-space: pre-wrap'>{html.escape(text)}</pre>"
        )

    def __repr__(self):
        return self.said

    def _ipython_display_(self):
        name = f"check_{self.check.exercise.name}"
        ways = (
            ""
            if self.verdict.kind == "right"
            else f"Hints: {name}.hint() and {name}.hint(2). Then {name}.solution()."
        )
        show_with_fallback(
            self,
            [
                (
                    {
                        "text/plain": f"{self.said}\n{ways}".strip(),
                        "text/html": note(
                            f"{paragraph(self.said, self.verdict.kind)}<p><code>{ways}</code></p>"
                        ),
                    },
                    {},
                )
            ],
        )


def _side_by_side(own: str, course: str) -> str:
    """The learner's lines beside the course's: there is more than one right answer."""
    parts = (("Your version", own), ("The course's version", course))
    shown = "".join(
        f"<div style='flex: 1 1 320px'><b>{title}</b><pre style='font-family: monospace; white-space:"
        f" pre-wrap'>{html.escape(code.strip())}</pre></div>"
        for title, code in parts
        if code.strip()
    )
    return f"<div style='display: flex; flex-wrap: wrap; gap: 24px'>{shown}</div>"


def _tried_before(check):
    kinds = [answer.kind for answer in answers_to(check.exercise.name)]
    if not kinds:
        return ""
    return (
        f" You have {'solved this one' if 'right' in kinds else 'tried this one'} before:"
        f" check_{check.exercise.name}.last() shows your last answer."
    )
