"""Charts as SVG, for the live view: light enough to be sent at every move of a slider.

Every text and attribute is escaped in one place, tag(). The words take the page's own ink.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np

from helpers.charts import Axis, Bars, Curve, Curves, on_both, plain, short

__all__ = ["svg"]

INK = "var(--jp-ui-font-color1, currentColor)"
DASHES = {"dashed": "7 4", "dotted": "2 3", "dashdot": "8 3 2 3"}


def svg(charts: Sequence[Curves | Bars], widths: Sequence[int], height: int, description: str) -> str:
    """Charts side by side as one SVG picture.

    widths, height: in pixels at full size; the picture shrinks where there is less room
    """
    parts, left = [], 0
    for chart, width in zip(charts, widths):
        drawn = _bars(chart, width, height) if isinstance(chart, Bars) else _curves(chart, width, height)
        parts.append(tag("g", *drawn, transform=f"translate({left} 0)"))
        left += width
    look = {"font-family": "system-ui, sans-serif", "style": f"max-width:{left}px;display:block"}
    size = {"viewBox": f"0 0 {left} {height}", "width": "100%"}
    return tag("svg", *parts, **size, role="img", **{"aria-label": plain(description)}, **look)


def tag(name: str, *children: str, **attributes: Any) -> str:
    """One element around finished elements; attributes are escaped, and _ in their names is -."""
    given = "".join(f' {key}="{html.escape(str(value))}"' for key, value in attributes.items())
    return f"<{name}{given}>{''.join(children)}</{name}>"


def text(x: float, y: float, words: object, anchor="middle", size=12, **attributes: Any) -> str:
    look = {"font-size": size, "text-anchor": anchor, "fill": INK, **attributes}
    return tag("text", html.escape(plain(words)), x=f"{x:.1f}", y=f"{y:.1f}", **look)


def line(x1: float, y1: float, x2: float, y2: float, stroke=INK, **attributes: Any) -> str:
    ends = {"x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"}
    return tag("line", **ends, stroke=stroke, **attributes)


def _curves(chart: Curves, width: int, height: int) -> list[str]:
    named = [curve for curve in chart.curves if curve.label] if chart.legend else []
    top = 14 + 18 * bool(chart.title) + 17 * len(named)
    left, right, bottom = 52, width - 22, height - 40
    parts = [
        _title(chart.title, width),
        *_axis(chart.x, left, right, bottom),
        *_upright(chart.y, bottom, top, left, right),
    ]
    for i, curve in enumerate(named):
        y = top - 17 * (len(named) - i)
        sample = Curve(curve.label, (), (), curve.colour, curve.style, curve.marker)
        parts += [
            *_marks(sample, [left + 4, left + 30], [y, y]),
            text(left + 40, y + 4, curve.label, "start", 11),
        ]
    if chart.zero:
        x0, y0 = left + (right - left) * chart.x.share(0), bottom - (bottom - top) * chart.y.share(0)
        parts += [line(x0, top, x0, bottom, opacity=0.4), line(left, y0, right, y0, opacity=0.4)]
    for curve in chart.curves:
        across = left + (right - left) * chart.x.share(curve.x)
        up = bottom - (bottom - top) * chart.y.share(curve.y)
        for x, y, half in zip(across, np.asarray(curve.y), curve.spread):
            low, high = bottom - (bottom - top) * chart.y.share([y - half, y + half])
            parts.append(line(x, low, x, high, on_both(curve.colour), **{"stroke-width": 2}))
        parts += _marks(curve, across, up)
        parts += [
            text(x + 8, y - 6, name, "start", 11) for name, x, y in zip(curve.names, across, up) if name
        ]
    return parts


def _marks(curve: Curve, across, up) -> list[str]:
    """The line through the points, and the points themselves."""
    colour, parts = on_both(curve.colour), []
    points = list(zip(across, up))
    is_line = curve.style in ("line", *DASHES)
    if is_line:
        dash = {"stroke-dasharray": DASHES[curve.style]} if curve.style in DASHES else {}
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(tag("polyline", points=path, fill="none", stroke=colour, **{"stroke-width": 2}, **dash))
    if not is_line or curve.marker:
        if len(curve.x) == 0:
            points = [(np.mean(across), up[0])]  # in a legend
        if curve.style == "crosses":
            path = "".join(f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8" for x, y in points)
            return [*parts, tag("path", d=path, stroke=colour, fill="none", **{"stroke-width": 2})]
        fill = "none" if curve.style == "hollow" else colour
        radius = 6 if curve.style == "dot" else 4
        parts += [
            tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=radius, fill=fill, stroke=colour) for x, y in points
        ]
    return parts


def _bars(chart: Bars, width: int, height: int) -> list[str]:
    axis, n = chart.axis(), len(chart.names)
    top, texts = 12 + 18 * bool(chart.title), chart.texts or [""] * n
    parts = [_title(chart.title, width)]
    if chart.across:
        names = [short(name, 34) for name in chart.names]
        left, right, bottom = 14 + 6.4 * max(map(len, names)), width - 22, height - 40
        step = (bottom - top) / n
        for i, (name, share) in enumerate(zip(names, axis.share(chart.values))):
            y, length = top + step * (i + 0.5), (right - left) * share
            box = {"x": f"{left:.1f}", "y": f"{y - 0.3 * step:.1f}", "width": f"{length:.1f}"}
            parts.append(tag("rect", **box, height=f"{0.6 * step:.1f}", fill=on_both(chart.colour(i))))
            parts += [text(left - 6, y + 4, name, "end"), text(left + length + 5, y + 4, texts[i], "start")]
        return [*parts, *_axis(axis, left, right, bottom)]
    left, right, bottom = 52, width - 10, height - 28
    step = (right - left) / n
    parts += _upright(axis, bottom, top, left, right)
    for i, (name, share) in enumerate(zip(chart.names, axis.share(chart.values))):
        x, tall = left + step * (i + 0.5), (bottom - top) * share
        box = {"x": f"{x - 0.3 * step:.1f}", "y": f"{bottom - tall:.1f}", "width": f"{0.6 * step:.1f}"}
        parts.append(tag("rect", **box, height=f"{tall:.1f}", fill=on_both(chart.colour(i))))
        parts.append(text(x, bottom - tall - 5, texts[i], **{"font-weight": "bold"}))
        parts.append(text(x, bottom + 17, short(name, max(4, int(step / 7)))))
    return [*parts, line(left, bottom, right, bottom)]


def _title(words: str, width: int) -> str:
    return text(width / 2, 16, words, size=13, **{"font-weight": "bold"}) if words else ""


def _axis(axis: Axis, left: float, right: float, bottom: float) -> list[str]:
    """The axis at the foot, with its numbers and its name."""
    parts = [line(left, bottom, right, bottom)]
    for value, written in axis.ticks():
        x = left + (right - left) * axis.share(value)
        parts += [line(x, bottom, x, bottom + 4), text(x, bottom + 17, written, size=11)]
    return [*parts, text((left + right) / 2, bottom + 33, axis.label)]


def _upright(axis: Axis, bottom: float, top: float, left: float, right: float) -> list[str]:
    """The axis at the left, with its numbers, its name and faint lines."""
    parts = [line(left, bottom, left, top)]
    for value, written in axis.ticks():
        y = bottom - (bottom - top) * axis.share(value)
        parts += [line(left - 4, y, left, y), text(left - 7, y + 4, written, "end", 11)]
        parts.append(line(left, y, right, y, opacity=0.15))
    middle = (top + bottom) / 2
    return [*parts, text(13, middle, axis.label, transform=f"rotate(-90 13 {middle:.1f})")]
