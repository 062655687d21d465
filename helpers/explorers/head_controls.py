"""The controls of the head explorer, and where they and the maps stand."""

from __future__ import annotations

import ipywidgets as widgets

from helpers.explorers import head_views as views
from helpers.explorers.explorer import Explorer
from helpers.explorers.head_setting import HEAD_COUNTS, MASKS, SOURCES, TOTAL, sizes
from helpers.widgets.controls import sentence_line, slider
from helpers.widgets.head_map import HeadMap

__all__ = ["DIFFERENCE", "HeadControls", "say"]

MOST_HEADS = 32
SIDE_BY_SIDE, DIFFERENCE = "side by side", "as a difference"


def say(line: widgets.HTML, text: str = "", colour: str = "inherit") -> None:
    """Show a sentence, and take no room when there's none."""
    line.value = sentence_line(text, colour) if text else ""
    line.layout.display = "" if text else "none"


class HeadControls(Explorer):
    """Everything that can be moved or seen, made and arranged; HeadExplorer fills it.

    given: how many layers of weights came alone, without matrices; 0 if weights are computed
    few:   only the sentence and the two sliders
    """

    def __init__(self, words, keys, n_heads, source, mask, given: int, few: bool, **layout):
        self.heads = slider("heads", HEAD_COUNTS[source], n_heads)
        self.head_size = slider("head size", sizes(source), TOTAL[source] // n_heads)
        self.layer = slider("layer", range(given or 1), 0)
        self.temperature = slider("temperature", (0.25, 0.5, 1.0, 2.0, 4.0), 1.0)
        for each in (self.heads, self.head_size, self.layer, self.temperature):
            each.layout.width = "260px"
        self.linked = _checkbox("keep heads × head size the same", True)
        self.scaled = _checkbox("divide the scores by √(head size)", True)
        self.crossed = _checkbox("keys from another sentence", keys is not None)
        self.source = _dropdown("matrices", SOURCES, source, "210px")
        self.mask = _dropdown("mask", MASKS, mask, "150px")
        self.colours = _dropdown("colours", views.COLOURS, views.COLOURS[0], "300px")
        self.compare_as = _dropdown("show pinned", (SIDE_BY_SIDE, DIFFERENCE), SIDE_BY_SIDE, "230px")
        self.sentence = _text("sentence", words)
        self.key_sentence = _text("keys from", keys or ())
        self.more = _toggle("More controls", "temperature, colours, comparison, cross-attention", "130px")
        self.pin = _toggle("Pin this setting", "keep these maps, to compare others with them", "150px")
        self.open_products = _toggle("Show the products of q·k", "for the cell that was clicked", "220px")
        self.open_writes = _toggle("Show each head's contribution", "to the output; ablate heads", "240px")
        self.active = [_checkbox(f"head {i}", True, "84px") for i in range(MOST_HEADS)]
        self.head_map = HeadMap(cell_size=40, reads_above=True, fit=0.5)
        self.pinned_map = HeadMap(cell_size=40, fit=0.5)
        self.product_map = HeadMap(cell_size=46, reads="{row}, column {column}")
        self.write_map = HeadMap(cell_size=30, reads="to the output of {row}, head {column}")
        self.summary, self.message, self.locked, self.change, self.pinned_summary = (
            widgets.HTML() for _ in range(5)
        )
        for line in (self.message, self.locked):
            say(line)
        children = self._arranged(given, few)
        super().__init__(children, **layout)

    def _arranged(self, given: int, few: bool) -> list[widgets.Widget]:
        computed = not given
        pinned = widgets.VBox([self.pinned_summary, self.pinned_map], layout=_half())
        active = _row(widgets.Label("active heads:"), *self.active)
        writes = widgets.VBox([active, self.change, self.write_map])
        more = widgets.VBox(
            [_row(self.temperature, self.linked, self.scaled, self.crossed)] * computed
            + [_row(self.colours, self.pin, self.compare_as)]
            + [_row(self.open_products, self.open_writes)] * computed
        )
        self.folds = {
            self.more: more,
            self.pin: pinned,
            self.open_products: self.product_map,
            self.open_writes: writes,
        }
        for button in self.folds:
            self.fold(button)
        top = [self.heads, self.head_size] if computed else [self.layer] * (given > 1)
        top += [] if few else [self.source, self.mask, self.more] if computed else [self.more]
        maps = widgets.HBox(
            [widgets.VBox([self.head_map], layout=_half()), pinned],
            layout=widgets.Layout(flex_flow="row wrap", align_items="flex-start"),
        )
        return [
            _row(*top),
            *([] if few else [more]),
            *([_row(self.sentence, self.key_sentence)] if computed else []),
            self.locked,
            self.message,
            self.summary,
            maps,
            *([] if few else [self.product_map, writes]),
        ]

    def fold(self, button: widgets.ToggleButton) -> None:
        """Show or hide what a toggle button opens."""
        self.folds[button].layout.display = "" if button.value else "none"


def _row(*parts) -> widgets.HBox:
    return widgets.HBox(parts, layout=widgets.Layout(flex_flow="row wrap", align_items="center"))


def _half() -> widgets.Layout:
    return widgets.Layout(flex="1 1 380px", min_width="300px")


def _checkbox(text, value, width="250px") -> widgets.Checkbox:
    layout = widgets.Layout(width=width)
    return widgets.Checkbox(value=value, description=text, indent=False, layout=layout)


def _dropdown(name, options, value, width) -> widgets.Dropdown:
    style, layout = {"description_width": "initial"}, widgets.Layout(width=width)
    return widgets.Dropdown(options=options, value=value, description=name, style=style, layout=layout)


def _text(name, words) -> widgets.Text:
    style, layout = {"description_width": "initial"}, widgets.Layout(flex="1 1 300px", max_width="690px")
    return widgets.Text(
        value=" ".join(words), description=name, continuous_update=False, style=style, layout=layout
    )


def _toggle(name, tip, width) -> widgets.ToggleButton:
    return widgets.ToggleButton(description=name, tooltip=tip, layout=widgets.Layout(width=width))
