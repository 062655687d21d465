"""Static fallbacks: what stands in a live view's place where no kernel runs it.

A live view is an output of its own, and its fallback the outputs that follow it.
JupyterLab hides the fallback while the view lives, and the dead view otherwise:
a notebook opened anew without its kernel knows the views' names, not the views.
"""

from __future__ import annotations

from collections.abc import Iterable

import ipywidgets as widgets
from IPython.display import display

__all__ = ["VIEW", "view_entry", "show_with_fallback", "note"]

VIEW = "application/vnd.jupyter.widget-view+json"
_OUTPUT = ":is(.jp-OutputArea-child, .output_container)"  # in JupyterLab, Notebook and Voilà; in VS Code
_VIEW_LIVES = f"{_OUTPUT}:has(.tm-live)"
_VIEW_IS_DEAD = (
    f"{_OUTPUT}:has(> .lm-Panel):not(:has(.tm-live))"  # the panel for a view, with a text or nothing in it
)
# The note is the fallback's last output, and a picture may stand between the view and the note.
_STYLE = (
    f"<style>{_VIEW_IS_DEAD}:has(+ {_OUTPUT} .tm-note, + {_OUTPUT} + {_OUTPUT} .tm-note), "
    f"{_VIEW_LIVES} + {_OUTPUT}:has(.tm-note), "
    f"{_VIEW_LIVES} + {_OUTPUT}:has(+ {_OUTPUT} .tm-note), "
    f"{_VIEW_LIVES} + {_OUTPUT} + {_OUTPUT}:has(.tm-note) {{ display: none; }}</style>"
)


def view_entry(widget: widgets.DOMWidget) -> dict:
    """The entry of an output that stands for a widget's live view."""
    return {VIEW: {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}}


def show_with_fallback(widget: widgets.DOMWidget, fallback: Iterable[tuple[dict, dict]]) -> None:
    """Display the live view, then one or two static outputs as (data, metadata), the last with a note()."""
    widget.add_class("tm-live")
    display(view_entry(widget), raw=True)
    for data, metadata in fallback:  # drawn after the view is on its way
        display(data, metadata=metadata, raw=True)


def note(markup: str) -> str:
    """The HTML of a fallback's last output, which brings the rules that hide what is not needed."""
    return f'<div class="tm-note">{markup}</div>{_STYLE}'
