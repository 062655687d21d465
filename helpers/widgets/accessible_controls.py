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
    """Adds names and keyboard support to the controls of its parent box, and locks them when the kernel is gone.

    It shows nothing but that one sentence, above the box: "The kernel was restarted. Run this cell again."
    """

    _esm = _HERE / "accessible_controls.js"
    _css = """
        .noUi-handle:focus-visible { outline: 3px solid #3b82f6; outline-offset: 2px; }
        .tm-gone { order: -1; position: sticky; top: 0; z-index: 5; border-left: 5px solid #d9730d; padding: 6px 10px;
                   background: var(--jp-layout-color1, #fff); color: var(--jp-ui-font-color1, #000); font-weight: 600; }
    """

    def __init__(self):
        super().__init__(layout=widgets.Layout(display="none"))
        self.on_msg(lambda _, content, buffers: self.send(content))  # the page asks whether the kernel knows it
