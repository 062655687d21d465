"""Notebook 01: 64 coordinates of a query and a key, and how each adds to q·k."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import ipywidgets as widgets
import numpy as np

from helpers import figures
from helpers.explorers.explorer import Explorer
from helpers.widgets.controls import integer_slider, row, sentence_line, slider
from helpers.widgets.head_map import HeadMap

__all__ = ["DotProductGrid", "Pair"]

STEPS = [float(v) for v in range(-8, 9)]


@dataclass(frozen=True)
class Pair:
    """A query and a key, (n,) each, n a square number, and the coordinate that is looked at."""

    query: np.ndarray
    key: np.ndarray
    coordinate: int = 0

    @property
    def lengths(self) -> float:
        return float(np.linalg.norm(self.query) * np.linalg.norm(self.key))

    @property
    def cosine(self) -> float:
        return float(self.query @ self.key) / self.lengths if self.lengths else 0.0

    @property
    def angle(self) -> int:
        return round(math.degrees(math.acos(min(1.0, max(-1.0, self.cosine)))))

    def with_number(self, name: str, value: float) -> Pair:
        """The same pair with another number at the coordinate of the query or of the key."""
        vector = getattr(self, name).copy()
        vector[self.coordinate] = value
        return replace(self, **{name: vector})

    def turned(self, degrees: float, aside: np.ndarray) -> Pair:
        """The key turned to this angle from the query, in the plane of the two; its length stays.

        aside: gives the plane where the key lies along the query
        """
        if not self.lengths:
            return self
        along = self.query / np.linalg.norm(self.query)
        across = self.key - (self.key @ along) * along
        if np.linalg.norm(across) < 1e-9:
            across = aside - (aside @ along) * along
        if np.linalg.norm(across) < 1e-9:  # that lies along the query, too: any direction across will do
            other = np.eye(len(along))[np.abs(along).argmin()]
            across = other - (other @ along) * along
        across /= np.linalg.norm(across)
        theta = math.radians(degrees)
        key = np.linalg.norm(self.key) * (math.cos(theta) * along + math.sin(theta) * across)
        return replace(self, key=key)

    def numbers(self) -> str:
        i = self.coordinate
        q, k = (f"{v[i]:.2f}".rstrip("0").rstrip(".") for v in (self.query, self.key))
        product = f"{self.query[i] * self.key[i]:.2f}".rstrip("0").rstrip(".")
        exact = (
            float(q) * float(k) == float(product) and float(q) == self.query[i] and float(k) == self.key[i]
        )
        return (
            f"q·k = {self.query @ self.key:.2f} · |q| = {np.linalg.norm(self.query):.2f} · "
            f"|k| = {np.linalg.norm(self.key):.2f} · cosine = {self.cosine:.3f} · "
            f"coordinate {i}: {q} × {k} {'=' if exact else '≈'} {product}"
        )

    def panels(self) -> list[figures.Panel]:
        """Three square grids. Numbers that aren't whole are shown with one digit behind the point."""
        side = math.isqrt(len(self.query))
        product = self.query * self.key
        grids = {"q": self.query, "k": self.key, f"q × k, sum {product.sum():.2f}": product}
        limit = max(np.abs(self.query).max(), np.abs(self.key).max(), 1.0)
        whole = all(np.array_equal(vector, np.round(vector)) for vector in grids.values())
        return [
            figures.score_panel(
                title, vector.reshape(side, side), limit if len(title) == 1 else None, 1 - whole
            )
            for title, vector in grids.items()
        ]

    def names(self) -> tuple[list[str], list[str]]:
        side = math.isqrt(len(self.query))
        return [str(side * i) for i in range(side)], [str(j) for j in range(side)]


class DotProductGrid(Explorer):
    """q, k and q × k as three square grids; press a coordinate, move it, and see q·k move.

    query, key: (64,), or any other square number of coordinates
    """

    def __init__(self, query, key, **layout):
        query, key = np.array(query, dtype=float), np.array(key, dtype=float)
        if query.ndim != 1 or math.isqrt(query.size) ** 2 != query.size or key.shape != query.shape:
            raise ValueError(
                "query and key must be two vectors with a square number of coordinates each, "
                f"and got the shapes {query.shape} and {key.shape}"
            )
        self.start = self.pair = Pair(query, key)
        self.coordinate = slider("coordinate", range(query.size), 0)
        self.query_value, self.key_value = slider("q there", STEPS, 0.0), slider("k there", STEPS, 0.0)
        self.angle = integer_slider("angle of k to q", self.pair.angle, 0, 180)
        self.reset = widgets.Button(description="Reset")
        self.grid, self.summary = HeadMap(cell_size=34, reads="coordinate {row}+{column}"), widgets.HTML()
        side = math.isqrt(query.size)
        self.coordinate.observe(lambda change: self._show(replace(self.pair, coordinate=change.new)), "value")
        self.query_value.observe(lambda change: self._edit("query", change.new), "value")
        self.key_value.observe(lambda change: self._edit("key", change.new), "value")
        self.angle.observe(self._turned, "value")
        self.reset.on_click(lambda _: self._show(replace(self.start, coordinate=self.pair.coordinate)))
        self.grid.on_press(lambda _, row, column: setattr(self.coordinate, "value", row * side + column))
        moves = row(self.query_value, self.key_value, self.reset)
        super().__init__([row(self.coordinate, self.angle), moves, self.summary, self.grid], **layout)
        self._show(self.pair)

    def picture(self):
        said = self.pair.numbers()
        alt = f"Three grids of {self.pair.query.size} numbers: q, k and q × k. {said}."
        return figures.heat_maps(self.pair.panels(), *self.pair.names(), "", "", said, alt, said)

    _quiet = False

    def _show(self, pair: Pair, follow_angle=True):
        """Show the vectors, and bring the sliders to them without being called back."""
        self.pair, self._quiet, i = pair, True, pair.coordinate
        for control, value in ((self.query_value, pair.query[i]), (self.key_value, pair.key[i])):
            if not np.isclose(value, control.value):
                control.options = sorted({*STEPS, round(float(value), 2)})
                control.value = round(float(value), 2)
        if follow_angle:
            self.angle.value = pair.angle
        self._quiet = False
        said = pair.numbers()
        self.summary.value = sentence_line(said)
        self.grid.show(
            pair.panels(),
            *pair.names(),
            note="Click a coordinate, or press Enter on it, to edit it.",
            description=f"Grids of q, k and q × k. {said}",
        )

    def _edit(self, name: str, value: float):
        if not self._quiet:
            self._show(self.pair.with_number(name, value))

    def _turned(self, change):
        if not self._quiet:
            self._show(self.pair.turned(change.new, self.start.key), follow_angle=False)
