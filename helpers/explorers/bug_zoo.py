"""Notebook 06: maps of real bugs. Say what is wrong, then see the reason, the right map and the thread."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from helpers import examples, figures
from helpers.attention import causal_mask, scaled_dot_product_attention
from helpers.charts import ink
from helpers.checks.catalogue import MISTAKES, RIGHT, attention, project, steps_with
from helpers.explorers.explorer import Explorer, in_words
from helpers.questions.answers_file import Choice, first_answers
from helpers.questions.question import KnownQuestion
from helpers.widgets import markup
from helpers.widgets.controls import slider
from helpers.widgets.head_map import HeadMap
from helpers.widgets.static_fallback import note

__all__ = ["BugZoo", "Exhibit", "Result", "Setting", "count", "result"]

PADDING = "[pad]"
D_K = 16  # of the random head
MERGED = ("The merged output: whose value stands at each head's position", "The same, merged correctly")


class Exhibit:
    """One bug: its wrong run and the right one, on an input that shows it.

    bug: an entry of data/bugs.json
    """

    def __init__(self, bug: dict, number: int):
        self.bug, self.number, self.name = bug, number, bug["name"]  # the name its answers are kept under
        self.right_answer = bug.get("answer", self.name)
        mistake = [mistake for mistake in MISTAKES if mistake.name == bug["mistake"]]
        self.steps = steps_with(*mistake)  # none: the plain softmax is the bug
        self.words = list(bug.get("words", examples.thinking_machines().words))

    def queries_and_keys(self, steps, x=None):
        """Of every head that is shown, made with these steps: (n_heads, n, d_k) each."""
        if self.bug["input"] == "random":
            return np.random.default_rng(6).standard_normal((2, 1, len(self.words), D_K))
        if self.bug["input"] == "hand-made":
            layer, x, shown = (
                examples.hand_made(8),
                examples.embed(self.words),
                [examples.HAND_MADE.index(job) for job in self.bug["jobs"]],
            )
        else:
            example = examples.thinking_machines()
            layer, x, shown = example.attention, example.x if x is None else x, slice(None)
        queries, keys, _ = project(steps, x, layer.w_q, layer.w_k, layer.w_v)
        return [steps["split"](part, layer.n_heads)[shown] for part in (queries, keys)]

    def wrong_weights(self, x=None) -> np.ndarray:
        """What the values are really weighted by: (n_heads, n, n), the output for the identity as values."""
        with np.errstate(invalid="ignore"):  # 0 / 0 in a row that may attend to nothing
            queries, keys = self.queries_and_keys(self.steps, x)
            return attention(self.steps, queries, keys, np.eye(len(self.words)), self.mask)

    @cached_property
    def mask(self) -> np.ndarray | None:
        """(n, n), True = may attend."""
        n, name = len(self.words), self.bug["mask"]
        if name == "none":
            return None
        causal = causal_mask(n) if "causal" in name else np.ones((n, n), dtype=bool)
        return causal & ([word != PADDING for word in self.words] if "padding" in name else True)

    @cached_property
    def wrong(self) -> list[figures.Panel]:
        titles = [f"bug {self.number}: {title}" for title in self._titles()]
        return [_panel(title, cells) for title, cells in zip(titles, self.wrong_weights())]

    @cached_property
    def right(self) -> list[figures.Panel]:
        queries, keys = self.queries_and_keys(RIGHT)
        _, weights = scaled_dot_product_attention(queries, keys, np.eye(len(self.words)), self.mask)
        return figures.weight_panels(weights, [f"right: {title}" for title in self._titles()])

    def unchanged(self) -> list[int]:
        """The heads that keep every weight when the second word gets other numbers."""
        x = examples.thinking_machines().x
        changed = np.stack([x[0], -x[1][::-1]])
        same = np.isclose(self.wrong_weights(), self.wrong_weights(changed), atol=1e-12).all(axis=(-2, -1))
        return [int(head) for head in np.flatnonzero(same)]

    @cached_property
    def numbers(self) -> str:
        """What can be read off without a diagnosis, as lines of text."""
        first = self.wrong[0]
        rows, columns = first.cells.sum(axis=-1), first.cells.sum(axis=-2)
        said = (
            f"{first.title}: row sums {_listed(rows)}; column sums {_listed(columns)}; "
            f"first row {_listed(first.cells[0], 3)}."
        )
        clue = self.bug.get("clue")
        if clue == "scores":
            queries, keys = self.queries_and_keys(RIGHT)
            scores = _listed(queries[0, 0] @ keys[0].T, 0)
            said += f"\nRaw scores q·k of this row: {scores}; d_k = {keys.shape[-1]}."
        if clue == "change":
            heads = ", ".join(map(str, self.unchanged()))
            said += (
                f"\nWith other numbers for {self.words[1]}, the heads {heads} keep every weight; "
                "the others change."
            )
        return said

    def merged(self, steps) -> list[list[str]]:
        """For each word, whose values stand side by side in its row of the output; empty if not asked for."""
        if self.bug.get("clue") != "merged":
            return []
        values = np.arange(len(self.words), dtype=float)[
            :, None
        ]  # one number a value: the word it belongs to
        queries, keys = self.queries_and_keys(steps)
        rows = steps["merge"](attention(steps, queries, keys, values)).round()
        return [[self.words[int(i)] for i in row] for row in rows]

    def _titles(self):
        if self.bug["input"] == "hand-made":
            return self.bug["jobs"]
        return [f"head {i}" for i in range(8)] if self.bug["input"] == "pair" else ["a random head"]


@dataclass(frozen=True)
class Setting:
    """The number of a bug, and the options that were chosen for it so far."""

    bug: int = 1
    chosen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """What is shown for a setting. The right maps and what shows the bug are there once it is solved."""

    number: int
    words: Sequence[str]
    question: str
    options: Mapping[str, str]
    numbers: str
    wrong: Sequence[figures.Panel]
    merged: Sequence[Sequence[Sequence[str]]]  # of the wrong run and, once solved, of the right one
    solved: bool
    right: Sequence[figures.Panel] = ()
    answer: str = ""
    shown_by: str = ""
    threads: Sequence[Sequence[str]] = ()

    def text(self) -> str:
        lines = [f"Bug {self.number}. {self.question}", self.numbers, *_as_lines(self.words, self.merged[0])]
        lines += [f"  ( ) {option}" for option in self.options]
        return "\n".join(lines + ([f"It is this: {self.answer}."] if self.solved else []))


@lru_cache(maxsize=1)
def _exhibits() -> list[Exhibit]:
    return [Exhibit(bug, number) for number, bug in enumerate(examples.bugs(), 1)]


def result(setting: Setting, exhibits: Sequence[Exhibit] | None = None) -> Result:
    """A bug as it is shown to someone who has chosen these options.

    >>> result(Setting(1)).solved, result(Setting(1, ("the scores are not divided by √d_k",))).solved
    (False, True)
    """
    exhibit = (exhibits or _exhibits())[setting.bug - 1]
    bug, solved = exhibit.bug, exhibit.right_answer in setting.chosen
    shown = dict(
        number=exhibit.number,
        words=exhibit.words,
        question=bug["question"],
        options=bug["options"],
        numbers=exhibit.numbers,
        wrong=exhibit.wrong,
        merged=[exhibit.merged(steps) for steps in (exhibit.steps, RIGHT)[: 1 + solved]],
        solved=solved,
    )
    if solved:
        shown |= dict(
            right=exhibit.right,
            answer=exhibit.right_answer,
            shown_by=bug["shown_by"],
            threads=bug["threads"],
        )
    return Result(**shown)


def count(first: Mapping[str, Choice], names: Sequence[str]) -> str:
    """How many bugs were named right at the first try, and how many are left.

    >>> count({"no mask": Choice("no mask", True)}, ["no mask", "no scaling"])
    '1 of 1 right at the first try; 1 to go.'
    """
    given = [first[name] for name in names if name in first]
    right = (
        f"{sum(answer.right for answer in given)} of {len(given)} right at the first try; " if given else ""
    )
    return f"{right}{len(names) - len(given)} to go."


class BugZoo(Explorer):
    """Maps of real bugs. What is wrong is said after the learner has said it.

    bug: the number of the one to begin with
    """

    def __init__(self, bug: int = 1, exhibits: Sequence[Exhibit] | None = None, **layout):
        self.exhibits = exhibits or _exhibits()
        self.bug = slider("bug", range(1, len(self.exhibits) + 1), bug)
        self.question = KnownQuestion("zoo", on_answer=self._show)
        self.numbers, self.tables, self.more, self.score = (widgets.HTML() for _ in range(4))
        self.wrong_map, self.right_map = HeadMap(cell_size=40), HeadMap(cell_size=40)
        self.boxes = [
            widgets.VBox([head_map], layout=widgets.Layout(flex="1 1 420px", min_width="300px"))
            for head_map in (self.wrong_map, self.right_map)
        ]
        self.bug.observe(lambda _: self._ask(), "value")
        wrap = widgets.Layout(flex_flow="row wrap", align_items="flex-start")
        super().__init__(
            [
                widgets.HBox([self.bug, self.score], layout=wrap),
                widgets.HBox(self.boxes, layout=wrap),
                self.numbers,
                self.tables,
                self.question,
                self.more,
            ],
            **layout,
        )
        self._ask()

    @property
    def exhibit(self) -> Exhibit:
        return self.exhibits[self.bug.value - 1]

    @property
    def result(self) -> Result:
        chosen = tuple(choice.answer for choice in self.question.chosen())
        return result(Setting(self.bug.value, chosen), self.exhibits)

    @figures.own_style()
    def picture(self):
        shown = self.result
        drawn = _drawn([(panel, shown.words) for panel in (*shown.wrong, *shown.right)], per_line=4)
        alt = f"Attention maps of bug {shown.number}, rows are queries. {shown.numbers}"
        return figures.Picture(drawn, alt, shown.text())

    @figures.own_style()
    def gallery(self) -> figures.Picture:
        """The first map of every bug, with its sums, and no answer."""
        results = self._unanswered()
        drawn = _drawn([(shown.wrong[0], shown.words) for shown in results], per_line=4)
        lines = [
            line
            for shown in results
            for line in (shown.numbers.replace("\n", "\n  "), *_as_lines(shown.words, shown.merged[0]))
        ]
        alt = f"The first map of each of {len(results)} bugs, rows are queries; their sums are in the text."
        return figures.Picture(drawn, alt, "\n".join(lines))

    def _unanswered(self):
        return [result(Setting(exhibit.number), self.exhibits) for exhibit in self.exhibits]

    def _fallback(self):
        picture = self.gallery()
        yield picture._repr_mimebundle_()
        entries = "".join(
            f"<p>{markup.bold(f'Bug {shown.number}.')} {markup.escaped(shown.question)}</p>"
            f"{markup.lines(shown.numbers)}{_tables(shown)}{markup.items(map(markup.escaped, shown.options))}"
            + markup.folded(f"The answer to bug {shown.number}", self._solved(shown))
            for shown in self._unanswered()
        )
        rest = markup.folded("The questions and answers. Run the cell to answer them here.", entries)
        yield {"text/html": note(in_words(picture, "In words and numbers.") + rest)}, {}

    def _solved(self, unanswered: Result) -> str:
        name = self.exhibits[unanswered.number - 1].right_answer
        shown = result(Setting(unanswered.number, (name,)), self.exhibits)
        said = f"{name[:1].upper()}{name[1:]}. {shown.options[name]}"
        return markup.paragraph(said) + _background(shown)

    def _ask(self):
        """The wrong map and the question, and what was answered before."""
        shown = result(Setting(self.bug.value), self.exhibits)
        self.numbers.value = markup.lines(shown.numbers)
        self.wrong_map.show(
            shown.wrong,
            shown.words,
            shown.words,
            note="Rows are queries, columns are keys.",
            description=f"Bug {shown.number}. {shown.numbers}",
        )
        exhibit, lead = self.exhibit, f"Bug {shown.number}."
        self.question.put(exhibit.name, shown.question, shown.options, exhibit.right_answer, lead)
        self._show()

    def _show(self):
        """What the answers so far have opened."""
        shown = self.result
        self.tables.value = _tables(shown)
        self.more.value = _background(shown) if shown.solved else ""
        self.boxes[1].layout.display = "" if shown.solved else "none"
        if shown.solved:
            self.right_map.show(
                shown.right,
                shown.words,
                shown.words,
                note=figures.row_sum_note(shown.right),
                description=f"The right maps. {figures.weights_alt(shown.right, shown.words, shown.words)}",
            )
        self.score.value = markup.lines(
            count(first_answers("zoo"), [exhibit.name for exhibit in self.exhibits])
        )


def _background(shown: Result) -> str:
    """What shows a bug, and where it happened, as HTML."""
    threads = (
        f"{markup.link(address, _label(address))}: {markup.escaped(said)}" for address, said in shown.threads
    )
    where = markup.paragraph("Where it happened, or was asked:") + markup.items(threads)
    return markup.paragraph(f"What shows it: {shown.shown_by}") + where


def _label(address: str) -> str:
    """owner/repository#number, as threads are usually named."""
    owner, repository, _, number = address.split("/")[-4:]
    return f"{owner}/{repository}#{number}"


def _as_lines(words, merged) -> list[str]:
    lines = [f"  {word}: {' | '.join(row)}" for word, row in zip(words, merged)]
    return [f"{MERGED[0]}:", *lines] if merged else []


def _tables(shown: Result) -> str:
    """The merged outputs side by side as HTML; nothing where the bug doesn't ask for them."""
    tables = [
        markup.table(title, [f"head {i}" for i in range(len(rows[0]))], list(zip(shown.words, rows)))
        for title, rows in zip(MERGED, shown.merged)
        if rows
    ]
    return f'<div style="display:flex;flex-wrap:wrap">{"".join(tables)}</div>' if tables else ""


def _listed(numbers, digits=2) -> str:
    return " ".join(f"{number:.{digits}f}" for number in numbers)


def _panel(title, cells) -> figures.Panel:
    """A map without the demand that its rows sum to 1; nan has to be written."""
    written = [[f"{value:.2f}" for value in row] for row in cells]
    return figures.Panel(title, cells, labels=None if np.isfinite(cells).all() else written)


def _drawn(panels, per_line: int) -> Figure:
    """Maps of different sizes, with words and without numbers where they are many."""
    lines = math.ceil(len(panels) / per_line)
    figure = Figure(figsize=(9.2, 2.5 * lines + 0.2), layout="constrained")
    for axes, panel in zip(
        figure.subplots(lines, per_line, squeeze=False).flat,
        [*panels, *[None] * (lines * per_line - len(panels))],
    ):
        if panel is None:
            axes.set_axis_off()
            continue
        figures.draw_panel(axes, panel[0], panel[1], panel[1], "", "", numbers=False)
        colours = figures.panel_colours(panel[0])
        size = 9 if len(panel[1]) < 4 else 6  # smaller than draw_panel writes them, so that ten maps fit
        for i, j in np.ndindex(panel[0].cells.shape):
            text, colour = figures.cell_text(panel[0], i, j), ink(colours[i, j])
            axes.text(j, i, text, ha="center", va="center", fontsize=size, color=colour)
    return figure
