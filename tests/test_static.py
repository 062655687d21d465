"""Where no kernel runs: a notebook as a web page, and a notebook that its learner saved and opens again."""

from __future__ import annotations

import ast
import base64
import functools
import io
import json
import re
import subprocess
import sys

import matplotlib.image
import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter

from helpers import explorers
from helpers.export import describe_pictures
from tools.jupyterlab import Notebook
from tools.notebooks import cells, joined, notebook_files, read, source
from tools.refresh import WIDGET_VIEW

TEMPLATES = ("lab", "basic")
OUTPUTS = ".jp-OutputArea-child, .output_area"  # as lab and as basic call them
WIDGETS = {*explorers.__all__, "Prediction"} - {"HeadMap"}  # which is part of others
NO_DESCRIPTION = "No description has been provided for this image"  # nbconvert, where it knows none
COLOURS_AT_LEAST, WIDEST = 8, 1000
NUMBERS = r"\d+\.\d+|\d{2,}"


def as_page(notebook: dict, template: str) -> BeautifulSoup:
    exporter = HTMLExporter(template_name=template, preprocessors=[describe_pictures])
    body, _ = exporter.from_notebook_node(nbformat.reads(json.dumps(notebook), as_version=4))
    return BeautifulSoup(body, "html.parser")


def displayed(notebook):
    """Every output that is not a plain printed text, with the place of its cell."""
    return [
        (number, output)
        for number, cell in cells(notebook, "code")
        for output in cell["outputs"]
        if "data" in output
    ]


def pictures(notebook):
    return [(number, output) for number, output in displayed(notebook) if "image/png" in output["data"]]


def notes(cell):
    """The last outputs of the static fallbacks of a cell's widgets."""
    found = [
        joined(output["data"]["text/html"])
        for output in cell["outputs"]
        if "text/html" in output.get("data", {})
    ]
    return [BeautifulSoup(text, "html.parser").select_one(".tm-note") for text in found if "tm-note" in text]


def cells_that_show_a_widget(notebook):
    """Cells that end with an explorer or a prediction, or with the name of one."""
    names = set()
    for number, cell in cells(notebook, "code"):
        tree = ast.parse(source(cell))
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and made(node.value):
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr) and (
            made(last.value) or isinstance(last.value, ast.Name) and last.value.id in names
        ):
            yield number, cell


def made(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in WIDGETS


def faults_of_page(page, notebook):
    """What a reader of the page would miss, a sentence each."""
    shown = [
        (image.get("alt"), image.get("src", ""))
        for area in page.select(OUTPUTS)
        for image in area.select("img")
    ]
    stored = [output["metadata"]["image/png"].get("alt") for _, output in pictures(notebook)]
    if [alt for alt, _ in shown] != stored:
        yield (
            f"the descriptions of the pictures shown are {[alt for alt, _ in shown]},"
            f" and those stored {stored}"
        )
    for alt, address in shown:
        yield from faults_of_picture(address, alt)
    views = [output for _, output in displayed(notebook) if list(output["data"]) == [WIDGET_VIEW]]
    empty = [area for area in page.select(OUTPUTS) if not area.select("img") and not text_of(area)]
    if len(empty) != len(views):  # a live view leaves no trace on a page
        yield (
            f"{len(empty)} output areas are empty, for {len(views)} live views:"
            f" {[str(area)[:200] for area in empty]}"
        )
    for words in ("Error displaying widget", "Loading widget"):
        if words in str(page):
            yield f"the page says {words!r}"
    for script in page.select("script"):
        if re.search("html-manager|vnd.jupyter.widget", str(script)):
            yield f"the page wants to draw a widget with {str(script)[:100]}"


def text_of(area):
    """What can be read in an output, without the prompt before it."""
    return "".join(
        part
        for part in area.find_all(string=True)
        if part.strip()
        and not part.find_parent(["style", "script"])
        and not part.find_parent(class_=["prompt", "jp-OutputPrompt"])
    )


def faults_of_picture(address, alt):
    if not address.startswith("data:image/png;base64,"):
        yield f"the picture {alt!r} is not in the page but at {address[:80]}"
        return
    wide, n_colours = width_and_colours(address.partition(",")[2])
    if not 100 <= wide <= WIDEST:
        yield f"the picture {alt!r} is {wide} pixels wide"
    if n_colours < COLOURS_AT_LEAST:
        yield f"the picture {alt!r} is blank"


@functools.cache  # both templates show the same pictures
def width_and_colours(png):
    """How wide a picture is, in pixels, and how many colours it has, each packed into one whole number."""
    pixels = np.atleast_3d(matplotlib.image.imread(io.BytesIO(base64.b64decode(png))))
    levels = np.round(255 * pixels).astype(np.int64)
    return pixels.shape[1], len(np.unique(levels @ 256 ** np.arange(pixels.shape[-1])))


def faults_of_numbers(notebook):
    """The numbers of a widget stand below its picture; those of a plain picture are in it, and its
    description gives some.
    """
    for number, cell in cells_that_show_a_widget(notebook):
        if len(notes(cell)) != 1:
            yield (
                f"cell {number} shows a widget and has {len(notes(cell))} notes for those who have no kernel"
            )
    for number, cell in cells(notebook, "code"):
        texts = [
            joined(output["data"]["text/plain"])
            for output in cell["outputs"]
            if "image/png" in output.get("data", {})
        ]
        noted = notes(cell) and notes(cell)[0].select_one("details pre")
        if noted and [noted.get_text()] != texts:
            yield (
                f"the note of cell {number} says other numbers than the text that is compared:"
                f" {noted.get_text()[:100]!r}"
            )
        for (_, output), words in zip(
            pictures({"cells": [cell]}), [note.select_one("details p") for note in notes(cell)]
        ):
            if words and words.get_text() != output["metadata"]["image/png"]["alt"]:
                yield f"the note of cell {number} describes another picture: {words.get_text()[:100]!r}"
        for text, (_, output) in zip(texts, pictures({"cells": [cell]})):
            if (
                not noted
                and re.search(NUMBERS, text)
                and not re.search(r"\d", output["metadata"]["image/png"]["alt"])
            ):
                yield (
                    f"the picture of cell {number} gives numbers, and its description none:"
                    f" {output['metadata']['image/png']['alt']!r}"
                )


# ---- as a web page -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("path", notebook_files(), ids=lambda path: path.stem)
def test_a_notebook_reads_as_a_web_page(path, template):
    notebook = read(path)
    assert pictures(notebook) or path.parent.name == "solutions"
    faults = list(faults_of_page(as_page(notebook, template), notebook))
    assert not faults, "\n".join(faults)


def test_the_command_line_of_nbconvert_keeps_the_descriptions_too(tmp_path):
    path = next(path for path in notebook_files() if path.stem.startswith("04"))
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--output-dir", str(tmp_path), str(path)]
    subprocess.run(command, check=True, capture_output=True)
    page = (tmp_path / f"{path.stem}.html").read_text(encoding="utf-8")
    assert page.count('<img alt="') == len(pictures(read(path))) > 0
    assert NO_DESCRIPTION not in page


@pytest.mark.parametrize("path", notebook_files(), ids=lambda path: path.stem)
def test_the_numbers_can_be_read_without_a_kernel(path):
    notebook = read(path)
    assert list(cells_that_show_a_widget(notebook)) or path.parent.name == "solutions"
    faults = list(faults_of_numbers(notebook))
    assert not faults, "\n".join(faults)


def small_notebook():
    """What a page is made from, as it is stored: a picture with its note."""
    pixels, png = np.linspace(0, 1, 30000).reshape(100, 300), io.BytesIO()
    matplotlib.image.imsave(png, pixels)
    picture = nbformat.v4.new_output(
        "display_data",
        {"text/plain": "weights 0.88 0.12", "image/png": base64.b64encode(png.getvalue()).decode()},
        metadata={"image/png": {"alt": "two bars, 0.88 and 0.12"}},
    )
    note = nbformat.v4.new_output(
        "display_data",
        {
            "text/html": (
                "<div class=tm-note><details><summary>In words and numbers</summary><p>two bars, 0.88 and"
                " 0.12</p><pre>weights 0.88 0.12</pre></details></div>"
            )
        },
    )
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("TwoScores()", execution_count=1, outputs=[picture, note])]
    )


def blank(notebook):
    png = io.BytesIO()
    matplotlib.image.imsave(png, np.ones((100, 300)))
    notebook["cells"][0]["outputs"][0]["data"]["image/png"] = base64.b64encode(png.getvalue()).decode()


def wide(notebook):
    png = io.BytesIO()
    matplotlib.image.imsave(png, np.linspace(0, 1, 120000).reshape(100, 1200))
    notebook["cells"][0]["outputs"][0]["data"]["image/png"] = base64.b64encode(png.getvalue()).decode()


def as_svg(notebook):
    data = notebook["cells"][0]["outputs"][0]["data"]
    data["image/svg+xml"] = "<svg></svg>"
    del data["image/png"]


def not_described(notebook):
    del notebook["cells"][0]["outputs"][0]["metadata"]["image/png"]["alt"]


def empty(notebook):
    notebook["cells"][0]["outputs"][1]["data"]["text/html"] = "<style>p { color: red; }</style>"


def with_state(notebook):
    notebook["metadata"]["widgets"] = {
        "application/vnd.jupyter.widget-state+json": {
            "state": {"1": {}},
            "version_major": 2,
            "version_minor": 0,
        }
    }
    notebook["cells"][0]["outputs"].insert(
        0,
        nbformat.v4.new_output(
            "display_data", {WIDGET_VIEW: {"model_id": "1", "version_major": 2, "version_minor": 0}}
        ),
    )


def dead(notebook):
    notebook["cells"][0]["outputs"].insert(
        0, nbformat.v4.new_output("display_data", {"text/html": "Error displaying widget"})
    )


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize(
    "spoil", [blank, wide, as_svg, not_described, empty, with_state, dead], ids=lambda spoil: spoil.__name__
)
def test_a_spoilt_page_is_noticed(spoil, template):
    notebook = small_notebook()
    assert list(faults_of_page(as_page(notebook, template), notebook)) == []
    spoil(notebook)
    assert list(faults_of_page(as_page(notebook, template), notebook))


def no_note(cell):
    cell["outputs"].pop()


def other_numbers(cell):
    cell["outputs"][0]["data"]["text/plain"] = "weights 0.12 0.88"


def another_description(cell):
    cell["outputs"][0]["metadata"]["image/png"]["alt"] = "two bars, 0.12 and 0.88"


def a_plain_picture_without_numbers(cell):
    cell["source"], cell["outputs"][0]["metadata"]["image/png"]["alt"] = "bars(weights)", "two bars"
    cell["outputs"].pop()


@pytest.mark.parametrize(
    "spoil",
    [no_note, other_numbers, another_description, a_plain_picture_without_numbers],
    ids=lambda spoil: spoil.__name__,
)
def test_missing_numbers_are_noticed(spoil):
    notebook = small_notebook()
    assert list(faults_of_numbers(notebook)) == []
    spoil(notebook["cells"][0])
    assert list(faults_of_numbers(notebook))


# ---- in a browser ------------------------------------------------------------------------------------------

LEARNER = {
    "explorer": (
        "from helpers.explorers import HeadExplorer\nprint('before')\nHeadExplorer(('the', 'cat', 'ran'))"
    ),
    "choice": (
        "from helpers.questions.predictions import Prediction\nPrediction('90 choice', 'Which of the two?',"
        " ['this one', 'that one'])"
    ),
    "number": "Prediction('90 number', 'How many of them?')",
}
QUESTIONS = (
    "Predict. Which of the two?",
    "Predict. How many of them?",
)  # as shown; the cells hold them without the first word
TWIN = ".jp-OutputArea-child:has(+ * .tm-note) img"
CONVERSATIONS = re.compile(r"/api/(sessions|kernels)")


@pytest.fixture(scope="module")
def learner(lab, lab_folder, notebook_of):
    """A server with a notebook that a learner has opened, run, answered, saved and closed."""
    server, browser = lab
    name = notebook_of("own", LEARNER.values())
    with Notebook(browser, server, name) as opened:
        opened.run_all()
        live = {
            "text": visible_text(opened.show(".tm-live").page),
            "errors": opened.error_outputs() + opened.console_errors,
            "pictures": opened.page.locator(TWIN).count(),
            "visible": opened.page.locator(f"{TWIN}:visible").count(),
            "enter": type_and_enter(opened),
        }
        opened.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    return server, lab_folder / name, live


def type_and_enter(opened):
    box = opened.show(".tm-live .widget-text input[placeholder='a number']")
    box.click()
    opened.page.keyboard.type("12.5", delay=0)
    opened.page.keyboard.press("Enter")
    opened.page.locator(".tm-live:has-text('Recorded: ')").last.wait_for(timeout=20000)
    return visible_text(opened.page)


def visible_text(page):
    return page.locator(".jp-Notebook").first.inner_text()


def open_again(browser, server, path, kernel):
    """The saved notebook in a new tab, without a kernel or with a new one; no cell is run."""
    page = browser.new_page()
    if not kernel:
        page.route(
            CONVERSATIONS,
            lambda route: route.abort() if route.request.method == "POST" else route.continue_(),
        )
    page.goto(f"{server.url}/doc/tree/{path}?token={server.token}&reset", wait_until="domcontentloaded")
    page.locator(".jp-OutputArea-child").first.wait_for(timeout=60000)
    return page


def test_while_the_kernel_runs_each_widget_is_live_and_its_fallback_hidden(learner):
    _, _, live = learner
    assert live["errors"] == []
    assert (live["pictures"], live["visible"]) == (1, 0)
    assert "In words and numbers" not in live["text"] and "Run the cell" not in live["text"]
    assert all(live["text"].count(question) == 1 for question in QUESTIONS)


def test_enter_records_the_number_that_was_typed(learner):
    _, _, live = learner
    assert "Recorded: 12.5. Run the next cells to compare." in live["enter"]


@pytest.mark.parametrize("kernel", [False, True], ids=["no kernel", "new kernel"])
def test_a_notebook_opened_again_shows_picture_numbers_and_questions(learner, browser, kernel):
    server, path, _ = learner
    kinds = [list(output["data"]) for _, output in displayed(read(path))]
    assert [WIDGET_VIEW] in kinds, "the notebook was not saved with its live views"
    page = open_again(browser, server, path.name, kernel)
    try:
        if kernel:  # then the views say so within a few seconds
            page.locator(".jupyter-widgets:text('Error displaying widget')").first.wait_for(
                state="attached", timeout=60000
            )
        else:
            page.locator(".lm-Panel:text('Loading widget')").first.wait_for(state="attached", timeout=60000)
        page.locator(TWIN).wait_for(state="visible", timeout=20000)
        text = visible_text(page)
        assert "Error displaying widget" not in text and "Loading widget" not in text
        assert (
            all(text.count(question) == 1 for question in QUESTIONS)
            and "that one" in text
            and "before" in text
        )
        page.get_by_text("In words and numbers").dispatch_event(
            "click"
        )  # without a kernel a dialog lies over the page
        said = visible_text(page)
        assert "1,048,576 parameters" in said and "cat attends most to the (1.00)" in said
    finally:
        page.close()


def test_a_notebook_that_is_not_trusted_shows_them_too(learner, browser):
    server, path, _ = learner
    notebook = read(path)
    notebook["metadata"]["from"] = "someone else"  # so that its signature is not known here
    path.with_name("sent.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    page = open_again(browser, server, "sent.ipynb", kernel=False)
    try:
        page.locator(TWIN).wait_for(state="visible", timeout=20000)
        text = visible_text(page)
        assert (
            "widget..." not in text
            and "{ display" not in text
            and all(question in text for question in QUESTIONS)
        )
    finally:
        page.close()


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_saved_notebook_reads_as_a_web_page(learner, template):
    notebook = read(learner[1])
    assert (
        list(faults_of_page(as_page(notebook, template), notebook)) + list(faults_of_numbers(notebook)) == []
    )


def test_a_web_page_shows_its_pictures_without_a_network(browser, tmp_path):
    path = next(path for path in notebook_files() if path.stem.startswith("04"))
    notebook = read(path)
    (tmp_path / "page.html").write_text(str(as_page(notebook, "lab")), encoding="utf-8")
    page = browser.new_page()
    try:
        page.route(re.compile("^https?:"), lambda route: route.abort())
        page.goto((tmp_path / "page.html").as_uri(), wait_until="domcontentloaded")
        images = page.locator(".jp-OutputArea-child img")
        assert images.count() == len(pictures(notebook))
        for image in images.all():
            image.scroll_into_view_if_needed()
            assert (
                image.is_visible() and image.evaluate("image => image.complete && image.naturalWidth") > 100
            )
        page.locator(".tm-note details summary").last.click()
        assert page.locator(".tm-note details pre").last.is_visible()
    finally:
        page.close()
