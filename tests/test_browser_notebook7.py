"""The head explorer in Jupyter Notebook 7, which draws cells and loads widgets in its own way."""

from __future__ import annotations

from tools.jupyterlab import Notebook, begins_with, jupyterlab, wait_for_description

CELLS = ["from helpers.explorers import HeadExplorer", "HeadExplorer('the cat saw the dog')"]


def test_the_head_explorer_answers_in_notebook_7(browser, lab_folder, notebook_of):
    path = notebook_of("in_notebook_7", CELLS)
    with jupyterlab(lab_folder, "notebook") as server, Notebook(browser, server, path) as notebook:
        assert notebook.page.locator("body[data-notebook='notebooks']").count() == 1
        notebook.run_all()
        canvas = notebook.show(".tm-scroll canvas")
        for key, sizes in {"Home": "1 head × 512", "End": "16 heads × 32"}.items():
            notebook.slider("heads").press(key)
            wait_for_description(canvas, begins_with(sizes))
        # On any page of Notebook 7 one of its own parts stumbles over a missing schema.
        own = [said for said in notebook.console_errors if "'schema'" not in said]
        assert notebook.error_outputs() + own + notebook.dialogs == []
