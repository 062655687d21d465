"""What all explorers share: they are live, and read as a picture and as text where they are not."""

from __future__ import annotations

import html

import ipywidgets as widgets

from helpers.figures import Picture
from helpers.widgets.accessible_controls import AccessibleControls
from helpers.widgets.controls import refuse_unknown, sentence_line, slider
from helpers.widgets.static_fallback import note, show_with_fallback, view_entry

__all__ = ["Explorer", "in_words", "slider", "sentence_line"]


class Explorer(widgets.VBox):
    """A box of controls and views. A subclass fills children, and says what is seen in picture().

    It is displayed as the live view, and, where that is dead, as a picture with
    a description and its numbers as text (what the tests compare), followed by a
    note with both: JupyterLab and most pages show nothing but the picture.
    """

    def __init__(self, children=(), **layout):
        refuse_unknown(type(self), layout)
        super().__init__([*children, AccessibleControls()], **layout)

    def picture(self) -> Picture:
        """What is shown now, drawn with matplotlib."""
        raise NotImplementedError

    def _ipython_display_(self):
        show_with_fallback(self, self._fallback())

    def _fallback(self):
        picture = self.picture()
        yield picture._repr_mimebundle_()
        yield (
            {
                "text/html": note(
                    in_words(picture, "In words and numbers, as at the start. Run the cell to change them.")
                )
            },
            {},
        )

    def _repr_mimebundle_(self, include=None, exclude=None):
        """Everything in one, for those who ask for a single output."""
        data, metadata = self.picture()._repr_mimebundle_()
        return {**data, **view_entry(self)}, metadata


def in_words(picture: Picture, summary: str) -> str:
    """A picture's description and numbers, folded away: many pages show neither of a picture."""
    words, numbers = html.escape(picture.alt), html.escape(picture.text)
    return (
        f"<details><summary>{summary}</summary><p>{words}</p>"
        f"<pre style='font-family: monospace'>{numbers}</pre></details>"
    )
