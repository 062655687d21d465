"""A map of the course: which exercises, questions and predictions are done."""

from __future__ import annotations

import html

import ipywidgets as widgets

from helpers import examples
from helpers.checks.exercises import EXERCISES
from helpers.questions import answers_file
from helpers.widgets.accessible_controls import AccessibleControls
from helpers.widgets.static_fallback import note, show_with_fallback

__all__ = ["Progress"]

PUZZLES = {"multi_head_puzzle": "04"}  # name, and the notebook it stands in


class Progress(widgets.VBox):
    """What is recorded so far, a line for each notebook, with a button to look again."""

    def __init__(self):
        self.table, self.button = widgets.HTML(), widgets.Button(description="Look again")
        self.button.on_click(lambda _: self.look())
        super().__init__([self.table, self.button, AccessibleControls()])
        self.look()

    def look(self) -> None:
        """Read the learner's files again."""
        answers, guesses = (
            answers_file.kept("answers"),
            {str(entry.get("name")) for entry in answers_file.kept("guesses")},
        )
        self.rows = [
            ("notebook", "exercises", "recall", "predictions"),
            *(self._row(notebook, answers, guesses) for notebook in _notebooks()),
        ]
        self.table.value = self._as_html()

    def _row(self, notebook, answers, guesses):
        states = [f"{name} {self._state(name, answers)}" for name in _exercises(notebook)]
        questions = [entry["name"] for entry in examples.recall(notebook)]
        first = {
            name: next((entry.get("right") for entry in answers if entry.get("question") == name), None)
            for name in questions
        }
        recall = (
            f"{sum(right is not None for right in first.values())} of {len(questions)} answered, {sum(map(bool, first.values()))} right at once"
            if questions
            else "none"
        )
        return (
            notebook,
            ", ".join(states),
            recall,
            f"{sum(name.startswith(notebook) for name in guesses)} recorded",
        )

    @staticmethod
    def _state(name, answers):
        kinds = {entry.get("kind") for entry in answers if entry.get("exercise") == name}
        return "solved" if "right" in kinds else "tried" if kinds else "open"

    def _as_text(self):
        widths = [max(len(row[i]) for row in self.rows) for i in range(4)]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in self.rows
        )

    def __repr__(self):
        return self._as_text()

    def _as_html(self):
        marks = {"solved": "<b>●&nbsp;solved</b>", "tried": "◐&nbsp;tried", "open": "○&nbsp;open"}
        cells = [[html.escape(text) for text in row] for row in self.rows]
        for row in cells[1:]:
            for state, mark in marks.items():
                row[1] = row[1].replace(f" {state}", f"&nbsp;{mark}")
        lines = [
            "".join(
                f"<{tag} style='text-align: left; vertical-align: top; padding: 2px 12px 2px 0'>{text}</{tag}>"
                for text in row
            )
            for tag, row in zip(["th", *["td"] * len(cells)], cells)
        ]
        return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"

    def _ipython_display_(self):
        show_with_fallback(self, [({"text/plain": self._as_text(), "text/html": note(self._as_html())}, {})])


def _notebooks():
    return sorted({exercise.notebook for exercise in EXERCISES.values()})


def _exercises(notebook):
    return [name for name, exercise in EXERCISES.items() if exercise.notebook == notebook] + [
        name for name, where in PUZZLES.items() if where == notebook
    ]
