"""What the controls of ipywidgets lack.

Sliders lack a name, the value that is read, a focus that is seen, and an End key that
knows a new range. Radio buttons and lists lack their arrow keys: JupyterLab takes them
to go from cell to cell. And no control tells that the kernel behind it is gone: what is
typed or chosen then would be lost without a word.
"""

from __future__ import annotations

import pathlib

import anywidget
import ipywidgets as widgets

__all__ = ["AccessibleControls"]

_HERE = pathlib.Path(__file__).parent


class AccessibleControls(anywidget.AnyWidget):
    """Adds names and keyboard support to the controls of its parent box, and locks them if the kernel goes.

    All it ever shows is one sentence, above the box: "The kernel was restarted. Run this cell again."
    """

    _esm = _HERE / "accessible_controls.js"
    _css = _HERE / "accessible_controls.css"

    def __init__(self):
        super().__init__(layout=widgets.Layout(display="none"))
        self.on_msg(
            lambda _, content, buffers: self.send(content)
        )  # the page asks whether the kernel knows it
