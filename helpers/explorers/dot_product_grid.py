"""Notebook 01: 64 coordinates of a query and a key, and how each adds to q·k."""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np

from helpers import figures
from helpers.explorers.explorer import Explorer, slider
from helpers.widgets.head_map import HeadMap

__all__ = ["DotProductGrid"]


class DotProductGrid(Explorer):
    """q, k and q × k as three square grids; press a coordinate, move it, and see q·k move.

    query, key: (64,), or any other square number of coordinates
    """

    def __init__(self, query, key, **layout):
        self.start_query, self.start_key = np.array(query, dtype=float), np.array(key, dtype=float)
        self.side = int(round(np.sqrt(self.start_query.size)))
        if (
            self.start_query.ndim != 1
            or self.side**2 != self.start_query.size
            or self.start_key.shape != self.start_query.shape
        ):
            raise ValueError(
                f"query and key must be two vectors with a square number of coordinates each, and got the shapes {self.start_query.shape} and {self.start_key.shape}"
            )
        self.query, self.key = self.start_query.copy(), self.start_key.copy()
        steps = [float(v) for v in range(-8, 9)]
        self.coordinate = slider("coordinate", range(self.query.size), 0)
        self.query_value, self.key_value = slider("q there", steps, 0.0), slider("k there", steps, 0.0)
        self.angle = widgets.IntSlider(
            value=self._angle(),
            min=0,
            max=180,
            description="angle of k to q",
            style={"description_width": "initial"},
            layout=widgets.Layout(width="340px"),
        )
        self.reset = widgets.Button(description="back to the start")
        self.grid, self.summary = HeadMap(cell_size=34, reads="coordinate {row}+{column}"), widgets.HTML()
        self.coordinate.observe(self._coordinate_moved, "value")
        self.query_value.observe(self._query_moved, "value")
        self.key_value.observe(self._key_moved, "value")
        self.angle.observe(self._turned, "value")
        self.reset.on_click(lambda _: self._back())
        self.grid.on_press(lambda _, row, column: setattr(self.coordinate, "value", row * self.side + column))
        wrap = widgets.Layout(flex_flow="row wrap")
        super().__init__(
            [
                widgets.HBox([self.coordinate, self.angle], layout=wrap),
                widgets.HBox([self.query_value, self.key_value, self.reset], layout=wrap),
                self.summary,
                self.grid,
            ],
            **layout,
        )
        self._refresh()

    def numbers(self) -> str:
        q, k = self.query, self.key
        lengths = np.linalg.norm(q) * np.linalg.norm(k)
        cosine = q @ k / lengths if lengths else 0.0
        return (
            f"q·k = {q @ k:.2f} · |q| = {np.linalg.norm(q):.2f} · |k| = {np.linalg.norm(k):.2f} · "
            f"cosine = {cosine:.3f} · coordinate {self.coordinate.value}: {q[self.coordinate.value]:g} × {k[self.coordinate.value]:g} = {(q * k)[self.coordinate.value]:g}"
        )

    def picture(self):
        panels = self._panels()
        return figures.heat_maps(
            panels,
            *self._names(),
            row_axis="",
            column_axis="",
            note=self.numbers(),
            alt=f"Three grids of {self.query.size} numbers: q, k and q × k. {self.numbers()}.",
            text=self.numbers(),
        )

    def _panels(self):
        grid = (self.side, self.side)
        limit = max(np.abs(self.query).max(), np.abs(self.key).max(), 1.0)
        product = self.query * self.key
        return [
            figures.score_panel("q", self.query.reshape(grid), limit),
            figures.score_panel("k", self.key.reshape(grid), limit),
            figures.score_panel(f"q × k, sum {product.sum():.2f}", product.reshape(grid)),
        ]

    def _names(self):
        return [str(self.side * i) for i in range(self.side)], [str(i) for i in range(self.side)]

    def _angle(self) -> int:
        lengths = np.linalg.norm(self.query) * np.linalg.norm(self.key)
        return (
            int(round(np.degrees(np.arccos(np.clip(self.query @ self.key / lengths, -1, 1)))))
            if lengths
            else 90
        )

    def _refresh(self, follow_angle=True):
        """Show the vectors, and bring the sliders to them without being called back."""
        i = self.coordinate.value
        self._quiet = True
        for control, value in ((self.query_value, self.query[i]), (self.key_value, self.key[i])):
            if not np.isclose(value, control.value):
                options = sorted({*(float(v) for v in range(-8, 9)), round(float(value), 2)})
                control.options = options
                control.value = round(float(value), 2)
        if follow_angle:
            self.angle.value = self._angle()
        self._quiet = False
        self.summary.value = f"<b>{self.numbers()}</b>"
        self.grid.show(
            self._panels(),
            *self._names(),
            note="Click a coordinate, or press Enter on it, to edit it.",
            description=f"Grids of q, k and q × k. {self.numbers()}",
        )

    _quiet = False

    def _coordinate_moved(self, _):
        self._refresh()

    def _query_moved(self, change):
        if not self._quiet:
            self.query[self.coordinate.value] = change.new
            self._refresh()

    def _key_moved(self, change):
        if not self._quiet:
            self.key[self.coordinate.value] = change.new
            self._refresh()

    def _turned(self, change):
        """Turn k towards or away from q, in the plane of the two; its length stays."""
        if self._quiet or not self.query.any() or not self.key.any():
            return
        along = self.query / np.linalg.norm(self.query)
        across = self.key - (self.key @ along) * along
        if np.linalg.norm(across) < 1e-9:  # k lies along q: any direction across will do
            across = self.start_key - (self.start_key @ along) * along
        across /= np.linalg.norm(across)
        theta = np.radians(change.new)
        self.key = np.linalg.norm(self.key) * (np.cos(theta) * along + np.sin(theta) * across)
        self._refresh(follow_angle=False)

    def _back(self):
        self.query, self.key = self.start_query.copy(), self.start_key.copy()
        self._refresh()
