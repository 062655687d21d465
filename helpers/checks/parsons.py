"""A program in pieces: put the right lines in order, and leave the wrong ones out.

What the learner puts together is run, and judged like any other answer.
"""

from __future__ import annotations

import linecache
import string

import ipywidgets as widgets
import numpy as np

from helpers.attention import softmax
from helpers.checks.exercises import EXERCISES
from helpers.checks.judge import Verdict, judge
from helpers.questions import answers_file
from helpers.questions.answers_file import answers_to
from helpers.widgets.accessible_controls import AccessibleControls
from helpers.widgets.markup import bold, escaped, paragraph
from helpers.widgets.static_fallback import note, show_with_fallback
from helpers.widgets.verdict import paragraph as framed

__all__ = ["Parsons", "multi_head_puzzle"]


HIDDEN = "position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); padding: 0"
STYLE = f".tm-code select {{ font-family: monospace; font-size: 13px }} .tm-code > label {{ {HIDDEN} }}"


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
        earlier = [answer.code for answer in answers_to(name) if answer.code]
        last = dict.fromkeys(earlier[-1]) if earlier else {}  # each letter once, whatever the file holds
        self.order: list[str] = [letter for letter in last if letter in self.lines]
        self.problem = ""
        self.verdict = Verdict(
            "open", "These are the lines you checked last." if self.order else "Nothing is checked yet."
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
        do = {
            "Add": self._add,
            "Remove": self._remove,
            "Move up": lambda: self._move(-1),
            "Move down": lambda: self._move(1),
            "Check my answer": self.check,
            "Show a solution": self._solve,
        }
        self.buttons = {name: widgets.Button(description=name) for name in do}
        for name, button in self.buttons.items():
            button.on_click(lambda _, name=name: do[name]())
        self.status = widgets.HTML()
        style = widgets.HTML(f"<style>{STYLE}</style>")
        super().__init__(
            [
                style,
                widgets.HTML(bold("Lines to choose from")),
                self.offered,
                self._row("Add"),
                widgets.HTML(f"{bold('Your program')} <code>{escaped(head)}</code>"),
                self.chosen,
                self._row("Remove", "Move up", "Move down", "Check my answer", "Show a solution"),
                self.status,
                AccessibleControls(),
            ]
        )
        self._show()

    def _row(self, *names):
        buttons = [self.buttons[name] for name in names]
        return widgets.HBox(buttons, layout=widgets.Layout(flex_flow="row wrap"))

    def arrange(self, letters: str) -> Parsons:
        """Put these lines in the program, in this order, and check it: arrange("CAB")."""
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
        """Run the program and say what came out."""
        self.verdict = (
            self._judge() if self.order else Verdict("open", "There are no lines in your program yet.")
        )
        if self.order:
            said = {"kind": self.verdict.kind, "mistake": self.verdict.mistake}
            self.problem = answers_file.keep(
                "answers", {"exercise": self.name, **said, "code": "".join(self.order)}
            )
        self._show()

    def program(self) -> str:
        return "\n".join([self.head, *(f"    {self.lines[letter]}" for letter in self.order)])

    def _judge(self):
        file, space = "<your program>", {"np": np, "softmax": softmax}
        lines = [line + "\n" for line in self.program().split("\n")]
        linecache.cache[file] = (0, None, lines, file)  # so that an error can show its line
        exec(compile(self.program(), file, "exec"), space)  # the lines are the puzzle's own
        return judge(self.solves, space[self.head.removeprefix("def ").partition("(")[0]])

    def _add(self):
        if self.offered.value:
            position = self.order.index(self.chosen.value) + 1 if self.chosen.value else len(self.order)
            self.order.insert(position, self.offered.value)
            self._show(self.order[position])

    def _remove(self):
        if self.chosen.value:
            position = self.order.index(self.chosen.value)
            self.order.remove(self.chosen.value)
            self._show(self.order[min(position, len(self.order) - 1)] if self.order else None)

    def _move(self, by):
        if self.chosen.value:
            letter = self.chosen.value
            position = self.order.index(letter)
            self.order.remove(letter)
            self.order.insert(min(max(position + by, 0), len(self.order)), letter)
            self._show(letter)

    def _solve(self):
        self.order = list(self.answer)
        self.verdict = Verdict("open", "This is one right order. There may be others.")
        self._show()

    def _show(self, at=None):
        self.offered.options = self._options([letter for letter in self.lines if letter not in self.order])
        self.chosen.options = self._options(self.order)
        if self.order:
            self.chosen.value = at or self.order[-1]
        self.status.value = framed(self._said(), self.verdict.kind)

    def _said(self):
        return f"{self.verdict.text} {self.problem}".strip()

    def _options(self, letters):
        return [(f"{letter}  {self.lines[letter]}", letter) for letter in letters]

    def __repr__(self):
        lines = [
            "Lines to choose from:",
            *(f"  {letter}  {line}" for letter, line in self.lines.items() if letter not in self.order),
        ]
        return "\n".join([*lines, "Your program:", self.program(), self._said()])

    def _ipython_display_(self):
        text = repr(self)
        markup = (
            f"<pre style='font-family: monospace; white-space: pre-wrap'>{escaped(text)}</pre>"
            + paragraph("Run the cell to put the lines in order.")
        )
        show_with_fallback(self, [({"text/plain": text, "text/html": note(markup)}, {})])


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
