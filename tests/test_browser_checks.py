"""Exercises, recall questions, the puzzle and the map of what is done, in JupyterLab."""

from __future__ import annotations

import re

import pytest

from tools.jupyterlab import WIDGETS, Notebook, barriers, too_wide
from tools.notebooks import FOLDER, read, source

SET_SOURCE = """([place, text]) => {
  window.jupyterapp.shell.currentWidget.content.widgets[place].model.sharedModel.setSource(text);
}"""
VERDICT = ".tm-verdict"


def exercise_cells(number):
    """The cells of a notebook that belong to its exercises and recall questions, as they stand in it."""
    (path,) = FOLDER.glob(f"{number}_*.ipynb")
    return [
        source(cell)
        for cell in read(path)["cells"]
        if {"exercise", "recall"} & set(cell["metadata"].get("tags", []))
    ]


@pytest.fixture
def notebook(opened, notebook_of):
    """One notebook with the exercises of two notebooks, and the map."""
    names = [f"check_{name}" for name in ("scale", "softmax", "outputs", "head", "split", "merge")]
    cells = [
        "import numpy as np\nfrom helpers.attention import softmax\n"
        + f"from helpers.checks import Progress, multi_head_puzzle, {', '.join(names)}",
        *exercise_cells("02"),
        *exercise_cells("04"),
        "Progress()",
    ]
    return opened(notebook_of("checks", cells))


def place_of(notebook, text):
    """The place of the cell that holds a text, and the cell's element."""
    place = next(place for place, cell in enumerate(notebook.cells()) if text in "".join(cell["source"]))
    return place, notebook.page.locator(".jp-Notebook .jp-Cell").nth(place)


def answer(notebook, name, lines):
    """Write these lines into the starter of an exercise and run it, as a learner does."""
    place, cell = place_of(notebook, f"check_{name}(")
    text = "".join(notebook.cells()[place]["source"])
    head = re.search(r"(?m)^def .*:$", text)[0]
    body = "".join(f"    {line}\n" for line in lines.splitlines())
    notebook.page.evaluate(SET_SOURCE, [place, f"{head}\n{body}\n\ncheck_{name}(my_{name})"])
    notebook.run_cell(place + 1)
    shown = cell.locator(VERDICT)
    shown.wait_for(state="visible", timeout=30_000)
    return shown.inner_text()


def press(element, key="Enter"):
    element.scroll_into_view_if_needed()
    element.focus()
    element.press(key)


def wait_for_text(element, text):
    element.filter(has_text=text).first.wait_for(state="visible", timeout=30_000)


def test_every_exercise_is_calmly_open_at_first(notebook):
    for name in ("scale", "softmax", "outputs", "head", "split", "merge"):
        _, cell = place_of(notebook, f"check_{name}(")
        wait_for_text(
            cell.locator(VERDICT),
            f"{name}: Still open. Write your lines in place of the three dots, and run the cell again.",
        )


@pytest.mark.parametrize(
    "name, lines, said",
    [
        (
            "scale",
            "return scores / d_k",
            "The scores are divided by d_k = 16. The square root is missing: √16 = 4.00.",
        ),
        (
            "softmax",
            "raised = np.exp(scores - scores.max())\nreturn raised / raised.sum(axis=0)",
            "Softmax runs down the columns",
        ),
        ("split", "return x.reshape(n_heads, len(x), -1)", "head 0 gets the front of x"),
        ("merge", "return heads.reshape(heads.shape[1], -1)", "a row of the result mixes different words"),
        ("outputs", "return weights @ valuse", "NameError: name 'valuse' is not defined"),
        ("outputs", "while True:\n    pass", "stopped after 5 seconds"),
        ("scale", "return scores / np.sqrt(d_k)", "Right, on every input that was tried."),
    ],
)
def test_a_learner_is_told_what_is_wrong(notebook, name, lines, said):
    assert said in answer(notebook, name, lines)


def test_hints_and_solution_come_by_keyboard(notebook):
    _, cell = place_of(notebook, "check_merge(")
    for button, said in (
        ("Show a hint", "Hint 1."),
        ("Show the second hint", "Hint 2."),
        ("Show the solution", "def my_merge(heads):"),
    ):
        press(cell.get_by_role("button", name=button, exact=True))
        wait_for_text(cell.locator("pre:visible"), said)


def test_a_recall_question_is_answered_by_keyboard(notebook):
    _, cell = place_of(notebook, 'Recall("02")')
    option = cell.get_by_label("a vector with one product for each position")
    press(option, "Space")
    assert option.is_checked()
    button = cell.get_by_role("button", name="Check my answer").first
    press(button)
    wait_for_text(
        cell,
        "Not this one: a vector with one product for each position. The products are only the first half.",
    )
    press(option, "ArrowUp")
    press(button)
    wait_for_text(cell, "Right. Each number of q meets the number of k in the same position")


def test_the_puzzle_is_solved_by_keyboard(notebook):
    _, cell = place_of(notebook, "multi_head_puzzle()")
    offered, program = cell.locator("select").nth(0), cell.locator("select").nth(1)
    for count, letter in enumerate("GCMKOJHAN", 1):
        _choose(offered, letter)
        press(cell.get_by_role("button", name="Add", exact=True))
        _wait_for_rows(notebook, program, count)
    press(cell.get_by_role("button", name="Check my answer", exact=True))
    wait_for_text(cell, "Is there a line that begins with return?")
    _choose(offered, "E")
    press(cell.get_by_role("button", name="Add", exact=True))
    _wait_for_rows(notebook, program, 10)
    press(cell.get_by_role("button", name="Check my answer", exact=True))
    wait_for_text(cell, "Right, on every input that was tried.")


def _choose(select, letter):
    """Go to a line with the arrow keys."""
    press(select, "Home")
    for _ in range(20):
        if select.evaluate("box => box.selectedOptions[0]?.textContent ?? ''").startswith(letter):
            return
        select.press("ArrowDown")
    raise AssertionError(f"no line {letter}")


def _wait_for_rows(notebook, select, count):
    notebook.page.wait_for_function(
        "([box, count]) => box.options.length === count", arg=[select.element_handle(), count], timeout=30_000
    )


def test_it_is_accessible_and_fits_the_page(notebook):
    assert barriers(notebook.page.locator(WIDGETS)) == [] and too_wide(notebook.page) == []


def test_answers_survive_a_restart_and_stand_on_the_map(notebook: Notebook):
    assert "Right" in answer(notebook, "scale", "return scores / np.sqrt(d_k)")
    assert "reshape alone" in answer(notebook, "split", "return x.reshape(n_heads, len(x), -1)")
    notebook.restart()
    notebook.run_cell(1)
    assert "You have solved this one before" in answer(notebook, "scale", "...")
    place, cell = place_of(notebook, "check_scale(")
    press(cell.get_by_role("button", name="Show my last answer", exact=True))
    wait_for_text(cell.locator("pre:visible"), "return scores / np.sqrt(d_k)")
    place, cell = place_of(notebook, "Progress()")
    notebook.run_cell(place + 1)
    wait_for_text(cell, "solved")
    said = cell.inner_text().replace("\u00a0", " ")
    assert (
        "scale ● solved" in said
        and "split ◐ tried" in said
        and "multi_head_puzzle ● solved" in said
        and "1 of 3 answered, 0 right at once" in said
    )
