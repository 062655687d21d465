"""Notebook 03: follow one query through scores and weights to its output."""

from __future__ import annotations

from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np

from helpers import figures
from helpers.attention import scaled_dot_product_attention
from helpers.explorers.explorer import Explorer
from helpers.figures import Map
from helpers.widgets.controls import row, sentence_line, slider, word_list
from helpers.widgets.head_map import HeadMap

__all__ = ["Result", "RowFollower"]


@dataclass(frozen=True)
class Result:
    """One query: its scores (n_keys,), scaled scores, weights and output (d_v,); values (n_keys, d_v)."""

    word: str
    key_words: tuple[str, ...]
    scores: np.ndarray
    scaled: np.ndarray
    weights: np.ndarray
    values: np.ndarray
    output: np.ndarray

    @classmethod
    def of(cls, queries, keys, values, word: str, key_words, i: int) -> Result:
        output, weights = scaled_dot_product_attention(queries, keys, values)
        scores = queries[i] @ keys.T
        scaled = scores / np.sqrt(keys.shape[-1])
        return cls(word, tuple(key_words), scores, scaled, weights[i], np.asarray(values), output[i])

    def numbers(self) -> str:
        parts = " + ".join(f"{w:.3f} v({word})" for w, word in zip(self.weights, self.key_words))
        return f"output of {self.word} = {parts}"

    def steps(self) -> list[Map]:
        """Scores, scaled scores and weights: one row each."""
        panels = [
            figures.score_panel("scores q·k", self.scores[None], digits=1),
            figures.score_panel("÷ √d_k", self.scaled[None], digits=2),
            *figures.weight_panels(self.weights[None], ["weights"]),
        ]
        return [Map(panel, [self.word], self.key_words) for panel in panels]

    def sums(self) -> list[Map]:
        """The values, and each times its weight, with their sum below."""
        columns = [str(j) for j in range(self.values.shape[-1])]
        parts = np.vstack([self.weights[:, None] * self.values, self.output])
        values, weighted = (
            figures.score_panel(title, cells, digits=2)
            for title, cells in (("values v", self.values), ("weight × value", parts))
        )
        limit = max(values.limit, weighted.limit)  # one scale for both
        values, weighted = (
            figures.score_panel(p.title, p.cells, limit, p.digits) for p in (values, weighted)
        )
        return [
            Map(values, self.key_words, columns, "", "number of the value"),
            Map(weighted, [*self.key_words, "output"], columns, "", "number of the output"),
        ]


class RowFollower(Explorer):
    """One query's scores and weights, and what each key's value adds to the output.

    queries: (n_queries, d_k); keys: (n_keys, d_k); values: (n_keys, d_v)
    """

    def __init__(self, queries, keys, values, query_words, key_words, **layout):
        self.inputs = queries, keys, values
        self.query_words = word_list("query_words", query_words, len(queries))
        self.key_words = word_list("key_words", key_words, len(keys))
        self.row = slider("query", [(word, i) for i, word in enumerate(self.query_words)], 0)
        self.steps, self.summary = HeadMap(cell_size=64, reads="{row}, {column}"), widgets.HTML()
        self.values = HeadMap(cell_size=46, reads="value of {row}, number {column}")
        self.shares = HeadMap(cell_size=46, reads="{row}, number {column} of the output")
        self.row.observe(lambda _: self._refresh(), "value")
        super().__init__([self.row, self.summary, self.steps, row(self.values, self.shares)], **layout)
        self._refresh()

    def picture(self):
        steps, sums, said = self.result.steps(), self.result.sums(), self.result.numbers()
        tables = [figures.numbers_text([m.panel], m.rows, m.columns) for m in [*steps, *sums]]
        alt = f"Scores and weights of {self.result.word}, and what each value adds to its output: {said}."
        text = "\n".join([said, *tables])
        return figures.sheet([steps, sums], (8.8, 4.6), heights=(1, 2.6), alt=alt, text=text)

    def _refresh(self):
        i = self.row.value
        self.result = Result.of(*self.inputs, self.query_words[i], self.key_words, i)
        said, (values, parts) = self.result.numbers(), self.result.sums()
        self.summary.value = sentence_line(said)
        steps = [each.panel for each in self.result.steps()]
        about = f"Scores and weights of {self.result.word}. {said}"
        self.steps.show(steps, [self.result.word], self.key_words, description=about)
        self.values.show([values.panel], values.rows, values.columns, description=f"The values. {said}")
        about = f"Each value's share of the output. {said}"
        self.shares.show([parts.panel], parts.rows, parts.columns, description=about)
