"""Notebook 03: forbid and allow single cells, and see where the weights go."""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np

from helpers import figures
from helpers.attention import causal_mask, padding_mask, scaled_dot_product_attention
from helpers.explorers.explorer import Explorer, sentence_line
from helpers.widgets.head_map import HeadMap

__all__ = ["MaskPainter"]

PAINTED = "painted by hand"
PRESETS = (
    "none",
    "causal",
    "padding: the last two words",
    "hide every word from itself",
    "row 0 may attend to nothing",
    PAINTED,
)


class MaskPainter(Explorer):
    """A mask to paint, beside the weights that come of it.

    queries, keys, values: (n, d_k), (n, d_k), (n, d_v); words: n of them
    """

    def __init__(self, queries, keys, values, words, preset="causal", **layout):
        self.inputs, self.words = (queries, keys, values), list(words)
        self.preset = widgets.Dropdown(options=PRESETS, value=preset, description="mask")
        self.maps, self.summary = HeadMap(cell_size=44), widgets.HTML()
        self.preset.observe(self._chosen, "value")
        self.maps.on_press(lambda _, row, column: self.toggle(row, column))
        super().__init__([self.preset, self.summary, self.maps], **layout)
        self.paint(self._preset(preset))

    def toggle(self, row: int, column: int):
        mask = self.mask.copy()
        mask[row, column] ^= True
        self.paint(mask)
        self.preset.value = PAINTED  # so that any other entry can be chosen again

    def _chosen(self, change):
        if change.new != PAINTED:
            self.paint(self._preset(change.new))

    def paint(self, mask: np.ndarray):
        """Use this mask: (n, n), boolean, True = may attend."""
        self.mask = mask
        self.output, self.weights = scaled_dot_product_attention(*self.inputs, mask=mask)
        panels = self._panels()
        self.summary.value = sentence_line(self.numbers())
        self.maps.show(
            panels,
            self.words,
            self.words,
            note="Click a cell, or press Enter on it, to forbid or allow it.",
            description=f"{self.numbers()} {figures.weights_alt(panels[1:], self.words, self.words)}",
        )

    def numbers(self) -> str:
        empty = [word for word, row in zip(self.words, self.mask) if not row.any()]
        text = f"{int(self.mask.sum())} of {self.mask.size} cells are allowed; {figures.row_sum_note(figures.weight_panels(self.weights))}."
        return text + (
            f" {', '.join(empty)} may attend to nothing: weights and output are zero." if empty else ""
        )

    def picture(self):
        panels = self._panels()
        return figures.heat_maps(
            panels,
            self.words,
            self.words,
            note=self.numbers(),
            alt=f"A mask and the weights under it. {self.numbers()} {figures.weights_alt(panels[1:], self.words, self.words)}",
        )

    def _panels(self):
        allowed = figures.Panel("mask: 1 = may attend", self.mask.astype(float), "mask", digits=0)
        return [allowed, *figures.weight_panels(self.weights, ["weights"])]

    def _preset(self, name: str) -> np.ndarray:
        n = len(self.words)
        mask = np.ones((n, n), dtype=bool)
        if name == "causal":
            mask = causal_mask(n)
        elif name.startswith("padding"):
            mask = mask & padding_mask(n - 2, n)
        elif name.startswith("hide"):
            mask = ~np.eye(n, dtype=bool)
        elif name.startswith("row 0"):
            mask[0] = False
        return mask
