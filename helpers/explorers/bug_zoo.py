"""Notebook 06: maps of real bugs. Say what is wrong, then see the reason, the right map and the thread."""

from __future__ import annotations

import html
import math
from functools import cached_property, lru_cache

import ipywidgets as widgets
import numpy as np
from matplotlib.figure import Figure

from helpers import examples, figures
from helpers.attention import causal_mask, scaled_dot_product_attention
from helpers.checks.catalogue import MISTAKES, RIGHT, attention, project, steps_with
from helpers.explorers.explorer import Explorer, in_words, sentence_line, slider
from helpers.questions import answers_file
from helpers.widgets.head_map import HeadMap
from helpers.widgets.static_fallback import note

__all__ = ["BugZoo", "Exhibit"]

PADDING = "[pad]"
D_K = 16  # of the random head
PLACES = "The merged output, whose value stands in each head's place:"


class Exhibit:
    """One bug: its wrong run and the right one, on an input that shows it.

    bug: an entry of data/bugs.json
    """

    def __init__(self, bug: dict, number: int):
        self.bug, self.number, self.right_answer = bug, number, bug["name"]
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
        """What the values are really weighted by: (n_heads, n, n). With the identity as values, it is the output."""
        with np.errstate(invalid="ignore"):  # 0 / 0 in a row that may look at nothing
            return attention(
                self.steps, *self.queries_and_keys(self.steps, x), np.eye(len(self.words)), self.mask
            )

    @cached_property
    def mask(self) -> np.ndarray | None:
        """(n, n), True = may attend."""
        n, name = len(self.words), self.bug["mask"]
        causal = causal_mask(n) if "causal" in name else np.ones((n, n), dtype=bool)
        return (
            None
            if name == "none"
            else causal & ([word != PADDING for word in self.words] if "padding" in name else True)
        )

    @cached_property
    def wrong(self) -> list[figures.Panel]:
        titles = [f"bug {self.number}: {title}" for title in self._titles()]
        return [_panel(title, cells) for title, cells in zip(titles, self.wrong_weights())]

    @cached_property
    def right(self) -> list[figures.Panel]:
        values = np.eye(len(self.words))
        _, weights = scaled_dot_product_attention(*self.queries_and_keys(RIGHT), values, self.mask)
        return figures.weight_panels(weights, [f"right: {title}" for title in self._titles()])

    def merged(self, steps) -> np.ndarray:
        """Whose value stands in each head's place of the merged output: (n, n_heads), numbers of words."""
        places = np.arange(len(self.words), dtype=float)[
            :, None
        ]  # one number a value: the word it belongs to
        return steps["merge"](attention(steps, *self.queries_and_keys(steps), places)).round()

    def unchanged(self) -> list[int]:
        """The heads that keep every weight when the second word gets other numbers."""
        x = examples.thinking_machines().x
        changed = np.stack([x[0], -x[1][::-1]])
        same = np.isclose(self.wrong_weights(), self.wrong_weights(changed), atol=1e-12).all(axis=(-2, -1))
        return [int(head) for head in np.flatnonzero(same)]

    def numbers(self) -> str:
        """What can be read off without a diagnosis."""
        first = self.wrong[0]
        rows, columns = first.cells.sum(axis=-1), first.cells.sum(axis=-2)
        said = [
            f"{first.title}: row sums {_listed(rows)}; column sums {_listed(columns)}; first row {_listed(first.cells[0], 3)}."
        ]
        clue = self.bug.get("clue")
        if clue == "scores":
            queries, keys = self.queries_and_keys(RIGHT)
            said.append(
                f"Raw scores q·k of this row: {_listed(queries[0, 0] @ keys[0].T, 0)}; d_k = {keys.shape[-1]}."
            )
        if clue == "change":
            said.append(
                f"With other numbers for {self.words[1]}, the heads {', '.join(map(str, self.unchanged()))} keep every weight; the others change."
            )
        return "\n".join(said)

    def places(self, steps) -> list[list[str]]:
        """For each word, the words whose values stand side by side in its row of the output; empty if not asked for."""
        return (
            [[self.words[int(i)] for i in row] for row in self.merged(steps)]
            if self.bug.get("clue") == "merged"
            else []
        )

    def _titles(self):
        if self.bug["input"] == "hand-made":
            return self.bug["jobs"]
        return [f"head {i}" for i in range(8)] if self.bug["input"] == "pair" else ["a random head"]


@lru_cache(maxsize=1)
def _exhibits() -> list[Exhibit]:
    return [Exhibit(bug, number) for number, bug in enumerate(examples.bugs(), 1)]


class BugZoo(Explorer):
    """Maps of real bugs. What is wrong is said after the learner has said it.

    bug: the number of the one to begin with
    """

    def __init__(self, bug: int = 1, **layout):
        self.exhibits = _exhibits()
        self.bug = slider("bug", range(1, len(self.exhibits) + 1), bug)
        self.question, self.numbers_line, self.places_view, self.verdict, self.score = (
            widgets.HTML() for _ in range(5)
        )
        self.wrong_map, self.right_map = HeadMap(cell_size=40), HeadMap(cell_size=40)
        self.choice = widgets.RadioButtons(options=[""], layout=widgets.Layout(width="auto"))
        self.button = widgets.Button(description="This is it")
        self.button.on_click(lambda _: self.answer(self.choice.value))
        self.bug.observe(lambda _: self._show(), "value")
        self._wrong_box, self._right_box = (
            widgets.VBox([head_map], layout=widgets.Layout(flex="1 1 420px", min_width="300px"))
            for head_map in (self.wrong_map, self.right_map)
        )
        maps = widgets.HBox(
            [self._wrong_box, self._right_box],
            layout=widgets.Layout(flex_flow="row wrap", align_items="flex-start"),
        )
        super().__init__(
            [
                widgets.HBox([self.bug, self.score], layout=widgets.Layout(flex_flow="row wrap")),
                self.question,
                maps,
                self.numbers_line,
                self.places_view,
                self.choice,
                self.button,
                self.verdict,
            ],
            **layout,
        )
        self._show()

    @property
    def exhibit(self) -> Exhibit:
        return self.exhibits[self.bug.value - 1]

    def first_answers(self) -> dict[str, dict]:
        """What was recorded first for each bug: the name of the bug → the answer, and whether it is right."""
        found: dict[str, dict] = {}
        for entry in answers_file.kept("answers"):
            if isinstance(entry.get("zoo"), str) and isinstance(entry.get("answer"), str):
                found.setdefault(
                    entry["zoo"], {"answer": entry["answer"], "right": entry.get("right") is True}
                )
        return found

    def answer(self, option: str | None) -> None:
        """Record one of the options, and say what is behind it."""
        exhibit = self.exhibit
        if option not in exhibit.bug["options"]:
            self.verdict.value = sentence_line("Choose one of the answers first.")
            return
        right = option == exhibit.right_answer
        problem = answers_file.keep(
            "answers", {"zoo": exhibit.right_answer, "answer": option, "right": right}
        )
        self._reveal(option, problem)

    @figures.own_style()
    def picture(self):
        exhibit = self.exhibit
        known = exhibit.right_answer in self.first_answers()
        panels = exhibit.wrong + (exhibit.right if known else [])
        said = [
            f"Bug {exhibit.number}. {exhibit.bug['question']}",
            exhibit.numbers(),
            *_as_lines(exhibit.words, exhibit.places(exhibit.steps)),
        ]
        said += [f"  ( ) {option}" for option in exhibit.bug["options"]] + (
            [f"It is this: {exhibit.right_answer}."] if known else []
        )
        drawn = _drawn([(panel, exhibit.words) for panel in panels], per_line=4)
        return figures.Picture(
            drawn,
            f"Maps of weights of bug {exhibit.number}, rows are queries. {exhibit.numbers()}",
            "\n".join(said),
        )

    @figures.own_style()
    def gallery(self) -> figures.Picture:
        """The first map of every bug, with its sums, and no answer."""
        drawn = _drawn([(exhibit.wrong[0], exhibit.words) for exhibit in self.exhibits], per_line=4)
        lines = [
            line
            for exhibit in self.exhibits
            for line in (
                exhibit.numbers().replace("\n", "\n  "),
                *_as_lines(exhibit.words, exhibit.places(exhibit.steps)),
            )
        ]
        alt = f"The first map of each of {len(self.exhibits)} bugs, rows are queries. " + " ".join(
            exhibit.numbers() for exhibit in self.exhibits
        )
        return figures.Picture(drawn, alt, "\n".join(lines))

    def _fallback(self):
        picture = self.gallery()
        yield picture._repr_mimebundle_()
        entries = []
        for exhibit in self.exhibits:
            places = _table(PLACES, exhibit.words, exhibit.places(exhibit.steps))
            options = "".join(f"<li>{html.escape(option)}</li>" for option in exhibit.bug["options"])
            entries.append(
                f"<p><b>Bug {exhibit.number}.</b> {html.escape(exhibit.bug['question'])}<br>{html.escape(exhibit.numbers())}</p>{places}<ul>{options}</ul>"
                f"<details><summary>The answer to bug {exhibit.number}</summary>{_answer(exhibit)}</details>"
            )
        yield (
            {
                "text/html": note(
                    f"{in_words(picture, 'In words and numbers.')}<details><summary>The questions and answers. Run the cell to answer them here.</summary>{''.join(entries)}</details>"
                )
            },
            {},
        )

    def _show(self):
        """The wrong map and the question, and what was answered before."""
        exhibit, words = self.exhibit, self.exhibit.words
        self.question.value = f"<b>Bug {exhibit.number}.</b> {html.escape(exhibit.bug['question'])}"
        self.numbers_line.value = "".join(sentence_line(line) for line in exhibit.numbers().split("\n"))
        self.places_view.value = self._tables(exhibit.steps)
        self.wrong_map.show(
            exhibit.wrong,
            words,
            words,
            note="Rows are queries, columns are keys.",
            description=f"Bug {exhibit.number}. {exhibit.numbers()}",
        )
        self.choice.options = list(exhibit.bug["options"])
        self.choice.value = None  # or the first option would stand there as chosen
        self.verdict.value, self._right_box.layout.display = "", "none"
        earlier = self.first_answers().get(exhibit.right_answer)
        if earlier and earlier["answer"] in exhibit.bug["options"]:
            self._reveal(earlier["answer"], "You answered this before; the first answer counts.")
        self._count()

    def _reveal(self, option: str, more: str = ""):
        exhibit, words = self.exhibit, self.exhibit.words
        right = option == exhibit.right_answer
        reason = (
            ""
            if right
            else sentence_line(f"Not this one: {option}. {exhibit.bug['options'][option]}", "#b91c1c")
        )
        self.verdict.value = f'<div role="status" style="line-height:1.4">{reason}{"<b>Right.</b> " if right else ""}{_answer(exhibit)}{sentence_line(more)}</div>'
        self.places_view.value = self._tables(exhibit.steps, RIGHT)
        self.right_map.show(
            exhibit.right,
            words,
            words,
            note=figures.row_sum_note(exhibit.right),
            description=f"The right maps. {figures.weights_alt(exhibit.right, words, words)}",
        )
        self._right_box.layout.display = ""
        self._count()

    def _count(self):
        first = self.first_answers()
        answers = [first.get(exhibit.right_answer) for exhibit in self.exhibits]
        given = [answer for answer in answers if answer]
        right = (
            f"{sum(answer['right'] for answer in given)} of {len(given)} right at the first try; "
            if given
            else ""
        )
        self.score.value = sentence_line(f"{right}{len(answers) - len(given)} to go.")

    def _tables(self, *all_steps) -> str:
        exhibit = self.exhibit
        tables = [
            _table(title, exhibit.words, exhibit.places(steps))
            for title, steps in zip((PLACES, "The same, rightly merged:"), all_steps)
        ]
        return f'<div style="display:flex;flex-wrap:wrap;align-items:flex-start;line-height:1.4">{"".join(tables)}</div>'


def _answer(exhibit: Exhibit) -> str:
    """The right name, why, what shows it, and where it happened, as HTML."""
    bug = exhibit.bug
    name = html.escape(exhibit.right_answer[:1].upper() + exhibit.right_answer[1:])
    threads = "".join(
        f'<li><a style="text-decoration:underline" href="{html.escape(url)}" target="_blank" rel="noopener">{html.escape(_label(url))}</a>: {html.escape(said)}</li>'
        for url, said in bug["threads"]
    )
    return f"<p><b>{name}.</b> {html.escape(bug['options'][exhibit.right_answer])}</p><p>What shows it: {html.escape(bug['shown_by'])}</p><p>Where it happened, or was asked:</p><ul>{threads}</ul>"


def _label(url: str) -> str:
    """owner/repository#number, as threads are usually named."""
    owner, repository, _, number = url.split("/")[-4:]
    return f"{owner}/{repository}#{number}"


def _as_lines(words, places) -> list[str]:
    return [PLACES] + [f"  {word}: {' | '.join(row)}" for word, row in zip(words, places)] if places else []


def _table(title: str, words, places) -> str:
    """The places of the merged output as an HTML table; nothing where there are none."""
    if not places:
        return ""
    head = "".join(f'<th scope="col" style="padding:0 8px">head {i}</th>' for i in range(len(places[0])))
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left">{html.escape(word)}</th>'
        + "".join(f'<td style="padding:0 8px">{html.escape(place)}</td>' for place in row)
        + "</tr>"
        for word, row in zip(words, places)
    )
    return f'<table style="margin-right:24px"><caption style="text-align:left;white-space:nowrap">{html.escape(title)}</caption><tr><td></td>{head}</tr>{rows}</table>'


def _listed(numbers, digits=2) -> str:
    return " ".join(f"{number:.{digits}f}" for number in numbers)


def _panel(title, cells) -> figures.Panel:
    """A map without the demand that its rows sum to 1."""
    labels = (
        None if np.isfinite(cells).all() else [[f"{value:.2f}" for value in row] for row in cells]
    )  # nan has to be written
    return figures.Panel(title, cells, labels=labels)


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
        for i, j in np.ndindex(
            panel[0].cells.shape
        ):  # smaller than draw_panel writes them, so that ten maps fit
            axes.text(
                j,
                i,
                figures.cell_text(panel[0], i, j),
                ha="center",
                va="center",
                fontsize=9 if len(panel[1]) < 4 else 6,
                color="white" if panel[0].cells[i, j] < 0.6 else "black",
            )
    return figure
