import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tools import jupyterlab, notebooks

# At import, so that the kernels that nbval starts inherit it: a learner's own answers never change a test.
# Each process of a parallel run has its own folder.
_folder = Path(tempfile.mkdtemp(prefix="thinking-machines-tests-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ.update(notebooks.own_environment(_folder))


@pytest.fixture(scope="module")
def notebook_root():
    """The folder whose notebooks the browser tests of a file open."""
    return notebooks.ROOT


@pytest.fixture(scope="module")
def lab(notebook_root):
    """A JupyterLab server and a browser for all tests of a file."""
    if missing := jupyterlab.what_is_missing():
        pytest.skip(f"no browser test was run: {missing}")
    with jupyterlab.jupyterlab(notebook_root) as server, jupyterlab.chromium() as browser:
        yield server, browser


@pytest.fixture(scope="module")
def open_notebooks(lab):
    """The notebooks that have been opened and run, by path; each is opened once."""
    opened = {}
    yield opened
    for notebook in opened.values():
        notebook.__exit__()


@pytest.fixture
def opened(lab, open_notebooks):
    """Open a notebook and run it. Neither the run nor the test may leave an error, or a dialog, behind."""
    server, browser = lab
    used = []

    def open_and_run(path):
        if path not in open_notebooks:
            open_notebooks[path] = jupyterlab.Notebook(browser, server, path).__enter__()
            open_notebooks[path].run_all()
        notebook = open_notebooks[path]
        used.append(notebook)
        notebook.page.bring_to_front()
        assert notebook.error_outputs() == []
        return notebook

    yield open_and_run
    for notebook in used:
        said = notebook.error_outputs() + notebook.console_errors + notebook.dialogs
        notebook.console_errors.clear()  # each is the fault of one test
        notebook.dialogs.clear()
        assert said == []


def pytest_terminal_summary(terminalreporter):
    mutation_score(terminalreporter)
    sliders_tested(terminalreporter)
    catalogue_score(terminalreporter)
    if os.environ.get("CI") == "true":
        what_was_skipped(terminalreporter)


def mutation_score(terminal):
    """The score of test_mutations.py, also where the tests ran in other processes."""
    rows = [
        (report.passed, dict(report.user_properties))
        for outcome in ("passed", "failed")
        for report in terminal.stats.get(outcome, [])
        if "mutation" in dict(getattr(report, "user_properties", ()))
    ]
    mutations = [(good, said) for good, said in rows if not said["mutation"].startswith("(control")]
    if rows:
        terminal.section(
            f"mutations noticed by the notebooks: {sum(good for good, _ in mutations)} of {len(mutations)}"
        )
        for good, said in sorted(rows, key=lambda row: row[0]):
            terminal.write_line(f"{'ok  ' if good else 'FAIL'} {said['mutation']:<50} {said['seen']}"[:200])


def sliders_tested(terminal):
    """How many sliders test_browser.py has moved to both ends, of how many are in the notebooks."""
    rows = [
        dict(report.user_properties)
        for outcome in ("passed", "failed")
        for report in terminal.stats.get(outcome, [])
        if "sliders" in dict(getattr(report, "user_properties", ()))
    ]
    if rows:
        tested, present = (sum(row["sliders"][k] for row in rows) for k in (0, 1))
        terminal.section(f"sliders moved to both ends in a browser: {tested} of {present}")
        for row in rows:
            terminal.write_line(f"{row['notebook']:<28} {row['sliders'][0]} of {row['sliders'][1]}")


def catalogue_score(terminal):
    """How many wrong versions each check has caught and named, of how many that can occur in it."""
    rows = [
        dict(report.user_properties)["catalogue"]
        for outcome in ("passed", "failed")
        for report in terminal.stats.get(outcome, [])
        if "catalogue" in dict(getattr(report, "user_properties", ()))
    ]
    if rows:
        total, caught, named = (sum(row[i] for row in rows) for i in (1, 2, 3))
        terminal.section(f"wrong versions caught: {caught} of {total}, named rightly: {named}")
        for name, total, caught, named, mistakes in rows:
            each = ", ".join(mistake + ("" if well else " (MISSED)") for mistake, well in mistakes.items())
            terminal.write_line(
                f"{name:<20} {caught:>3} caught {named:>3} named, of {total:>3}   {each}"[:400]
            )


def what_was_skipped(terminal):
    """A skipped test looks like a passed one in a long log, so each reason gets a line of its own."""
    reasons = [
        report.longrepr[2]
        for report in terminal.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    ]
    if reasons:
        terminal.section(f"{len(reasons)} TESTS WERE SKIPPED", red=True)
        for reason in sorted(set(reasons)):
            terminal.write_line(f"{reasons.count(reason)} × {reason}")
