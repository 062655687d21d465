"""Notebook 03: forbid and allow single cells, and see where the weights go."""

from __future__ import annotations

from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np

from helpers import figures
from helpers.attention import causal_mask, padding_mask, scaled_dot_product_attention
from helpers.explorers.explorer import Explorer
from helpers.widgets.controls import choose, sentence_line, word_list
from helpers.widgets.head_map import HeadMap

__all__ = ["MaskPainter", "Result", "preset_mask"]

PAINTED = "painted by hand"
PRESETS = (
    "none",
    "causal",
    "padding: the last two words",
    "hide every word from itself",
    "row 0 may attend to nothing",
    PAINTED,
)


def preset_mask(name: str, n: int) -> np.ndarray:
    """The mask of one of the PRESETS for n words: (n, n), boolean, True = may attend."""
    mask = np.ones((n, n), dtype=bool)
    if name == "causal":
        mask = causal_mask(n)
    elif name.startswith("padding"):
        mask = mask & padding_mask(max(n - 2, 1), n)  # at least one word is no padding
    elif name.startswith("hide"):
        mask = ~np.eye(n, dtype=bool)
    elif name.startswith("row 0"):
        mask[0] = False
    return mask


@dataclass(frozen=True)
class Result:
    """A mask (n, n), and the weights (n, n) and the output (n, d_v) under it."""

    words: tuple[str, ...]
    mask: np.ndarray
    weights: np.ndarray
    output: np.ndarray

    @classmethod
    def of(cls, words, inputs, mask: np.ndarray) -> Result:
        """inputs: queries, keys and values."""
        queries, keys, values = inputs
        output, weights = scaled_dot_product_attention(queries, keys, values, mask=mask)
        return cls(tuple(words), mask, weights, output)

    def numbers(self) -> str:
        empty = [f"“{word}”" for word, allowed in zip(self.words, self.mask) if not allowed.any()]
        sums = figures.row_sum_note(figures.weight_panels(self.weights))
        text = f"{int(self.mask.sum())} of {self.mask.size} cells are allowed; {sums}."
        nothing = f" {', '.join(empty)} may attend to nothing: weights and output are zero."
        return text + (nothing if empty else "")

    def panels(self) -> list[figures.Panel]:
        allowed = figures.Panel("mask: 1 = may attend", self.mask.astype(float), "mask", digits=0)
        (weights,) = figures.weight_panels(self.weights, ["weights"])
        return [allowed, weights]

    def description(self) -> str:
        return f"{self.numbers()} {figures.weights_alt(self.panels()[1:], self.words, self.words)}"


class MaskPainter(Explorer):
    """A mask to paint, beside the weights that come of it.

    queries, keys, values: (n, d_k), (n, d_k), (n, d_v); words: n of them
    """

    def __init__(self, queries, keys, values, words, preset="causal", **layout):
        self.inputs, self.words = (queries, keys, values), word_list("words", words, len(queries))
        self.preset = widgets.Dropdown(
            options=PRESETS, value=choose("preset", preset, PRESETS), description="mask"
        )
        self.maps, self.summary = HeadMap(cell_size=44, reads="“{row}” attends to “{column}”"), widgets.HTML()
        self.preset.observe(self._chosen, "value")
        self.maps.on_press(lambda _, row, column: self.toggle(row, column))
        super().__init__([self.preset, self.summary, self.maps], **layout)
        self.paint(preset_mask(preset, len(self.words)))

    def toggle(self, row: int, column: int):
        mask = self.result.mask.copy()
        mask[row, column] ^= True
        self.paint(mask)
        self.preset.value = PAINTED  # so that any other entry can be chosen again

    def _chosen(self, change):
        if change.new != PAINTED:
            self.paint(preset_mask(change.new, len(self.words)))

    def paint(self, mask: np.ndarray):
        """Use this mask: (n, n), boolean, True = may attend."""
        self.result = Result.of(self.words, self.inputs, mask)
        self.summary.value = sentence_line(self.result.numbers())
        self.maps.show(
            self.result.panels(),
            self.words,
            self.words,
            note="Click a cell, or press Enter on it, to forbid or allow it.",
            description=self.result.description(),
        )

    def picture(self):
        note, alt = self.result.numbers(), f"A mask and the weights under it. {self.result.description()}"
        return figures.heat_maps(self.result.panels(), self.words, self.words, note=note, alt=alt)
