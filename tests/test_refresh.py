"""The refresher: what it stores, what it leaves out, and what it does when a cell fails."""

import json
import os

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import refresh

LIVELY = """\
import os, sys, time, ipywidgets
print("one", flush=True)
time.sleep(0.3)
print("two")
print(os.listdir(os.environ["THINKING_MACHINES_DATA"]), os.path.basename(os.getcwd()))
ipywidgets.IntSlider(description="heads")"""


@pytest.fixture
def stored(tmp_path):
    """Store a notebook with these code cells, and return its path."""

    def store(*sources):
        path = tmp_path / "example.ipynb"
        nbformat.write(
            new_notebook(cells=[new_markdown_cell("# Example"), *map(new_code_cell, sources)]), path
        )
        return path

    return store


def test_a_second_run_changes_nothing(stored, tmp_path, monkeypatch, capsys):
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "predictions.json").write_text("{}")
    monkeypatch.setenv("THINKING_MACHINES_DATA", str(tmp_path / "answers"))
    path = stored(LIVELY, "1 + 1")
    ids = [cell.id for cell in nbformat.read(path, 4).cells]
    assert refresh.main([str(path)]) == 0
    first = path.read_bytes()
    assert refresh.main([str(path)]) == 0 and path.read_bytes() == first
    assert "written" in (said := capsys.readouterr().out) and "unchanged" in said
    notebook = json.loads(first)
    assert [cell["id"] for cell in notebook["cells"]] == ids
    outputs = notebook["cells"][1]["outputs"]
    assert (
        "".join(outputs[0]["text"]) == f"one\ntwo\n[] {tmp_path.name}\n"
    )  # one stream; the learner's answers are not seen
    assert list(outputs[1]["data"]) == ["text/plain"] and "widgets" not in notebook["metadata"]
    assert [cell["execution_count"] for cell in notebook["cells"][1:]] == [1, 2]
    assert (
        "version" not in notebook["metadata"]["language_info"]
        and notebook["metadata"]["kernelspec"]["name"] == "python3"
    )
    assert set(os.listdir(tmp_path)) == {"answers", "example.ipynb"}


def test_a_failing_notebook_is_reported_and_left_alone(stored, capsys):
    path = stored("1 + 1", "def halve(x):\n    return x / 0\nhalve(1)", "2 + 2")
    before = path.read_bytes()
    assert refresh.main([str(path)]) == 1
    said = capsys.readouterr().out
    assert (
        "cell 3 of 4" in said
        and "def halve(x):" in said
        and "ZeroDivisionError: division by zero" in said
        and said.count("\n") == 1
    )
    assert path.read_bytes() == before


def test_strip_drops_what_differs_from_run_to_run():
    view = {"text/plain": "0.88", refresh.WIDGET_VIEW: {"model_id": "1"}}
    cell = new_code_cell(
        "x", outputs=[new_output("display_data", view), new_output("display_data", {refresh.WIDGET_VIEW: {}})]
    )
    cell.metadata.update(tags=["nbval-ignore-output"], execution={"iopub.status.busy": "now"}, collapsed=True)
    cell.metadata["jupyter"] = {"source_hidden": True, "outputs_hidden": True}
    notebook = new_notebook(
        cells=[cell],
        metadata={
            "widgets": {},
            "language_info": {"name": "python", "version": "3.11.2"},
            "kernelspec": {"name": "mine", "display_name": "mine"},
        },
    )
    found = refresh.strip(notebook)
    assert found.cells[0].outputs == [new_output("display_data", {"text/plain": "0.88"})]
    assert found.cells[0].metadata == {"tags": ["nbval-ignore-output"], "jupyter": {"source_hidden": True}}
    assert found.metadata == {"kernelspec": refresh.KERNEL, "language_info": {"name": "python"}}
    assert refresh.strip(found) == found and "widgets" in notebook.metadata


@pytest.mark.parametrize("changed, status", [({"image/png": "bmV3"}, 0), ({"text/plain": "0.89"}, 1)])
def test_check_minds_texts_and_writes_nothing(stored, monkeypatch, changed, status):
    path = stored("x")
    notebook = refresh.strip(nbformat.read(path, 4))
    notebook.cells[1].outputs = [new_output("display_data", {"text/plain": "0.88", "image/png": "b2xk"})]
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    before = path.read_bytes()
    notebook.cells[1].outputs[0].data.update(changed)
    monkeypatch.setattr(refresh, "execute", lambda path: notebook)
    assert refresh.main(["--check", str(path)]) == status
    assert path.read_bytes() == before


def test_a_path_that_is_no_notebook_is_refused(tmp_path):
    with pytest.raises(SystemExit):
        refresh.main([str(tmp_path / "nowhere.ipynb")])


def test_a_notebook_of_the_course_gets_the_check_of_its_kernel_once_and_first():
    cells = [new_markdown_cell("# Example"), new_code_cell("1 + 1", id="own")]
    found = refresh.with_kernel_check(new_notebook(cells=cells))
    assert [cell.get("id") for cell in found.cells[1:]] == [refresh.KERNEL_CHECK_ID, "own"]
    found.cells[1].source = "an older check"
    assert refresh.with_kernel_check(found).cells[1].source == refresh.KERNEL_CHECK
    assert len(refresh.with_kernel_check(found).cells) == 3
