"""What every picture is: drawn under the course's own settings, with its numbers and its description."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from helpers.charts import GREY, plain

__all__ = ["Picture", "own_style"]

# Fonts for scripts that matplotlib's own font lacks, where they are installed.
_MORE_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Arial Unicode MS",
)
_STYLE = {
    "text.parse_math": False,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.05,
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "none"),
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color"), GREY
    ),
}


@lru_cache(maxsize=1)
def _fonts() -> tuple[str, ...]:
    installed = {font.name for font in fontManager.ttflist}
    return ("DejaVu Sans", *(name for name in _MORE_FONTS if name in installed))


@contextmanager
def own_style() -> Iterator[None]:
    """The settings under which every picture of the course is made and drawn, whatever the reader's own are.

    Use it around code, or as a decorator: @own_style()
    """
    with matplotlib.style.context(["default", {**_STYLE, "font.family": list(_fonts())}]):
        yield


class Picture:
    """A finished figure together with its numbers as text and its description."""

    def __init__(self, figure: Figure, alt: str, text: str | None = None):
        self.figure, self.alt, self.text = figure, plain(alt, keep="\n"), plain(text or alt, keep="\n")

    def png(self) -> bytes:
        buffer = io.BytesIO()
        FigureCanvasAgg(self.figure)
        with own_style(), warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "Glyph .* missing"
            )  # a box for a letter is better than a red page
            self.figure.draw_without_rendering()  # the first layout does not know the final size of the words
            self.figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None}, transparent=True)
        return buffer.getvalue()

    def _repr_mimebundle_(self, include=None, exclude=None):
        data = {"text/plain": self.text, "image/png": base64.b64encode(self.png()).decode()}
        return data, {"image/png": {"alt": self.alt}}
