"""Every notebook of the site in JupyterLite, in a real browser with no network: it runs and loses nothing."""

from __future__ import annotations

import math
import re
import shutil
import time
from functools import partial

import pytest

from tools import jupyterlab, pyodide
from tools import site as builder
from tools.lite import LiteNotebook
from tools.notebooks import ROOT, cells, notebook_files, read, source, texts
from tools.web import serving

pytestmark = pytest.mark.site
NOTEBOOKS = [path.relative_to(ROOT).as_posix() for path in notebook_files() if "solutions" not in path.parts]
START = NOTEBOOKS[0]
EXERCISE = "check_row_sums(my_row_sums)"
WRONG = "def my_row_sums(weights):\n    return weights.sum(axis=0)\n\n\n" + EXERCISE
ENDLESS = "def my_row_sums(weights):\n    while True:\n        pass\n\n\n" + EXERCISE


@pytest.fixture(scope="session", autouse=True)
def python(site):
    """These tests need Pyodide in the site's own folder: from another host it is out of their reach."""
    if not (site / "lite" / "python" / "pyodide").is_dir():
        pytest.skip(
            "NO NOTEBOOK WAS RUN IN JUPYTERLITE: there is no Pyodide in build/pyodide (make pyodide)."
        )


def number_of(path: str, text: str) -> int:
    """The place, counted from 1, of the code cell that holds a text."""
    return next(number for number, cell in cells(read(ROOT / path), "code") if text in source(cell))


def shown(notebook: LiteNotebook, number: int) -> str:
    """All the text that a cell has put out."""
    return "".join(texts(notebook.cells()[number - 1]))


def alike(one: str, other: str) -> bool:
    """Whether two texts are the same but for the last digits of float32, which NumPy may not print."""
    found, stored = (re.split(r"(\d+\.\d+(?:e[+-]\d+)?)", text) for text in (one, other))
    return found[::2] == stored[::2] and all(
        math.isclose(float(a), float(b), rel_tol=2e-7) for a, b in zip(found[1::2], stored[1::2])
    )


def faults(notebook: LiteNotebook) -> list[str]:
    """What nothing may leave behind: failed cells, errors in the console, requests to another host."""
    own = (notebook.host.url, f"http://127.0.0.1:{notebook.host.port}/api/service-worker-heartbeat")
    failed = [said for said in notebook.error_outputs() if not said.endswith("has not run")]
    return failed + notebook.wrong() + [url for url in notebook.asked if not url.startswith(own)]


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_a_notebook_runs_to_its_end_with_the_stored_texts(browser, host, path, record_property):
    before = len(host.requests)
    with LiteNotebook(browser, host, path) as notebook:
        start = time.monotonic()
        notebook.run_all()
        seconds = time.monotonic() - start
        stored = {number: "".join(texts(cell)) for number, cell in cells(read(ROOT / path), "code")}
        found = {number: shown(notebook, number) for number in stored}
        assert {n: found[n] for n in stored if not alike(found[n], stored[n])} == {}
        assert notebook.error_outputs() == []
        for number, _ in notebook.sliders()[:1]:
            slider = notebook.slider_number(number)
            look = partial(jupyterlab.looks, jupyterlab.box_of(slider))
            slider.press("Home")
            seen = jupyterlab.settled(look)
            slider.press("End")
            assert jupyterlab.wait_until_different(look, seen) != seen
        assert faults(notebook) == []
        sizes = [request.bytes for request in host.requests[before:]]
        record_property("lite", (path, len(sizes), sum(sizes), notebook.seconds, seconds))


def test_nothing_is_lost_and_nothing_hangs(browser, host):
    """A wrong answer is diagnosed, an endless loop ends, and both are still there after a reload."""
    exercise = number_of(START, EXERCISE)
    imports = number_of(START, "import check_favourites")
    with LiteNotebook(browser, host, START) as notebook:
        notebook.run_cell(imports)
        notebook.write(exercise, WRONG)
        notebook.run_cell(exercise)
        assert "column" in shown(notebook, exercise)
        notebook.write(exercise, ENDLESS)
        notebook.run_cell(exercise)
        assert "stopped after 5 seconds" in shown(notebook, exercise)
        notebook.reload()
        assert source(notebook.cells()[exercise - 1]) == ENDLESS
        notebook.run_cell(imports)
        answers = "from helpers.questions.answers_file import answers_to\n"
        kept = notebook.ask(f"{answers}print([answer.code for answer in answers_to('row_sums')])")
        assert "axis=0" in kept and "while True" in kept
        assert faults(notebook) == []


def test_a_notebook_can_be_reset_and_the_learners_version_stays(browser, host):
    exercise = number_of(START, EXERCISE)
    with LiteNotebook(browser, host, START) as notebook:
        original = source(read(ROOT / START)["cells"][exercise - 1])
        notebook.write(exercise, WRONG)
        notebook.save()
        with notebook.page.expect_navigation():
            notebook.page.get_by_role("button", name="Reset this notebook").click()
        notebook.wait_until_ready()
        assert "stays beside it as a copy" in notebook.dialogs[0]
        assert source(notebook.cells()[exercise - 1]) == original
        copies = notebook.page.evaluate(
            """async () => {
              const { contents } = window.jupyterapp.serviceManager;
              const get = path => contents.get(path, { content: true });
              const all = (await get('notebooks')).content.map(file => file.path);
              const copies = all.filter(path => path.includes('(mine'));
              return Promise.all(copies.map(async path => JSON.stringify((await get(path)).content)));
            }"""
        )
        assert any("axis=0" in copy for copy in copies)


def test_a_cell_that_never_ends_is_spoken_of_and_the_kernel_can_be_restarted(browser, host):
    with LiteNotebook(browser, host, START) as notebook:
        notebook.write(2, "while True:\n    pass")
        notebook.page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells') && null")
        notebook.page.wait_for_function(
            "document.querySelector('#course-bar [role=status]').textContent.includes('Restart Kernel')",
            timeout=90_000,
        )
        kernel = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
        notebook.page.evaluate(f"{kernel}.restart()")
        notebook.page.wait_for_function(f"{kernel}.status === 'idle'", timeout=60_000)
        assert notebook.ask("print(1 + 1)") == "2"


def test_the_first_visit_is_as_large_as_the_page_says_and_a_later_one_needs_no_server(browser, site):
    with serving(site, "/course/") as host, LiteNotebook(browser, host, START) as notebook:
        megabytes = sum(request.bytes for request in host.requests) / 1e6
        assert abs(megabytes - builder.MEGABYTES) < 2
        assert len({r.path for r in host.requests if r.bytes > 1e6}) == len(
            [r for r in host.requests if r.bytes > 1e6]
        ), "a large file came twice"
        notebook.wait_until_kept()
        host.stop()
        notebook.reload()
        notebook.run_all()
        assert notebook.error_outputs() == []


def test_pyodide_may_come_from_another_host(browser, site, tmp_path, monkeypatch):
    """The lock then names that host for Pyodide's files, and its own folder for the course's."""
    folder = site / "lite" / "python" / "pyodide"
    lock = ROOT / "build" / "pyodide" / pyodide.LOCK.name
    monkeypatch.setattr(pyodide, "LOCK", lock)  # the files there are partly not the official ones
    with serving(folder, "/pyodide/v0/full/", anyone=True) as release:
        new = tmp_path / "site"
        shutil.copytree(site, new, ignore=shutil.ignore_patterns("lite"))
        builder.write_lite(tmp_path, new / "lite", release.url)
        assert not (new / "lite" / "python" / "pyodide").exists()
        with serving(new, "/course/") as host, LiteNotebook(browser, host, START) as notebook:
            notebook.run_all()
            assert notebook.error_outputs() == []
        assert {r.status for r in release.requests} == {200} and len(release.requests) > 20
        assert not [r for r in host.requests if "numpy" in r.path]
