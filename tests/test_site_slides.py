"""The slides, in a real browser, from files: nothing is asked for, and every slide fits."""

from __future__ import annotations

import importlib.util

import pytest

from tools import notebooks
from tools.jupyterlab import barriers

pytestmark = [
    pytest.mark.site,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("sphinx_revealjs", "latex2mathml"))),
        reason="no slide was looked at: make slides installs what they are made with",
    ),
]
OF_AXE = (  # which can't read the style sheets of a file
    "Access to XMLHttpRequest at 'file:",
    "Failed to load resource: net::ERR_FAILED",
    "Couldn't load preload assets",
)
OUTSIDE = """() => {
  const said = [];
  const slide = document.querySelector('.slides > section.present');
  for (const element of slide.querySelectorAll('*')) {
    if (element.parentElement.closest('math')) continue;
    const { left, top, right, bottom, width } = element.getBoundingClientRect();
    const over = left < -1 || top < -1 || right > innerWidth + 1 || bottom > innerHeight + 1;
    const cut = element.scrollWidth > element.clientWidth + 1 && element.clientWidth;
    if (width && (over || cut)) said.push(`${element.tagName}: ${element.textContent.trim().slice(0, 50)}`);
  }
  return said;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from tools import slides

    out = tmp_path_factory.mktemp("slides") / "out"
    slides.build(out)
    return out


@pytest.fixture
def opened(browser, folder):
    page, asked, said = browser.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url.split(":")[0]))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_viewport_size({"width": 1280, "height": 720})

    def show(name):
        page.goto((folder / name).as_uri())
        return page

    yield show
    page.close()
    assert set(asked) <= {"file", "data"}, "a slide asks the network"
    assert [text for text in said if not text.startswith(OF_AXE)] == []


LECTURES = [
    path.stem
    for path in notebooks.notebook_files()
    if path.parent == notebooks.FOLDER and path.stem[:2] in ("01", "02", "03", "04")
]


@pytest.mark.parametrize("name", LECTURES)
def test_every_slide_fits_and_every_question_and_picture_is_there(opened, name):
    page = opened(f"{name}.html")
    page.wait_for_selector("body[data-slides]")
    total = int(page.evaluate("document.body.dataset.slides"))
    outside = {}
    for place in range(total):
        page.evaluate("place => Reveal.slide(place)", place)
        if said := page.evaluate(OUTSIDE):
            outside[place + 1] = said[:3]
    assert outside == {}
    zooms = page.evaluate("[...document.querySelectorAll('.slides [style*=zoom]')].map(e => +e.style.zoom)")
    assert min(zooms, default=1) >= 0.75, "a block is too small to be read from the last row"

    notebook = notebooks.read(notebooks.FOLDER / f"{name}.ipynb")
    code = notebooks.cells(notebook, "code")
    pictures = [o for _, cell in code for o in cell["outputs"] if "image/png" in o.get("data", {})]
    assert page.locator(".slides img[alt]").count() == len(pictures)
    asked = sum("Prediction(" in notebooks.source(cell).split("import")[0] for _, cell in code)
    questions = page.locator(".slides .question:not(:has(.fragment))").count()
    assert questions == asked > 0
    headings = set(page.locator(".slides h2").all_text_contents())
    text = "\n".join(notebooks.source(cell) for _, cell in notebooks.cells(notebook, "markdown"))
    titles = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    own = {"Your predictions", "What have I done so far?"}  # the tables of the person who runs the notebook
    assert len(headings) == len(set(titles) - own)


def test_an_answer_of_a_recall_question_comes_with_the_next_key(opened):
    page = opened("02_from_scores_to_weights.html")
    page.wait_for_selector("body[data-slides]")
    page.evaluate(
        "Reveal.slide([...document.querySelectorAll('.slides > section')]"
        ".findIndex(slide => slide.querySelector('.fragment')))"
    )
    answer = page.locator(".slides section.present .fragment")
    assert answer.evaluate("element => getComputedStyle(element).visibility") == "hidden"
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.present .fragment').matches('.visible')")


def test_what_is_too_large_for_any_slide_is_made_smaller(opened, folder):
    from tools import slides

    lines = "".join(f"x{i} = {i}\n" for i in range(24))
    picture = notebooks.read(notebooks.FOLDER / "04_eight_heads.ipynb")
    picture = next(
        o
        for _, c in notebooks.cells(picture, "code")
        for o in c["outputs"]
        if "image/png" in o.get("data", {})
    )
    cells = [
        {"cell_type": "markdown", "source": "# A title"},
        {"cell_type": "code", "metadata": {}, "source": lines + "wide = '" + 90 * "w" + "'", "outputs": []},
        {"cell_type": "code", "metadata": {}, "source": "figures.bars(x)", "outputs": [picture]},
    ]
    body = slides.slides({"cells": cells}, "04").replace("<img ", '<img style="width: 900px; height: 900px" ')
    (folder / "large.html").write_text(slides.PAGE.format(title="Large", body=body), encoding="utf-8")
    page = opened("large.html")
    page.wait_for_selector("body[data-slides]")
    for place in range(int(page.evaluate("document.body.dataset.slides"))):
        page.evaluate("place => Reveal.slide(place)", place)
        assert page.evaluate(OUTSIDE) == []
    assert place >= 1


def test_axe_finds_no_barrier_on_a_slide_of_each_kind(opened):
    page = opened("04_eight_heads.html")
    page.wait_for_selector("body[data-slides]")
    for kind in ("title", "question", "part", "answer"):
        page.evaluate(
            "kind => Reveal.slide([...document.querySelectorAll('.slides > section')]"
            ".findIndex(slide => slide.matches('.' + kind)))",
            kind,
        )
        assert barriers(page.locator(".slides section.present")) == []
    opened("index.html")
    assert barriers(page.locator("main")) == []
