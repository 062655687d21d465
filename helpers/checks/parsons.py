"""A program in pieces: put the right lines into order, and leave the wrong ones out.

What the learner puts together is run, and judged like any other answer.
"""

from __future__ import annotations

import html
import linecache
import string

import ipywidgets as widgets
import numpy as np

from helpers.attention import softmax
from helpers.checks.check import answers_to
from helpers.checks.exercises import EXERCISES
from helpers.checks.judge import Verdict, judge
from helpers.questions import answers_file
from helpers.widgets.accessible_controls import AccessibleControls
from helpers.widgets.static_fallback import note, show_with_fallback
from helpers.widgets.verdict import paragraph

__all__ = ["Parsons", "multi_head_puzzle"]


class Parsons(widgets.VBox):
    """Lines to choose from and to order; the result is a function that is run.

    name:   what the answer is kept under
    solves: the exercise whose check judges the result
    head:   the function's first line, such as "def f(x):"
    lines:  the lines in the order in which they are offered, right ones and others
    answer: the letters of a right order, such as "CAB"; others may be right too
    """

    def __init__(self, name: str, solves: str, head: str, lines: list[str], answer: str):
        self.name, self.solves, self.head, self.answer = name, EXERCISES[solves], head, answer
        self.lines = dict(zip(string.ascii_uppercase, lines))
        earlier = [entry["code"] for entry in answers_to(name)]
        self.order: list[str] = [letter for letter in (earlier or [""])[-1] if letter in self.lines]
        self.verdict = Verdict(
            "open",
            "Nothing is checked yet." if not self.order else "These are the lines that you checked last.",
        )
        layout = widgets.Layout(width="auto", min_width="540px", flex="1 1 auto")
        self.offered = widgets.Select(
            options=[],
            rows=len(lines),
            layout=layout,
            description="lines to choose from",
            style={"description_width": "0px"},
        )
        self.chosen = widgets.Select(
            options=[],
            rows=len(answer) + 2,
            layout=layout,
            description="your program",
            style={"description_width": "0px"},
        )
        for box in (self.offered, self.chosen):
            box.add_class("tm-code")
        self.buttons = {
            name: widgets.Button(description=name, layout=widgets.Layout(width="auto"))
            for name in ("Add", "Take out", "Up", "Down", "Check", "Solution")
        }
        for button, do in zip(
            self.buttons.values(),
            (
                self._add,
                self._take_out,
                lambda: self._move(-1),
                lambda: self._move(1),
                self.check,
                self._solve,
            ),
        ):
            button.on_click(lambda _, do=do: do())
        self.status = widgets.HTML()
        style = widgets.HTML(
            "<style>.tm-code select { font-family: monospace; font-size: 13px; } .tm-code > label { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); padding: 0; }</style>"
        )
        super().__init__(
            [
                style,
                widgets.HTML("<b>Lines to choose from</b>"),
                self.offered,
                self._row("Add"),
                widgets.HTML(f"<b>Your program</b> <code>{html.escape(head)}</code>"),
                self.chosen,
                self._row("Take out", "Up", "Down", "Check", "Solution"),
                self.status,
                AccessibleControls(),
            ]
        )
        self._show()

    def _row(self, *names):
        return widgets.HBox([self.buttons[name] for name in names])

    def arrange(self, letters: str) -> Parsons:
        """Put these lines into the program, in this order, and check it: arrange("CAB")."""
        letters = letters.replace(" ", "").upper()
        unknown = [letter for letter in letters if letter not in self.lines]
        if unknown or len(set(letters)) < len(letters):
            raise ValueError(
                f"the lines have the letters {''.join(self.lines)}, each at most once, and got {letters!r}"
            )
        self.order = list(letters)
        self.check()
        return self

    def check(self) -> None:
        """Run the program, and say what came out."""
        self.verdict = (
            self._judge() if self.order else Verdict("open", "There are no lines in your program yet.")
        )
        if self.order:
            answers_file.keep(
                "answers",
                {
                    "exercise": self.name,
                    "kind": self.verdict.kind,
                    "mistake": self.verdict.mistake,
                    "code": "".join(self.order),
                },
            )
        self._show()

    def program(self) -> str:
        return "\n".join([self.head, *(f"    {self.lines[letter]}" for letter in self.order)])

    def _judge(self):
        file, space = "<your program>", {"np": np, "softmax": softmax}
        linecache.cache[file] = (
            0,
            None,
            [line + "\n" for line in self.program().splitlines()],
            file,
        )  # so that an error can show its line
        exec(compile(self.program(), file, "exec"), space)  # the lines are the puzzle's own
        return judge(self.solves, space[self.head.removeprefix("def ").partition("(")[0]])

    def _add(self):
        if self.offered.value:
            place = self.order.index(self.chosen.value) + 1 if self.chosen.value else len(self.order)
            self.order.insert(place, self.offered.value)
            self._show(self.order[place])

    def _take_out(self):
        if self.chosen.value:
            place = self.order.index(self.chosen.value)
            self.order.remove(self.chosen.value)
            self._show(self.order[min(place, len(self.order) - 1)] if self.order else None)

    def _move(self, by):
        if self.chosen.value:
            letter = self.chosen.value
            place = self.order.index(letter)
            self.order.remove(letter)
            self.order.insert(min(max(place + by, 0), len(self.order)), letter)
            self._show(letter)

    def _solve(self):
        self.order = list(self.answer)
        self._show()

    def _show(self, at=None):
        self.offered.options = self._options([letter for letter in self.lines if letter not in self.order])
        self.chosen.options = self._options(self.order)
        if self.order:
            self.chosen.value = at or self.order[-1]
        self.status.value = paragraph(self.verdict.text, self.verdict.kind)

    def _options(self, letters):
        return [(f"{letter}  {self.lines[letter]}", letter) for letter in letters]

    def _as_text(self):
        lines = [
            "Lines to choose from:",
            *(f"  {letter}  {line}" for letter, line in self.lines.items() if letter not in self.order),
        ]
        return "\n".join([*lines, "Your program:", self.program(), self.verdict.text])

    def __repr__(self):
        return self._as_text()

    def _ipython_display_(self):
        text = self._as_text()
        show_with_fallback(
            self,
            [
                (
                    {
                        "text/plain": text,
                        "text/html": note(
                            f"<pre style='font-family: monospace; white-space: pre-wrap'>{html.escape(text)}</pre><p>Run the cell to put the lines into order.</p>"
                        ),
                    },
                    {},
                )
            ],
        )


def multi_head_puzzle() -> Parsons:
    """Multi-head attention in pieces, between lines that belong to known mistakes."""
    return Parsons(
        "multi_head_puzzle",
        "multi_head",
        "def my_multi_head(x, w_q, w_k, w_v, w_o, n_heads):",
        [
            "found = found.swapaxes(0, 1)",
            "scores = q @ k",
            "q, k, v = (part.reshape(len(x), n_heads, -1) for part in (q, k, v))",
            "weights = softmax(scores, axis=-2)",
            "return found @ w_o",
            "scores = scores / np.sqrt(x.shape[-1])",
            "q, k, v = x @ w_q, x @ w_k, x @ w_v",
            "found = weights @ v",
            "q, k, v = (part.reshape(n_heads, len(x), -1) for part in (q, k, v))",
            "weights = softmax(scores)",
            "scores = q @ k.swapaxes(-1, -2)",
            "found = found.mean(axis=0)",
            "q, k, v = (part.swapaxes(0, 1) for part in (q, k, v))",
            "found = found.reshape(len(x), -1)",
            "scores = scores / np.sqrt(q.shape[-1])",
            "return found",
        ],
        answer="GCMKOJHANE",
    )
