"""The main widget of the course: every head's weights, for any number and size of heads."""

from __future__ import annotations

import asyncio
import html
import math
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import ipywidgets as widgets
import numpy as np

from helpers import examples, figures, learning
from helpers.attention import MultiHeadAttention, causal_mask, padding_mask, scaled_dot_product_attention
from helpers.explorers.explorer import Explorer, sentence_line, slider
from helpers.explorers.masked_word import check_known
from helpers.grammar import MASK, Grammar
from helpers.widgets.head_map import HeadMap

__all__ = ["HeadExplorer", "Setting", "read_words"]

D_MODEL = 512
HEAD_COUNTS = (1, 2, 4, 8, 16)
FREE_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)  # with 16 heads, more would be slow
MOST_HEADS = HEAD_COUNTS[-1]
MOST_WORDS, LONGEST_WORD = 64, 40
PADDING = "padding: the last two words"
MASKS = ("none", "causal", PADDING)
TRAINED = "trained"
SOURCES = ("made by hand", "random", TRAINED)
TRAINED_HEADS, TRAINED_SIZE = 8, 4
TRAINED_SENTENCE = ("in", "the", "garden", "tom", "himself", "saw", "the", "ripe", MASK)
COLOURS = ("from 0 to 1", "from 0 to each head's largest")
ERROR = "#b91c1c"
REST = 0.15  # seconds without a move, after which the views below the heads follow


@dataclass(frozen=True)
class Setting:
    """What the weights depend on. Two of them can be compared."""

    words: tuple[str, ...]
    n_heads: int = 8
    d_k: int = 64
    source: str = SOURCES[0]
    mask: str = MASKS[0]
    scaled: bool = True
    temperature: float = 1.0

    def caption(self) -> str:
        heads = f"{self.n_heads} {'head' if self.n_heads == 1 else 'heads'} × {self.d_k} = {self.n_heads * self.d_k} columns"
        d_model = TRAINED_HEADS * TRAINED_SIZE if self.source == TRAINED else D_MODEL
        parts = [
            heads,
            f"{4 * d_model * self.n_heads * self.d_k:,} parameters in W_Q, W_K, W_V, W_O",
            self.source,
        ]
        parts += [f"mask {self.mask}"] if self.mask != MASKS[0] else []
        parts += [] if self.scaled else ["not divided by √(head size)"]
        parts += [f"temperature {self.temperature:g}"] if self.temperature != 1 else []
        return " · ".join(parts)

    def allowed(self) -> np.ndarray | None:
        """The mask, (n, n) or (1, n), True = may attend, or None."""
        n = len(self.words)
        if self.mask == "causal":
            return causal_mask(n)
        return padding_mask(max(n - 2, 1), n) if self.mask == PADDING else None

    def titles(self) -> list[str]:
        if self.source == "made by hand":
            return [f"{i} {examples.HAND_MADE[i]}" for i in range(self.n_heads)]
        return [f"head {i}" for i in range(self.n_heads)]


class Result:
    """Attention with one setting, computed when it is made.

    queries, keys: (n_heads, n, d_k); weights: (n_heads, n, n); writes: (n_heads, n, d_model), what each head adds to the output
    """

    def __init__(self, setting: Setting):
        layer = _layer(setting.source, setting.n_heads, setting.d_k)
        x = _trained_words(setting.words) if setting.source == TRAINED else examples.embed(setting.words)
        if setting.source == "random":  # random matrices expect numbers of variance 1
            x = x * np.sqrt(D_MODEL / (x**2).sum(axis=-1, keepdims=True))
        self.setting = setting
        self.scale = (1 / math.sqrt(setting.d_k) if setting.scaled else 1.0) / setting.temperature
        self.queries, self.keys, values = layer.project(x)
        self.found, self.weights = scaled_dot_product_attention(
            self.queries, self.keys, values, setting.allowed(), self.scale
        )
        self.layer = layer

    @cached_property
    def writes(self) -> np.ndarray:
        return self.found @ self.layer.w_o.reshape(self.setting.n_heads, self.setting.d_k, -1)

    def panels(self, colours=COLOURS[0], off=frozenset()) -> list[figures.Panel]:
        panels = figures.weight_panels(self.weights, self.setting.titles())
        limits = [1.0 if colours == COLOURS[0] else float(panel.cells.max()) or 1.0 for panel in panels]
        return [
            replace(panel, limit=limit, dim=i in off) for i, (panel, limit) in enumerate(zip(panels, limits))
        ]

    def why(self, head: int, i: int, j: int) -> list[str]:
        """The steps from q·k to one weight, in sentences."""
        s, words = self.setting, self.setting.words
        weight, score = self.weights[head, i, j], self.queries[head, i] @ self.keys[head, j]
        mask = s.allowed()
        allowed = np.broadcast_to(True if mask is None else mask, self.weights.shape[1:])[i]
        steps = [
            f"Why is the weight of {words[i]} → {words[j]} in head {head} {weight:.3f}?",
            f"q({words[i]}) · k({words[j]}) = {score:.2f}",
        ]
        if not allowed[j]:
            return steps + ["The mask forbids it: the score becomes −∞, and the weight 0."]
        row = self.queries[head, i] @ self.keys[head, allowed].T * self.scale
        divisions = [f"√{s.d_k}"] * s.scaled + [f"{s.temperature:g}"] * (s.temperature != 1)
        if divisions:
            steps.append(f"divided by {' and by '.join(divisions)}: {score * self.scale:.3f}")
        rest = np.exp(row - row.max()).sum() / np.exp(score * self.scale - row.max())
        return steps + [
            f"softmax: the powers of e of the whole row add up to {rest:.3f} times this one's, so the weight is 1 / {rest:.3f} = {weight:.3f}"
        ]

    def change_without(self, off: set[int]) -> np.ndarray:
        """How far each word's output moves, relative to its length, when these heads write nothing: (n,)."""
        whole = np.linalg.norm(self.writes.sum(axis=0), axis=-1)
        moved = np.linalg.norm(self.writes[sorted(off)].sum(axis=0), axis=-1)
        return np.divide(moved, whole, out=np.zeros_like(moved), where=whole > 0)


class HeadExplorer(Explorer):
    """Heat maps of all heads, with sliders for the number of heads and the size of a head.

    Linked, heads × head size stays 512, and so does the number of parameters.
    Everything that is shown is computed anew from the matrices at each move.

    words:   the sentence, up to 64 words
    n_heads: 1, 2, 4, 8 or 16
    source:  "made by hand" (examples.hand_made), "random", or "trained" (learning.trained), which
             knows only the words of the grammar and has 8 heads of 4
    mask:    "none", "causal" or "padding: the last two words"
    """

    def __init__(self, words=("Thinking", "Machines"), n_heads=8, source=SOURCES[0], mask=MASKS[0], **layout):
        self.words = read_words(" ".join(words))
        self.heads = slider("heads", HEAD_COUNTS, n_heads)
        self.head_size = slider("head size", _linked_sizes(), D_MODEL // n_heads)
        self.temperature = slider("temperature", (0.25, 0.5, 1.0, 2.0, 4.0), 1.0)
        self.linked = widgets.Checkbox(
            value=True,
            description=f"keep heads × head size = {D_MODEL}",
            indent=False,
            layout=widgets.Layout(width="340px"),
        )
        self.scaled = widgets.Checkbox(
            value=True,
            description="divide the scores by √(head size)",
            indent=False,
            layout=widgets.Layout(width="340px"),
        )
        self.source = widgets.Dropdown(options=SOURCES, value=source, description="matrices")
        self.mask = widgets.Dropdown(options=MASKS, value=mask, description="mask")
        self.colours = widgets.Dropdown(options=COLOURS, value=COLOURS[0], description="colours")
        self.sentence = widgets.Text(
            value=" ".join(self.words),
            description="sentence",
            continuous_update=False,
            layout=widgets.Layout(width="690px"),
        )
        self.pin = widgets.ToggleButton(
            value=False,
            description="pin this setting",
            tooltip="keep these maps below, to compare them with another setting",
            layout=widgets.Layout(width="160px"),
        )
        self.takes_part = [
            widgets.Checkbox(
                value=True, description=f"head {i}", indent=False, layout=widgets.Layout(width="84px")
            )
            for i in range(MOST_HEADS)
        ]
        self.summary, self.message, self.fixed, self.reason, self.change = (widgets.HTML() for _ in range(5))
        self.head_map, self.focus_map = HeadMap(cell_size=40), HeadMap(cell_size=44)
        self.product_map = HeadMap(cell_size=15, reads="number {row} + {column}")
        self.write_map = HeadMap(cell_size=30, reads="into the output of {row}, head {column}")
        self.pinned, self.pinned_map, self.pinned_summary = None, HeadMap(cell_size=40), widgets.HTML()
        self.cell = (0, min(1, len(self.words) - 1), 0)
        self._listen()
        self._pinned_box = widgets.VBox(
            [self.pinned_summary, self.pinned_map], layout=widgets.Layout(display="none")
        )
        side_by_side = widgets.Layout(flex_flow="row wrap", align_items="flex-start")
        half = widgets.Layout(flex="1 1 420px", min_width="300px")
        super().__init__(
            [
                widgets.HBox([self.heads, self.head_size], layout=side_by_side),
                widgets.HBox([self.linked, self.scaled], layout=side_by_side),
                widgets.HBox([self.source, self.mask, self.colours], layout=side_by_side),
                widgets.HBox([self.temperature, self.pin], layout=side_by_side),
                self.fixed,
                self.sentence,
                self.message,
                self.summary,
                self.head_map,
                self._pinned_box,
                widgets.HBox(
                    [
                        widgets.VBox([self.focus_map], layout=half),
                        widgets.VBox([self.reason, self.product_map], layout=half),
                    ],
                    layout=side_by_side,
                ),
                widgets.HBox([widgets.Label("taking part:"), *self.takes_part], layout=side_by_side),
                self.change,
                self.write_map,
            ],
            **layout,
        )
        if source == TRAINED:
            self._to_trained()
        self._redraw()
        self._show_details()

    # -- what is shown -------------------------------------------------------------------------------

    @property
    def setting(self) -> Setting:
        return Setting(
            self.words,
            self.heads.value,
            self.head_size.value,
            self.source.value,
            self.mask.value,
            self.scaled.value,
            self.temperature.value,
        )

    @property
    def weights(self) -> np.ndarray:
        return self.result.weights

    @property
    def off(self) -> set[int]:
        return {i for i in range(self.heads.value) if not self.takes_part[i].value}

    def caption(self) -> str:
        return self.setting.caption()

    def put_in_focus(self, head: int, row: int, column: int):
        """Show this head's numbers, and why this weight is what it is."""
        self.cell = (head, row, column)
        self._show()

    def picture(self):
        panels, words = self.result.panels(self.colours.value, self.off), self.words
        sums = figures.row_sum_note(panels) + (
            "" if self.colours.value == COLOURS[0] else "; colours from 0 to each head's largest weight"
        )
        said = [
            self.caption(),
            figures.numbers_text(panels, words, words, sums),
            *self.result.why(*self.cell),
            self._change(),
        ]
        return figures.heat_maps(
            panels,
            words,
            words,
            note=f"{self.caption()}\n{sums}",
            alt=f"{self.caption()}. {figures.weights_alt(panels, words, words)}",
            text="\n".join(said),
        )

    def _redraw(self, _=None):
        if self.source.value == TRAINED and (self.heads.value, self.head_size.value) != (
            TRAINED_HEADS,
            TRAINED_SIZE,
        ):
            self._set_cut(False, TRAINED_HEADS, TRAINED_SIZE)
        self.result = Result(self.setting)
        head, i, j = self.cell
        last = len(self.words) - 1
        self.cell = (min(head, self.heads.value - 1), min(i, last), min(j, last))
        for i, box in enumerate(self.takes_part):
            box.layout.display = "" if i < self.heads.value else "none"
        self._show()

    def _show(self):
        """The heads at once, since they are what a moving slider is watched for; the rest when it rests."""
        panels, words, head = self.result.panels(self.colours.value, self.off), self.words, self.cell[0]
        sums = figures.row_sum_note(panels)
        self.head_map.show(
            panels,
            words,
            words,
            focus=head,
            note=f"Rows are queries, columns are keys; {sums}. Click a cell, or press Enter on it, to put its head in focus.",
            description=f"{self.caption()}. {figures.weights_alt(panels, words, words)}",
        )
        self.summary.value = sentence_line(self.caption())
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no kernel
            return self._show_details()
        if self._waiting:
            self._waiting.cancel()
        self._waiting = loop.call_later(REST, self._show_details)

    _waiting = None

    def _show_details(self):
        panels, words, head = self.result.panels(self.colours.value, self.off), self.words, self.cell[0]
        self.focus_map.show(
            [panels[head]],
            words,
            words,
            note=figures.row_sum_note([panels[head]]),
            description=f"In focus: {figures.weights_alt([panels[head]], words, words)}",
        )
        self._explain(*self.cell)
        self._show_writes()
        self._compare()

    def _explain(self, head: int, i: int, j: int):
        question, *steps = self.result.why(head, i, j)
        self.reason.value = f"<b>{html.escape(question)}</b>" + "".join(sentence_line(step) for step in steps)
        query, key = self.result.queries[head, i], self.result.keys[head, j]
        columns = 2 ** math.ceil(math.log2(query.size) / 2)  # the numbers of a vector, row by row
        grid = {"q": query, "k": key, f"q × k, sum {query @ key:.2f}": query * key}
        panels = [
            figures.score_panel(title, vector.reshape(-1, columns), digits=1)
            for title, vector in grid.items()
        ]
        names = (
            [str(row * columns) for row in range(query.size // columns)],
            [str(column) for column in range(columns)],
        )
        self.product_map.show(
            panels,
            *names,
            note=f"The {query.size} numbers of q and k and their products, row by row.",
            description=" ".join([question, *steps]),
        )

    def _show_writes(self):
        lengths = np.linalg.norm(self.result.writes, axis=-1).T  # (n, n_heads)
        panel = figures.score_panel("length of each head's write", lengths, digits=1)
        self.change.value = sentence_line(self._change())
        heads = [str(i) for i in range(self.heads.value)]
        self.write_map.show(
            [panel],
            self.words,
            heads,
            note="What each head adds to the output of each word, through W_O. Rows are words, columns are heads.",
            description=f"Lengths of the heads' writes. {self._change()}",
        )

    def _change(self) -> str:
        off = self.off
        if not off:
            return "All heads take part: the output is the sum of their writes. Switch one off to see its part go."
        moved = self.result.change_without(off)
        each = ", ".join(f"{word} {share:.0%}" for word, share in list(zip(self.words, moved))[:8])
        return f"Without {'head' if len(off) == 1 else 'heads'} {', '.join(map(str, sorted(off)))} the output moves by {moved.mean():.0%} of its length on average ({each}{', …' if len(moved) > 8 else ''})."

    def _compare(self):
        if self.pinned is None:
            return
        now, then = self.result, self.pinned
        difference = "the maps have different shapes"
        if now.weights.shape == then.weights.shape:
            difference = (
                f"the largest difference of a weight is {np.abs(now.weights - then.weights).max():.3f}"
            )
        self.pinned_summary.value = sentence_line(
            f"Pinned: {then.setting.caption()}. Compared with the maps above, {difference}."
        )

    # -- what the controls do ------------------------------------------------------------------------

    def _listen(self):
        self.source.observe(self._source_changed, "value")
        for control in (self.mask, self.scaled, self.temperature, self.colours):
            control.observe(self._redraw, "value")
        for box in self.takes_part:
            box.observe(lambda _: self._show(), "value")
        self.heads.observe(self._heads_moved, "value")
        self.head_size.observe(self._size_moved, "value")
        self.linked.observe(self._link_changed, "value")
        self.sentence.observe(self._sentence_changed, "value")
        self.pin.observe(self._pin_changed, "value")
        self.head_map.on_press(self.put_in_focus)
        self.head_map.on_point(self._explain)
        self.focus_map.on_point(lambda _, row, column: self._explain(self.cell[0], row, column))

    def _heads_moved(self, change):
        if self.linked.value:
            self._set_quietly(self.head_size, self._size_moved, D_MODEL // change.new)
        self._redraw()

    def _size_moved(self, change):
        if self.linked.value:
            self._set_quietly(self.heads, self._heads_moved, D_MODEL // change.new)
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
            n_heads = min(HEAD_COUNTS, key=lambda h: abs(h - n_heads))
            size = D_MODEL // n_heads
        self._set_cut(change.new, n_heads, size)
        self._redraw()

    def _set_cut(self, linked: bool, n_heads: int, size: int):
        counts = HEAD_COUNTS if linked else tuple(range(1, MOST_HEADS + 1))
        sizes = _linked_sizes() if linked else tuple(sorted({*FREE_SIZES, size}))
        self._set_quietly(self.linked, self._link_changed, linked)
        self._set_quietly(self.heads, self._heads_moved, n_heads, counts)
        self._set_quietly(self.head_size, self._size_moved, size, sizes)

    def _source_changed(self, change):
        if change.new == TRAINED:
            self._to_trained()
        elif change.old == TRAINED:
            self._from_trained()
        self._redraw()

    def _to_trained(self):
        """Remember the cut, fix it, and put the sentence away if the model cannot read it."""
        self._cut, self._put_away = (self.linked.value, self.heads.value, self.head_size.value), None
        self._fix(True)
        words, self.message.value = self.words, ""
        try:
            _check_trained(words)
        except ValueError as problem:
            self._put_away, words = words, TRAINED_SENTENCE
            self.message.value = sentence_line(
                f"{problem} Until then this is a sentence of the grammar; yours comes back with the other matrices."
            )
        self._show_sentence(words)

    def _from_trained(self):
        self._fix(False)
        self._set_cut(*self._cut)
        self.message.value = ""
        self._show_sentence(self._put_away or self.words)

    def _fix(self, fixed: bool):
        for control in (self.heads, self.head_size, self.linked):
            control.disabled = fixed
        why = f"The sliders rest: what was learned belongs to this cut, {TRAINED_HEADS} heads of {TRAINED_SIZE}. In the training only the row of {MASK} counted."
        self.fixed.value = sentence_line(why) if fixed else ""

    def _show_sentence(self, words: tuple[str, ...]):
        self.words = words
        self._set_quietly(self.sentence, self._sentence_changed, " ".join(words))

    def _sentence_changed(self, change):
        try:
            words = read_words(change.new)
            if self.source.value == TRAINED:
                _check_trained(words)
            self.words = words
        except ValueError as problem:
            self.message.value = sentence_line(f"{problem} The last good sentence is kept.", ERROR)
            return
        self.message.value = ""
        self._redraw()

    def _pin_changed(self, change):
        self.pinned = self.result if change.new else None
        self.pin.description = "unpin" if change.new else "pin this setting"
        self._pinned_box.layout.display = "" if change.new else "none"
        if self.pinned:
            panels, words = self.pinned.panels(self.colours.value), self.pinned.setting.words
            self.pinned_map.show(
                panels,
                words,
                words,
                note=figures.row_sum_note(panels),
                description=f"Pinned: {self.pinned.setting.caption()}. {figures.weights_alt(panels, words, words)}",
            )
            self._compare()


def _linked_sizes() -> tuple[int, ...]:
    return tuple(D_MODEL // h for h in reversed(HEAD_COUNTS))


@lru_cache(maxsize=8)
def _layer(source: str, n_heads: int, d_k: int) -> MultiHeadAttention:
    if source == "made by hand":
        return examples.hand_made(n_heads, d_k)
    if source == TRAINED:
        return _trained()[0].attention
    layer = MultiHeadAttention.random(D_MODEL, n_heads, np.random.default_rng(0), d_k=d_k, d_v=d_k)
    return MultiHeadAttention(
        *(w.astype(np.float32) for w in (layer.w_q, layer.w_k, layer.w_v, layer.w_o)), n_heads
    )  # half the memory


@lru_cache(maxsize=1)
def _trained() -> tuple[learning.Parameters, tuple[str, ...]]:
    return learning.trained().parameters, Grammar.read().words


def _trained_words(words) -> np.ndarray:
    parameters, vocabulary = _trained()
    return learning.embed(
        np.array([vocabulary.index(word.lower()) for word in words]),
        parameters.embeddings,
        parameters.position_embeddings[: len(words)],
    )


def _check_trained(words) -> None:
    parameters, vocabulary = _trained()
    if len(words) > len(parameters.position_embeddings):
        raise ValueError(
            f"The sentence has {len(words)} words, and the trained model knows {len(parameters.position_embeddings)} places: shorten it."
        )
    check_known(words, vocabulary)


def read_words(sentence: str) -> tuple[str, ...]:
    """Split a sentence at its spaces. Says in a sentence what is wrong with one that cannot be shown."""
    words = tuple(sentence.split())
    if not words:
        raise ValueError("There is no word in the sentence: type at least one.")
    if len(words) > MOST_WORDS:
        raise ValueError(
            f"The sentence has {len(words)} words, and at most {MOST_WORDS} can be shown: shorten it."
        )
    longest = max(words, key=len)
    if len(longest) > LONGEST_WORD:
        raise ValueError(
            f"The word {longest[:12]}… has {len(longest)} letters, and at most {LONGEST_WORD} can be shown: shorten it."
        )
    return words
