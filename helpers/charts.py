"""Charts described once: what is drawn, in which colour, between which limits.

figures.py draws them with matplotlib for the page, widgets/svg.py as SVG for the live view.
Both take limits and ticks from here, and every word through plain() and short().
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "COLOURS",
    "SERIES",
    "Axis",
    "Bars",
    "Curve",
    "Curves",
    "contrast",
    "ink",
    "on_both",
    "plain",
    "short",
]

# One colour for one kind of thing, in every notebook. Each is dark enough for white words on it (4.5 : 1)
# and light enough to be seen on a dark page (3 : 1).
COLOURS = {
    "x": "#2a8050",
    "query": "#7b4fb5",
    "key": "#b85c00",
    "value": "#2b6cb0",
    "output": "#c8357c",
    "scores": "#6b7280",
    "mask": "#85705f",
    "weights": "#31688e",
}
# For curves that are none of these things: no colour of theirs, and a line style each, too.
SERIES = ("#0a7f86", "#b5432f", "#7a6a00", "#6b7280")
STYLES = ("line", "dashed", "dotted", "dashdot")
GREY = "#797979"  # for words on a page of unknown colour: 4.3 : 1 on white and on JupyterLab's dark page


@dataclass(frozen=True)
class Axis:
    """One direction of a chart, from low to high; logarithmic with the base log, or even with 0."""

    label: str
    low: float
    high: float
    log: float = 0
    marked: tuple[float, ...] = ()

    @classmethod
    def around(cls, values, label="", log=0.0, marked=(), low=None, high=None, margin=0.05) -> Axis:
        """An axis with all finite values on it, and some room at its ends where no limit is given."""
        found = np.asarray(values, dtype=float).ravel()
        found = found[np.isfinite(found) & ((found > 0) if log else True)]
        least, most = (found.min(), found.max()) if found.size else (1.0, 1.0)
        if log:
            room = max(most / least, 1.5) ** margin
            least, most = least / room, most * room
        else:
            room = margin * ((most - least) or abs(most) or 1.0)
            least, most = least - room, most + room
        return cls(label, least if low is None else low, most if high is None else high, log, tuple(marked))

    def ticks(self) -> list[tuple[float, str]]:
        """The numbers to mark, and how they are written."""
        if self.marked:
            found = list(self.marked)
        elif self.log:
            first, last = (math.log(end, self.log) for end in (self.low, self.high))
            every = max(1, math.ceil((last - first) / 8))
            found = [self.log**i for i in range(math.ceil(first - 1e-9), math.floor(last + 1e-9) + 1, every)]
        else:
            rough = (self.high - self.low) / 5
            power = 10 ** math.floor(math.log10(rough))
            step = next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * 0.999)
            found = [i * step for i in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        return [(value, f"{value:,.10g}".replace("-", "−")) for value in found]

    def share(self, value) -> Any:
        """Where a number stands, 0 at low and 1 at high; beyond the ends, at the end."""
        scale = np.log if self.log else np.asarray
        low, high = scale(self.low), scale(self.high)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = (scale(np.asarray(value, dtype=float)) - low) / (high - low)
        return np.clip(np.nan_to_num(found, nan=0.0, posinf=1.0, neginf=0.0), 0, 1)


@dataclass(frozen=True)
class Curve:
    """One line or one set of points of a chart.

    x, y:   (n,)
    style:  "line", "dashed", "dotted" or "dashdot"; "points", "hollow", "crosses" or "dot" for points alone
    marker: whether a line has its points marked
    spread: (n,), half the length of a bar through each point
    names:  (n,) words beside the points, "" for none
    """

    label: str
    x: Sequence[float] | np.ndarray
    y: Sequence[float] | np.ndarray
    colour: str = COLOURS["weights"]
    style: str = "line"
    marker: bool = False
    spread: Sequence[float] | np.ndarray = ()
    names: Sequence[str] = ()


@dataclass(frozen=True)
class Curves:
    """Curves or points over two axes. zero: lines at 0; equal: one unit is as long on both axes."""

    curves: Sequence[Curve]
    x: Axis
    y: Axis
    title: str = ""
    legend: bool = True
    zero: bool = False
    equal: bool = False


@dataclass(frozen=True)
class Bars:
    """A bar for each name, upright or across, with its number written beside it.

    values: (n,); texts: (n,), the numbers as they are written; colours: one, or (n,)
    low, high: the ends of the axis, where they don't follow from the values; log: its base, 0 for an even one
    """

    names: Sequence[str]
    values: Sequence[float] | np.ndarray
    label: str
    texts: Sequence[str] = ()
    colours: Sequence[str] = (COLOURS["weights"],)
    title: str = ""
    across: bool = False
    low: float | None = None
    high: float | None = None
    log: float = 0

    def axis(self) -> Axis:
        low, high = self.low, self.high
        if low is None:
            low = float(np.min(self.values)) / 1.5 if self.log else min(0.0, float(np.min(self.values)))
        if high is None:
            room = 1.45 if self.across else 1.15
            most = max(float(np.max(self.values)), low * 1.01 if self.log else 0.0) or 1.0
            high = low * (most / low) ** room if self.log else most * room
        return Axis(self.label, low, high, self.log)

    def colour(self, i: int) -> str:
        return self.colours[i % len(self.colours)]


def plain(text: object, keep: str = "") -> str:
    """A text that every page can show: � for lone surrogates, control characters and marks that turn a line.

    >>> plain("a\\x00b")
    'a�b'
    """
    turners = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    return "".join(
        "�" if c not in keep and (unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in turners) else c
        for c in str(text)
    )


def short(word: object, longest: int = 12) -> str:
    """A word that fits beside a map: its beginning and …, never half of an accented letter.

    >>> short("Donaudampfschifffahrt")
    'Donaudampfs…'
    """
    text = plain(word)
    if len(text) <= longest:
        return text
    end = longest - 1
    while end > 1 and (unicodedata.category(text[end])[0] == "M" or text[end] == text[end - 1] == "\u200d"):
        end -= 1
    return text[:end].rstrip("\u200d") + "…"


def luminance(colour) -> float:
    """The relative luminance of WCAG 2, of red, green and blue from 0 to 255, or of "#rrggbb"."""
    if isinstance(colour, str):
        colour = bytes.fromhex(colour.lstrip("#"))
    parts = [
        c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in map(float, colour[:3])
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, other) -> float:
    """The contrast of two colours by WCAG 2: 1 for the same, 21 for black on white."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def ink(colour) -> str:
    """Black or white, whichever is read more easily on this colour: the contrast is 4.58 at least."""
    return "#000000" if luminance(colour) > 0.179 else "#ffffff"


def on_both(colour: str) -> str:
    """The colour, mixed with grey until it is seen on a white page and on a dark one (3 : 1)."""
    parts = bytes.fromhex(colour.lstrip("#"))
    mixtures = (bytes(round(c + share * (121 - c)) for c in parts) for share in np.linspace(0, 1, 21))
    seen = (mixed for mixed in mixtures if min(contrast(mixed, page) for page in ("#ffffff", "#111111")) >= 3)
    return f"#{next(seen).hex()}"
