"""Notebook 05: one budget of columns, cut into few large heads or many small ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np

from helpers import figures
from helpers.attention import MultiHeadAttention, scaled_dot_product_attention, split_heads
from helpers.charts import COLOURS, Bars
from helpers.explorers.explorer import Explorer
from helpers.figures import Map
from helpers.widgets.controls import choose, row, slider
from helpers.widgets.head_map import HeadMap
from helpers.widgets.svg import svg

__all__ = ["HeadBudget", "Result", "Setting"]

D_MODEL, MOST_KEYS = 512, 12
HEAD_COUNTS, KEY_COUNTS = [2**i for i in range(10)], [4, 6, 8, 10, MOST_KEYS]
JUDGED, DRAWN = 8, 4  # of hundreds of heads, these many are judged and drawn
COLOUR = {"stays": COLOURS["scores"], "changes": COLOURS["weights"]}


@dataclass(frozen=True)
class Setting:
    n_heads: int = 8
    n_keys: int = 8


@dataclass(frozen=True)
class Result:
    """What comes of one cut: weights (h, n, n), and pickable (judged heads, n): some query picks the key."""

    setting: Setting
    n_parameters: int
    weights: np.ndarray
    pickable: np.ndarray

    @classmethod
    def of(cls, setting: Setting, layer: MultiHeadAttention, x: np.ndarray, can_win: Callable) -> Result:
        projected = layer.project(x[: setting.n_keys])
        queries, keys, values = (split_heads(part[0], setting.n_heads) for part in projected)
        _, weights = scaled_dot_product_attention(queries, keys, values)
        return cls(setting, layer.n_parameters, weights, np.asarray(can_win(keys[:JUDGED])))

    def quantities(self) -> dict[str, tuple[float, str]]:
        """What is counted: name → its number, and whether it stays or changes with the number of heads."""
        h, n = self.setting.n_heads, self.setting.n_keys
        return {
            "parameters": (self.n_parameters, "stays"),
            "columns of W_Q": (D_MODEL, "stays"),
            "multiplications for all scores": (n * n * D_MODEL, "stays"),
            "tables of weights": (h, "changes"),
            "weights in all tables": (self.weights.size, "changes"),
            "head size d_k": (D_MODEL // h, "changes"),
            f"of {n} keys, a head can pick": (float(self.pickable.sum(axis=-1).mean()), "changes"),
        }

    def numbers(self) -> str:
        listing = "; ".join(f"{name}: {_number(value)}" for name, (value, _) in self.quantities().items())
        return f"{_heads(self.setting.n_heads)} of {D_MODEL // self.setting.n_heads}. {listing}"

    def chart(self) -> Bars:
        values, kinds = zip(*self.quantities().values())
        texts = [f"{_number(value)}, {kind}" for value, kind in zip(values, kinds)]
        title, ends = f"{_heads(self.setting.n_heads)} of {D_MODEL // self.setting.n_heads}", (0.5, 2**31)
        colours = [COLOUR[kind] for kind in kinds]
        label = "number (logarithmic)"
        return Bars(list(self.quantities()), values, label, texts, colours, title, True, *ends, log=10)

    def picks(self) -> Map:
        panel = figures.Panel("1 = a query picks it", self.pickable.astype(float), "mask", digits=0)
        heads = [f"head {i}" for i in range(len(self.pickable))]
        note = f"{self.first(len(self.pickable))}; 0 = no query does"
        return Map(panel, heads, self._words("k"), "", note)

    def maps(self) -> list[Map]:
        titles = [f"head {i}" for i in range(min(DRAWN, len(self.weights)))]
        panels = figures.weight_panels(self.weights[:DRAWN], titles)
        return [Map(panel, self._words("q"), self._words("k"), numbers=False) for panel in panels]

    def first(self, shown: int) -> str:
        h = self.setting.n_heads
        return _heads(h) if shown == h else f"the first {shown} of {h} heads"

    def _words(self, letter: str) -> list[str]:
        return [f"{letter}{i + 1}" for i in range(self.setting.n_keys)]


class HeadBudget(Explorer):
    """The same random matrices and words, cut into h heads of 512 / h columns: what stays, and what changes.

    can_win: keys (heads, n, d_k) → (heads, n), boolean: whether any query gives this key the largest score
    n_heads: 1, 2, 4, … 512; n_keys: 4, 6, 8, 10 or 12
    """

    def __init__(self, can_win: Callable[[np.ndarray], np.ndarray], n_heads=8, n_keys=8, **layout):
        rng = np.random.default_rng(5)
        self.can_win, self.layer = can_win, MultiHeadAttention.random(D_MODEL, 1, rng)
        self.x = rng.standard_normal((MOST_KEYS, D_MODEL))
        self.heads = slider("heads", HEAD_COUNTS, choose("n_heads", n_heads, HEAD_COUNTS))
        self.n_keys = slider("keys", KEY_COUNTS, choose("n_keys", n_keys, KEY_COUNTS))
        self.view, self.maps = widgets.HTML(), HeadMap(cell_size=30)
        self.picks = HeadMap(cell_size=30, reads="{row}, {column}: 1 = some query picks it")
        for control in (self.heads, self.n_keys):
            control.observe(lambda _: self._refresh(), "value")
        super().__init__([row(self.heads, self.n_keys), self.view, self.picks, self.maps], **layout)
        self._refresh()

    def picture(self):
        result = self.result
        said, maps = result.numbers(), [*result.maps(), *[None] * DRAWN][:DRAWN]
        alt = (
            "Bars of what stays and what changes with the number of heads, "
            "a table of the keys that the first heads can pick, "
            f"and the weights of the first heads. {said}"
        )
        rows, widths = [[result.chart(), result.picks()], maps], [(1.25, 1), None]
        return figures.sheet(rows, (9.2, 6.0), (1.3, 1), widths, alt=alt, text=said)

    def _refresh(self):
        setting = Setting(self.heads.value, self.n_keys.value)
        self.result = Result.of(setting, self.layer, self.x, self.can_win)
        picks, maps, said = self.result.picks(), self.result.maps(), self.result.numbers()
        self.view.value = svg([self.result.chart()], (640,), 240, said)
        about = f"{picks.panel.title}. {said}"
        self.picks.show([picks.panel], picks.rows, picks.columns, note=picks.column_axis, description=about)
        panels, rows, columns = [each.panel for each in maps], maps[0].rows, maps[0].columns
        self.maps.show(
            panels,
            rows,
            columns,
            note=f"the weights of {self.result.first(len(maps))}; {figures.row_sum_note(panels)}",
            description=figures.weights_alt(panels, rows, columns),
        )


def _heads(h: int) -> str:
    return "1 head" if h == 1 else f"{h} heads"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"
