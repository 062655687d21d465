"""The main widget of the course: every head's weights, for any number and size of heads."""

from __future__ import annotations

from functools import lru_cache

import ipywidgets as widgets
import numpy as np

from helpers import examples, figures
from helpers.attention import MultiHeadAttention, causal_mask, padding_mask, scaled_dot_product_attention, split_heads
from helpers.explorers.explorer import Explorer, sentence_line, slider
from helpers.explorers.head_map import HeadMap

__all__ = ["HeadExplorer", "read_words"]

D_MODEL = 512
HEAD_COUNTS = (1, 2, 4, 8, 16)
HEAD_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
MOST_WORDS, LONGEST_WORD = 64, 40
MASKS = ("none", "causal", "padding: the last two words")
SOURCES = ("made by hand", "random")


class HeadExplorer(Explorer):
    """Heat maps of all heads, with sliders for the number of heads and the size of a head.

    Linked, heads × head size stays 512, and so does the number of parameters.
    Everything that is shown is computed anew from the matrices at each move.

    words:   the sentence, up to 64 words
    n_heads: 1, 2, 4, 8 or 16
    source:  "made by hand" (examples.hand_made) or "random"
    """

    def __init__(self, words=("Thinking", "Machines"), n_heads=8, source="made by hand", mask="none", **layout):
        self.words = read_words(" ".join(words))
        self.heads = slider("heads", HEAD_COUNTS, n_heads)
        self.head_size = slider("head size", tuple(D_MODEL // h for h in reversed(HEAD_COUNTS)), D_MODEL // n_heads)
        self.linked = widgets.Checkbox(value=True, description=f"keep heads × head size = {D_MODEL}", indent=False)
        self.source = widgets.Dropdown(options=SOURCES, value=source, description="matrices")
        self.mask = widgets.Dropdown(options=MASKS, value=mask, description="mask")
        self.scaled = widgets.Checkbox(value=True, description="divide the scores by √(head size)", indent=False)
        self.sentence = widgets.Text(value=" ".join(self.words), description="sentence", continuous_update=False, layout=widgets.Layout(width="690px"))
        self.head_map, self.focus_map = HeadMap(cell_size=40), HeadMap(cell_size=46)
        self.summary, self.message = widgets.HTML(), widgets.HTML()
        self.focus = 0
        for control in (self.source, self.mask, self.scaled):
            control.observe(self._redraw, "value")
        self.heads.observe(self._heads_moved, "value")
        self.head_size.observe(self._size_moved, "value")
        self.linked.observe(self._link_changed, "value")
        self.sentence.observe(self._sentence_changed, "value")
        self.head_map.on_press(lambda head, *_: self.put_in_focus(head))
        controls = widgets.VBox([
            widgets.HBox([self.heads, self.head_size]), widgets.HBox([self.linked, self.scaled]),
            widgets.HBox([self.source, self.mask]), self.sentence,
        ])
        super().__init__([controls, self.message, self.summary, self.head_map, self.focus_map], **layout)
        self._redraw()

    # -- what is shown -------------------------------------------------------------------------------

    def compute(self):
        """Run attention with the present settings. Sets weights (n_heads, n, n) and output (n, 512)."""
        attention = _matrices(self.source.value, self.heads.value, self.head_size.value)
        x = examples.embed(self.words)
        if self.source.value == "random":                                   # random matrices expect numbers of variance 1
            x = x * np.sqrt(D_MODEL / (x**2).sum(axis=-1, keepdims=True))
        queries, keys, values = (split_heads(x @ w, attention.n_heads) for w in (attention.w_q, attention.w_k, attention.w_v))
        scale = None if self.scaled.value else 1.0
        self.attention = attention
        _, self.weights = scaled_dot_product_attention(queries, keys, values, self._mask(), scale)

    def put_in_focus(self, head: int):
        self.focus = head
        self._show()

    def caption(self) -> str:
        h, size, a = self.heads.value, self.head_size.value, self.attention
        budget = f"{h} {'head' if h == 1 else 'heads'} × {size} = {h * size} columns"
        return f"{budget} · {a.n_parameters:,} parameters in W_Q, W_K, W_V, W_O · {self.source.value}"

    def titles(self) -> list[str]:
        jobs = examples.HAND_MADE if self.source.value == "made by hand" else [""] * 16
        return [f"{i} {jobs[i]}".strip() if jobs[i] else f"head {i}" for i in range(self.heads.value)]

    def picture(self):
        panels = figures.weight_panels(self.weights, self.titles())
        note = f"{self.caption()}\n{figures.row_sum_note(panels)}"
        return figures.heat_maps(panels, self.words, self.words, note=note, alt=figures.weights_alt(panels, self.words, self.words),
                                 text=f"{self.caption()}\n{figures.numbers_text(panels, self.words, self.words, figures.row_sum_note(panels))}")

    def _show(self):
        panels = figures.weight_panels(self.weights, self.titles())
        self.focus = min(self.focus, len(panels) - 1)
        focused = panels[self.focus]
        self.head_map.show(panels, self.words, self.words, note=f"Rows are queries, columns are keys; {figures.row_sum_note(panels)}. Click a head to see its numbers.",
                           description=f"{self.caption()}. {figures.weights_alt(panels, self.words, self.words)}", focus=self.focus)
        self.focus_map.show([focused], self.words, self.words, note=figures.row_sum_note([focused]),
                            description=f"In focus: {figures.weights_alt([focused], self.words, self.words)}")
        self.summary.value = sentence_line(self.caption())

    # -- what the controls do ------------------------------------------------------------------------

    def _redraw(self, _=None):
        self.compute()
        self._show()

    def _heads_moved(self, change):
        if self.linked.value:
            self._set_quietly(self.head_size, self._size_moved, D_MODEL // change.new)
        self._redraw()

    def _size_moved(self, change):
        if self.linked.value:
            self._set_quietly(self.heads, self._heads_moved, D_MODEL // change.new)
        self._redraw()

    def _set_quietly(self, control, callback, value):
        control.unobserve(callback, "value")                                # or the two sliders would answer each other
        control.value = value
        control.observe(callback, "value")

    def _link_changed(self, change):
        n_heads, size = self.heads.value, self.head_size.value
        counts, sizes = (HEAD_COUNTS, tuple(D_MODEL // h for h in reversed(HEAD_COUNTS))) if change.new else (tuple(range(1, 17)), HEAD_SIZES)
        if change.new:                                                      # back to the nearest allowed pair
            n_heads = min(HEAD_COUNTS, key=lambda h: abs(h - n_heads))
            size = D_MODEL // n_heads
        for control, callback, options, value in ((self.heads, self._heads_moved, counts, n_heads), (self.head_size, self._size_moved, sizes, size)):
            control.unobserve(callback, "value")
            control.options = options
            control.value = value
            control.observe(callback, "value")
        self._redraw()

    def _sentence_changed(self, change):
        try:
            self.words = read_words(change.new)
        except ValueError as problem:
            self.message.value = sentence_line(f"{problem} The last good sentence is kept.", "#b91c1c")
            return
        self.message.value = ""
        self._redraw()

    def _mask(self):
        n = len(self.words)
        if self.mask.value == "causal":
            return causal_mask(n)
        if self.mask.value.startswith("padding"):
            return padding_mask(max(n - 2, 1), n)
        return None


@lru_cache(maxsize=64)
def _matrices(source: str, n_heads: int, d_k: int) -> MultiHeadAttention:
    if source == "made by hand":
        return examples.hand_made(n_heads, d_k)
    return MultiHeadAttention.random(D_MODEL, n_heads, np.random.default_rng(0), d_k=d_k, d_v=d_k)


def read_words(sentence: str) -> tuple[str, ...]:
    """Split a sentence at its spaces. Says in a sentence what is wrong with one that cannot be shown."""
    words = tuple(sentence.split())
    if not words:
        raise ValueError("There is no word in the sentence: type at least one.")
    if len(words) > MOST_WORDS:
        raise ValueError(f"The sentence has {len(words)} words, and at most {MOST_WORDS} can be shown: shorten it.")
    longest = max(words, key=len)
    if len(longest) > LONGEST_WORD:
        raise ValueError(f"The word {longest[:12]}… has {len(longest)} letters, and at most {LONGEST_WORD} can be shown: shorten it.")
    return words
