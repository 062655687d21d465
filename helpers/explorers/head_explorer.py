"""The main widget of the course: every head's weights, for any number and size of heads."""

from __future__ import annotations

import asyncio
import difflib
from pathlib import Path

import ipywidgets as widgets
import numpy as np

from helpers import examples, figures
from helpers.explorers import head_views as views
from helpers.explorers.explorer import Explorer, sentence_line, slider
from helpers.explorers.given_weights import GivenWeights, given_weights
from helpers.explorers.head_setting import (
    APPLE, DESIGNED, HEAD_COUNTS, MASKS, RANDOM, SOURCES, TRAINED, Setting, check_trained, compute, read_words,
)  # fmt: skip
from helpers.grammar import MASK
from helpers.widgets.head_map import HeadMap

__all__ = ["HeadExplorer", "Setting", "read_words"]

TOTAL = {DESIGNED: 512, RANDOM: 512, TRAINED: 32, APPLE: 4}  # heads × head size while they are linked
FREE_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)  # with 16 heads, more would be slow
MOST_HEADS = 32
SENTENCES = {
    TRAINED: ("in", "the", "garden", "tom", "himself", "saw", "the", "ripe", MASK),
    APPLE: examples.apple().words,
}
ERROR = "#b91c1c"
REST = 0.15  # seconds without a move, after which the views below the heads follow
SIDE_BY_SIDE, DIFFERENCE = "side by side", "as a difference"


class HeadExplorer(Explorer):
    """Heat maps of all heads, with sliders for the number of heads and the size of a head.

    Linked, heads × head size stays the same, and so does the number of parameters.
    Everything that is shown is computed anew from the matrices at each move.

    words:    the sentence, up to 64 words; a string is split at its spaces
    n_heads:  1, 2, 4, 8 or 16, and 32 if trained; 8 unless given
    source:   "hand-designed" (examples.hand_made), "random", "trained" (learning.trained_heads), which knows
              the words of the grammar only, or "apple, by hand" (examples.apple)
    mask:     "none", "causal" or "padding", which appends [pad] words
    keys:     a second sentence, for cross-attention
    controls: "all", or "few" for the sentence and the two sliders only

    >>> HeadExplorer("the cat saw the dog", n_heads=4).weights.shape
    (4, 5, 5)
    """

    def __init__(
        self, words=("Thinking", "Machines"), n_heads=None, source=DESIGNED, mask=MASKS[0], keys=None,
        controls="all", layout=None, **unknown,
    ):  # fmt: skip
        _refuse_unknown(unknown)
        self.given = source if isinstance(source, GivenWeights) else None
        source = DESIGNED if self.given or source == "made by hand" else _choice("source", source, SOURCES)
        usual = min(8, HEAD_COUNTS[source][-1])
        n_heads = _choice("n_heads", usual if n_heads is None else n_heads, HEAD_COUNTS[source])
        few = _choice("controls", controls, ("all", "few")) == "few"
        self.words = _read(words)
        self.key_words = None if keys is None else _read(keys)
        if self.key_words and source in SENTENCES:
            raise ValueError(f"keys go with {DESIGNED!r} or {RANDOM!r} matrices, and source is {source!r}")
        self._put_away: dict[str, tuple] = {}
        self._waiting, self._cut = None, None
        self._make_controls(n_heads, source, _choice("mask", mask, MASKS))
        self.head_map = HeadMap(cell_size=40, reads_above=True, fit=0.46)
        self.pinned_map = HeadMap(cell_size=40, fit=0.46)
        self.product_map = HeadMap(cell_size=46, reads="{row}, column {column}")
        self.write_map = HeadMap(cell_size=30, reads="to the output of {row}, head {column}")
        self.summary, self.message, self.locked, self.change, self.pinned_summary = (
            widgets.HTML() for _ in range(5)
        )
        self.pinned, self.cell = None, None
        self._listen()
        super().__init__(self._boxes(few), **({} if layout is None else {"layout": layout}))
        if source in SENTENCES:
            self._change_source(source, None)
        self._adapt()
        self._redraw()
        self._show_details()

    @classmethod
    def from_weights(cls, words, weights, keys=None) -> HeadExplorer:
        """An explorer for weights from anywhere, such as a model's attentions from PyTorch.

        words:   the queries' words, or pieces of words
        weights: (n_heads, n_queries, n_keys) or (n_layers, n_heads, n_queries, n_keys), an array or a tensor,
                 or a sequence of one a layer; a batch axis of 1 may stand before the heads
        keys:    the keys' words; the queries' words unless given
        Raises a ValueError or TypeError for another shape; NaN and rows that don't sum to 1 are shown, and said.

        >>> HeadExplorer.from_weights("the cat sat", np.full((2, 3, 3), 1 / 3)).weights.shape
        (2, 3, 3)
        """
        given = given_weights(words, weights, keys)
        return cls(given.words, source=given, keys=None if keys is None else given.keys)

    # -- what is shown -------------------------------------------------------------------------------

    @property
    def setting(self) -> Setting:
        return Setting(
            self.words, self.heads.value, self.head_size.value, self.source.value, self.mask.value,
            self.scaled.value, self.temperature.value, self.key_words,
        )  # fmt: skip

    @property
    def weights(self) -> np.ndarray:
        """(n_heads, n_queries, n_keys)"""
        return self.result.weights

    @property
    def off(self) -> frozenset[int]:
        """The heads that are ablated."""
        return frozenset(i for i in range(len(self.result.weights)) if not self.active[i].value)

    def caption(self) -> str:
        return self.result.caption

    def put_in_focus(self, head: int, row: int, column: int):
        """Keep this cell: what it is made of stays in view."""
        self.cell = (head, row, column)
        self._show()

    def picture(self) -> figures.Picture:
        return views.picture(self.result, self.cell, self.colours.value, self.off)

    def save(self, path) -> Path:
        """Write the maps as they are now, with their title, limits and row sums, to a .png or .svg file.

        returns: the file's path
        """
        path = Path(path).expanduser()
        if path.suffix.lower() not in (".png", ".svg"):
            raise ValueError(f"save writes .png and .svg files, and got {path.name!r}: try {path.stem}.svg")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"there is no folder {path.parent} to save {path.name} in")
        self.picture().figure.savefig(path, dpi=200)
        return path

    def _redraw(self, _=None):
        self.result = self.given.result(self.layer.value) if self.given else compute(self.setting)
        sizes = self.result.weights.shape
        if self.cell is None:
            self.cell = views.first_cell(self.result)
        self.cell = tuple(min(at, size - 1) for at, size in zip(self.cell, sizes))
        for i, box in enumerate(self.active):
            box.layout.display = "" if i < sizes[0] else "none"
        self._show()

    def _show(self):
        """Update the head maps at once, and the slower views when the slider stops."""
        result, off = self.result, self.off
        shown = views.panels(result, self.colours.value, off)
        hint = "Point at a cell or use the arrow keys; click to keep it"
        self.head_map.show(
            shown,
            result.rows,
            result.columns,
            focus=self.cell[0],
            note=f"Rows are queries, columns are keys; {views.row_sums(result)}. {hint}.",
            description=views.description(result, shown),
            rest=self.cell,
            reason=result.explain(*self.cell),
        )
        self.summary.value = sentence_line(" · ".join([result.caption, *result.remarks]))
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no kernel
            return self._show_details()
        if self._waiting:
            self._waiting.cancel()
        self._waiting = loop.call_later(REST, self._show_details)

    def _show_details(self):
        """The views that are open, of those below the maps."""
        result = self.result
        if self.open_products.value and result.queries is not None:
            shown, rows, columns, note = views.products(result, *self.cell)
            self.product_map.show(shown, rows, columns, note=note, description=f"{shown[0].title}. {note}")
        self.change.value = "" if result.layer is None else sentence_line(views.change(result, self.off))
        if self.open_writes.value and result.layer is not None:
            heads = [str(i) for i in range(len(result.weights))]
            note = "What each head adds to each word's output, through W_O. Rows are words, columns are heads."
            self.write_map.show(views.writes(result), result.rows, heads, note=note, description=note)
        self._compare()

    def _explain(self, head: int, i: int, j: int):
        self.head_map.explain((head, i, j), self.result.explain(head, i, j))

    def _compare(self):
        then, now = self.pinned, self.result
        if then is None:
            return
        same = now.weights.shape == then.weights.shape and now.rows == then.rows
        said = "the maps have different shapes or words"
        if same:
            largest = np.nanmax(np.abs(now.weights - then.weights))
            said = f"the largest difference of a weight is {largest:.3f}"
        as_difference = same and self.compare_as.value == DIFFERENCE
        self.pinned_summary.value = sentence_line(
            f"{'Live maps less pinned ones' if as_difference else 'Pinned'}: {then.caption}. Compared with it, {said}."
        )
        shown = views.difference(now, then) if as_difference else views.panels(then, self.colours.value)
        note = "red: more weight than when pinned, blue: less" if as_difference else views.row_sums(then)
        said = f"Pinned: {views.description(then, views.panels(then))}" if not as_difference else f"{note}; {said}"
        self.pinned_map.show(shown, then.rows, then.columns, note=note, description=said)

    # -- what the controls do ------------------------------------------------------------------------

    def _make_controls(self, n_heads, source, mask):
        narrow, check = {"width": "260px"}, widgets.Layout(width="300px")
        self.heads = slider("heads", HEAD_COUNTS[source], n_heads)
        self.head_size = slider("head size", _sizes(source), TOTAL[source] // n_heads)
        self.layer = slider("layer", range(len(self.given.weights)) if self.given else (0,), 0)
        self.temperature = slider("temperature", (0.25, 0.5, 1.0, 2.0, 4.0), 1.0)
        for each in (self.heads, self.head_size, self.layer):
            each.layout.width = narrow["width"]
        self.linked, self.scaled, self.crossed = (
            widgets.Checkbox(value=value, description=text, indent=False, layout=check)
            for value, text in (
                (True, "keep heads × head size the same"),
                (True, "divide the scores by √(head size)"),
                (self.key_words is not None, "keys from another sentence"),
            )
        )
        dropdown = lambda text, options, value, width: widgets.Dropdown(
            options=options, value=value, description=text,
            style={"description_width": "initial"}, layout=widgets.Layout(width=width),
        )  # fmt: skip
        self.source = dropdown("matrices", SOURCES, source, "210px")
        self.mask = dropdown("mask", MASKS, mask, "150px")
        self.colours = dropdown("colours", views.COLOURS, views.COLOURS[0], "300px")
        self.compare_as = dropdown("compare", (SIDE_BY_SIDE, DIFFERENCE), SIDE_BY_SIDE, "220px")
        text = lambda name, words: widgets.Text(
            value=" ".join(words), description=name, continuous_update=False,
            layout=widgets.Layout(flex="1 1 420px", max_width="690px"),
        )  # fmt: skip
        self.sentence, self.key_sentence = text("sentence", self.words), text("keys from", self.key_words or ())
        toggle = lambda text, tip, width: widgets.ToggleButton(
            description=text, tooltip=tip, layout=widgets.Layout(width=width)
        )
        self.more = toggle("More controls", "mask, temperature, colours, comparison, active heads", "130px")
        self.pin = toggle("Pin this setting", "keep these maps, to compare others with them", "150px")
        self.open_products = toggle("Show the products of q·k", "for the cell that was clicked", "220px")
        self.open_writes = toggle("Show each head's contribution", "to the output, and ablate heads", "240px")
        self.active = [
            widgets.Checkbox(
                value=True, description=f"head {i}", indent=False, layout=widgets.Layout(width="84px")
            )
            for i in range(MOST_HEADS)
        ]

    def _boxes(self, few: bool) -> list[widgets.Widget]:
        wrap = widgets.Layout(flex_flow="row wrap", align_items="center")
        row = lambda *parts: widgets.HBox(parts, layout=wrap)
        computed, half = self.given is None, lambda: widgets.Layout(flex="1 1 380px", min_width="300px")
        sliders = [self.heads, self.head_size] if computed else [self.layer] if len(self.given.weights) > 1 else []
        self._more_box = widgets.VBox(
            [row(self.temperature, self.linked, self.scaled, self.crossed)] * computed
            + [row(self.colours, self.pin, self.compare_as), row(self.open_products, self.open_writes)][: 1 + computed]
        )
        self._pinned_box = widgets.VBox([self.pinned_summary, self.pinned_map], layout=half())
        active = widgets.HBox([widgets.Label("active heads:"), *self.active], layout=wrap)
        self._writes_box = widgets.VBox([active, self.change, self.write_map])
        self._folds = {
            self.more: self._more_box, self.pin: self._pinned_box, self.open_products: self.product_map,
            self.open_writes: self._writes_box,
        }  # fmt: skip
        for button in self._folds:
            self._fold(button)
        top = [*sliders, *([] if few else [self.source, self.mask, self.more] if computed else [self.more])]
        sentences = [row(self.sentence, self.key_sentence)] if computed else []
        maps = widgets.HBox(
            [widgets.VBox([self.head_map], layout=half()), self._pinned_box],
            layout=widgets.Layout(flex_flow="row wrap", align_items="flex-start"),
        )
        return [
            row(*top), *([] if few else [self._more_box]), *sentences, self.locked, self.message, self.summary,
            maps, *([] if few else [self.product_map, self._writes_box]),
        ]  # fmt: skip

    def _fold(self, button):
        self._folds[button].layout.display = "" if button.value else "none"

    def _listen(self):
        self.source.observe(self._source_changed, "value")
        for control in (self.mask, self.scaled, self.temperature, self.colours, self.layer):
            control.observe(self._redraw, "value")
        for box in self.active:
            box.observe(lambda _: self._show(), "value")
        for button in (self.more, self.pin, self.open_products, self.open_writes):
            button.observe(self._toggled, "value")
        self.compare_as.observe(lambda _: self._compare(), "value")
        self.heads.observe(self._heads_moved, "value")
        self.head_size.observe(self._size_moved, "value")
        self.linked.observe(self._link_changed, "value")
        self.crossed.observe(self._cross_changed, "value")
        self.sentence.observe(self._sentence_changed, "value")
        self.key_sentence.observe(self._sentence_changed, "value")
        self.head_map.on_press(self.put_in_focus)
        self.head_map.on_point(self._explain)

    def _toggled(self, change):
        if change.owner is self.pin:
            self.pinned = self.result if change.new else None
            self.pin.description = "Unpin" if change.new else "Pin this setting"
        elif change.owner is self.more:
            self.more.description = "Fewer controls" if change.new else "More controls"
        self._fold(change.owner)
        self._show_details()

    def _heads_moved(self, change):
        if self.linked.value:
            self._set_quietly(self.head_size, self._size_moved, TOTAL[self.source.value] // change.new)
        self._redraw()

    def _size_moved(self, change):
        if self.linked.value:
            self._set_quietly(self.heads, self._heads_moved, TOTAL[self.source.value] // change.new)
        self._redraw()

    def _set_quietly(self, control, callback, value, options=None):
        control.unobserve(callback, "value")  # or the two sliders would answer each other
        if options:
            control.index = 0  # a view whose range shrinks below its value answers with a value of its own
            control.options = options
        control.value = value
        control.observe(callback, "value")

    def _link_changed(self, change):
        n_heads, size = self.heads.value, self.head_size.value
        if change.new:  # back to the nearest allowed pair
            n_heads = min(HEAD_COUNTS[self.source.value], key=lambda h: abs(h - n_heads))
            size = TOTAL[self.source.value] // n_heads
        self._set_cut(change.new, n_heads, size)
        self._redraw()

    def _set_cut(self, linked: bool, n_heads: int, size: int):
        source = self.source.value
        counts = HEAD_COUNTS[source] if linked else tuple(range(1, 17))
        sizes = _sizes(source) if linked else tuple(sorted({*FREE_SIZES, size}))
        self._set_quietly(self.linked, self._link_changed, linked)
        self._set_quietly(self.heads, self._heads_moved, n_heads, counts)
        self._set_quietly(self.head_size, self._size_moved, size, sizes)

    def _source_changed(self, change):
        self._change_source(change.new, change.old)
        self._adapt()
        self._redraw()

    def _change_source(self, new: str, old: str | None):
        """Each source has its own cut, and may have its own sentence; the learner's comes back afterwards."""
        free = old in (DESIGNED, RANDOM)
        if new in SENTENCES:
            if free or old is None:
                self._cut = (self.linked.value, self.heads.value, self.head_size.value) if free else None
                self._put_away["free"] = (self.words, self.key_words)
            count = self.heads.value if self.heads.value in HEAD_COUNTS[new] else HEAD_COUNTS[new][-1 if new == APPLE else 3]
            self._set_cut(True, count, TOTAL[new] // count)
            self._show_sentences(self._fitting(new), None)
        elif not free:
            self._set_cut(*(self._cut or (True, 8, 64)))
            self.message.value = ""
            self._show_sentences(*self._put_away.pop("free", (self.words, None)))

    def _fitting(self, source: str) -> tuple[str, ...]:
        """The learner's sentence if this source can read it, and else one of its own."""
        words, self.message.value = self._put_away["free"][0], ""
        problem = "Your sentence has no word with a meaning for these two heads."
        try:
            if source == TRAINED:
                check_trained(words)
                return words
            if {word.lower() for word in words} & {"apple"}:
                return words
        except ValueError as error:
            problem = str(error)
        self.message.value = sentence_line(
            f"{problem} Here is one that fits; yours comes back with the other matrices."
        )
        return SENTENCES[source]

    def _adapt(self):
        """Offer the controls that mean something here, and begin with a cell that does."""
        self.cell = None
        source = self.source.value
        masks = {TRAINED: MASKS[:2]}.get(source, MASKS if self.key_words is None else (MASKS[0], MASKS[2]))
        if self.mask.options != masks:
            kept = self.mask.value if self.mask.value in masks else MASKS[0]
            self._set_quietly(self.mask, self._redraw, kept, masks)
        fixed = source == APPLE
        for control in (self.heads, self.head_size):
            control.disabled = fixed
        self.linked.disabled = self.crossed.disabled = source in SENTENCES
        self.locked.value = sentence_line("The sliders are locked: this example has 2 heads of size 2.") if fixed else ""
        self.key_sentence.layout.display = "none" if self.key_words is None else ""
        self.sentence.description = "sentence" if self.key_words is None else "queries from"

    def _show_sentences(self, words, keys):
        self.words, self.key_words = words, keys
        self._set_quietly(self.sentence, self._sentence_changed, " ".join(words))
        self._set_quietly(self.key_sentence, self._sentence_changed, " ".join(keys or ()))
        self._set_quietly(self.crossed, self._cross_changed, keys is not None)

    def _cross_changed(self, change):
        self._put_away["one" if change.new else "two"] = (self.words, self.key_words)
        if change.new:
            example = "two" not in self._put_away
            self._show_sentences(*self._put_away.get("two", examples.translation()))
            said = "The queries come from the French sentence, the keys and values from the English one: an example. "
            said += "Your own sentence comes back when you clear the box."
            self.message.value = sentence_line(said) if example else ""
        else:
            self._show_sentences(*self._put_away.get("one", (self.words, None)))
            self.message.value = ""
        self._adapt()
        self._redraw()

    def _sentence_changed(self, change):
        try:
            words = read_words(change.new)
            if self.source.value == TRAINED:
                check_trained(words)
        except ValueError as problem:
            self.message.value = sentence_line(f"{problem} The last good sentence is kept.", ERROR)
            return
        if change.owner is self.sentence:
            self.words = words
        else:
            self.key_words = words
        self.message.value = ""
        self._redraw()


def _sizes(source) -> tuple[int, ...]:
    return tuple(TOTAL[source] // h for h in reversed(HEAD_COUNTS[source]))


def _read(words) -> tuple[str, ...]:
    return read_words(words if isinstance(words, str) else " ".join(words))


def _choice(name: str, value, options):
    if not any(value is option or (type(value) is type(option) and value == option) for option in options):
        near = options[0]
        if isinstance(value, (int, float)) and not isinstance(options[0], str):
            near = min(options, key=lambda option: abs(option - value))
        elif isinstance(value, str) and isinstance(options[0], str):
            near = (difflib.get_close_matches(value.lower(), options, 1, 0) or options)[0]
        listed = ", ".join(map(repr, options[:-1])) + " or " * (len(options) > 1) + repr(options[-1])
        raise ValueError(f"{name} must be {listed}, and got {value!r:.60}: the nearest is {near!r}")
    return value


def _refuse_unknown(unknown):
    advice = {
        "weights": "for weights of your own, use HeadExplorer.from_weights(words, weights)",
        "d_k": "the head size is set by its slider, or by n_heads: linked, heads × head size = 512",
    }
    for name in unknown:
        near = difflib.get_close_matches(name, ("words", "n_heads", "source", "mask", "keys", "controls", "layout"), 1)
        hint = advice.get(name, f"did you mean {near[0]}?" if near else "see help(HeadExplorer)")
        raise TypeError(f"HeadExplorer has no argument {name!r}: {hint}")
