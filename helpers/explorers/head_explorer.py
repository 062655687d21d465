"""The main widget of the course: every head's weights, for any number and size of heads."""

from __future__ import annotations

import asyncio
import difflib
from pathlib import Path

import numpy as np

from helpers import examples, figures
from helpers.explorers import head_views as views
from helpers.explorers.given_weights import GivenWeights, given_weights
from helpers.explorers.head_controls import DIFFERENCE, HeadControls, say
from helpers.explorers.head_setting import (
    APPLE,
    DESIGNED,
    HEAD_COUNTS,
    MASKS,
    OWN_SENTENCE,
    RANDOM,
    SOURCES,
    TOTAL,
    TRAINED,
    Setting,
    check_trained,
    compute,
    masks_for,
    read_words,
    sentence_for,
    sizes,
)

__all__ = ["HeadExplorer", "Setting", "read_words"]

FREE_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)  # with 16 heads, more would be slow
ERROR = "#b91c1c"
REST = 0.15  # seconds without a move, after which the views below the heads follow


class HeadExplorer(HeadControls):
    """Heat maps of all heads, with sliders for the number of heads and the size of a head.

    Linked, heads × head size stays the same, and so does the number of parameters.
    Everything that is shown is computed anew from the matrices at each move.

    words:    the sentence, up to 64 words, "Thinking Machines" unless given; a string is split at its spaces
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
        self, words=None, n_heads=None, source=DESIGNED, mask=MASKS[0], keys=None,
        controls="all", layout=None, **unknown,
    ):  # fmt: skip
        _refuse_unknown(unknown)
        self.given = source if isinstance(source, GivenWeights) else None
        source = DESIGNED if self.given or source == "made by hand" else _choice("source", source, SOURCES)
        usual = min(8, HEAD_COUNTS[source][-1])
        n_heads = _choice("n_heads", usual if n_heads is None else n_heads, HEAD_COUNTS[source])
        few = _choice("controls", controls, ("all", "few")) == "few"
        self.words = examples.sentence("thinking") if words is None else _read(words)
        self.key_words = None if keys is None else _read(keys)
        if self.key_words and source in OWN_SENTENCE:
            raise ValueError(f"keys go with {DESIGNED!r} or {RANDOM!r} matrices, and source is {source!r}")
        self.pinned, self.cell = None, None
        self._put_away: dict[str, tuple] = {}
        self._typed = words is not None  # a sentence of the learner's own, whose absence must be explained
        self._waiting, self._cut = None, (True, 8, 64)
        n_layers = len(self.given.weights) if self.given else 0
        mask = _choice("mask", mask, MASKS)
        super().__init__(self.words, self.key_words, n_heads, source, mask, n_layers, few, layout)
        self._listen()
        if source in OWN_SENTENCE:
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

    def choose(self, head: int, row: int, column: int):
        """Keep this cell: its explanation stays in view while no other is pointed at."""
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
        shape = self.result.weights.shape
        if self.cell is None:
            self.cell = views.first_cell(self.result)
        self.cell = tuple(min(at, size - 1) for at, size in zip(self.cell, shape))
        for i, box in enumerate(self.active):
            box.layout.display = "" if i < shape[0] else "none"
        self._show()

    def _show(self):
        """Update the head maps at once, and the slower views when the slider stops."""
        result, off = self.result, self.off
        shown = views.panels(result, self.colours.value, off)
        self.head_map.show(
            shown,
            result.rows,
            result.columns,
            note=f"Rows: queries, columns: keys · {views.row_sums(result)} · click a cell to keep it",
            description=views.description(result, shown),
            rest=self.cell,
            reason=result.explain(*self.cell),
        )
        say(self.summary, ". ".join([result.caption, " ".join(result.remarks)]).removesuffix(". "))
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
        say(self.change, "" if result.layer is None else views.change(result, self.off))
        if self.open_writes.value and result.layer is not None:
            heads = [str(i) for i in range(len(result.weights))]
            note = (
                "What each head adds to each word's output, through W_O. Rows are words, columns are heads."
            )
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
        say(
            self.pinned_summary,
            f"{'Live maps less pinned ones' if as_difference else 'Pinned'}: {then.caption}. Compared with it, {said}.",
        )
        shown = views.difference(now, then) if as_difference else views.panels(then, self.colours.value)
        note = "red: more weight than when pinned, blue: less" if as_difference else views.row_sums(then)
        said = (
            f"Pinned: {views.description(then, views.panels(then))}"
            if not as_difference
            else f"{note}; {said}"
        )
        self.pinned_map.show(shown, then.rows, then.columns, note=note, description=said)

    # -- what the controls do ------------------------------------------------------------------------

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
        self.head_map.on_press(self.choose)
        self.head_map.on_point(self._explain)

    def _toggled(self, change):
        if change.owner is self.pin:
            self.pinned = self.result if change.new else None
            self.pin.description = "Unpin" if change.new else "Pin this setting"
        elif change.owner is self.more:
            self.more.description = "Fewer controls" if change.new else "More controls"
        self.fold(change.owner)
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
        if self.source.value in OWN_SENTENCE:  # a page that is behind
            return self._set_quietly(self.linked, self._link_changed, True)
        n_heads, size = self.heads.value, self.head_size.value
        if change.new:  # back to the nearest allowed pair
            n_heads = min(HEAD_COUNTS[self.source.value], key=lambda h: abs(h - n_heads))
            size = TOTAL[self.source.value] // n_heads
        self._set_cut(change.new, n_heads, size)
        self._redraw()

    def _set_cut(self, linked: bool, n_heads: int, size: int):
        source = self.source.value
        counts = HEAD_COUNTS[source] if linked else tuple(range(1, 17))
        linked_sizes = sizes(source) if linked else tuple(sorted({*FREE_SIZES, size}))
        self._set_quietly(self.linked, self._link_changed, linked)
        self._set_quietly(self.heads, self._heads_moved, n_heads, counts)
        self._set_quietly(self.head_size, self._size_moved, size, linked_sizes)

    def _source_changed(self, change):
        self._change_source(change.new, change.old)
        self._adapt()
        self._redraw()

    def _change_source(self, new: str, old: str | None):
        """Each source has its own cut, and may have its own sentence; the learner's comes back afterwards."""
        if new in OWN_SENTENCE:
            if old not in OWN_SENTENCE:
                if old:
                    self._cut = (self.linked.value, self.heads.value, self.head_size.value)
                self._put_away["free"] = (self.words, self.key_words)
            counts, n_heads = HEAD_COUNTS[new], self.heads.value
            n_heads = n_heads if n_heads in counts else min(8, counts[-1])
            self._set_cut(True, n_heads, TOTAL[new] // n_heads)
            words, problem = sentence_for(new, self._put_away["free"][0])
            note = f"{problem} Here is one that fits; yours comes back with the other matrices."
            say(self.message, note if problem and self._typed else "")
            self._show_sentences(words, None)
        elif old in OWN_SENTENCE:
            self._set_cut(*self._cut)
            say(self.message)
            self._show_sentences(*self._put_away.pop("free"))

    def _adapt(self):
        """Offer the controls that mean something here, and begin with a cell that does."""
        self.cell = None
        source, masks = self.source.value, masks_for(self.source.value, self.key_words is not None)
        if self.mask.options != masks:
            kept = self.mask.value if self.mask.value in masks else MASKS[0]
            self._set_quietly(self.mask, self._redraw, kept, masks)
        for control in (self.heads, self.head_size):
            control.disabled = source == APPLE
        self.linked.disabled = self.crossed.disabled = source in OWN_SENTENCE
        say(self.locked, "The sliders are locked: this example has 2 heads of size 2." * (source == APPLE))
        self.key_sentence.layout.display = "none" if self.key_words is None else ""
        self.sentence.description = "sentence" if self.key_words is None else "queries from"

    def _show_sentences(self, words, keys):
        self.words, self.key_words = words, keys
        self._set_quietly(self.sentence, self._sentence_changed, " ".join(words))
        self._set_quietly(self.key_sentence, self._sentence_changed, " ".join(keys or ()))
        self._set_quietly(self.crossed, self._cross_changed, keys is not None)

    def _cross_changed(self, change):
        if self.source.value in OWN_SENTENCE:  # a page that is behind
            return self._set_quietly(self.crossed, self._cross_changed, False)
        self._put_away["one" if change.new else "two"] = (self.words, self.key_words)
        if change.new:
            example = "two" not in self._put_away
            self._show_sentences(*self._put_away.get("two", examples.translation()))
            said = "The queries come from the French sentence, the keys and values from the English one: an example. "
            said += "Your own sentence comes back when you clear the box."
            say(self.message, said) if example else ""
        else:
            self._show_sentences(*self._put_away.get("one", (self.words, None)))
            say(self.message)
        self._adapt()
        self._redraw()

    def _sentence_changed(self, change):
        try:
            words = read_words(change.new)
            if self.source.value == TRAINED:
                check_trained(words)
        except ValueError as problem:
            say(self.message, f"{problem} The last good sentence is kept.", ERROR)
            return
        if change.owner is self.sentence:
            self.words, self._typed = words, True
        elif self.key_words is not None:  # else a page that is behind
            self.key_words = words
        say(self.message)
        self._redraw()


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
        near = difflib.get_close_matches(
            name, ("words", "n_heads", "source", "mask", "keys", "controls", "layout"), 1
        )
        hint = advice.get(name, f"did you mean {near[0]}?" if near else "see help(HeadExplorer)")
        raise TypeError(f"HeadExplorer has no argument {name!r}: {hint}")
