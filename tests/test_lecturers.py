"""The lecturer's page speaks of the notebooks as they are."""

from __future__ import annotations

import re

import pytest

from helpers import data
from tools import notebooks

PAGE = (notebooks.ROOT / "LECTURERS.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \| \[(\d\d)\]\((.*?)\) \| (.*?) \| ?(.*?) ?\|$", PAGE, re.MULTILINE)
SKIPPED = re.findall(r"in (\d\d) ((?:\*[^*]+\*(?:, | and )?)+)", PAGE)


def notebook(number):
    return notebooks.read(next(notebooks.FOLDER.glob(f"{number}_*.ipynb")))


def sections(number):
    text = "\n".join(notebooks.source(cell) for _, cell in notebooks.cells(notebook(number), "markdown"))
    return re.findall(r"^## (.*)$", text, re.MULTILINE)


def named(text):
    return re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", text)


def test_the_session_takes_the_ninety_minutes_that_it_promises():
    assert sum(int(minutes) for minutes, *_ in ROWS) == 90


@pytest.mark.parametrize("minutes, number, path, shown, asked", ROWS)
def test_each_section_and_prediction_of_the_plan_is_in_its_notebook(minutes, number, path, shown, asked):
    assert (notebooks.ROOT / path).is_file() and f"/{number}_" in path
    assert named(shown) and set(named(shown)) <= set(sections(number))
    code = "\n".join(notebooks.source(cell) for _, cell in notebooks.cells(notebook(number), "code"))
    stored = data.from_json("predictions.json")
    for name in re.findall(r"\*\*(.+?)\*\*", asked):
        assert f'Prediction("{number} {name}")' in code and f"{number} {name}" in stored


def test_what_may_be_skipped_is_in_the_notebooks_and_not_in_the_plan():
    assert {number for number, _ in SKIPPED} == {"01", "02", "03", "04"}
    for number, names in SKIPPED:
        plan = {name for row in ROWS if row[1] == number for name in named(row[3])}
        assert named(names) and set(named(names)) <= set(sections(number)) - plan
