"""The pictures of the course, drawn with matplotlib.

Functions named draw_… draw onto axes and return the artists. The others build
a whole picture and return it as a Picture: show it by ending a cell with it.
A Picture carries a text with its numbers and a description for those who
cannot see it, so it reads everywhere and its numbers can be compared.

Pictures are transparent, and their words and lines are of a grey and of colours
that are seen on a white page and on a dark one. Nothing in them follows the
reader's own matplotlib settings, and every word is shown as it is, never as a formula.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import matplotlib
import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from helpers.charts import (
    COLOURS,
    GREY,
    SERIES,
    STYLES,
    Axis,
    Bars,
    Curve,
    Curves,
    ink,
    on_both,
    plain,
    short,
)
from helpers.diagrams import attention_pipeline, course_map, multi_head_pipeline, projections
from helpers.pictures import Picture, own_style

__all__ = [
    "COLOURS",
    "Map",
    "Panel",
    "Picture",
    "attention_pipeline",
    "bars",
    "cell_text",
    "course_map",
    "draw_panel",
    "heat_maps",
    "layer_maps",
    "lines",
    "multi_head_pipeline",
    "numbers_text",
    "own_style",
    "palette_table",
    "panel_colours",
    "points",
    "projections",
    "row_sum_note",
    "score_maps",
    "score_panel",
    "sheet",
    "vector_grids",
    "weight_maps",
    "weight_panels",
    "weights_alt",
]

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


@dataclass(frozen=True)
class Map:
    """A panel with its words, as a chart of a sheet. frame: the row that has a frame."""

    panel: Panel
    rows: Sequence[str]
    columns: Sequence[str]
    row_axis: str = ""
    column_axis: str = ""
    numbers: bool = True
    frame: int | None = None


def palette_table(name: str) -> np.ndarray:
    """A palette's colours, (256, 3) bytes from lowest to highest; for "words" entry i is word i's colour."""
    colours = matplotlib.colormaps[_PALETTES[name]]
    positions = np.arange(256) % colours.N if name == "words" else np.linspace(0, 1, 256)
    return np.round(colours(positions)[:, :3] * 255).astype(np.uint8)


def weight_panels(weights: np.ndarray, titles: Sequence[str] | None = None) -> list[Panel]:
    """One panel a head, refused unless every row sums to 1 (or to 0, where a query may attend to nothing).

    weights: (n_queries, n_keys) or (n_heads, n_queries, n_keys)
    """
    weights = np.asarray(weights, dtype=float)
    if weights.ndim not in (2, 3):
        raise ValueError(
            "weights need the shape (n_queries, n_keys) or (n_heads, n_queries, n_keys), "
            f"and got {weights.shape}"
        )
    stack = weights.reshape(-1, *weights.shape[-2:])
    sums = stack.sum(axis=-1)
    wrong = np.argwhere((np.abs(sums - 1) > ROW_SUM_TOLERANCE) & (np.abs(sums) > ROW_SUM_TOLERANCE))
    if len(wrong):
        head, row = wrong[0]
        of_head = f" of head {head}" if weights.ndim == 3 else ""
        raise ValueError(
            f"these are not weights: row {row}{of_head} sums to {sums[head, row]:.3f}, "
            "and each row must sum to 1; was softmax taken over the keys (axis=-1)?"
        )
    if titles is None:
        titles = [f"head {i}" for i in range(len(stack))] if weights.ndim == 3 else ["weights"]
    return [Panel(title, cells) for title, cells in zip(titles, stack, strict=True)]


def score_panel(title: str, scores: np.ndarray, limit: float | None = None, digits: int = 0) -> Panel:
    """A panel of signed numbers with colour limits that are the same on both sides of zero."""
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
    colours = panel_colours(panel)
    image = axes.imshow(colours, aspect="equal", interpolation="nearest", origin="upper")
    hidden = _hidden(panel)
    if hidden.any():
        corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
        cells = [corners + (j, i) for i, j in np.argwhere(hidden)]
        axes.add_collection(
            PolyCollection(cells, facecolors="white", edgecolors="#9ca3af", hatch="////", lw=0)
        )
    axes.set_title(plain(panel.title, keep="\n") + (" (off)" if panel.dim else ""))
    axes.set_xticks(range(len(columns)), [short(word) for word in columns], fontsize=8)
    axes.set_yticks(range(len(rows)), [short(word) for word in rows], fontsize=8)
    if sum(len(short(word)) for word in columns) > 16 or len(columns) > 8:
        axes.tick_params(axis="x", labelrotation=60)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(True)
    axes.spines[:].set_alpha(0.4)
    axes.set(xlabel=plain(column_axis), ylabel=plain(row_axis))
    if numbers:
        for i, j in np.ndindex(panel.cells.shape):
            if hidden[i, j] and panel.palette == "weights":
                continue  # a masked weight is no 0.00 among others
            text = plain(cell_text(panel, i, j))
            if panel.labels is None and not text.strip("-0."):
                text = "0"  # ninety times 0.00 would hide the others
            colour = "black" if hidden[i, j] else ink(colours[i, j])
            size = 9 if len(text) < 5 else 8
            axes.text(j, i, text, ha="center", va="center", fontsize=size, color=colour)
    return image


@own_style()
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
    """Several heat maps of one size side by side, with a named colour bar for each scale.

    bar: the name of the colour bar where there is one: "weight", "length" or "number" unless given
    """
    n_rows, n_columns = panels[0].cells.shape
    per_line = min(per_line, len(panels))
    n_lines = math.ceil(len(panels) / per_line)
    largest = max(n_rows, n_columns)
    numbers = largest * per_line <= 26 or any(panel.labels is not None for panel in panels)
    scales: dict[tuple[str, float], list[Panel]] = {}
    for panel in panels:
        if panel.palette in ("weights", "signed", "lengths"):
            scales.setdefault((panel.palette, panel.limit), []).append(panel)
    scales = scales if len(scales) <= 2 else {}  # limits of their own, which the note has to say
    panel_width = min(3.4, 8.6 / per_line)
    row_space = 0.08 * max(len(short(word)) for word in rows) + 0.3
    column_space = 0.06 * max(len(short(word)) for word in columns) + 0.5
    cell = min((panel_width - row_space) / n_columns, 4.2 / n_rows, 0.8)  # no tall map, no huge cell
    panel_width = max(cell * n_columns + row_space, min(panel_width, 2.2))
    width = min(per_line * panel_width + 0.7 * len(scales) + 0.3, 9.4)
    panel_height = cell * n_rows + column_space
    titles = [textwrap.fill(plain(panel.title), max(12, int(11.5 * panel_width))) for panel in panels]
    title_lines = max(title.count("\n") for title in titles)
    height = max(n_lines * (panel_height + 0.17 * title_lines) + 0.6, 1.7)
    note = _wrapped(note, width)
    figure = Figure(figsize=(width, height + 0.17 * note.count("\n")), layout="constrained")
    grid = figure.subplots(n_lines, per_line, squeeze=False)
    for i, (axes, panel, title) in enumerate(zip(grid.flat, panels, titles)):
        first, lowest = i % per_line == 0, i + per_line >= len(panels)
        names = (row_axis if first else "", column_axis if lowest else "")
        draw_panel(axes, replace(panel, title=title), rows, columns, *names, numbers)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_axis_off()
    for palette, limit in reversed(scales):  # each takes its room at the right of the grids
        (of, *others), colours = scales[palette, limit], _PALETTES[palette]
        scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(of.lowest, limit), colours)
        name = bar or {"weights": "weight", "lengths": "length"}.get(palette, "number")
        if len(scales) > 1:
            name = ", ".join(short(panel.title, 24) for panel in (of, *others)[:3])
        figure.colorbar(scale, ax=grid, shrink=0.85, aspect=25, pad=0.02).set_label(name)
    if note:
        figure.supxlabel(note, fontsize=9)
    alt = alt or "Heat maps: " + "; ".join(panel.title for panel in panels) + "."
    return Picture(figure, alt, text or numbers_text(panels, rows, columns, note))


def weight_maps(
    weights, queries, keys=None, titles=None, per_line=4, row_axis="query", column_axis="key"
) -> Picture:
    """Draw weights as heat maps: rows are queries, and each row sums to 1.

    weights: (n_queries, n_keys) or (n_heads, n_queries, n_keys)
    queries, keys: the words; keys are the queries' words unless given
    """
    panels = weight_panels(weights, titles)
    keys = queries if keys is None else keys
    alt, note = weights_alt(panels, queries, keys), row_sum_note(panels)
    return heat_maps(panels, queries, keys, row_axis, column_axis, note, alt, per_line=per_line)


@own_style()
def layer_maps(weights, tokens: Sequence[str]) -> Picture:
    """Every head of every layer at a glance: a row of small attention maps for each layer, without words.

    weights: (n_layers, n_heads, n, n), refused unless every row sums to 1
    tokens:  n strings, for the text and the description
    """
    weights = np.asarray(weights, dtype=float)
    if weights.ndim != 4 or weights.shape[2:] != (len(tokens), len(tokens)):
        raise ValueError(
            f"weights need the shape (n_layers, n_heads, n, n) with one n for each of the {len(tokens)} "
            f"tokens, and got {weights.shape}"
        )
    n_layers, n_heads, n, _ = weights.shape
    panels = [panel for layer in weights for panel in weight_panels(layer)]
    step = n + max(1, n // 8)  # from one map to the next, in cells
    picture = np.zeros((n_layers * step, n_heads * step, 4), np.uint8)  # clear between the maps
    for (layer, head), panel in zip(np.ndindex(n_layers, n_heads), panels):
        rows, columns = (slice(at * step, at * step + n) for at in (layer, head))
        picture[rows, columns, :3], picture[rows, columns, 3] = panel_colours(panel), 255
    figure = Figure(figsize=(9.2, 8.2 * n_layers / n_heads + 0.7), layout="constrained")
    axes = figure.subplots()
    axes.imshow(picture, interpolation="nearest")
    for name, count, set_ticks in (("head", n_heads, axes.set_xticks), ("layer", n_layers, axes.set_yticks)):
        set_ticks(np.arange(count) * step + (n - 1) / 2, [f"{name} {i}" for i in range(count)], fontsize=8)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(0, 1), _PALETTES["weights"])
    figure.colorbar(scale, ax=axes, shrink=0.7, aspect=30, pad=0.02).set_label("weight")
    note = f"each small square is a map: rows queries, columns keys, {row_sum_note(panels)}"
    figure.supxlabel(note, fontsize=9)
    most = [[short(tokens[at]) for at in layer.mean(axis=1).argmax(axis=-1)] for layer in weights]
    table = [f"layer {i}: {' '.join(names)}" for i, names in enumerate(most)]
    text = "\n".join(["the token that gets the most weight, head by head", *table, note])
    favourite = max(tokens, key=[name for names in most for name in names].count)
    alt = (
        f"{n_layers * n_heads} small attention maps of {n} tokens, a row of {n_heads} heads for each of "
        f"{n_layers} layers. In {sum(names.count(short(favourite)) for names in most)} of them "
        f"{favourite} gets the most weight."
    )
    return Picture(figure, alt, text)


def score_maps(
    scores: Mapping[str, np.ndarray], queries, keys=None, digits=0, row_axis="query", column_axis="key"
) -> Picture:
    """Draw signed numbers as heat maps, one for each title, all with the same limits."""
    keys = queries if keys is None else keys
    limit = max(score_panel(title, values).limit for title, values in scores.items())
    panels = [score_panel(title, values, limit, digits) for title, values in scores.items()]
    alt = f"Heat maps of {'; '.join(_range(panel) for panel in panels)}."
    return heat_maps(panels, queries, keys, row_axis, column_axis, alt=alt)


def vector_grids(vectors: Mapping[str, np.ndarray]) -> Picture:
    """Vectors as square grids, row by row; the last one, the product, has limits of its own.

    vectors: name → (n,), n a square number
    """
    side = math.isqrt(len(next(iter(vectors.values()))))
    *first, last = [score_panel(name, np.reshape(vector, (side, side))) for name, vector in vectors.items()]
    shared = max((panel.limit for panel in first), default=1.0)
    panels = [replace(panel, limit=shared) for panel in first] + [last]
    listing = "; ".join(f"{_range(panel)}, sum {panel.cells.sum():.0f}" for panel in panels)
    rows, columns = [str(side * i) for i in range(side)], [str(j) for j in range(side)]
    return heat_maps(panels, rows, columns, "", "", alt=f"Grids of coordinates: {listing}.")


def _range(panel: Panel) -> str:
    digits = panel.digits
    return f"{panel.title}, from {np.min(panel.cells):.{digits}f} to {np.max(panel.cells):.{digits}f}"


def row_sum_note(panels: Sequence[Panel]) -> str:
    sums = np.concatenate([panel.cells.sum(axis=-1) for panel in panels])
    empty = int((np.abs(sums) < 0.5).sum())
    note = f"rows sum to {sums[np.abs(sums) >= 0.5].mean() if empty < len(sums) else 0:.3f} ✓"
    return note + (f" (all but {empty}: nothing to attend to, all zeros)" if empty else "")


def weights_alt(panels: Sequence[Panel], queries, keys) -> str:
    """A description made from the weights: what each of the first words attends to most, by head."""
    parts = []
    for panel in panels[:8]:
        most = [
            f"{short(queries[i])} attends most to {short(keys[j])} ({panel.cells[i, j]:.2f})"
            for i, j in enumerate(_largest_seen(panel)[:4])
        ]
        parts.append(f"{panel.title}: {', '.join(most)}")
    more = f" {len(panels) - 8} more heads are drawn." if len(panels) > 8 else ""
    heads = "1 head" if len(panels) == 1 else f"{len(panels)} heads"
    return f"Attention weights of {heads}, queries as rows, keys as columns. {'; '.join(parts)}.{more}"


def numbers_text(panels: Sequence[Panel], rows, columns, note="") -> str:
    """The numbers of small panels as aligned text, and of large ones the largest in each row."""
    rows, columns, out = [short(word) for word in rows], [short(word) for word in columns], []
    left = max(map(len, rows))
    for panel in panels:
        out.append(panel.title)
        if len(columns) > 9:
            out += [
                f"  {rows[i].ljust(left)}  most at {columns[j]}: {panel.cells[i, j]:.3f}"
                for i, j in enumerate(_largest_seen(panel))
            ]
            continue
        digits = 3 if panel.palette == "weights" else panel.digits
        table = [[cell_text(panel, i, j, digits) for j in range(len(columns))] for i in range(len(rows))]
        widths = [max(map(len, column)) for column in zip(columns, *table)]
        for word, line in zip(["", *rows], [columns, *table]):
            out.append("  " + "  ".join([word.ljust(left), *(t.rjust(w) for t, w in zip(line, widths))]))
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
    alt="",
    text="",
) -> Picture:
    """Curves over one axis. log_x: the base of a logarithmic x axis."""
    colours = [*colours, *SERIES * len(curves)]
    drawn = [
        Curve(label, x, y, colours[i], STYLES[i % len(STYLES)], marker=len(x) <= 20)
        for i, (label, y) in enumerate(curves.items())
    ]
    x_axis = Axis.around(x, x_label, log_x or 0, tuple(x) if log_x and len(x) <= 20 else ())
    y_axis = Axis.around([curve.y for curve in drawn], y_label, 10 if log_y else 0)
    table = "\n".join(
        f"{label}: " + "  ".join(f"{v:.3f}" for v in np.asarray(y)[:: max(1, len(y) // 9)])
        for label, y in curves.items()
    )
    ends = "; ".join(f"{label} goes from {y[0]:.3g} to {y[-1]:.3g}" for label, y in curves.items())
    chart = Curves(drawn, x_axis, y_axis, title, legend=len(curves) > 1)
    return sheet(
        [[chart]], (7.4, 3.6), alt=alt or f"{title or y_label} over {x_label}: {ends}.", text=text or table
    )


def bars(values: Mapping[str, float], y_label: str, title="", colours=(), digits=3, alt="") -> Picture:
    """One bar for each name, with its number written on it."""
    texts = [f"{v:.{digits}f}" for v in values.values()]
    colours = tuple(colours) or (COLOURS["weights"],)
    chart = Bars(list(values), list(values.values()), y_label, texts, colours, title)
    listing = [f"{name} {text}" for name, text in zip(values, texts)]
    alt = alt or f"Bars of {y_label}: {', '.join(listing)}."
    text = "\n".join(f"{name}: {text}" for name, text in zip(values, texts))
    return sheet([[chart]], (min(9.0, 2.4 + 1.15 * len(values)), 3.2), alt=alt, text=text)


def points(
    x, y, x_label: str, y_label: str, title="", names=(), filled=None, colour="weights", said=""
) -> Picture:
    """Points over two axes through zero.

    x, y:   (n,)
    names:  what to write beside each; "" for nothing
    filled: (n,), boolean; False draws a ring
    said:   what is seen, for the description and the text
    """
    x, y, names = np.asarray(x), np.asarray(y), list(names) or [""] * len(x)
    kinds = np.ones(len(x), dtype=bool) if filled is None else np.asarray(filled)
    drawn = [
        Curve("", x[kind], y[kind], COLOURS[colour], style, names=[n for n, k in zip(names, kind) if k])
        for style, kind in (("points", kinds), ("hollow", ~kinds))
    ]
    across, up = (Axis.around([*v, 0], label, margin=0.14) for v, label in ((x, x_label), (y, y_label)))
    chart = Curves(drawn, across, up, title, legend=False, zero=True)
    return sheet(
        [[chart]], (6.0, 4.2), alt=f"{len(x)} points, {x_label} against {y_label}. {said}", text=said
    )


@own_style()
def sheet(
    rows: Sequence[Sequence[Map | Curves | Bars | Callable | None]],
    size: tuple[float, float],
    heights: Sequence[float] | None = None,
    widths: Sequence[Sequence[float] | None] | None = None,
    note="",
    alt="",
    text="",
) -> Picture:
    """Charts in rows, as one picture.

    rows:    the charts; None leaves a place empty, and a function draws onto the axes that it is given
    size:    width and height in inches
    heights: of the rows, widths: of the charts of each row, as shares
    """
    note, heights = _wrapped(note, size[0]), list(heights or [1] * len(rows))
    if note:  # in a place of its own, or the last row would have to make room
        share = 0.18 * (note.count("\n") + 1.5) / size[1]
        heights.append(sum(heights) * share / (1 - share))
    figure = Figure(figsize=size, layout="constrained")
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for i, (part, charts) in enumerate(zip(parts, rows)):
        grid = part.subplots(1, len(charts), squeeze=False, width_ratios=widths[i] if widths else None)
        for axes, chart in zip(grid.flat, charts):
            draw(axes, chart)
    if note:
        parts[-1].text(0.5, 0.6, note, ha="center", va="center", fontsize=9)
    return Picture(figure, alt, text)


def draw(axes, chart: Map | Curves | Bars | Callable | None) -> None:
    """Draw one chart onto axes."""
    if chart is None:
        axes.set_axis_off()
    elif isinstance(chart, Map):
        words = (chart.rows, chart.columns, chart.row_axis, chart.column_axis)
        draw_panel(axes, chart.panel, *words, chart.numbers)
        if chart.frame is not None:
            place, colour = (-0.5, chart.frame - 0.5), COLOURS["output"]
            axes.add_patch(Rectangle(place, len(chart.columns), 1, fill=False, edgecolor=colour, lw=2))
    elif isinstance(chart, Curves):
        _draw_curves(axes, chart)
    elif isinstance(chart, Bars):
        _draw_bars(axes, chart)
    else:
        chart(axes)


_LINES = {"line": "-", "dashed": "--", "dotted": ":", "dashdot": "-."}
_POINTS = {"points": "o", "hollow": "o", "crosses": "x", "dot": "o"}


def _draw_curves(axes, chart: Curves) -> None:
    for curve in chart.curves:
        look: dict[str, Any] = {"color": on_both(curve.colour), "label": plain(curve.label) or None}
        if curve.style in _LINES:
            look |= {"ls": _LINES[curve.style], "marker": "o" if curve.marker else ""}
        else:
            look |= {"ls": "", "marker": _POINTS[curve.style], "ms": 9 if curve.style == "dot" else 7}
            look |= {"fillstyle": "none" if curve.style == "hollow" else "full", "mew": 1.5, "zorder": 4}
        if len(curve.spread):
            axes.errorbar(curve.x, curve.y, curve.spread, capsize=4, **look)
        else:
            axes.plot(curve.x, curve.y, **look)
        for name, x, y in zip(curve.names, curve.x, curve.y):
            axes.annotate(plain(name), (x, y), xytext=(7, 4), textcoords="offset points", fontsize=8)
    if chart.zero:
        axes.axhline(0, color=GREY, lw=0.8, alpha=0.6, zorder=0)
        axes.axvline(0, color=GREY, lw=0.8, alpha=0.6, zorder=0)
    _set_axis(axes, "x", chart.x)
    _set_axis(axes, "y", chart.y)
    axes.set_title(plain(chart.title))
    axes.grid(axis="y", alpha=0.3)
    if chart.legend:
        axes.legend(loc="best")


def _draw_bars(axes, chart: Bars) -> None:
    places, colours = np.arange(len(chart.names)), [on_both(chart.colour(i)) for i in range(len(chart.names))]
    names = [short(name, 34 if chart.across else 14) for name in chart.names]
    if chart.across:
        drawn = axes.barh(places, chart.values, color=colours, height=0.6)
        axes.set_yticks(places, names)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(places) - 0.4, -0.6)
    else:
        drawn = axes.bar(places, chart.values, color=colours, width=0.6)
        axes.set_xticks(places, names)
        axes.tick_params(axis="x", length=0)
        axes.set_xlim(-0.6, len(places) - 0.4)
        axes.grid(axis="y", alpha=0.3)
        if sum(map(len, names)) > 90:
            axes.tick_params(axis="x", labelrotation=35)
            for label in axes.get_xticklabels():
                label.set(ha="right", rotation_mode="anchor")
    if chart.texts:
        axes.bar_label(drawn, [plain(text) for text in chart.texts], padding=3)
    _set_axis(axes, "x" if chart.across else "y", chart.axis())
    axes.set_title(plain(chart.title))


def _set_axis(axes, name: str, axis: Axis) -> None:
    if axis.log:
        axes.set(**{f"{name}scale": matplotlib.scale.LogScale(getattr(axes, f"{name}axis"), base=axis.log)})
    ticks = axis.ticks()
    axes.set(**{f"{name}lim": (axis.low, axis.high), f"{name}label": plain(axis.label)})
    getattr(axes, f"set_{name}ticks")([value for value, _ in ticks], [written for _, written in ticks])
    getattr(axes, f"set_{name}ticks")([], minor=True)


def _wrapped(note: str, width: float) -> str:
    """A note as wide as the picture, in inches."""
    return "\n".join(textwrap.fill(line, int(14.5 * width)) for line in plain(note, keep="\n").split("\n"))


def panel_colours(panel: Panel) -> np.ndarray:
    """The colour of each cell as it is drawn, (rows, columns, 3) bytes: faint ones are mixed with grey."""
    cells = np.asarray(panel.cells, dtype=float)
    table = palette_table(panel.palette)
    if panel.palette == "words":
        colours = table[cells.astype(int) % 256]
    else:
        share = (cells - panel.lowest) / (panel.limit - panel.lowest)
        share = np.clip(np.nan_to_num(share, nan=0, posinf=1, neginf=0), 0, 1)
        colours = table[np.floor(share * 255 + 0.5).astype(int)]
    colours[~np.isfinite(cells)] = 229  # no number: light grey
    faint = np.isin(np.arange(len(cells)), panel.faint) | panel.dim
    colours[faint] = np.round(0.35 * colours[faint] + 0.65 * 140)
    return colours


def _hidden(panel: Panel) -> np.ndarray:
    """Which cells are hatched: the masked ones, and scores of -inf."""
    minus_infinity = np.isneginf(np.asarray(panel.cells, dtype=float))
    return minus_infinity if panel.masked is None else minus_infinity | panel.masked


def _largest_seen(panel: Panel) -> np.ndarray:
    """The column of the largest cell in each row, the hatched ones left out: (rows,)."""
    return np.where(_hidden(panel), -np.inf, panel.cells).argmax(axis=-1)
