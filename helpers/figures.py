"""The pictures of the course, drawn with matplotlib.

Functions named draw_… draw onto axes and return the artists. The others build
a whole picture and return it as a Picture: show it by ending a cell with it.
A Picture carries a text with its numbers and a description for those who
cannot see it, so it reads everywhere and its numbers can be compared.
"""

from __future__ import annotations

import base64
import io
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

__all__ = [
    "COLOURS",
    "Panel",
    "Picture",
    "weight_panels",
    "score_panel",
    "draw_panel",
    "heat_maps",
    "weight_maps",
    "score_maps",
    "vector_grids",
    "lines",
    "bars",
    "points",
    "projections",
    "attention_pipeline",
    "multi_head_pipeline",
]

# One colour for one kind of thing, in every notebook.
COLOURS = {
    "x": "#2e8b57",
    "query": "#7b4fb5",
    "key": "#d9730d",
    "value": "#2b6cb0",
    "output": "#d6438a",
    "scores": "#6b7280",
    "mask": "#9ca3af",
    "weights": "#31688e",
}
_PALETTES = {
    "weights": "viridis",
    "signed": "RdBu_r",
    "lengths": "cividis",
    "mask": "Greys_r",
    "words": "Set2",
}
ROW_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Panel:
    """One heat map: its numbers, its title and how to colour it.

    cells:   (rows, columns)
    palette: "weights" (0 to limit), "signed" (-limit to limit), "lengths" (0 to limit), "mask" (0 or 1) or
             "words" (a whole number is a colour)
    limit:   the number at the end of the colour bar
    labels:  (rows, columns) texts to write in the cells instead of the numbers
    dim:     drawn faintly, as something switched off
    masked:  (rows, columns), boolean: these cells are hatched, whatever their number
    faint:   numbers of rows that are drawn faintly
    """

    title: str
    cells: np.ndarray
    palette: str = "weights"
    limit: float = 1.0
    labels: Sequence[Sequence[str]] | None = None
    digits: int = 2
    dim: bool = False
    masked: np.ndarray | None = None
    faint: Sequence[int] = ()

    @property
    def lowest(self) -> float:
        return -self.limit if self.palette == "signed" else 0.0


def palette_table(name: str) -> np.ndarray:
    """The colours of a palette, (256, 3) bytes from lowest to highest; for "words" entry i is word i's colour."""
    colours = matplotlib.colormaps[_PALETTES[name]]
    positions = np.arange(256) % colours.N if name == "words" else np.linspace(0, 1, 256)
    return np.round(colours(positions)[:, :3] * 255).astype(np.uint8)


class Picture:
    """A finished figure together with its numbers as text and its description."""

    def __init__(self, figure: Figure, alt: str, text: str | None = None):
        self.figure, self.alt, self.text = figure, alt, text or alt

    def png(self) -> bytes:
        buffer = io.BytesIO()
        FigureCanvasAgg(self.figure)
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "Glyph .* missing from font"
            )  # a box for a letter is better than a red page
            self.figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
        return buffer.getvalue()

    def _repr_mimebundle_(self, include=None, exclude=None):
        data = {"text/plain": self.text, "image/png": base64.b64encode(self.png()).decode()}
        return data, {"image/png": {"alt": self.alt}}


def weight_panels(weights: np.ndarray, titles: Sequence[str] | None = None) -> list[Panel]:
    """One panel a head, refused unless every row sums to 1 (or to 0, where a query may attend to nothing).

    weights: (n_queries, n_keys) or (n_heads, n_queries, n_keys)
    """
    weights = np.asarray(weights, dtype=float)
    if weights.ndim not in (2, 3):
        raise ValueError(
            f"weights need the shape (n_queries, n_keys) or (n_heads, n_queries, n_keys), and got {weights.shape}"
        )
    stack = weights.reshape(-1, *weights.shape[-2:])
    sums = stack.sum(axis=-1)
    wrong = np.argwhere((np.abs(sums - 1) > ROW_SUM_TOLERANCE) & (np.abs(sums) > ROW_SUM_TOLERANCE))
    if len(wrong):
        head, row = wrong[0]
        of_head = f" of head {head}" if weights.ndim == 3 else ""
        raise ValueError(
            f"these are not weights: row {row}{of_head} sums to {sums[head, row]:.3f}, and each row must sum to 1; was softmax taken over the keys (axis=-1)?"
        )
    if titles is None:
        titles = [f"head {i}" for i in range(len(stack))] if weights.ndim == 3 else ["weights"]
    return [Panel(title, cells) for title, cells in zip(titles, stack, strict=True)]


def score_panel(title: str, scores: np.ndarray, limit: float | None = None, digits: int = 0) -> Panel:
    """A panel of signed numbers with colour limits that are the same on both sides of zero; -inf stays empty."""
    scores = np.asarray(scores, dtype=float)
    finite = scores[np.isfinite(scores)]
    return Panel(title, scores, "signed", limit or float(np.abs(finite).max(initial=0)) or 1.0, digits=digits)


def draw_panel(
    axes,
    panel: Panel,
    rows: Sequence[str],
    columns: Sequence[str],
    row_axis="query",
    column_axis="key",
    numbers=True,
):
    """Draw one heat map with its words. Returns the image."""
    rows_alpha = np.where(np.isin(np.arange(len(rows)), panel.faint) | panel.dim, 0.35, 1.0)
    image = axes.imshow(
        _colours(panel),
        aspect="equal",
        interpolation="nearest",
        alpha=np.repeat(rows_alpha[:, None], len(columns), axis=1),
    )
    hidden = _hidden(panel)
    if hidden.any():
        corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
        cells = [corners + (j, i) for i, j in np.argwhere(hidden)]
        axes.add_collection(
            PolyCollection(cells, facecolors="white", edgecolors="#9ca3af", hatch="////", lw=0)
        )
    axes.set_title(panel.title + (" (off)" if panel.dim else ""), fontsize=10)
    axes.set_xticks(range(len(columns)), [_short(word) for word in columns], fontsize=8)
    axes.set_yticks(range(len(rows)), [_short(word) for word in rows], fontsize=8)
    if sum(len(_short(word)) for word in columns) > 16 or len(columns) > 8:
        axes.tick_params(axis="x", labelrotation=60)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    if column_axis:
        axes.set_xlabel(column_axis, fontsize=9)
    if row_axis:
        axes.set_ylabel(row_axis, fontsize=9)
    if numbers:
        for i, j in np.ndindex(panel.cells.shape):
            text = cell_text(panel, i, j)
            if hidden[i, j] and panel.palette == "weights":
                continue  # a masked weight is no 0.00 among others
            axes.text(
                j,
                i,
                text,
                ha="center",
                va="center",
                fontsize=9 if len(text) < 5 else 8,
                color="black" if hidden[i, j] else _ink(image.get_array()[i, j]),
            )
    return image


def heat_maps(
    panels: Sequence[Panel],
    rows,
    columns,
    row_axis="query",
    column_axis="key",
    note="",
    alt="",
    text="",
    per_line=4,
    bar="",
) -> Picture:
    """Several heat maps of one size side by side, with one colour bar for each palette.

    bar: the name of the colour bar; "weight", "length" or "value" unless given
    """
    n_rows, n_columns = panels[0].cells.shape
    per_line = min(per_line, len(panels))
    n_lines = math.ceil(len(panels) / per_line)
    largest = max(n_rows, n_columns)
    numbers = largest * per_line <= 26 or any(panel.labels is not None for panel in panels)
    with_bar = ("weights", "signed", "lengths")
    bars = {(panel.palette, panel.limit): panel for panel in panels if panel.palette in with_bar}
    bars = bars if len(bars) <= 2 else {}  # limits of their own, which the note has to say
    panel_width = min(3.4, 8.6 / per_line)
    row_space = 0.08 * max(len(_short(word)) for word in rows) + 0.3
    column_space = 0.06 * max(len(_short(word)) for word in columns) + 0.5
    width = per_line * panel_width + 0.7 * len(bars) + 0.3
    panel_height = (panel_width - row_space) * n_rows / n_columns + column_space
    height = max(n_lines * panel_height + 0.45, 1.6)
    figure = Figure(figsize=(min(width, 9.4), height), layout="constrained")
    grid = figure.subplots(n_lines, per_line, squeeze=False)
    for i, (axes, panel) in enumerate(zip(grid.flat, panels)):
        lowest_in_column = i + per_line >= len(panels)
        draw_panel(
            axes,
            panel,
            rows,
            columns,
            row_axis if i % per_line == 0 else "",
            column_axis if lowest_in_column else "",
            numbers,
        )
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_axis_off()
    for panel in bars.values():
        scale = matplotlib.cm.ScalarMappable(
            matplotlib.colors.Normalize(panel.lowest, panel.limit), _PALETTES[panel.palette]
        )
        label = bar or {"weights": "weight", "lengths": "length"}.get(panel.palette, "value")
        figure.colorbar(scale, ax=grid, shrink=0.85, aspect=25, pad=0.02).set_label(label, fontsize=9)
    if note:
        figure.supxlabel(note, fontsize=9, color="#374151")
    alt = alt or "Heat maps: " + "; ".join(panel.title for panel in panels) + "."
    return Picture(figure, alt, text or numbers_text(panels, rows, columns, note))


def weight_maps(weights, queries, keys=None, titles=None, per_line=4) -> Picture:
    """Draw weights as heat maps: rows are queries, and each row sums to 1.

    weights: (n_queries, n_keys) or (n_heads, n_queries, n_keys)
    queries, keys: the words; keys are the queries' words unless given
    """
    panels = weight_panels(weights, titles)
    keys = queries if keys is None else keys
    return heat_maps(
        panels,
        queries,
        keys,
        note=row_sum_note(panels),
        alt=weights_alt(panels, queries, keys),
        per_line=per_line,
    )


def score_maps(
    scores: Mapping[str, np.ndarray], queries, keys=None, digits=0, row_axis="query", column_axis="key"
) -> Picture:
    """Draw signed numbers as heat maps, one for each title, all with the same limits."""
    keys = queries if keys is None else keys
    limit = max(score_panel(title, values).limit for title, values in scores.items())
    panels = [score_panel(title, values, limit, digits) for title, values in scores.items()]
    alt = (
        "Heat maps of "
        + "; ".join(
            f"{panel.title}, from {np.min(panel.cells):.{digits}f} to {np.max(panel.cells):.{digits}f}"
            for panel in panels
        )
        + "."
    )
    return heat_maps(panels, queries, keys, row_axis, column_axis, alt=alt)


def vector_grids(vectors: Mapping[str, np.ndarray]) -> Picture:
    """Vectors with a square number of coordinates as grids, row by row; the last one, the product, has limits of its own.

    vectors: name → (n,), n a square number
    """
    side = math.isqrt(len(next(iter(vectors.values()))))
    *first, last = [score_panel(name, np.reshape(vector, (side, side))) for name, vector in vectors.items()]
    shared = max((panel.limit for panel in first), default=1.0)
    panels = [score_panel(panel.title, panel.cells, shared) for panel in first] + [last]
    alt = (
        "Grids of coordinates: "
        + "; ".join(
            f"{panel.title}, from {panel.cells.min():.0f} to {panel.cells.max():.0f}, sum {panel.cells.sum():.0f}"
            for panel in panels
        )
        + "."
    )
    return heat_maps(
        panels, [str(side * i) for i in range(side)], [str(j) for j in range(side)], "", "", alt=alt
    )


def row_sum_note(panels: Sequence[Panel]) -> str:
    sums = np.concatenate([panel.cells.sum(axis=-1) for panel in panels])
    empty = int((np.abs(sums) < 0.5).sum())
    note = f"rows sum to {sums[np.abs(sums) >= 0.5].mean() if empty < len(sums) else 0:.3f} ✓"
    return note + (f" (all but {empty}: nothing to attend to, all zeros)" if empty else "")


def weights_alt(panels: Sequence[Panel], queries, keys) -> str:
    """A description made from the weights: for each head, what each word attends to most (the first words only, if there are many)."""
    parts = []
    for panel in panels[:8]:
        looks = [
            f"{_short(queries[i])} attends most to {_short(keys[row.argmax()])} ({row.max():.2f})"
            for i, row in enumerate(panel.cells[:4])
        ]
        parts.append(f"{panel.title}: " + ", ".join(looks))
    more = f" {len(panels) - 8} more heads are drawn." if len(panels) > 8 else ""
    return (
        f"Attention weights of {len(panels)} {'head' if len(panels) == 1 else 'heads'}, queries as rows, keys as columns. "
        + "; ".join(parts)
        + "."
        + more
    )


def numbers_text(panels: Sequence[Panel], rows, columns, note="") -> str:
    """The numbers of small panels as aligned text, and of large ones the largest in each row."""
    out = []
    for panel in panels:
        out.append(panel.title)
        if panel.cells.shape[1] <= 9:
            table = [
                [
                    cell_text(panel, i, j, 3 if panel.palette == "weights" else panel.digits)
                    for j in range(panel.cells.shape[1])
                ]
                for i in range(panel.cells.shape[0])
            ]
            head = [_short(word) for word in columns]
            widths = [max(len(head[j]), *(len(line[j]) for line in table)) for j in range(len(head))]
            left = max(len(_short(word)) for word in rows)
            out.append("  " + " " * left + "  " + "  ".join(word.rjust(w) for word, w in zip(head, widths)))
            out += [
                "  "
                + _short(rows[i]).ljust(left)
                + "  "
                + "  ".join(t.rjust(w) for t, w in zip(line, widths))
                for i, line in enumerate(table)
            ]
        else:
            left = max(len(_short(word)) for word in rows)
            out += [
                f"  {_short(rows[i]).ljust(left)}  most at {_short(columns[row.argmax()])}: {row.max():.3f}"
                for i, row in enumerate(panel.cells)
            ]
    return "\n".join(out + ([note] if note else []))


def cell_text(panel: Panel, i: int, j: int, digits: int | None = None) -> str:
    if panel.labels is not None:
        return panel.labels[i][j]
    value = panel.cells[i, j]
    if not np.isfinite(value):
        return "−∞" if value < 0 else "∞"
    if panel.palette in ("mask", "words"):
        return f"{value:.0f}"
    text = f"{value:.{panel.digits if digits is None else digits}f}"
    return text.lstrip("-") if float(text) == 0 else text  # no "-0.00"


def lines(
    x,
    curves: Mapping[str, Sequence[float]],
    x_label: str,
    y_label: str,
    title="",
    log_x=None,
    log_y=False,
    colours=(),
    marks=(),
    alt="",
    text="",
) -> Picture:
    """Curves over one axis. log_x: the base of a logarithmic x axis. marks: (x, y, what to write) triples."""
    figure = Figure(figsize=(7.4, 3.6), layout="constrained")
    axes = figure.subplots()
    styles = ["-", "--", ":", "-."]
    for i, (label, y) in enumerate(curves.items()):
        axes.plot(
            x,
            y,
            styles[i % 4],
            marker="o" if len(x) <= 20 else "",
            color=(list(colours) + [f"C{i}"] * 9)[i],
            label=label,
            lw=2,
        )
    for mark_x, mark_y, words in marks:
        axes.plot([mark_x], [mark_y], "o", color="#111827", zorder=5)
        axes.annotate(
            words, (mark_x, mark_y), xytext=(8, -4), textcoords="offset points", fontsize=9, va="top"
        )
    if log_x:
        axes.set_xscale("log", base=log_x)
        if len(x) <= 20:
            axes.set_xticks(list(x), [f"{value:g}" for value in x], minor=False)
    if log_y:
        axes.set_yscale("log")
    _finish(axes, x_label, y_label, title)
    if len(curves) > 1:
        axes.legend(frameon=False, fontsize=9)
    table = "\n".join(
        f"{label}: " + "  ".join(f"{v:.3f}" for v in np.asarray(y)[:: max(1, len(y) // 9)])
        for label, y in curves.items()
    )
    return Picture(
        figure,
        alt
        or f"{title or y_label} over {x_label}: "
        + "; ".join(f"{label} goes from {y[0]:.3g} to {y[-1]:.3g}" for label, y in curves.items())
        + ".",
        text or table,
    )


def bars(values: Mapping[str, float], y_label: str, title="", colours=(), digits=3, alt="") -> Picture:
    """One bar for each name, with its number written on it."""
    figure = Figure(figsize=(min(9.0, 2.4 + 1.15 * len(values)), 3.2), layout="constrained")
    axes = figure.subplots()
    drawn = axes.bar(
        list(values), list(values.values()), color=list(colours) or COLOURS["weights"], width=0.6
    )
    axes.bar_label(drawn, [f"{v:.{digits}f}" for v in values.values()], fontsize=9, padding=2)
    axes.margins(y=0.15)
    _finish(axes, "", y_label, title)
    listing = ", ".join(f"{name} {v:.{digits}f}" for name, v in values.items())
    return Picture(
        figure,
        alt or f"Bars of {y_label}: {listing}.",
        "\n".join(f"{name}: {v:.{digits}f}" for name, v in values.items()),
    )


def points(
    x, y, x_label: str, y_label: str, title="", names=(), filled=None, colour="weights", said=""
) -> Picture:
    """Points over two axes through zero.

    x, y:   (n,)
    names:  what to write beside each; "" for nothing
    filled: (n,), boolean; False draws a ring
    said:   what is seen, for the description and the text
    """
    figure = Figure(figsize=(6.0, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.axhline(0, color="#d1d5db", lw=1, zorder=0)
    axes.axvline(0, color="#d1d5db", lw=1, zorder=0)
    for i, (a, b) in enumerate(zip(x, y)):
        full = filled is None or filled[i]
        axes.plot(a, b, "o", ms=8, color=COLOURS[colour], alpha=0.8, fillstyle="full" if full else "none")
        if i < len(names) and names[i]:
            axes.annotate(names[i], (a, b), xytext=(8, 5), textcoords="offset points", fontsize=9)
    axes.margins(0.15)
    _finish(axes, x_label, y_label, title)
    return Picture(figure, f"{len(x)} points, {x_label} against {y_label}. {said}", said)


def projections(words: Sequence[str] = ("Thinking", "Machines")) -> Picture:
    """Each word vector x goes through W_Q, W_K and W_V and becomes a query, a key and a value."""
    figure, axes = _blank(7.6, 3.1, (0, 7.6), (-0.55, 3.05))
    for i, word in enumerate(words):
        y = 1.9 - 1.3 * i
        axes.text(0.55, y, word, ha="center", va="center", fontsize=10)
        _box(axes, 1.75, y, 1.1, 0.42, f"x{i + 1}  (512)", COLOURS["x"], size=9)
        for j, (letter, matrix, kind) in enumerate(
            (("q", "W_Q", "query"), ("k", "W_K", "key"), ("v", "W_V", "value"))
        ):
            x = 3.6 + 1.45 * j
            _box(axes, x, y, 1.05, 0.42, f"{letter}{i + 1}  (64)", COLOURS[kind], size=9)
            bow = f"arc3,rad={-0.18 if i == 0 else 0.18}"
            axes.add_patch(
                FancyArrowPatch(
                    (2.1, y + (0.22 if i == 0 else -0.22)),
                    (x, y + (0.23 if i == 0 else -0.23)),
                    connectionstyle=bow,
                    arrowstyle="-|>",
                    mutation_scale=9,
                    color=COLOURS[kind],
                    lw=1.3,
                    shrinkA=0,
                    shrinkB=0,
                )
            )
            axes.text(
                x, 1.25, f"· {matrix}  (512 × 64)", ha="center", va="center", fontsize=8, color=COLOURS[kind]
            )
    return Picture(
        figure,
        f"Each of {' and '.join(words)} has a vector x of 512 numbers; W_Q, W_K and W_V, the same for both words, turn it into a query q, a key k and a value v of 64 numbers.",
        "x → · W_Q → q,  x → · W_K → k,  x → · W_V → v   (for each word, with the same matrices)",
    )


def attention_pipeline(lit: str | None = None) -> Picture:
    """Scaled dot-product attention as five boxes, from left to right; lit is the step that is highlighted.

    lit: "MatMul", "Scale", "Mask", "SoftMax", "MatMul 2", or None for no highlight
    """
    steps = [
        ("MatMul", "scores", "Q Kᵀ"),
        ("Scale", "scores", "÷ √d_k"),
        ("Mask", "mask", "−∞ where not\nallowed (optional)"),
        ("SoftMax", "weights", "each row\nsums to 1"),
        ("MatMul 2", "output", "weights · V"),
    ]
    if lit is not None and lit not in [name for name, *_ in steps]:
        raise ValueError(f"lit must be one of {', '.join(name for name, *_ in steps)}, and got {lit!r}")
    figure, axes = _blank(8.8, 1.7, (-0.9, 9.7), (-0.95, 1.05))
    for i, (name, colour, says) in enumerate(steps):
        _box(
            axes, 1.9 * i + 0.6, 0.3, 1.3, 0.55, name.split()[0], COLOURS[colour], filled=lit in (None, name)
        )
        axes.text(
            1.9 * i + 0.6,
            -0.1,
            says,
            ha="center",
            va="top",
            fontsize=9,
            color="#111827" if lit in (None, name) else "#9ca3af",
        )
        _arrow(axes, (1.9 * i + 1.27, 0.3), (1.9 * i + 1.83, 0.3))
    for y, name, colour in ((0.5, "Q", "query"), (0.1, "K", "key")):
        axes.text(-0.75, y, name, ha="center", va="center", fontsize=12, weight="bold", color=COLOURS[colour])
        _arrow(axes, (-0.6, y), (-0.08, y), COLOURS[colour])
    axes.text(8.2, 0.97, "V", ha="center", va="center", fontsize=12, weight="bold", color=COLOURS["value"])
    _arrow(axes, (8.2, 0.85), (8.2, 0.59), COLOURS["value"])
    lit_words = f" {'The second MatMul' if lit == 'MatMul 2' else lit} is highlighted." if lit else ""
    return Picture(
        figure,
        "Scaled dot-product attention as five boxes in a row: MatMul of Q and K, Scale, optional Mask, SoftMax, and MatMul with V."
        + lit_words,
        " → ".join(f"[{name}]" if name == lit else name for name, *_ in steps),
    )


def multi_head_pipeline(n_heads: int = 8) -> Picture:
    """Multi-head attention: x goes through n_heads attentions side by side, which are concatenated and mixed by W_O."""
    figure, axes = _blank(8.6, 4.2, (0, 8.6), (-0.2, 4.4))
    _box(axes, 4.3, 0.15, 2.6, 0.5, "x  (n, d_model)", COLOURS["x"])
    xs = np.linspace(0.65, 7.95, n_heads)
    gap = 0.9 * (xs[1] - xs[0]) if n_heads > 1 else 2
    for i, x in enumerate(xs):
        _arrow(axes, (4.3, 0.42), (x, 0.98), "#9ca3af")
        for offset, letter, colour in ((-1, "Q", "query"), (0, "K", "key"), (1, "V", "value")):
            _box(axes, x + offset * gap / 3, 1.22, gap / 3.4, 0.42, letter, COLOURS[colour], size=8)
        _box(axes, x, 1.92, gap, 0.5, f"head {i}", COLOURS["weights"], size=8 if n_heads > 6 else 10)
        _arrow(axes, (x, 1.45), (x, 1.66))
        _arrow(axes, (x, 2.18), (x, 2.52), "#9ca3af")
    _box(axes, 4.3, 2.78, 7.9, 0.45, "concat: the heads side by side  (n, n_heads · d_v)", COLOURS["output"])
    _arrow(axes, (4.3, 3.02), (4.3, 3.32))
    _box(axes, 4.3, 3.55, 2.6, 0.42, "· W_O", COLOURS["scores"])
    _arrow(axes, (4.3, 3.77), (4.3, 4.0))
    axes.text(
        4.3,
        4.18,
        "output  (n, d_model)",
        ha="center",
        va="center",
        fontsize=11,
        color=COLOURS["output"],
        weight="bold",
    )
    return Picture(
        figure,
        f"Multi-head attention: x feeds {n_heads} heads, each with its own Q, K and V and its own attention; their results are put side by side and multiplied by W_O.",
        f"x → {n_heads} × (Q, K, V → attention) → concat → · W_O → output",
    )


def _finish(axes, x_label, y_label, title):
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.set_title(title, fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)


def _blank(width, height, xlim, ylim):
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=xlim, ylim=ylim)
    axes.set_axis_off()
    return figure, axes


def _box(axes, x, y, width, height, text, colour, filled=True, size=10):
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=colour if filled else "white",
            edgecolor=colour,
            lw=1.6,
        )
    )
    axes.text(
        x,
        y,
        text,
        ha="center",
        va="center",
        fontsize=size,
        color="white" if filled else colour,
        weight="bold",
    )


def _arrow(axes, start, end, colour="#374151"):
    axes.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=9, color=colour, lw=1.2, shrinkA=0, shrinkB=0
        )
    )


def _colours(panel: Panel) -> np.ndarray:
    cells = np.asarray(panel.cells, dtype=float)
    table = palette_table(panel.palette)
    if panel.palette == "words":
        return table[cells.astype(int) % 256]
    share = (cells - panel.lowest) / (panel.limit - panel.lowest)
    index = np.floor(np.clip(np.nan_to_num(share, nan=0, posinf=1, neginf=0), 0, 1) * 255 + 0.5).astype(int)
    colours = table[index]
    colours[~np.isfinite(cells)] = 229  # no number: light grey
    return colours


def _hidden(panel: Panel) -> np.ndarray:
    """Which cells are hatched: the masked ones, and scores of -inf."""
    minus_infinity = np.isneginf(np.asarray(panel.cells, dtype=float))
    return minus_infinity if panel.masked is None else minus_infinity | panel.masked


def _ink(colour) -> str:
    red, green, blue = (float(c) for c in colour[:3])
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "white"


def _short(word: str, longest: int = 12) -> str:
    return word if len(word) <= longest else word[: longest - 1] + "…"
