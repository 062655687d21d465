"""Questions on earlier notebooks: choose, and read the reason for what you chose."""

from __future__ import annotations

import html

import ipywidgets as widgets

from helpers import examples
from helpers.questions import answers_file
from helpers.widgets.accessible_controls import AccessibleControls
from helpers.widgets.static_fallback import note, show_with_fallback
from helpers.widgets.verdict import paragraph

__all__ = ["Question", "Recall"]


class Question(widgets.VBox):
    """One question. Each option has its reason; the first answer is the one that counts.

    entry: a question of data/recall.json
    """

    def __init__(self, entry: dict, number: int = 1):
        self.entry, self.reasons = entry, {option["text"]: option for option in entry["options"]}
        self.choice = widgets.RadioButtons(
            options=list(self.reasons), value=None, layout=widgets.Layout(width="auto")
        )
        self.button = widgets.Button(description="This is it")
        self.button.on_click(lambda _: self.answer(self.choice.value))
        self.status = widgets.HTML()
        super().__init__(
            [
                widgets.HTML(f"<b>{number}. {html.escape(entry['question'])}</b>"),
                self.choice,
                self.button,
                self.status,
            ]
        )
        if self.first is not None:
            self.status.value = paragraph(f"Your first answer was: {self.first}.", "open")

    @property
    def right(self) -> str:
        return next(text for text, option in self.reasons.items() if option.get("right"))

    @property
    def first(self) -> str | None:
        """The answer that was recorded first, or None."""
        return next(
            (
                entry["answer"]
                for entry in answers_file.kept("answers")
                if entry.get("question") == self.entry["name"] and "answer" in entry
            ),
            None,
        )

    def answer(self, text: str | None) -> None:
        """Record one of the options, and say why it is right or not."""
        if text is None:
            self.status.value = paragraph("Choose one of the answers first.", "open")
            return
        right = text == self.right
        problem = answers_file.keep(
            "answers", {"question": self.entry["name"], "answer": text, "right": right}
        )
        self.status.value = paragraph(
            f"{'Right.' if right else 'Not this one.'} {self.reasons[text]['reason']} {problem}".strip(),
            "right" if right else "wrong",
        )


class Recall(widgets.VBox):
    """The questions that open a notebook.

    notebook: its number, such as "02"
    """

    def __init__(self, notebook: str):
        self.questions = [
            Question(entry, number) for number, entry in enumerate(examples.recall(notebook), 1)
        ]
        super().__init__([*self.questions, AccessibleControls()])

    def _ipython_display_(self):
        text = "\n".join(
            f"{number}. {question.entry['question']}"
            + "".join(f"\n   ( ) {option}" for option in question.reasons)
            for number, question in enumerate(self.questions, 1)
        )
        show_with_fallback(
            self, [({"text/plain": text, "text/html": note("".join(map(_static, self.questions)))}, {})]
        )


def _static(question):
    options = "".join(f"<li>{html.escape(text)}</li>" for text in question.reasons)
    reasons = "".join(
        f"<li>{'<b>Right.</b> ' if option.get('right') else ''}<i>{html.escape(text)}</i>: {html.escape(option['reason'])}</li>"
        for text, option in question.reasons.items()
    )
    return f"<p><b>{html.escape(question.entry['question'])}</b></p><ul>{options}</ul><details><summary>The answer, with reasons</summary><ul>{reasons}</ul></details>"
