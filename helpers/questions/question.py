"""The one question of the course: choose or type, press the button, and read what came of it.

Predictions, recall questions and the bug zoo are all made of it. The first answer is the one that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import ipywidgets as widgets

from helpers.questions import answers_file
from helpers.questions.answers_file import Choice
from helpers.widgets.markup import bold, escaped, folded, items
from helpers.widgets.verdict import paragraph as framed

__all__ = ["KnownQuestion", "Question", "as_text", "static", "verdict"]

CHOOSE_FIRST = "Choose one of the answers first."


class Question(widgets.VBox):
    """A question, its options, a button, and a line that says what came of the answer.

    options: each option → the reason why it's right or wrong, which may be empty
    lead:    what stands before the question, such as "Predict."
    control: where the answer is given; without it, in a list of the options
    more:    widgets that stand below
    """

    def __init__(
        self,
        question: str = "",
        options: Mapping[str, str] | None = None,
        lead: str = "",
        button: str = "Check my answer",
        control: widgets.DOMWidget | None = None,
        more: Sequence[widgets.DOMWidget] = (),
    ):
        self.prompt, self.status = widgets.HTML(), widgets.HTML()
        self.choice = control or widgets.RadioButtons(options=[""], layout=widgets.Layout(width="auto"))
        self.button = widgets.Button(description=button)
        self.button.on_click(lambda _: self.answer(self.choice.value))
        super().__init__([self.prompt, self.choice, self.button, self.status, *more])
        self.ask(question, options or {}, lead)

    def ask(self, question: str, options: Mapping[str, str], lead: str = "") -> None:
        """Show this question, with nothing chosen yet."""
        self.question, self.options, self.lead = question, dict(options), lead
        self.prompt.value = f"{bold(lead)} {escaped(question)}" if lead else bold(question)
        if self.options:
            self.choice.options = list(self.options)
            self.choice.value = None  # or the first option would be chosen at once
        self.status.value = ""

    def answer(self, given) -> None:
        """Take an answer as it was chosen or typed, record it, and say what came of it."""
        try:
            given = self.read(given)
        except ValueError as problem:
            self.say(str(problem))
        else:
            self.recorded(given)

    def read(self, given):
        """What was given, as it is recorded; a ValueError says in a sentence what is wrong with it."""
        if given not in self.options:
            raise ValueError(CHOOSE_FIRST)
        return given

    def recorded(self, given) -> None:
        """Record an answer and say what came of it: for the kinds of questions to define."""
        raise NotImplementedError

    def say(self, text: str, kind: str = "open") -> None:
        self.status.value = f'<div role="status">{framed(text.strip(), kind)}</div>'


class KnownQuestion(Question):
    """A question whose right option is known: every choice is answered with its reason.

    kind:      what it's kept as, "question" (recall) or "zoo"
    on_answer: called after each answer
    """

    def __init__(self, kind: str, on_answer: Callable[[], object] = lambda: None, **kwargs):
        self.kind, self.on_answer, self.name, self.right = kind, on_answer, "", ""
        super().__init__(**kwargs)

    def put(self, name: str, question: str, options: Mapping[str, str], right: str, lead: str = "") -> None:
        """Ask this one, kept under this name; what was answered before is said again."""
        self.name, self.right = name, right
        self.ask(question, options, lead)
        if before := self.chosen():
            last = next((choice for choice in before if choice.answer == right), before[-1])
            self._answered(last.answer, f"You answered this before. Your first answer: {before[0].answer}.")

    def chosen(self) -> list[Choice]:
        """Everything that was recorded for this question, the first one first.

        A right answer is given in today's words, in case an older version of the course had others.
        """
        return [
            choice._replace(answer=self.right) if choice.right else choice
            for name, choice in answers_file.choices(self.kind)
            if name == self.name
        ]

    @property
    def first(self) -> str | None:
        """The answer that was recorded first, or None."""
        return next((choice.answer for choice in self.chosen()), None)

    def recorded(self, given: str) -> None:
        problem = answers_file.keep(
            "answers", {self.kind: self.name, "answer": given, "right": given == self.right}
        )
        self._answered(given, problem)
        self.on_answer()

    def _answered(self, given: str, more: str) -> None:
        text, kind = verdict(given, self.right, self.options)
        self.say(f"{text} {more}", kind)


def verdict(given: str, right: str, options: Mapping[str, str]) -> tuple[str, str]:
    """What is said to a choice, and its kind, "right" or "wrong".

    >>> verdict("the sum", "the mean", {"the sum": "Nothing is added up.", "the mean": "It's divided by n."})
    ('Not this one: the sum. Nothing is added up. Choose again.', 'wrong')
    """
    reason = options.get(given, "")  # an option of another version of the course has none
    if given == right:
        return f"Right. {reason}", "right"
    return f"Not this one: {given}. {reason + ' ' if reason else ''}Choose again.", "wrong"


def as_text(question: str, options: Mapping[str, str], indent: str = "  ") -> str:
    """A question and its options as lines of text."""
    return "\n".join([question, *(f"{indent}( ) {option}" for option in options)])


def static(question: str, options: Mapping[str, str], right: str) -> str:
    """A question with its options and, folded away, the reasons, as HTML for a page without a kernel."""
    reasons = (
        f"{'<b>Right.</b> ' if option == right else ''}<i>{escaped(option)}</i>: {escaped(reason)}"
        for option, reason in options.items()
    )
    folded_reasons = folded("The answer, with reasons", items(reasons))
    return f"<p>{bold(question)}</p>{items(map(escaped, options))}{folded_reasons}"
