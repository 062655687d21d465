"""The drawn pictures that carry the course, as one set: one line weight, one type size, the course's colours.

The numbers in the boxes are those of Thinking Machines (examples.thinking_machines), computed by the core.
One unit of their axes is one inch.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from helpers import examples
from helpers.attention import scaled_dot_product_attention
from helpers.charts import COLOURS, GREY, plain
from helpers.pictures import Picture, own_style

__all__ = ["attention_pipeline", "course_map", "multi_head_pipeline", "projections"]

SIZE, LINE = 9, 1.4
WHITE = "#ffffff"


@own_style()
def projections(words: Sequence[str] = ("Thinking", "Machines")) -> Picture:
    """Each word vector x goes through W_Q, W_K and W_V and becomes a query, a key and a value.

    words: names for the two vectors of examples.thinking_machines()
    """
    example = examples.thinking_machines()
    figure, axes = _canvas(9.0, 3.5)
    for x, y, title in ((1.85, 2.42, "word vectors  X  (2, 512)"), (4.55, 3.25, "the same for all words")):
        _words(axes, x, y, title)
    for i, (word, vector) in enumerate(zip(words, example.x)):
        y = 2.0 - 0.5 * i
        _words(axes, 0.78, y, plain(word), ha="right")
        _box(axes, 1.85, y, 1.95, 0.4, f"x{i + 1}   {_some(vector, 5)}", COLOURS["x"], left=True)
    layer = example.attention
    rows = (
        ("Q", "query", "queries", layer.w_q),
        ("K", "key", "keys", layer.w_k),
        ("V", "value", "values", layer.w_v),
    )
    for k, (letter, kind, name, matrix) in enumerate(rows):
        y, colour = 2.75 - k, COLOURS[kind]
        _arrow(axes, (2.9, 1.75 + 0.12 * (1 - k)), (3.82, y))
        _box(axes, 4.55, y, 1.4, 0.5, f"W_{letter}  (512, 64)", colour, filled=False)
        _arrow(axes, (5.3, y), (5.72, y), colour)
        for i, vector in enumerate(example.x @ matrix[:, :64]):
            row = f"{letter.lower()}{i + 1}   {_some(vector, 4)}"
            _box(axes, 6.6, y + 0.21 - 0.42 * i, 1.65, 0.38, row, colour, left=True)
        _words(axes, 7.55, y, f"{name}  {letter}  (2, 64)", ha="left")
    return Picture(
        figure,
        f"Each of {' and '.join(words)} has a vector x of 512 numbers; W_Q, W_K and W_V, the same for both "
        "words, turn it into a query q, a key k and a value v of 64 numbers. "
        "Fixed colours: x green, queries purple, keys orange, values blue.",
        "x → · W_Q → q,  x → · W_K → k,  x → · W_V → v   (for each word, with the same matrices)",
    )


@own_style()
def attention_pipeline(lit: str | None = None) -> Picture:
    """Scaled dot-product attention as five boxes, from left to right; lit is the step that is highlighted.

    lit: "MatMul", "Scale", "Mask", "SoftMax", "MatMul 2", or None for no highlight
    """
    example = examples.thinking_machines()
    layer = example.attention
    queries, keys, values = (example.x @ w[:, :64] for w in (layer.w_q, layer.w_k, layer.w_v))
    output, weights = scaled_dot_product_attention(queries, keys, values)
    scores = queries[0] @ keys.T
    steps = [
        ("MatMul", "scores", "Q Kᵀ", _some(scores, 2, "")),
        ("Scale", "scores", "÷ √d_k", _some(scores / 8, 2, "")),
        ("Mask", "mask", "hidden → −∞", "optional"),
        ("SoftMax", "weights", "rows sum to 1", "  ".join(f"{w:.4f}" for w in weights[0])),
        ("MatMul 2", "output", "weights · V", _some(output[0], 2, " …", 1)),
    ]
    if lit is not None and lit not in [name for name, *_ in steps]:
        raise ValueError(f"lit must be one of {', '.join(name for name, *_ in steps)}, and got {lit!r}")
    figure, axes = _canvas(9.4, 1.9)
    middle = 1.05
    for i, (name, kind, formula, numbers) in enumerate(steps):
        x, colour, on = 1.45 + 1.62 * i, COLOURS[kind], lit in (None, name)
        _box(axes, x, middle, 1.12, 0.46, name.split()[0], colour, filled=on)
        _words(axes, x, middle - 0.42, formula)
        _words(axes, x, middle - 0.66, numbers, weight="bold" if on and lit else "normal")
        _arrow(axes, (x + 0.58, middle), (x + 1.02, middle))
    inputs = (("Q", "query", middle + 0.2), ("K", "key", middle - 0.2))
    for letter, kind, y in inputs:
        _box(axes, 0.36, y, 0.3, 0.3, letter, COLOURS[kind])
        _arrow(axes, (0.56, y), (0.86, y), COLOURS[kind])
    x = 1.45 + 1.62 * 4
    _box(axes, x, 1.68, 0.3, 0.3, "V", COLOURS["value"])
    _arrow(axes, (x, 1.5), (x, middle + 0.26), COLOURS["value"])
    _box(axes, x + 1.2, middle, 0.3, 0.3, "Z", COLOURS["output"])
    _words(axes, 0.2, middle - 0.66, plain(example.words[0]), ha="left")
    lit_words = f" {'The second MatMul' if lit == 'MatMul 2' else lit} is highlighted." if lit else ""
    return Picture(
        figure,
        "Scaled dot-product attention as five boxes in a row: MatMul of Q and K, Scale, optional Mask, "
        "SoftMax, and MatMul with V, which gives the output Z. Below, the row of Thinking: "
        f"{_some(scores, 2, '')}; {_some(scores / 8, 2, '')}; {steps[3][3]}.{lit_words}",
        " → ".join(f"[{name}]" if name == lit else name for name, *_ in steps),
    )


@own_style()
def multi_head_pipeline(n_heads: int = 8) -> Picture:
    """Multi-head attention: x goes through n_heads attentions, which are concatenated and mixed by W_O."""
    example = examples.thinking_machines()
    _, weights = example.attention(example.x)
    figure, axes = _canvas(9.2, 4.6)
    _box(axes, 4.6, 4.38, 2.4, 0.4, "x  (n, d_model)", COLOURS["x"])
    step = 8.4 / n_heads
    wide = min(0.92 * step, 1.6)
    for i in range(n_heads):
        x = 0.4 + step * (i + 0.5)
        _arrow(axes, (4.6 + 2.0 * (i + 0.5 - n_heads / 2) / n_heads, 4.16), (x, 3.68))
        for offset, letter, kind in ((-1, "Q", "query"), (0, "K", "key"), (1, "V", "value")):
            _box(axes, x + offset * wide / 3, 3.46, 0.3 * wide, 0.36, letter, COLOURS[kind])
        _arrow(axes, (x, 3.26), (x, 3.00))
        if n_heads == len(weights):
            _small_map(axes, x, 2.68, 0.56, weights[i])
        _words(axes, x, 2.24, f"head {i}")
        _arrow(axes, (x, 2.10), (x, 1.82))
        _box(axes, x, 1.60, 0.96 * step, 0.38, f"z{i}", COLOURS["output"])
    size = 64 if n_heads == len(weights) else "d_v"
    concat = f"concatenated: (n, {n_heads} · {size})"
    _words(axes, 4.4, 1.24, concat, ha="right")
    _arrow(axes, (4.6, 1.38), (4.6, 1.10))
    _box(axes, 4.6, 0.88, 1.6, 0.4, "· W_O", COLOURS["scores"])
    _arrow(axes, (4.6, 0.66), (4.6, 0.46))
    _box(axes, 4.6, 0.24, 2.4, 0.4, "output  (n, d_model)", COLOURS["output"])
    return Picture(
        figure,
        f"Multi-head attention: x feeds {n_heads} heads, each with its own Q, K and V and its own attention; "
        "their results z are put side by side and multiplied by W_O, which gives the output.",
        f"x → {n_heads} × (Q, K, V → attention) → concat → · W_O → output",
    )


# The notebooks in reading order: number, what it is about, what stands below it, and its colour.
COURSE = (
    ("00", "start here", "why attention?", "x"),
    ("01", "one dot product", "q · k", "query"),
    ("02", "from scores to weights", "softmax(q · k / √d_k)", "weights"),
    ("03", "every word at once", "softmax(QKᵀ / √d_k) V", "value"),
    ("04", "eight heads", "concat(heads) · W_O", "output"),
    ("05", "how many heads?", "n_heads · d_k", "key"),
    ("06", "reading attention maps", "what weights don't say", "weights"),
    ("07", "learning the matrices", "∂ loss / ∂ W", "mask"),
    ("08", "a real model", "6 layers of 12 heads", "output"),
)
BUILD = 5  # so many notebooks build multi-head attention; the others ask what it does


@own_style()
def course_map() -> Picture:
    """The notebooks of the course: the first build multi-head attention, the others ask what it does."""
    figure, axes = _canvas(9.2, 3.0)
    for title, y in (("Build it", 2.83), ("Ask what it does", 1.3)):
        _words(axes, 0.26, y, title, ha="left", weight="bold")
    for i, (number, name, formula, kind) in enumerate(COURSE):
        built = i < BUILD
        x, y = (1.04 + 1.78 * i, 2.3) if built else (1.04 + 1.78 * (2 * BUILD - 1 - i), 0.77)
        _box(axes, x, y, 1.5, 0.72, f"{number}\n{textwrap.fill(name, 14)}", COLOURS[kind])
        _words(axes, x, y - 0.5, formula)
        if i == BUILD:
            _arrow(axes, (x, 1.66), (x, y + 0.4))
        elif i:
            side = -1 if built else 1
            _arrow(axes, (x + side * 1.01, y), (x + side * 0.77, y))
    listing = ", ".join(f"{number} {name}" for number, name, *_ in COURSE)
    return Picture(
        figure,
        "The map of the course. 00 to 04 build multi-head attention piece by piece, "
        f"05 to {COURSE[-1][0]} ask what it does: {listing}.",
        "\n".join(f"{number} {name}: {formula}" for number, name, formula, _ in COURSE),
    )


def _some(vector: np.ndarray, n: int, more=" …", digits=0) -> str:
    """The first numbers of a vector."""
    return "  ".join(f"{v:.{digits}f}".replace("-", "−") for v in vector[:n]) + more


def _small_map(axes, x: float, y: float, side: float, weights: np.ndarray) -> None:
    """A map of weights as small squares, without numbers."""
    viridis, cell = matplotlib.colormaps["viridis"], side / len(weights)
    for i, j in np.ndindex(weights.shape):
        corner = (x - side / 2 + j * cell, y + side / 2 - (i + 1) * cell)
        axes.add_patch(
            Rectangle(corner, cell, cell, facecolor=viridis(weights[i, j]), edgecolor=GREY, lw=0.5)
        )


def _canvas(width: float, height: float):
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return figure, axes


def _box(axes, x, y, width, height, text: str, colour: str, filled=True, left=False) -> None:
    """A box around its middle: filled, with white words, or empty. left: where its words begin."""
    look: dict[str, Any] = {"facecolor": colour if filled else "none", "edgecolor": colour, "lw": LINE}
    corner = (x - width / 2, y - height / 2)
    shape = "round,pad=0,rounding_size=0.07"
    axes.add_patch(FancyBboxPatch(corner, width, height, boxstyle=shape, **look))
    begin, ha = (corner[0] + 0.12, "left") if left else (x, "center")
    _words(axes, begin, y, text, ha, color=WHITE if filled else GREY, weight="bold")


def _words(axes, x: float, y: float, text: str, ha="center", **look) -> None:
    axes.text(x, y, text, ha=ha, va="center", fontsize=SIZE, linespacing=1.25, **{"color": GREY, **look})


def _arrow(axes, start, end, colour=GREY) -> None:
    look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 9, "lw": LINE, "shrinkA": 0, "shrinkB": 0}
    axes.add_patch(FancyArrowPatch(start, end, color=colour, **look))
