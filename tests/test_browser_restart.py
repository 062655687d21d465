"""A kernel that is gone: every view that needs it says so, and takes nothing that it can't keep."""

from __future__ import annotations

import os
import signal
import urllib.request

import psutil
import pytest

from tools.jupyterlab import Notebook, VoilaPage, voila

RESTARTED = "The kernel was restarted. Run this cell again."
VIEWS = {  # each with a cell that shows it
    "a prediction": "Prediction('a', 'How much?')",
    "a choice": "Prediction('b', 'Which?', ['this', 'that'])",
    "recall": "Recall('02')",
    "a check": "check_scale(lambda scores, d_k: scores)",
    "the zoo": "BugZoo()",
    "an explorer": "TwoScores()",
    "the puzzle": "multi_head_puzzle()",
    "the map": "Progress()",
}
IMPORTS = """from helpers.checks import Progress, check_scale, multi_head_puzzle
from helpers.explorers import BugZoo, TwoScores
from helpers.questions import Prediction, Recall, answers_file"""
OUTPUTS = ".jp-OutputArea-output:has(.jupyter-widgets)"
CONTROLS = "button, input, select, .noUi-target"
# What each view says of its kernel, and how many of its controls still take something.
STATE = f"""outputs => outputs.map(output => {{
  const alert = output.querySelector('[role=alert]');
  const alive = one => !one.matches(':disabled, [disabled]');
  const controls = [...output.querySelectorAll('{CONTROLS}')].filter(alive);
  return [alert.checkVisibility() ? alert.textContent : '', controls.length];
}})"""


@pytest.fixture(scope="module")
def views(lab, notebook_of):
    """A notebook with every view, open in JupyterLab."""
    server, browser = lab
    with Notebook(browser, server, notebook_of("views", [IMPORTS, *VIEWS.values()])) as page:
        yield page


@pytest.fixture
def notebook(views):
    """The notebook, run anew, with every view alive."""
    views.run_all()
    assert views.error_outputs() == []
    wait_for(views, "")
    return views


def state(page):
    return dict(zip(VIEWS, page.page.locator(OUTPUTS).evaluate_all(STATE)))


def wait_for(page, sentence, seconds=30):
    """Wait until every view says this; returns the state then."""
    ready = f"sentence => {{ const all = ({STATE})([...document.querySelectorAll('{OUTPUTS}')]); "
    ready += f"return all.length === {len(VIEWS)} && all.every(([said]) => said === sentence); }}"
    page.page.wait_for_function(ready, arg=sentence, timeout=seconds * 1000, polling=100)
    return state(page)


KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"


def by_the_menu(notebook):
    notebook.page.evaluate("void window.jupyterapp.commands.execute('kernelmenu:restart')")
    notebook.page.locator(".jp-Dialog button:has-text('Restart')").click()


def by_the_page(notebook):
    notebook.page.evaluate(f"{KERNEL}.restart()")


def by_another_client(notebook):
    kernel, server = notebook.page.evaluate(f"{KERNEL}.id"), notebook.server
    address = f"{server.url}/api/kernels/{kernel}/restart?token={server.token}"
    urllib.request.urlopen(urllib.request.Request(address, data=b"", method="POST"), timeout=60).read()


def by_a_crash(notebook):
    notebook.page.evaluate(f"void {KERNEL}.requestExecute({{ code: 'import os; os._exit(1)' }})")


def by_a_signal(notebook):
    os.kill(int(notebook.ask("import os; print(os.getpid())")), signal.SIGTERM)


@pytest.mark.parametrize(
    "restart",
    [by_the_menu, by_the_page, by_another_client, by_a_crash, by_a_signal],
    ids=lambda it: it.__name__,
)
def test_every_view_says_that_the_kernel_was_restarted_and_takes_nothing(notebook, restart):
    assert all(controls > 0 for _, controls in state(notebook).values())
    restart(notebook)
    assert wait_for(notebook, RESTARTED) == {view: [RESTARTED, 0] for view in VIEWS}
    if notebook.page.locator(".jp-Dialog").count():  # JupyterLab's own, after a crash
        notebook.page.locator(".jp-Dialog button").last.click()
    notebook.wait_until_idle()
    notebook.run_cell(1)
    notebook.run_cell(2)  # a cell that is run again is alive, and the others aren't
    notebook.page.wait_for_function(f"({STATE})([document.querySelector('{OUTPUTS}')])[0][0] === ''")
    after = state(notebook)
    assert after["a prediction"] == ["", 2] and after["recall"] == [RESTARTED, 0]


def test_a_kernel_that_is_shut_down_is_said_to_have_stopped(notebook):
    notebook.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    stopped = "The kernel has stopped. Run this cell again."
    assert wait_for(notebook, stopped) == {view: [stopped, 0] for view in VIEWS}
    notebook.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.startKernel()")
    notebook.wait_until_idle()


def test_what_was_typed_is_recorded_or_the_view_says_why_not(notebook):
    """The kernel is replaced, and the page is told of it only by what the learner does."""
    notebook.page.evaluate(f"window.told = {KERNEL}._statusChanged")
    notebook.page.evaluate(f"{KERNEL}._statusChanged = {{ emit() {{}} }}")
    by_another_client(notebook)
    notebook.ask("0")  # there is a new kernel
    box = notebook.page.locator(OUTPUTS).first
    box.locator("input").fill("3")
    box.locator("input").press("Enter")
    box.get_by_text(RESTARTED).wait_for(state="visible", timeout=30_000)
    assert box.locator("input").is_disabled() and box.locator("input").input_value() == "3"
    notebook.page.evaluate(f"{KERNEL}._statusChanged = window.told")


def test_a_busy_kernel_is_not_taken_for_a_restarted_one(notebook):
    box = notebook.page.locator(OUTPUTS).first
    notebook.page.evaluate(f"void {KERNEL}.requestExecute({{ code: 'import time; time.sleep(3)' }})")
    box.locator("input").fill("4")
    box.locator("input").press("Enter")
    notebook.page.wait_for_timeout(1500)
    assert state(notebook)["a prediction"] == ["", 2]
    box.get_by_text("Recorded: 4.").wait_for(state="visible", timeout=30_000)
    assert {said for said, _ in state(notebook).values()} == {""}


def test_voila_says_it_too(browser, lab_folder, notebook_of):
    path = lab_folder / notebook_of("views", [IMPORTS, *VIEWS.values()])
    with voila(path) as server, VoilaPage(browser, server) as page:
        page.show(f"{OUTPUTS} canvas", seconds=240)
        wait_for(page, "", seconds=60)
        box = page.page.locator(OUTPUTS).first
        box.locator("input").fill("3")
        box.locator("input").press("Enter")
        box.get_by_text("Recorded: 3.").wait_for(state="visible", timeout=30_000)
        for process in psutil.Process(server.process.pid).children(recursive=True):
            if "ipykernel" in " ".join(process.cmdline()):
                process.kill()
        restarted = "The kernel was restarted. Reload the page."
        assert wait_for(page, restarted) == {view: [restarted, 0] for view in VIEWS}
