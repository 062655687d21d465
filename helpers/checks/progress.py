"""A map of the course: which exercises, questions and predictions are done."""

from __future__ import annotations

import ipywidgets as widgets

from helpers import examples
from helpers.checks.exercises import EXERCISES
from helpers.questions import answers_file
from helpers.widgets.accessible_controls import AccessibleControls
from helpers.widgets.markup import escaped
from helpers.widgets.static_fallback import note, show_with_fallback

__all__ = ["Progress"]

PUZZLES = {"multi_head_puzzle": "04"}  # name, and the notebook it stands in
MARKS = {"solved": "<b>●&nbsp;solved</b>", "tried": "◐&nbsp;tried", "open": "○&nbsp;open"}


class Progress(widgets.VBox):
    """What is recorded so far, a line for each notebook, with a button to read it again."""

    def __init__(self):
        self.table, self.button = widgets.HTML(), widgets.Button(description="Update")
        self.button.on_click(lambda _: self.update())
        super().__init__([self.table, self.button, AccessibleControls()])
        self.update()

    def update(self) -> None:
        """Read the learner's files again."""
        first, predicted = answers_file.first_answers("question"), answers_file.predicted()
        answers = answers_file.answers()
        notebooks = sorted({exercise.notebook for exercise in EXERCISES.values()})
        self.rows = [
            ("notebook", "exercises", "recall", "predictions"),
            *(self._row(notebook, answers, first, predicted) for notebook in notebooks),
        ]
        self.table.value = self._as_html()

    def _row(self, notebook, answers, first, predicted):
        states = [f"{name} {_state(answers.get(name, []))}" for name in _exercises(notebook)]
        questions = [entry["name"] for entry in examples.recall(notebook)]
        given = [first[name] for name in questions if name in first]
        right = sum(choice.right for choice in given)
        recall = f"{len(given)} of {len(questions)} answered, {right} right at once" if questions else "none"
        return (
            notebook,
            ", ".join(states),
            recall,
            f"{sum(name.startswith(notebook) for name in predicted)} recorded",
        )

    def __repr__(self):
        widths = [max(len(row[i]) for row in self.rows) for i in range(4)]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in self.rows
        )

    def _as_html(self):
        cells = [[escaped(text) for text in row] for row in self.rows]
        for row in cells[1:]:
            for state, mark in MARKS.items():
                row[1] = row[1].replace(f" {state}", f"&nbsp;{mark}")
        style = "text-align: left; vertical-align: top; padding: 2px 12px 2px 0"
        lines = [
            "".join(f"<{tag} style='{style}'>{text}</{tag}>" for text in row)
            for tag, row in zip(["th", *["td"] * len(cells)], cells)
        ]
        return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"

    def _ipython_display_(self):
        show_with_fallback(self, [({"text/plain": repr(self), "text/html": note(self._as_html())}, {})])


def _state(answers):
    kinds = {answer.kind for answer in answers}
    return "solved" if "right" in kinds else "tried" if kinds else "open"


def _exercises(notebook):
    return [name for name, exercise in EXERCISES.items() if exercise.notebook == notebook] + [
        name for name, where in PUZZLES.items() if where == notebook
    ]
