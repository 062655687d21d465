"""Notebook 05: one budget of columns, cut into few large heads or many small ones."""

from __future__ import annotations

import math
from collections.abc import Callable

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from helpers import figures
from helpers.attention import MultiHeadAttention, scaled_dot_product_attention, split_heads
from helpers.explorers.explorer import Explorer, sentence_line, slider
from helpers.widgets.head_map import HeadMap

__all__ = ["HeadBudget"]

D_MODEL, MOST_KEYS = 512, 12
JUDGED, DRAWN = 8, 4  # of hundreds of heads, these many are judged and drawn
COLOUR = {"stays": figures.COLOURS["scores"], "changes": figures.COLOURS["weights"]}


class HeadBudget(Explorer):
    """The same random matrices and words, cut into h heads of 512 / h columns: what stays, and what changes.

    can_win: keys (heads, n, d_k) → (heads, n), boolean: whether any query gives this key the largest score
    """

    def __init__(self, can_win: Callable[[np.ndarray], np.ndarray], n_heads=8, n_keys=8, **layout):
        rng = np.random.default_rng(5)
        self.can_win = can_win
        self.layer, self.x = (
            MultiHeadAttention.random(D_MODEL, 1, rng),
            rng.standard_normal((MOST_KEYS, D_MODEL)),
        )
        self.heads = slider("heads", [2**i for i in range(10)], n_heads)
        self.n_keys = slider("keys", [4, 6, 8, 10, MOST_KEYS], n_keys)
        self.view = widgets.HTML()
        self.picks, self.maps = (
            HeadMap(cell_size=30, reads="{row}, {column}: 1 = some query picks it"),
            HeadMap(cell_size=30),
        )
        for control in (self.heads, self.n_keys):
            control.observe(lambda _: self._refresh(), "value")
        super().__init__(
            [
                widgets.HBox([self.heads, self.n_keys], layout=widgets.Layout(flex_flow="row wrap")),
                self.view,
                self.picks,
                self.maps,
            ],
            **layout,
        )
        self._refresh()

    def compute(self):
        """Sets weights (h, n, n) and pickable (judged heads, n) from the present settings."""
        h, n = self.heads.value, self.n_keys.value
        queries, keys, values = (split_heads(part[0], h) for part in self.layer.project(self.x[:n]))
        _, self.weights = scaled_dot_product_attention(queries, keys, values)
        self.pickable = np.asarray(self.can_win(keys[:JUDGED]))

    def quantities(self) -> dict[str, tuple[float, str]]:
        """What is counted: name → its number, and whether it stays or changes with the number of heads."""
        h, n = self.heads.value, self.n_keys.value
        return {
            "parameters": (self.layer.n_parameters, "stays"),
            "columns of W_Q": (D_MODEL, "stays"),
            "multiplications for all scores": (n * n * D_MODEL, "stays"),
            "tables of weights": (len(self.weights), "changes"),
            "weights in all tables": (self.weights.size, "changes"),
            "head size d_k": (D_MODEL // h, "changes"),
            f"of {n} keys, a head can pick": (float(self.pickable.sum(axis=-1).mean()), "changes"),
        }

    def numbers(self) -> str:
        listing = "; ".join(f"{name}: {_number(value)}" for name, (value, _) in self.quantities().items())
        return f"{_heads(self.heads.value)} of {D_MODEL // self.heads.value}. {listing}"

    def picture(self):
        figure = Figure(figsize=(8.8, 6.0), layout="constrained")
        top, bottom = figure.subfigures(2, 1, height_ratios=(1.25, 1))
        left, right = top.subplots(1, 2, width_ratios=(1, 1.1))
        names, found = list(self.quantities()), self.quantities().values()
        drawn = left.barh(
            names, [_length(value) for value, _ in found], color=[COLOUR[kind] for _, kind in found]
        )
        left.bar_label(drawn, [f"{_number(value)}, {kind}" for value, kind in found], padding=3, fontsize=8)
        left.set(xlim=(0, 1.75), xticks=[], xlabel="length of a bar: logarithm of the number")
        left.tick_params(labelsize=8)
        left.invert_yaxis()
        left.spines[["top", "right", "bottom"]].set_visible(False)
        rows, columns, picks, maps = self._panels()
        figures.draw_panel(
            right, picks, rows, columns, "", f"{_first(len(rows), self.heads.value)}; 0 = no query does"
        )
        for axes, panel in zip(bottom.subplots(1, DRAWN), maps + [None] * DRAWN):
            if panel is None:
                axes.set_axis_off()
            else:
                figures.draw_panel(
                    axes,
                    panel,
                    self._queries(),
                    columns,
                    "query" if panel is maps[0] else "",
                    "",
                    numbers=False,
                )
        alt = f"Bars of what stays and what changes with the number of heads, a table of the keys that the first heads can pick, and the weights of the first heads. {self.numbers()}."
        return figures.Picture(figure, alt, self.numbers())

    def _panels(self):
        judged = len(self.pickable)
        picks = figures.Panel("1 = a query picks it", self.pickable.astype(float), "mask", digits=0)
        maps = figures.weight_panels(
            self.weights[:DRAWN], [f"head {i}" for i in range(min(DRAWN, len(self.weights)))]
        )
        return (
            [f"head {i}" for i in range(judged)],
            [f"k{i + 1}" for i in range(self.n_keys.value)],
            picks,
            maps,
        )

    def _queries(self):
        return [f"q{i + 1}" for i in range(self.n_keys.value)]

    def _refresh(self):
        self.compute()
        (rows, columns, picks, maps), judged = self._panels(), len(self.pickable)
        bars = "".join(
            f'<div style="display:flex;align-items:center;gap:8px;line-height:1.6"><span style="width:225px">{name}</span>'
            f'<span style="width:{8 + 200 * _length(value):.0f}px;height:14px;background:{COLOUR[kind]}"></span><b>{_number(value)}</b><span>{kind}</span></div>'
            for name, (value, kind) in self.quantities().items()
        )
        self.view.value = (
            sentence_line(
                f"{_heads(self.heads.value)} of {D_MODEL // self.heads.value} (length of a bar: logarithm of the number)"
            )
            + bars
        )
        self.picks.show(
            [picks],
            rows,
            columns,
            note=f"{_first(judged, self.heads.value)}; 0 = no query does",
            description=f"{picks.title}. {self.numbers()}",
        )
        self.maps.show(
            maps,
            self._queries(),
            columns,
            note=f"the weights of {_first(len(maps), self.heads.value)}; {figures.row_sum_note(maps)}",
            description=figures.weights_alt(maps, self._queries(), columns),
        )


def _heads(h: int) -> str:
    return "1 head" if h == 1 else f"{h} heads"


def _first(shown: int, h: int) -> str:
    return _heads(h) if shown == h else f"the first {shown} of {h} heads"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


def _length(value: float) -> float:
    """0 to 1: the logarithm of the number, as a share of that of the parameters."""
    return math.log2(1 + value) / 20
