"""Notebook 03: follow one query through scores and weights to its output."""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from helpers import figures
from helpers.attention import scaled_dot_product_attention
from helpers.explorers.explorer import Explorer, sentence_line, slider
from helpers.widgets.head_map import HeadMap

__all__ = ["RowFollower"]


class RowFollower(Explorer):
    """One query's scores and weights, and what each key's value adds to the output.

    queries: (n_queries, d_k); keys: (n_keys, d_k); values: (n_keys, d_v)
    """

    def __init__(self, queries, keys, values, query_words, key_words, **layout):
        self.inputs = queries, keys, values
        self.query_words, self.key_words = list(query_words), list(key_words)
        self.output, self.weights = scaled_dot_product_attention(*self.inputs)
        self.scores = queries @ keys.T
        self.row = slider("query", [(word, i) for i, word in enumerate(self.query_words)], 0)
        self.steps, self.shares, self.summary = (
            HeadMap(cell_size=64, reads="{row}, {column}"),
            HeadMap(cell_size=46, reads="{row}, number {column} of the output"),
            widgets.HTML(),
        )
        self.row.observe(lambda _: self._refresh(), "value")
        super().__init__([self.row, self.summary, self.steps, self.shares], **layout)
        self._refresh()

    def numbers(self) -> str:
        i = self.row.value
        parts = " + ".join(f"{w:.3f} v({word})" for w, word in zip(self.weights[i], self.key_words))
        return f"output of {self.query_words[i]} = {parts}"

    def picture(self):
        steps, shares = self._panels()
        lines = [
            self.numbers(),
            figures.numbers_text(steps, [self.query_words[self.row.value]], self.key_words),
            figures.numbers_text(shares, *self._share_names()),
        ]
        figure = Figure(figsize=(8.8, 4.6), layout="constrained")
        top, bottom = figure.subfigures(2, 1, height_ratios=(1, 2.4))
        for axes, panel in zip(top.subplots(1, 3), steps):
            figures.draw_panel(axes, panel, [self.query_words[self.row.value]], self.key_words, "", "")
        figures.draw_panel(bottom.subplots(), shares[0], *self._share_names(), "", "number of the output")
        return figures.Picture(
            figure,
            f"Scores and weights of {self.query_words[self.row.value]}, and what each value adds to its output: {self.numbers()}.",
            "\n".join(lines),
        )

    def _panels(self):
        i = self.row.value
        scaled = self.scores[i] / np.sqrt(self.inputs[1].shape[-1])
        steps = [
            figures.score_panel("scores q·k", self.scores[i : i + 1], digits=1),
            figures.score_panel("÷ √d_k", scaled[None], digits=2),
            *figures.weight_panels(self.weights[i : i + 1], ["weights"]),
        ]
        parts = self.weights[i][:, None] * self.inputs[2]  # (n_keys, d_v): their sum is the output
        shares = [figures.score_panel("weight × value", np.vstack([parts, self.output[i]]), digits=2)]
        return steps, shares

    def _share_names(self):
        return [*self.key_words, "output"], [str(j) for j in range(self.inputs[2].shape[-1])]

    def _refresh(self):
        steps, shares = self._panels()
        self.summary.value = sentence_line(self.numbers())
        self.steps.show(
            steps,
            [self.query_words[self.row.value]],
            self.key_words,
            description=f"Scores and weights of {self.query_words[self.row.value]}. {self.numbers()}",
        )
        self.shares.show(
            shares, *self._share_names(), description=f"Each value's share of the output. {self.numbers()}"
        )
