"""Notebook 07: go back and forth through a training run, and see what every head looks at."""

from __future__ import annotations

from functools import lru_cache

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from helpers import figures, learning
from helpers.explorers.explorer import Explorer, sentence_line, slider
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
from helpers.grammar import MASK, Grammar
from helpers.widgets.head_map import HeadMap

__all__ = ["TrainingScrubber"]

POINTS = 150  # of the loss curve: each is a mean over some steps


class TrainingScrubber(Explorer):
    """Every head's weights, the loss, and the likely words for a hidden place, at each checkpoint of a training run.

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
                f"the training must have at least two checkpoints to go through, and has {len(training.checkpoints)}: give train() some checkpoints"
            )
        self.training, self.grammar, self.tokens = training, grammar, read_sentence(text, grammar)
        self.sample = sample(grammar)
        self.sample_loss = lru_cache(maxsize=None)(
            lambda step: float(
                self.sample.shares @ learning.losses(training.checkpoints[step], self.sample, batch=256)
            )
        )
        steps = sorted(training.checkpoints)
        self.step = slider("step", steps, steps[-1] if step is None else step)
        self.hidden = slider("hidden word", range(1, len(self.tokens) + 1), hidden)
        self.summary, self.curve, self.words = (widgets.HTML() for _ in range(3))
        self.maps = HeadMap(cell_size=24)
        for control in (self.step, self.hidden):
            control.observe(lambda _: self._refresh(), "value")
        wrap = widgets.Layout(flex_flow="row wrap", grid_gap="0 24px")
        super().__init__(
            [
                widgets.HBox([self.step, self.hidden], layout=wrap),
                self.summary,
                widgets.HBox([self.curve, self.words], layout=wrap),
                self.maps,
            ],
            **layout,
        )
        self._refresh()

    def compute(self):
        """Sets found (n_words,) and weights (n_heads, n, n) of the model, and known (n_words,) or None of the grammar."""
        self.place = self.hidden.value - 1
        self.found, self.weights = probabilities(
            self.training.checkpoints[self.step.value], self.tokens, self.place
        )
        self.known, self.remark = exact(self.grammar, self.tokens, self.place)

    @property
    def hidden_token(self) -> int:
        return int(self.tokens[self.place])

    def numbers(self) -> str:
        return f"Step {self.step.value} of {self.training.steps}: loss {self.sample_loss(self.step.value):.2f} nat, floor {self.sample.floor:.2f} nat, on {SAMPLE:,} words drawn once."

    def asked(self) -> str:
        words = [
            MASK if i == self.place else self.grammar.words[token] for i, token in enumerate(self.tokens)
        ]
        return f"Hidden is word {self.hidden.value}, {self.grammar.words[self.hidden_token]}: {' '.join(words)}. {self.remark}".strip()

    def picture(self):
        panels, rows, columns = self._panels()
        figure = Figure(figsize=(9.2, 8.4), layout="constrained")
        top, bottom = figure.subfigures(2, 1, height_ratios=(1, 1.9))
        left, right = top.subplots(1, 2, width_ratios=(1.15, 1))
        steps, losses = self._points()
        left.plot(steps, losses, color=figures.COLOURS["weights"], lw=1.5, label="loss of the batches")
        left.axhline(self.sample.floor, color=figures.COLOURS["scores"], ls="--", label="floor")
        left.plot(
            [self.step.value],
            [self.sample_loss(self.step.value)],
            "o",
            color="#111827",
            ms=8,
            label=f"step {self.step.value}",
        )
        left.set(xlabel="step", ylabel="loss, nat", ylim=(0, self._highest()))
        left.legend(frameon=False, fontsize=8, loc="upper right")
        left.spines[["top", "right"]].set_visible(False)
        draw_likeliest(
            right,
            f"likely at step {self.step.value}",
            self.grammar,
            self.found,
            self.known,
            self.hidden_token,
        )
        per_line = 4
        grid = bottom.subplots(-(-len(panels) // per_line), per_line, squeeze=False)
        for i, axes in enumerate(grid.flat):
            if i >= len(panels):
                axes.set_axis_off()
                continue
            figures.draw_panel(
                axes, panels[i], rows, columns, "query" if i % per_line == 0 else "", "", numbers=False
            )
            axes.add_patch(
                Rectangle(
                    (-0.5, self.place - 0.5),
                    len(columns),
                    1,
                    fill=False,
                    edgecolor=figures.COLOURS["output"],
                    lw=1.6,
                )
            )
        bottom.supxlabel(
            f"Colours from 0 to 1; {figures.row_sum_note(panels)}. Framed: the row of {MASK}, the only one that reaches the loss.",
            fontsize=9,
            color="#374151",
        )
        alt = (
            f"The loss over the steps with a dot at step {self.step.value} and the floor as a line, the likeliest words for the hidden place, and the weights of {len(panels)} heads. "
            f"{self.numbers()} {self.asked()} {self._looks()}"
        )
        row = figures.weight_panels(self.weights[:, self.place], [f"{MASK} looks at"])
        said = [
            self.numbers(),
            self.asked(),
            f"likely: {likeliest_text(self.grammar, self.found, self.known)}",
            figures.numbers_text(row, [panel.title for panel in panels], columns, figures.row_sum_note(row)),
        ]
        return figures.Picture(figure, alt, "\n".join(said))

    def _panels(self):
        columns = [
            MASK if i == self.place else self.grammar.words[token] for i, token in enumerate(self.tokens)
        ]
        rows = [f"▶ {word}" if i == self.place else word for i, word in enumerate(columns)]
        return figures.weight_panels(self.weights), rows, columns

    def _looks(self) -> str:
        _, _, columns = self._panels()
        return (
            f"{MASK} looks most at: "
            + ", ".join(
                f"head {i} {columns[row.argmax()]} ({row.max():.2f})"
                for i, row in enumerate(self.weights[:, self.place])
            )
            + "."
        )

    def _points(self):
        """The loss curve: the mean step and the mean loss of each piece of the run."""
        losses = np.array(self.training.losses)
        pieces = np.array_split(np.arange(len(losses)), max(1, min(POINTS, len(losses))))
        return [piece.mean() + 1 for piece in pieces if piece.size], [
            losses[piece].mean() for piece in pieces if piece.size
        ]

    def _highest(self) -> float:
        return 1.08 * max(
            [self.sample_loss(self.step.options[0]), self.sample_loss(self.step.value), *self._points()[1]]
        )

    def _refresh(self):
        self.compute()
        panels, rows, columns = self._panels()
        self.summary.value = sentence_line(self.numbers()) + sentence_line(self.asked())
        self.curve.value = self._svg()
        self.words.value = likeliest_table(
            "What fits the hidden place", self.grammar, self.found, self.known, self.hidden_token
        )
        self.maps.show(
            panels,
            rows,
            columns,
            note=f"Only the row marked ▶, that of {MASK}, reaches the loss; {figures.row_sum_note(panels)}.",
            description=f"{self.numbers()} {self.asked()} {self._looks()} Likely words: {likeliest_text(self.grammar, self.found, self.known)}.",
        )

    def _svg(self) -> str:
        ink, line, grey = (
            "var(--jp-ui-font-color1, #374151)",
            figures.COLOURS["weights"],
            figures.COLOURS["scores"],
        )
        last, highest = max(1, self.training.steps), self._highest()
        across, up = lambda step: 40 + 350 * step / last, lambda loss: 170 - 155 * loss / highest
        text = lambda x, y, words, anchor="middle": (
            f'<text x="{x:.0f}" y="{y:.0f}" font-size="12" text-anchor="{anchor}" fill="{ink}">{words}</text>'
        )
        points = " ".join(f"{across(step):.1f},{up(loss):.1f}" for step, loss in zip(*self._points()))
        floor, dot = up(self.sample.floor), up(self.sample_loss(self.step.value))
        scale = "".join(
            text(34, up(loss) + 4, loss, "end")
            + f'<line x1="37" x2="40" y1="{up(loss):.1f}" y2="{up(loss):.1f}" stroke="{ink}"/>'
            for loss in range(int(highest) + 1)
        )
        return (
            f'<svg viewBox="0 0 420 205" width="420" style="max-width:100%" role="img" aria-label="The loss over the steps. {self.numbers()}" font-family="system-ui, sans-serif">'
            f'<line x1="40" y1="170" x2="390" y2="170" stroke="{ink}"/><line x1="40" y1="170" x2="40" y2="15" stroke="{ink}"/>{scale}'
            f'<line x1="40" x2="390" y1="{floor:.1f}" y2="{floor:.1f}" stroke="{grey}" stroke-width="1.5" stroke-dasharray="6 4"/>'
            f'<polyline points="{points}" fill="none" stroke="{line}" stroke-width="1.8"/>'
            f'<circle cx="{across(self.step.value):.1f}" cy="{dot:.1f}" r="6" fill="{figures.COLOURS["output"]}" stroke="{ink}"/>'
            f"{text(44, 12, 'loss, nat', 'start')}{text(390, floor + 16, f'floor {self.sample.floor:.2f}', 'end')}"
            f"{text(40, 186, 0)}{text(390, 186, last, 'end')}{text(215, 200, 'step')}</svg>"
        )
