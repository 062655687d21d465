"""Questions on earlier notebooks: choose, and read the reason for what you chose."""

from __future__ import annotations

import ipywidgets as widgets

from helpers import examples
from helpers.questions.question import KnownQuestion, as_text, static
from helpers.widgets.accessible_controls import AccessibleControls
from helpers.widgets.static_fallback import note, show_with_fallback

__all__ = ["Recall"]


class Recall(widgets.VBox):
    """The questions that open a notebook.

    notebook: its number, such as "02"
    """

    def __init__(self, notebook: str):
        self.questions = []
        for number, entry in enumerate(examples.recall(notebook), 1):
            options = {option["text"]: option["reason"] for option in entry["options"]}
            right = next(option["text"] for option in entry["options"] if option.get("right"))
            question = KnownQuestion("question")
            question.put(entry["name"], f"{number}. {entry['question']}", options, right)
            self.questions.append(question)
        super().__init__([*self.questions, AccessibleControls()])

    def _ipython_display_(self):
        asked = [(question.question, question.options, question.right) for question in self.questions]
        text = "\n".join(as_text(question, options, "   ") for question, options, _ in asked)
        markup = "".join(static(*each) for each in asked)
        show_with_fallback(self, [({"text/plain": text, "text/html": note(markup)}, {})])
