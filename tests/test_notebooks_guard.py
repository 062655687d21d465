"""What nbval does not look at, read from the notebooks' JSON.

nbval compares the text outputs of cells that have an execution count, and
nothing else. The rules below close the gaps: each one is a function that takes
a notebook and its path and yields a sentence for every fault. A table of small
bad notebooks proves that each rule can fail.
"""

from __future__ import annotations

import ast
import copy
import html
import json
import re
import statistics
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from tools.notebooks import KERNEL_CHECK, ROOT, cells, joined, notebook_files, read, source, texts
from tools.refresh import WIDGET_VIEW, strip

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
RULES, RHYTHM = [], []


def rule(function):
    RULES.append(function)
    return function


def rhythm(function):
    """A rule for the course's own notebooks, which solutions need not follow."""
    RHYTHM.append(function)
    return rule(function)


def outputs(notebook):
    """Every output, with the place of its cell."""
    return [(number, output) for number, cell in cells(notebook, "code") for output in cell["outputs"]]


def pictures(notebook):
    """Every displayed picture's alternative text, with the place of its cell; None where there is no text."""
    for number, output in outputs(notebook):
        for kind in output.get("data", {}):
            if kind.startswith("image/"):
                yield number, output.get("metadata", {}).get(kind, {}).get("alt")
    for number, cell in cells(notebook, "markdown"):
        text = without_code(source(cell))
        for alt in re.findall(r"!\[([^\]]*)\]", text):
            yield number, alt
        for tag in re.findall(r"<img\b[^>]*>", text):
            alt = re.search(r'alt="([^"]*)"', tag)
            yield number, alt and html.unescape(alt[1])


def without_code(text):
    """Markdown without its code and its formulas."""
    for pattern in (r"```.*?```", r"\$\$.*?\$\$", r"`[^`\n]*`", r"\$[^$\n]*\$"):
        text = re.sub(pattern, " ", text, flags=re.DOTALL)
    return text


def taught(notebook):
    """The notebook without its check of the kernel, which isn't read."""
    return {**notebook, "cells": [cell for cell in notebook["cells"] if source(cell) != KERNEL_CHECK]}


def lines(cell):
    return [line for line in source(cell).splitlines() if line.strip()]


def names_used(code):
    """Every name that a piece of Python code uses, imports or looks up."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name.split(".")[-1]


# ---- outputs -----------------------------------------------------------------------------------------------


@rule
def executed_in_order(notebook, path):
    counts = [cell["execution_count"] for _, cell in cells(notebook, "code")]
    if counts != list(range(1, len(counts) + 1)):
        yield f"the execution counts must be 1 to {len(counts)} in order, and are {counts}; run make refresh"


@rule
def stored_by_the_refresher(notebook, path):
    try:
        nbformat.validate(copy.deepcopy(notebook))
    except nbformat.ValidationError as error:
        yield f"the file is not a valid notebook: {error.message}"
        return
    as_read = nbformat.reads(json.dumps(notebook), as_version=4)
    if as_read != strip(as_read):
        yield (
            "the notebook holds widget views, timings, a version or metadata that the refresher drops; run"
            " make refresh"
        )


@rule
def no_widget_state(notebook, path):
    if "widgets" in notebook["metadata"]:
        yield "the notebook's metadata hold widget state; run make refresh"
    for number, output in outputs(notebook):
        if {WIDGET_VIEW, WIDGET_STATE} & set(output.get("data", {})):
            yield (
                f"cell {number} holds a live widget view, which shows nothing without a kernel; run make"
                " refresh"
            )


@rule
def no_bare_widget(notebook, path):
    for number, cell in cells(notebook, "code"):
        for text in texts(cell):
            if re.match(r"[A-Z]\w+\((value|children|layout|description|options|max|min)=", text):
                yield (
                    f"cell {number} shows a bare widget ({text[:40]}…), which a static page cannot draw; show"
                    " it through an explorer"
                )


@rule
def alt_text_on_every_picture(notebook, path):
    seen = {}
    for number, alt in pictures(notebook):
        if not alt or len(alt.strip()) < 20:
            yield f"cell {number} has a picture whose alt text says too little: {alt!r}"
        elif alt in seen:
            yield f"cells {seen[alt]} and {number} have pictures with the same alt text: {alt!r}"
        seen.setdefault(alt, number)


@rule
def no_line_ending_in_a_semicolon(notebook, path):
    for number, cell in cells(notebook, "code"):
        if any(line.rstrip().endswith(";") for line in lines(cell)):
            yield (
                f"cell {number} has a line that ends in a semicolon, which hides the output that should be"
                " compared"
            )


@rule
def half_of_the_cells_are_compared(notebook, path):
    code = cells(taught(notebook), "code")
    compared = [number for number, cell in code if any(is_compared(cell, text) for text in texts(cell))]
    if 2 * len(compared) < len(code):
        yield (
            f"only {len(compared)} of {len(code)} code cells have a text output that is compared; at least"
            " half should"
        )


def is_compared(cell, text):
    """A text that says something, unlike <Figure size 640x480 with 1 Axes>, in a cell that nbval looks at."""
    return (
        bool(text.strip())
        and not re.fullmatch(r"<.*>", text.strip())
        and "nbval-ignore-output" not in tags(cell)
    )


@rule
def no_error_and_no_stderr(notebook, path):
    for number, output in outputs(notebook):
        if output["output_type"] == "error":
            yield f"cell {number} ends in an error: {output['ename']}: {output['evalue']}"
        if output.get("name") == "stderr":
            yield f"cell {number} writes to stderr: {joined(output['text'])[:80]!r}"


@rule
def no_cell_is_left_out(notebook, path):
    ignored = []
    for number, cell in cells(notebook, "code"):
        for tag in tags(cell) & {
            "nbval-skip",
            "raises-exception",
            "nbval-raises-exception",
            "skip-execution",
        }:
            yield f"cell {number} has the tag {tag}, with which it is not checked"
        if re.search(r"^\s*#+\s*(NBVAL_|PYTEST_VALIDATE)", source(cell), flags=re.MULTILINE):
            yield f"cell {number} steers nbval by a comment; use the tag nbval-ignore-output, once a notebook"
        if "nbval-ignore-output" in tags(cell):
            ignored.append(number)
    if len(ignored) > 1:
        yield f"cells {ignored} have the tag nbval-ignore-output; one in a notebook may"


def tags(cell):
    return set(cell["metadata"].get("tags", []))


@rule
def no_bare_numpy_scalar(notebook, path):
    for number, cell in cells(notebook, "code"):
        for text in texts(cell):
            if found := re.search(r"\bnp\.(True_|False_|(float|int|uint|complex|bool|str)\w*\()", text):
                yield (
                    f"cell {number} shows {found[0]}…, which older NumPy writes differently; print it, or"
                    " make it a Python number"
                )


@rule
def no_address(notebook, path):
    for number, cell in cells(notebook, "code"):
        for text in texts(cell):
            if found := re.search(r"\b0x[0-9a-fA-F]{4,}", text):
                yield f"cell {number} shows the address {found[0]}, which differs from run to run"


# ---- the notebook as a text --------------------------------------------------------------------------------


@rule
def a_title_first(notebook, path):
    first = notebook["cells"][0]
    if first["cell_type"] != "markdown" or not source(first).startswith("# "):
        yield "the first cell must begin with a title: # and a verb"
    for number, cell in cells(notebook, "markdown"):
        titles = re.findall(r"^# .*", without_code(source(cell)), flags=re.MULTILINE)
        for title in titles[number == 1 :]:
            yield f"cell {number} has a second title, {title!r}; use ## for sections"


@rhythm
def number_of_cells(notebook, path):
    least = 10 if path.name.startswith("00") else 25
    besides = 2 * sum(
        bool(tags(cell) & {"exercise", "recall"}) for cell in notebook["cells"]
    )  # each with its text
    if besides:
        besides += 3  # the introduction, the imports, and further questions
    number = len(taught(notebook)["cells"]) - besides
    if not least <= number <= 50:
        yield (
            f"there should be {least} to 50 cells besides exercises and recall questions, and there are"
            f" {number}"
        )


@rhythm
def prose_and_code_in_balance(notebook, path):
    n_markdown, n_code = (len(cells(taught(notebook), kind)) for kind in ("markdown", "code"))
    if not 0.9 * n_code <= n_markdown <= 1.5 * n_code:
        yield (
            f"there should be 0.9 to 1.5 markdown cells for each code cell, and there are {n_markdown} for"
            f" {n_code}"
        )


@rule
def short_code_cells(notebook, path):
    own = [(number, cell) for number, cell in cells(notebook, "code") if source(cell) != KERNEL_CHECK]
    lengths = {number: len(lines(cell)) for number, cell in own}
    for number, length in lengths.items():
        if length > 20:
            yield f"cell {number} has {length} lines of code; 20 is the most"
    long = [number for number, length in lengths.items() if length > 10]
    if 10 * len(long) > len(lengths):
        yield f"cells {long} have more than 10 lines of code; one cell in ten may"
    wide = [
        number for number, cell in cells(notebook, "code") if any(len(line) > 110 for line in lines(cell))
    ]
    if wide:
        yield f"cells {wide} have lines of more than 110 characters, which scroll sideways"
    if lengths and statistics.median(lengths.values()) > 5:
        yield (
            f"the median code cell has {statistics.median(lengths.values()):g} lines; it should have at"
            " most 5"
        )


@rhythm
def never_three_code_cells_in_a_row(notebook, path):
    kinds = [cell["cell_type"] for cell in taught(notebook)["cells"]]
    for number in range(1, len(kinds) - 1):
        if kinds[number - 1 : number + 2] == ["code"] * 3:
            yield f"cells {number} to {number + 2} are three code cells in a row; say something between them"


@rhythm
def short_paragraphs(notebook, path):
    prose = {
        number: re.sub(r"^\|.*$", "", without_code(source(cell)), flags=re.M)
        for number, cell in cells(notebook, "markdown")
    }  # no tables
    unfolded = {
        number: re.sub(r"<details>.*?</details>", "", text, flags=re.S) for number, text in prose.items()
    }
    counts = {number: len(text.split()) for number, text in unfolded.items()}
    long = [number for number, count in counts.items() if count > 80]
    if 5 * len(long) > len(counts):
        yield f"cells {long} have more than 80 words; one markdown cell in five may"


@rule
def calm_prose(notebook, path):
    for number, cell in cells(notebook, "markdown"):
        text = re.sub(r"<[^>]*>|!\[|\]\([^)]*\)", " ", without_code(source(cell)))
        if found := re.search(r".{0,30}!", text):
            yield f"cell {number} has an exclamation mark: {found[0]!r}"
        if found := re.search("[\U0001f000-\U0001faff\u2600-\u2712\u2728-\u274b\u274d-\u27bf\ufe0f]", text):
            yield f"cell {number} has an emoji: {found[0]!r}"


@rule
def links_lead_somewhere(notebook, path):
    anchors = {
        re.sub(r"\s+", "-", title.strip())
        for _, cell in cells(notebook, "markdown")
        for title in re.findall(r"^#+ (.*)", source(cell), flags=re.MULTILINE)
    }
    for number, cell in cells(notebook, "markdown"):
        text = without_code(source(cell))
        targets = re.findall(r"\]\(\s*<?([^)\s>]+)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
        for target in targets:
            if re.match(r"https?:|mailto:|data:", target):
                continue
            if target.startswith("attachment:"):
                found = target.removeprefix("attachment:") in cell.get("attachments", {})
            else:
                file, _, anchor = unquote(target).partition("#")
                found = (path.parent / file).exists() if file else anchor in anchors
            if not found:
                yield f"cell {number} links to {target}, which does not exist"


@rule
def the_kernel_is_checked_first(notebook, path):
    code = [source(cell) for _, cell in cells(notebook, "code")]
    if code[:1] != [KERNEL_CHECK] or code.count(KERNEL_CHECK) != 1:
        yield "the first code cell must be the check of the kernel; make refresh puts it there"


@rule
def no_interact(notebook, path):
    for number, cell in cells(notebook, "code"):
        for name in forbidden(TransformerManager().transform_cell(source(cell))):
            yield (
                f"cell {number} uses {name}, which shows nothing on a static page and flickers live; use an"
                " explorer"
            )


def forbidden(code):
    """The ways of making a widget that the course does without, as used by a piece of code."""
    return sorted(
        {"interact", "interact_manual", "interactive", "interactive_output", "Output"} & set(names_used(code))
    )


@rule
def the_kernel_is_python3(notebook, path):
    name = notebook["metadata"].get("kernelspec", {}).get("name")
    if name != "python3":
        yield f"the kernel must be python3, which every installation has, and is {name}"


@rule
def small_enough_to_read_online(notebook, path):
    size = len(json.dumps(notebook))
    if size > 1_000_000:
        yield f"the notebook has {size / 1e6:.1f} MB; 1 MB is the most"


# ---- the rules, on the course ------------------------------------------------------------------------------


def test_there_are_notebooks():
    assert notebook_files(), "there is no notebook in notebooks/"


@pytest.mark.parametrize("check", RULES, ids=lambda check: check.__name__)
@pytest.mark.parametrize("path", notebook_files(), ids=lambda path: path.stem)
def test_notebook_follows(path, check):
    if check in RHYTHM and path.parent.name == "solutions":
        return
    faults = list(check(read(path), path))
    assert not faults, f"{path.relative_to(ROOT)}:\n  " + "\n  ".join(faults)


@pytest.mark.parametrize("path", sorted(ROOT.glob("helpers/**/*.py")), ids=lambda path: path.stem)
def test_helpers_do_without_interact(path):
    assert not forbidden(path.read_text(encoding="utf-8"))


# ---- the rules, on notebooks that break them ---------------------------------------------------------------

PATH = Path(__file__).parent / "01_example.ipynb"


def markdown(text, number=0):
    return {"cell_type": "markdown", "id": f"text-{number}", "metadata": {}, "source": text}


def code(text, number=1, put_out=(), **metadata):
    return {
        "cell_type": "code",
        "id": f"code-{number}",
        "metadata": metadata,
        "source": text,
        "execution_count": number,
        "outputs": list(put_out),
    }


def printed(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def shown(data, **metadata):
    return {"output_type": "display_data", "data": data, "metadata": metadata}


def picture(alt):
    return shown({"text/plain": "a map", "image/png": "iVBORw0KGgo="}, **{"image/png": {"alt": alt}})


def good():
    """A notebook of 26 cells with which every rule is content."""
    pairs = [
        (markdown(f"A sentence about step {n}.", n), code(f"print({n})", n, [printed(f"{n}\n")]))
        for n in range(1, 14)
    ]
    pairs[0][0]["source"] = (
        "# Compare two words\n\nYou will do so. See [the next part](#Weigh-them) and `not!this`."
    )
    pairs[0][1].update(source=KERNEL_CHECK, outputs=[])
    pairs[1][0]["source"] = "## Weigh them"
    pairs[1][1]["outputs"].append(picture("two bars, 0.88 for Thinking and 0.12 for Machines"))
    return {
        "cells": [cell for pair in pairs for cell in pair],
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"},
            "language_info": {"name": "python"},
        },
    }


def with_cell(number, **changes):
    """Change cell `number`, counted from 1: odd ones are markdown, even ones code."""

    def change(notebook):
        notebook["cells"][number - 1].update(changes)

    return change


def with_outputs(*put_out):
    return with_cell(2, outputs=list(put_out))


def with_metadata(**changes):
    return lambda notebook: notebook["metadata"].update(changes)


def with_cells(change):
    def apply(notebook):
        notebook["cells"] = change(notebook["cells"])

    return apply


def with_every(kind, **changes):
    return lambda notebook: [cell.update(changes) for cell in notebook["cells"] if cell["cell_type"] == kind]


def three_ignored(notebook):
    for number in (2, 4):
        notebook["cells"][number - 1]["metadata"] = {"tags": ["nbval-ignore-output"]}


def codes_first(all_cells):
    return (
        all_cells[:1]
        + [cell for cell in all_cells[1:] if cell["cell_type"] == "code"]
        + [cell for cell in all_cells[1:] if cell["cell_type"] == "markdown"]
    )


BAD = [
    (executed_in_order, with_cell(2, execution_count=None)),
    (executed_in_order, with_cell(2, execution_count=7)),
    (executed_in_order, with_cells(lambda all_cells: all_cells[2:4] + all_cells[:2] + all_cells[4:])),
    (stored_by_the_refresher, with_metadata(language_info={"name": "python", "version": "3.11.2"})),
    (
        stored_by_the_refresher,
        with_cell(2, metadata={"execution": {"iopub.status.busy": "2024-01-01T00:00:00Z"}}),
    ),
    (stored_by_the_refresher, with_outputs(printed("a"), printed("b"))),
    (stored_by_the_refresher, with_cell(2, id="not an id")),
    (no_widget_state, with_metadata(widgets={WIDGET_STATE: {"state": {}}})),
    (no_widget_state, with_outputs(shown({"text/plain": "a", WIDGET_VIEW: {"model_id": "1"}}))),
    (no_bare_widget, with_outputs(shown({"text/plain": "IntSlider(value=0, description='heads')"}))),
    (no_bare_widget, with_outputs(shown({"text/plain": "VBox(children=(IntSlider(value=0),))"}))),
    (alt_text_on_every_picture, with_outputs(shown({"image/png": "iVBORw0KGgo="}))),
    (alt_text_on_every_picture, with_outputs(picture("a heat map"))),
    (
        alt_text_on_every_picture,
        with_outputs(*[picture("two bars, 0.88 for Thinking and 0.12 for Machines")] * 2),
    ),
    (alt_text_on_every_picture, with_cell(3, source="![](heads.png)")),
    (alt_text_on_every_picture, with_cell(3, source='<img src="heads.png">')),
    (no_line_ending_in_a_semicolon, with_cell(2, source="x = 1; \nx")),
    (half_of_the_cells_are_compared, with_every("code", outputs=[])),
    (
        half_of_the_cells_are_compared,
        with_every("code", outputs=[shown({"text/plain": "<Figure size 640x480 with 1 Axes>"})]),
    ),
    (half_of_the_cells_are_compared, with_every("code", metadata={"tags": ["nbval-ignore-output"]})),
    (
        no_error_and_no_stderr,
        with_outputs({"output_type": "error", "ename": "NameError", "evalue": "x", "traceback": []}),
    ),
    (no_error_and_no_stderr, with_outputs(printed("a warning\n", "stderr"))),
    (no_cell_is_left_out, with_cell(2, metadata={"tags": ["nbval-skip"]})),
    (no_cell_is_left_out, with_cell(2, metadata={"tags": ["raises-exception"]})),
    (no_cell_is_left_out, with_cell(2, source="# NBVAL_IGNORE_OUTPUT\nprint(1)")),
    (no_cell_is_left_out, three_ignored),
    (no_bare_numpy_scalar, with_outputs(shown({"text/plain": "np.float64(0.88)"}))),
    (no_bare_numpy_scalar, with_outputs(printed("[np.int64(1), np.True_]"))),
    (no_address, with_outputs(shown({"text/plain": "<object object at 0x7f3a5c0>"}))),
    (a_title_first, with_cell(1, source="## Compare two words")),
    (a_title_first, with_cells(lambda all_cells: all_cells[1:])),
    (a_title_first, with_cell(3, source="# Another title")),
    (number_of_cells, with_cells(lambda all_cells: all_cells[:24])),
    (number_of_cells, with_cells(lambda all_cells: all_cells * 3)),
    (prose_and_code_in_balance, with_cells(lambda all_cells: all_cells + [markdown("More.")] * 8)),
    (prose_and_code_in_balance, with_cells(lambda all_cells: all_cells + [code("1")] * 3)),
    (short_code_cells, with_cell(2, source="x = 1\n" * 21)),
    (short_code_cells, with_cell(2, source=f"x = {'1' * 110}")),
    (
        short_code_cells,
        lambda notebook: [notebook["cells"][number].update(source="x = 1\n" * 11) for number in (1, 3)],
    ),
    (short_code_cells, with_every("code", source="x = 1\n" * 6)),
    (never_three_code_cells_in_a_row, with_cells(codes_first)),
    (short_paragraphs, with_every("markdown", source="word " * 81)),
    (calm_prose, with_cell(3, source="Look at that!")),
    (calm_prose, with_cell(3, source="Well done \U0001f389")),
    (links_lead_somewhere, with_cell(3, source="[next](99_nowhere.ipynb)")),
    (links_lead_somewhere, with_cell(3, source="[next](#Nowhere)")),
    (links_lead_somewhere, with_cell(3, source="![eight heat maps side by side](nowhere.png)")),
    (links_lead_somewhere, with_cell(3, source='<img src="nowhere.png" alt="eight heat maps side by side">')),
    (the_kernel_is_checked_first, with_cell(2, source="import numpy as np")),
    (the_kernel_is_checked_first, with_cell(4, source=KERNEL_CHECK)),
    (no_interact, with_cell(2, source="from ipywidgets import interact")),
    (no_interact, with_cell(2, source="import ipywidgets\nipywidgets.interactive_output(f, {})")),
    (no_interact, with_cell(2, source="import ipywidgets\nwith ipywidgets.Output():\n    pass")),
    (the_kernel_is_python3, with_metadata(kernelspec={"name": "my-environment", "display_name": "mine"})),
    (small_enough_to_read_online, with_outputs(printed("x" * 1_000_001))),
]


@pytest.mark.parametrize("check", RULES, ids=lambda check: check.__name__)
def test_rule_is_content_with_a_good_notebook(check):
    assert list(check(good(), PATH)) == []


@pytest.mark.parametrize("check, change", BAD, ids=lambda part: getattr(part, "__name__", ""))
def test_rule_finds_the_fault(check, change):
    notebook = good()
    change(notebook)
    assert list(check(notebook, PATH))


def test_every_rule_is_seen_to_fail():
    assert {check for check, _ in BAD} == set(RULES)
