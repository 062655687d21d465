"""Notebook 04: every number carries its word and its column through split and merge, rightly and wrongly."""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np

from helpers import figures
from helpers.attention import merge_heads, split_heads
from helpers.explorers.explorer import Explorer, sentence_line, slider
from helpers.widgets.head_map import HeadMap

__all__ = ["ShapeTheatre"]

WAYS = (
    "right: transpose at the split and at the merge",
    "wrong: reshape only, at both",
    "wrong: no transpose at the merge",
)
SCENES = ("1 words", "2 split", "3 merged")


class ShapeTheatre(Explorer):
    """Follow single numbers through split_heads and merge_heads, or through the reshape that goes wrong.

    words: two to four; d_model: a number that every head count up to 8 divides
    """

    def __init__(self, words=("Thinking", "Machines"), d_model=16, n_heads=4, **layout):
        self.words, self.d_model = list(words), d_model
        self.heads = slider("heads", [h for h in (1, 2, 4, 8) if d_model % h == 0], n_heads)
        self.way = widgets.Dropdown(
            options=WAYS, value=WAYS[0], description="way", layout=widgets.Layout(width="420px")
        )
        self.scene = slider("step", SCENES, SCENES[1])
        self.stage, self.summary = HeadMap(cell_size=40, reads="{row}, column {column}"), widgets.HTML()
        for control in (self.heads, self.way, self.scene):
            control.observe(lambda _: self._refresh(), "value")
        super().__init__(
            [
                widgets.HBox([self.heads, self.scene], layout=widgets.Layout(flex_flow="row wrap")),
                self.way,
                self.summary,
                self.stage,
            ],
            **layout,
        )
        self._refresh()

    def arrange(self) -> np.ndarray:
        """Where each number stands now: (n_panels, n, columns), each number being word · d_model + column."""
        n, h = len(self.words), self.heads.value
        x = np.arange(n * self.d_model).reshape(n, self.d_model)
        if self.scene.value == SCENES[0]:
            return x[None]
        split = x.reshape(h, n, self.d_model // h) if self.way.value == WAYS[1] else split_heads(x, h)
        if self.scene.value == SCENES[1]:
            return split
        return (merge_heads(split) if self.way.value == WAYS[0] else split.reshape(n, self.d_model))[None]

    def numbers(self) -> str:
        places = self.arrange()
        owners = places // self.d_model  # which word each number came from
        n, h = len(self.words), self.heads.value
        shape = (
            f"({n}, {self.d_model})"
            if len(places) == 1 and self.scene.value != SCENES[1]
            else f"({h}, {n}, {self.d_model // h})"
        )
        if self.scene.value == SCENES[0]:
            return f"shape {shape}: each row is one word"
        whole = sum((owner == np.arange(n)[:, None]).all() for owner in owners)
        if self.scene.value == SCENES[1]:
            return f"shape {shape}: {whole} of {h} heads have every word in its own row"
        kept = int((places[0] == np.arange(places[0].size).reshape(n, -1)).sum())
        return f"shape {shape}: {kept} of {places[0].size} numbers are back at their place"

    def picture(self):
        panels, rows, columns = self._panels()
        alt = f"Where each number of {' and '.join(self.words)} stands. {self.way.value}, step {self.scene.value}. {self.numbers()}."
        return figures.heat_maps(
            panels,
            rows,
            columns,
            "",
            "",
            note=f"{self.way.value} · {self.numbers()}",
            alt=alt,
            text=f"{self.way.value}, {self.scene.value}\n{figures.numbers_text(panels, rows, columns, self.numbers())}"
            if panels[0].cells.shape[1] <= 9
            else f"{self.way.value}, {self.scene.value}\n{self.numbers()}",
            per_line=min(4, len(panels)),
        )

    def _panels(self):
        places = self.arrange()
        split = self.scene.value == SCENES[1]
        titles = (
            [f"head {i}" for i in range(len(places))]
            if split
            else ["x" if self.scene.value == SCENES[0] else "merged"]
        )
        label = lambda number: f"{self.words[number // self.d_model][0]}{number % self.d_model}"
        panels = [
            figures.Panel(
                title,
                cells // self.d_model,
                "words",
                digits=0,
                labels=[[label(v) for v in row] for row in cells.tolist()],
            )
            for title, cells in zip(titles, places)
        ]
        rows = [f"row {i}" for i in range(len(self.words))] if split else self.words
        return panels, rows, [str(j) for j in range(places.shape[-1])]

    def _refresh(self):
        panels, rows, columns = self._panels()
        self.summary.value = sentence_line(self.numbers())
        self.stage.show(
            panels,
            rows,
            columns,
            note="T5 is number 5 of the word that begins with T; the colour is the word's.",
            description=f"{self.way.value}, step {self.scene.value}. {self.numbers()}",
        )
