"""What the sliders of ipywidgets lack: a name, the value that is read, a focus that is seen, and an End key that knows a new range."""

from __future__ import annotations

import pathlib

import anywidget
import ipywidgets as widgets

__all__ = ["SliderAid"]

_HERE = pathlib.Path(__file__).parent


class SliderAid(anywidget.AnyWidget):
    """Shows nothing. Mends every slider of the box that it is in."""

    _esm = _HERE / "slider_aid.js"
    _css = ".noUi-handle:focus-visible { outline: 3px solid #3b82f6; outline-offset: 2px; }"

    def __init__(self):
        super().__init__(layout=widgets.Layout(display="none"))
