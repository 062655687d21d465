"""Notebook 07: go back and forth through a training run, and see what every head attends to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import ipywidgets as widgets
import numpy as np

from helpers import figures, learning
from helpers.charts import COLOURS, Axis, Curve, Curves
from helpers.explorers.explorer import Explorer
from helpers.explorers.masked_word import (
    SAMPLE,
    draw_likeliest,
    exact,
    likeliest_table,
    likeliest_text,
    probabilities,
    read_sentence,
    sample,
)
from helpers.figures import Map
from helpers.grammar import MASK, Grammar
from helpers.widgets.controls import choose, row, sentence_line, slider
from helpers.widgets.head_map import HeadMap
from helpers.widgets.svg import svg

__all__ = ["Result", "Run", "TrainingScrubber"]

POINTS = 150  # of the loss curve: each is a mean over some steps
PER_LINE = 4  # maps


class Run:
    """A training run, a sentence, and the losses on a sample of words drawn once."""

    def __init__(self, training: learning.Training, grammar: Grammar, tokens: np.ndarray):
        self.training, self.grammar, self.tokens = training, grammar, tokens
        self.sample = sample(grammar)
        self.loss = lru_cache(maxsize=None)(self._loss)

    def _loss(self, step: int) -> float:
        losses = learning.losses(self.training.checkpoints[step], self.sample, batch=256)
        return float(self.sample.shares @ losses)

    def points(self) -> tuple[list[float], list[float]]:
        """The loss curve: the mean step and the mean loss of each piece of the run."""
        losses = np.array(self.training.losses)
        pieces = np.array_split(np.arange(len(losses)), max(1, min(POINTS, len(losses))))
        pieces = [piece for piece in pieces if piece.size]
        return [float(piece.mean()) + 1 for piece in pieces], [
            float(losses[piece].mean()) for piece in pieces
        ]


@dataclass(frozen=True)
class Result:
    """One checkpoint of a run, and one hidden position.

    found:   (n_words,), the model's probabilities; known: the grammar's, or None; remark: about them
    weights: (n_heads, n, n)
    """

    run: Run
    step: int
    position: int
    found: np.ndarray
    known: np.ndarray | None
    remark: str
    weights: np.ndarray

    @classmethod
    def of(cls, run: Run, step: int, position: int) -> Result:
        found, weights = probabilities(run.training.checkpoints[step], run.tokens, position)
        return cls(run, step, position, found, *exact(run.grammar, run.tokens, position), weights)

    @property
    def token(self) -> int:
        return int(self.run.tokens[self.position])

    def columns(self) -> list[str]:
        words = [self.run.grammar.words[token] for token in self.run.tokens]
        return [MASK if i == self.position else word for i, word in enumerate(words)]

    def rows(self) -> list[str]:
        return [f"▶ {word}" if i == self.position else word for i, word in enumerate(self.columns())]

    def numbers(self) -> str:
        loss, floor = self.run.loss(self.step), self.run.sample.floor
        return (
            f"Step {self.step} of {self.run.training.steps}: loss {loss:.2f} nats, "
            f"entropy floor {floor:.2f} nats, on {SAMPLE:,} words drawn once."
        )

    def asked(self) -> str:
        word, text = self.run.grammar.words[self.token], " ".join(self.columns())
        return f"Hidden is word {self.position + 1}, {word}: {text}. {self.remark}".strip()

    def attends(self) -> str:
        columns, rows = self.columns(), self.weights[:, self.position]
        each = (f"head {i} to {columns[row.argmax()]} ({row.max():.2f})" for i, row in enumerate(rows))
        return f"{MASK} attends most: {', '.join(each)}."

    def likeliest(self) -> str:
        return likeliest_text(self.run.grammar, self.found, self.known)

    def curve(self) -> Curves:
        steps, losses = self.run.points()
        floor, last, loss = self.run.sample.floor, max(1, self.run.training.steps), self.run.loss(self.step)
        first = self.run.loss(min(self.run.training.checkpoints))
        curves = [
            Curve("loss of the batches", steps, losses),
            Curve(f"entropy floor {floor:.2f}", [0, last], [floor, floor], COLOURS["scores"], "dashed"),
            Curve(f"step {self.step}", [self.step], [loss], COLOURS["output"], "dot"),
        ]
        up = Axis("loss, nats", 0, 1.08 * max(first, loss, *losses))
        return Curves(curves, Axis("step", 0, last), up)

    def maps(self) -> list[Map]:
        panels = figures.weight_panels(self.weights)
        words = (self.rows(), self.columns())
        return [
            Map(panel, *words, "query" if i % PER_LINE == 0 else "", numbers=False, frame=self.position)
            for i, panel in enumerate(panels)
        ]

    def sums(self) -> str:
        return figures.row_sum_note([each.panel for each in self.maps()])


class TrainingScrubber(Explorer):
    """Every head's weights, the loss, and the likely words for a hidden position, as a training run goes on.

    Nothing is trained here: it shows what is stored.

    training: a Training with at least two checkpoints, such as learning.trained()
    text:     as many of the grammar's words as its sentences have
    hidden:   which of these words is hidden, counted from 1
    step:     the checkpoint to begin with; the last one unless given
    """

    def __init__(
        self,
        training: learning.Training,
        grammar: Grammar,
        text="in the garden tom himself saw the ripe apple",
        hidden=9,
        step=None,
        **layout,
    ):
        if len(training.checkpoints) < 2:
            raise ValueError(
                "the training must have at least two checkpoints to go through, "
                f"and has {len(training.checkpoints)}: give train() some checkpoints"
            )
        self.run = Run(training, grammar, read_sentence(text, grammar))
        steps, places = sorted(training.checkpoints), range(1, len(self.run.tokens) + 1)
        self.step = slider("step", steps, steps[-1] if step is None else choose("step", step, steps))
        self.hidden = slider("hidden word", places, choose("hidden", hidden, places))
        self.summary, self.curve, self.words = (widgets.HTML() for _ in range(3))
        self.maps = HeadMap(cell_size=24)
        for control in (self.step, self.hidden):
            control.observe(lambda _: self._refresh(), "value")
        controls, views = row(self.step, self.hidden), row(self.curve, self.words)
        super().__init__([controls, self.summary, views, self.maps], **layout)
        self._refresh()

    def picture(self):
        now, maps = self.result, self.result.maps()
        title, words = f"likely at step {now.step}", (now.run.grammar, now.found, now.known, now.token)
        maps += [None] * (-len(maps) % PER_LINE)
        lines = [maps[i : i + PER_LINE] for i in range(0, len(maps), PER_LINE)]
        framed = f"Framed: the row of {MASK}, the only one that reaches the loss."
        alt = (
            f"The loss over the steps with a dot at step {now.step} and the entropy floor as a line, "
            "the likeliest words for the hidden position, "
            f"and the weights of {len(now.weights)} heads. "
            f"{now.numbers()} {now.asked()} {now.attends()}"
        )
        masked_row = figures.weight_panels(now.weights[:, now.position], [f"{MASK} attends to"])
        heads = [f"head {i}" for i in range(len(now.weights))]
        table = figures.numbers_text(masked_row, heads, now.columns(), figures.row_sum_note(masked_row))
        text = "\n".join([now.numbers(), now.asked(), f"likely: {now.likeliest()}", table])
        rows = [[now.curve(), lambda axes: draw_likeliest(axes, title, *words)], *lines]
        heights, widths = (1.3, *[1] * len(lines)), [(1.15, 1), *[None] * len(lines)]
        size = (9.2, 3.2 + 2.6 * len(lines))
        return figures.sheet(
            rows,
            size,
            heights,
            widths,
            note=f"Colours from 0 to 1; {now.sums()}. {framed}",
            alt=alt,
            text=text,
        )

    def _refresh(self):
        self.result = now = Result.of(self.run, self.step.value, self.hidden.value - 1)
        self.summary.value = sentence_line(now.numbers()) + sentence_line(now.asked())
        self.curve.value = svg([now.curve()], (430,), 270, f"The loss over the steps. {now.numbers()}")
        words = (now.run.grammar, now.found, now.known, now.token)
        self.words.value = likeliest_table("What fits the hidden position", *words)
        self.maps.show(
            [each.panel for each in now.maps()],
            now.rows(),
            now.columns(),
            note=f"Only the row marked ▶, that of {MASK}, reaches the loss; {now.sums()}.",
            description=f"{now.numbers()} {now.asked()} {now.attends()} Likely words: {now.likeliest()}.",
        )
