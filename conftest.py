import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path

import nbformat
import pytest
from xdist.scheduler import LoadScopeScheduling

from tools import jupyterlab, notebooks, refresh, web

# At import, so that the kernels that nbval starts inherit it: a learner's own answers never change a test.
# Each process of a parallel run has its own folder.
_folder = Path(tempfile.mkdtemp(prefix="thinking-machines-tests-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ.update(notebooks.own_environment(_folder))


@pytest.fixture(autouse=True)
def own_answers(tmp_path, monkeypatch):
    """What a test answers is seen by no other test, and by no notebook that runs after it."""
    monkeypatch.setenv("THINKING_MACHINES_DATA", str(tmp_path / "answers"))


def pytest_xdist_auto_num_workers():
    """One more than there are processors: browser tests wait for half of their time."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items):
    """Mark the browser tests, and put what takes long first, so that no process is left alone at the end."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    rank = {"browser": 0, "mutation": 1}

    def turn(item):
        first = min([rank.get(mark.name, 2) for mark in item.iter_markers()], default=2)
        return first, "07_learning" not in item.nodeid  # its sliders take longest

    items.sort(key=turn)


class OneNotebookAtATime(LoadScopeScheduling):
    """In a parallel run a file's tests stay together, except that

    - browser tests with a notebook's name in brackets stay with those of the same notebook in other files,
      so that each notebook is opened in one process, and once;
    - each mutation stands for itself.
    """

    def __init__(self, config, log=None):
        config.option.loadscopereorder = False  # the order of pytest_collection_modifyitems
        super().__init__(config, log)

    def _split_scope(self, nodeid):
        file, _, test = nodeid.partition("::")
        if file.endswith("test_mutations.py"):
            return nodeid
        if "test_browser" in file and (notebook := re.search(r"[\[-](\d\d_[a-z_]+)", test)):
            return notebook[1]
        return file


def pytest_xdist_make_scheduler(config, log):
    return OneNotebookAtATime(config, log)


@pytest.fixture(scope="session")
def browser():
    """A browser for all tests of a process. Whatever uses it has the marker `browser`."""
    if missing := jupyterlab.what_is_missing():
        stop = pytest.fail if os.environ.get("BROWSER_TESTS") == "required" else pytest.skip
        stop(f"no browser test was run: {missing}")
    with jupyterlab.chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def site():
    """The folder of the built site."""
    folder = notebooks.ROOT / "build" / "site-test"
    if not (folder / "index.html").is_file():
        pytest.fail("There is no build/site-test: make test-site builds it before the tests.")
    return folder


@pytest.fixture(scope="session")
def host(site):
    """The built site on a web server, in a folder below its root as on most hosts."""
    with web.serving(site, "/some/folder/") as host:
        yield host


@pytest.fixture(scope="session")
def lab_folder(tmp_path_factory):
    """The folder of a process's JupyterLab server: a copy of the notebooks, and what tests put there."""
    folder = tmp_path_factory.mktemp("lab")
    ignored = shutil.ignore_patterns(".ipynb_checkpoints")
    shutil.copytree(notebooks.FOLDER, folder / "notebooks", ignore=ignored)
    return folder


@pytest.fixture(scope="session")
def lab(browser, lab_folder):
    """A JupyterLab server and a browser for all tests of a process."""
    with jupyterlab.jupyterlab(lab_folder) as server:
        yield server, browser


@pytest.fixture(scope="session")
def notebook_of(lab_folder):
    """Put a notebook with these code cells where the server finds it, and return its path there."""

    def write(name, sources):
        if (lab_folder / f"{name}.ipynb").exists():
            return f"{name}.ipynb"
        cells = [nbformat.v4.new_code_cell(text, id=f"cell{place}") for place, text in enumerate(sources)]
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": refresh.KERNEL})
        nbformat.write(notebook, lab_folder / f"{name}.ipynb")
        return f"{name}.ipynb"

    return write


@pytest.fixture(scope="session")
def open_notebook(lab):
    """The notebook that is open, by its path: opening another one closes it."""
    opened = {}
    yield opened
    for notebook in opened.values():
        notebook.__exit__()


@pytest.fixture
def opened(lab, open_notebook):
    """Open a notebook and run it. Neither the run nor the test may leave an error, or a dialog, behind."""
    server, browser = lab
    used = []

    def open_and_run(path):
        if path not in open_notebook:
            for other in list(open_notebook):
                open_notebook.pop(other).__exit__()
            open_notebook[path] = jupyterlab.Notebook(browser, server, path).__enter__()
            open_notebook[path].run_all()
        notebook = open_notebook[path]
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
    layers_of_the_diagnosis(terminalreporter)
    weight_of_the_site(terminalreporter)
    if os.environ.get("CI") == "true":
        what_was_skipped(terminalreporter)


def recorded(terminal):
    """For each test that ran, in whichever process, whether it passed and what it recorded."""
    for outcome in ("passed", "failed"):
        for report in terminal.stats.get(outcome, []):
            yield report.passed, dict(getattr(report, "user_properties", ()))


def mutation_score(terminal):
    """The score of test_mutations.py."""
    rows = [(good, said) for good, said in recorded(terminal) if "mutation" in said]
    mutations = [(good, said) for good, said in rows if not said["mutation"].startswith("(control")]
    if rows:
        terminal.section(
            f"mutations noticed by the notebooks: {sum(good for good, _ in mutations)} of {len(mutations)}"
        )
        for good, said in sorted(rows, key=lambda row: row[0]):
            terminal.write_line(f"{'ok  ' if good else 'FAIL'} {said['mutation']:<50} {said['seen']}"[:200])


def sliders_tested(terminal):
    """How many sliders test_browser.py has moved to both ends, of how many are in the notebooks."""
    rows = [said for _, said in recorded(terminal) if "sliders" in said]
    if rows:
        tested, present = (sum(row["sliders"][k] for row in rows) for k in (0, 1))
        terminal.section(f"sliders moved to both ends in a browser: {tested} of {present}")
        for row in rows:
            terminal.write_line(f"{row['notebook']:<28} {row['sliders'][0]} of {row['sliders'][1]}")


def catalogue_score(terminal):
    """How many wrong versions each check has caught and named, of how many that can occur in it."""
    rows = [said["catalogue"] for _, said in recorded(terminal) if "catalogue" in said]
    if rows:
        total, caught, named = (sum(row[i] for row in rows) for i in (1, 2, 3))
        terminal.section(f"wrong versions caught: {caught} of {total}, named rightly: {named}")
        for name, total, caught, named, mistakes in rows:
            each = ", ".join(mistake + ("" if well else " (MISSED)") for mistake, well in mistakes.items())
            terminal.write_line(
                f"{name:<20} {caught:>3} caught {named:>3} named, of {total:>3}   {each}"[:400]
            )


def layers_of_the_diagnosis(terminal):
    """Which layer of a check's diagnosis spoke, for each set of wrong answers, and right styles accepted."""
    said = {}
    for _, values in recorded(terminal):
        for name, value in values.items():
            said.setdefault(name, []).append(value)
    tables = {name: values for name, values in said.items() if name.startswith("layers of ")}
    if not tables:
        return
    terminal.section("wrong answers by the layer of the diagnosis that spoke")
    kinds = ("named", "narrowed", "located", "error", "accepted")
    terminal.write_line(f"{'':<20}{'answers':>9}" + "".join(f"{kind:>10}" for kind in (*kinds, "false")))
    for name, values in tables.items():
        layers = [layer for found, _ in values for layer in found]
        counts = [layers.count(kind) for kind in kinds]
        row = "".join(f"{count:>10}" for count in [*counts, sum(len(false) for _, false in values)])
        terminal.write_line(f"{name.removeprefix('layers of '):<20}{len(layers):>9}{row}")
    styles = [kind for kinds in said.get("right styles", []) for kind in kinds]
    if styles:
        terminal.write_line(f"right styles accepted: {styles.count('right')} of {len(styles)}")


def weight_of_the_site(terminal):
    """What each page of the site loads, and how long each notebook that runs there took to be ready."""
    pages = [said["page"] for _, said in recorded(terminal) if "page" in said]
    if pages:
        terminal.section("the pages of the site, with all that they load")
        for name, requests, size in sorted(pages):
            terminal.write_line(f"{name:<48}{requests:>4} requests {size / 1e6:>6.2f} MB")
    notebooks_run = [said["lite"] for _, said in recorded(terminal) if "lite" in said]
    if notebooks_run:
        terminal.section("notebooks run in JupyterLite")
        for name, requests, size, ready, run in sorted(notebooks_run):
            took = f"ready in {ready:>3.0f} s, run in {run:>3.0f} s"
            terminal.write_line(f"{name:<48}{requests:>4} requests {size / 1e6:>6.2f} MB, {took}")


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
