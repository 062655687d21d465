"""What the head explorer's controls do to each other: cuts, sources and sentences that must fit together."""

from __future__ import annotations

from helpers import examples
from helpers.explorers.head_controls import HeadControls, say
from helpers.explorers.head_setting import (
    APPLE,
    HEAD_COUNTS,
    MASKS,
    OWN_SENTENCE,
    TOTAL,
    TRAINED,
    Setting,
    check_trained,
    masks_for,
    read_words,
    sentence_for,
    sizes,
)

__all__ = ["HeadMoves"]

FREE_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)  # with 16 heads, more would be slow
ERROR = "#b91c1c"


class HeadMoves(HeadControls):
    """Controls that always make a Setting which can be computed; redraw() is called after each change.

    words, key_words: the sentence, and the second one for cross-attention or None
    typed:            the sentence is the learner's own, so its absence must be explained
    """

    def __init__(self, words, key_words, typed: bool, n_heads, source, mask, **arrangement):
        self.words, self.key_words, self.typed = words, key_words, typed
        self.cell: tuple[int, ...] | None = (
            None  # which one is explained; None for the first that is worth it
        )
        self._put_away: dict[str, tuple] = {}
        self._cut = (True, 8, 64)
        super().__init__(words, key_words, n_heads, source, mask, **arrangement)
        self.source.observe(self._source_changed, "value")
        self.heads.observe(self._heads_moved, "value")
        self.head_size.observe(self._size_moved, "value")
        self.linked.observe(self._link_changed, "value")
        self.crossed.observe(self._cross_changed, "value")
        self.sentence.observe(self._sentence_changed, "value")
        self.key_sentence.observe(self._sentence_changed, "value")
        self.mask.observe(self.redraw, "value")
        if source in OWN_SENTENCE:
            self._change_source(source, None)
        self._adapt()

    def redraw(self, _=None) -> None:
        """Compute and show the present setting."""
        raise NotImplementedError

    @property
    def setting(self) -> Setting:
        return Setting(
            self.words, self.heads.value, self.head_size.value, self.source.value, self.mask.value,
            self.scaled.value, self.temperature.value, self.key_words,
        )  # fmt: skip

    def _heads_moved(self, change):
        if self.linked.value:
            self._set_quietly(self.head_size, self._size_moved, TOTAL[self.source.value] // change.new)
        self.redraw()

    def _size_moved(self, change):
        if self.linked.value:
            self._set_quietly(self.heads, self._heads_moved, TOTAL[self.source.value] // change.new)
        self.redraw()

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
        self.redraw()

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
        self.redraw()

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
            say(self.message, note if problem and self.typed else "")
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
            self._set_quietly(self.mask, self.redraw, kept, masks)
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
            said = "An example: queries from the French sentence, keys and values from the English one. "
            said += "Your own sentence comes back when you clear the box."
            say(self.message, said) if example else ""
        else:
            self._show_sentences(*self._put_away.get("one", (self.words, None)))
            say(self.message)
        self._adapt()
        self.redraw()

    def _sentence_changed(self, change):
        try:
            words = read_words(change.new)
            if self.source.value == TRAINED:
                check_trained(words)
        except ValueError as problem:
            say(self.message, f"{problem} The last good sentence is kept.", ERROR)
            return
        if change.owner is self.sentence:
            self.words, self.typed = words, True
        elif self.key_words is not None:  # else a page that is behind
            self.key_words = words
        say(self.message)
        self.redraw()
