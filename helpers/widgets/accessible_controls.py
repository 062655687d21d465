"""What the controls of ipywidgets lack.

Sliders lack a name, the value that is read, a focus that is seen, and an End key that
knows a new range. Radio buttons and lists lack their arrow keys: JupyterLab takes them
to go from cell to cell.
"""

from __future__ import annotations

import pathlib

import anywidget
import ipywidgets as widgets

__all__ = ["AccessibleControls"]

_HERE = pathlib.Path(__file__).parent


class AccessibleControls(anywidget.AnyWidget):
    """Shows nothing. Mends every slider, radio button and list of the box that it is in."""

    _esm = _HERE / "accessible_controls.js"
    _css = ".noUi-handle:focus-visible { outline: 3px solid #3b82f6; outline-offset: 2px; }"

    def __init__(self):
        super().__init__(layout=widgets.Layout(display="none"))
