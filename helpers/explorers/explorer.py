"""What all explorers share: one output that reads as text, as a picture and live."""

from __future__ import annotations

import base64
import html

import ipywidgets as widgets

from helpers.figures import Picture

__all__ = ["Explorer", "slider", "sentence_line"]


class Explorer(widgets.VBox):
    """A box of controls and views. A subclass fills children, and says what is seen in picture().

    Its output holds the numbers as text (what the tests compare), a picture
    with a description (what a static page shows) and the live view.
    """

    _ipython_display_ = None  # ipywidgets 7 would show the live view only

    def picture(self) -> Picture:
        """What is shown now, drawn with matplotlib."""
        raise NotImplementedError

    def _repr_mimebundle_(self, include=None, exclude=None):
        data, metadata = self.picture()._repr_mimebundle_()
        data["application/vnd.jupyter.widget-view+json"] = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return data, metadata


def slider(description: str, options, value, **layout) -> widgets.SelectionSlider:
    """A slider over a list of values, which answers while it is dragged."""
    return widgets.SelectionSlider(options=options, value=value, description=description, continuous_update=True,
                                   style={"description_width": "initial"}, layout=widgets.Layout(width="340px", **layout))


def sentence_line(text: str = "", colour: str = "inherit") -> str:
    """A line of HTML that shows the text as text, whatever is in it."""
    return f'<div style="color:{colour};line-height:1.4">{html.escape(text)}</div>'
