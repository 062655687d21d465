"""The main widget of the course: every head's weights, for any number and size of heads."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from helpers import examples, figures
from helpers.explorers import head_views as views
from helpers.explorers.given_weights import GivenWeights, given_weights
from helpers.explorers.head_controls import DIFFERENCE, say
from helpers.explorers.head_moves import HeadMoves
from helpers.explorers.head_setting import (
    DESIGNED,
    HEAD_COUNTS,
    MASKS,
    OWN_SENTENCE,
    RANDOM,
    SOURCES,
    Setting,
    compute,
    read_words,
)
from helpers.widgets.controls import choose, refuse_unknown

__all__ = ["HeadExplorer", "Setting", "read_words"]

ADVICE = {
    "weights": "for weights of your own, write HeadExplorer.from_weights(words, weights)",
    "d_k": "the head size has a slider, and n_heads sets it: heads × head size = 512",
}
REST = 0.15  # seconds without a move, after which the views below the heads follow


class HeadExplorer(HeadMoves):
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
        self, words=None, n_heads=None, source=DESIGNED, mask=MASKS[0], keys=None, controls="all", **layout
    ):
        for name in layout.keys() & ADVICE.keys():
            raise TypeError(f"HeadExplorer has no argument {name}: {ADVICE[name]}.")
        refuse_unknown(HeadExplorer, layout)
        self.given = source if isinstance(source, GivenWeights) else None
        source = DESIGNED if self.given or source == "made by hand" else choose("source", source, SOURCES)
        usual = min(8, HEAD_COUNTS[source][-1])
        n_heads = choose("n_heads", usual if n_heads is None else n_heads, HEAD_COUNTS[source])
        few = choose("controls", controls, ("all", "few")) == "few"
        key_words = None if keys is None else _read(keys)
        if key_words and source in OWN_SENTENCE:
            raise ValueError(f"keys go with {DESIGNED!r} or {RANDOM!r} matrices, and source is {source!r}")
        self.pinned, self._waiting = None, None
        super().__init__(
            examples.sentence("thinking") if words is None else _read(words),
            key_words,
            words is not None,
            n_heads,
            source,
            choose("mask", mask, MASKS),
            given=len(self.given.weights) if self.given else 0,
            few=few,
            **layout,
        )
        self._listen()
        self.redraw()
        self._show_details()

    @classmethod
    def from_weights(cls, words, weights, keys=None) -> HeadExplorer:
        """An explorer for weights from anywhere, such as a model's attentions from PyTorch.

        words:   the queries' words, or pieces of words
        weights: (n_heads, n_queries, n_keys) or (n_layers, n_heads, n_queries, n_keys), an array or a tensor,
                 or a sequence of one a layer; a batch axis of 1 may stand before the heads
        keys:    the keys' words; the queries' words unless given
        Raises a ValueError or TypeError for another shape. NaN and rows that don't sum to 1 are pointed out.

        >>> HeadExplorer.from_weights("the cat sat", np.full((2, 3, 3), 1 / 3)).weights.shape
        (2, 3, 3)
        """
        given = given_weights(words, weights, keys)
        return cls(given.words, source=given, keys=None if keys is None else given.keys)

    # -- what is shown -------------------------------------------------------------------------------

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

    def redraw(self, _=None) -> None:
        self.result = self.given.result(self.layer.value) if self.given else compute(self.setting)
        shape = self.result.weights.shape
        cell = views.first_cell(self.result) if self.cell is None else self.cell
        self.cell = tuple(min(at, size - 1) for at, size in zip(cell, shape))
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
        say(self.summary, ". ".join(filter(None, [result.caption, " ".join(result.remarks)])))
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
            for i, box in enumerate(self.active):
                box.layout.display = "" if i < len(result.weights) else "none"
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
            f"{'Live maps less pinned ones' if as_difference else 'Pinned'}: {then.caption}. "
            f"Compared with it, {said}.",
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
        for control in (self.scaled, self.temperature, self.colours, self.layer):
            control.observe(self.redraw, "value")
        for box in self.active:
            box.observe(lambda _: self._show(), "value")
        for button in (self.more, self.pin, self.open_products, self.open_writes):
            button.observe(self._toggled, "value")
        self.compare_as.observe(lambda _: self._compare(), "value")
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


def _read(words) -> tuple[str, ...]:
    return read_words(words if isinstance(words, str) else " ".join(words))
