"""The pages of the site: valid, described, small, and readable from any folder, a file or no network."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from tools import jupyterlab
from tools.notebooks import ROOT, joined, notebook_files, read
from tools.web import serving

pytestmark = pytest.mark.site
NOTEBOOKS = [path.relative_to(ROOT).with_suffix(".html").as_posix() for path in notebook_files()]
PAGES = ["index.html", *NOTEBOOKS, "solutions.html", "search.html", "genindex.html", "offline.html"]
each_page = pytest.mark.parametrize("name", PAGES)
each_notebook = pytest.mark.parametrize("name", NOTEBOOKS)
MOST = 1_500_000  # bytes of a page with all that it loads


@cache
def tree(path: Path):
    """A page as an HTML 5 parser reads it, and what that parser has to say about it."""
    import html5lib

    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    found = parser.parse(path.read_text(encoding="utf-8"))
    return found, [(place, error) for place, error, _ in parser.errors]


def ids(path: Path) -> list[str]:
    return [element.get("id") for element in tree(path)[0].iter() if element.get("id")]


def links(path: Path):
    """Every address in a page, with the name of its attribute."""
    for element in tree(path)[0].iter():
        for name in ("href", "src", "poster", "action"):
            if element.get(name) is not None:
                yield element.tag, name, element.get(name)


# What is there


def test_every_page_is_known_to_these_tests(site):
    found = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert {name for name in found if not name.startswith("lite/")} == set(PAGES)


def test_the_first_page_and_the_contents_name_every_notebook_in_order(site):
    course = [name for name in NOTEBOOKS if "solutions" not in name]
    there = [target for _, _, target in links(site / "index.html") if target in course]
    assert list(dict.fromkeys(there)) == course and set(Counter(there).values()) >= {2}


def test_each_notebook_leads_to_the_next_one(site):
    course = [name for name in NOTEBOOKS if "solutions" not in name]
    for before, after in zip(course, course[1:]):
        targets = {urljoin(before, target) for _, _, target in links(site / before)}
        assert after in targets and before in {urljoin(after, t) for _, _, t in links(site / after)}


@each_notebook
def test_every_picture_has_its_stored_description(site, name):
    stored = [
        " ".join(joined(output["metadata"]["image/png"]["alt"]).split())
        for cell in read(ROOT / name.replace(".html", ".ipynb"))["cells"]
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    shown = [
        " ".join(element.get("alt", "").split())
        for element in tree(site / name)[0].iter("img")
        if "_images/" in element.get("src")
    ]
    assert shown == stored


def test_the_published_site_says_where_else_the_notebooks_run(monkeypatch):
    from tools.site import index  # needs what only the site's environment has

    monkeypatch.setenv("GITHUB_REPOSITORY", "owner/name")
    assert "mybinder.org/v2/gh/owner/name/HEAD" in index() and "git+https://github.com/owner/name" in index()
    monkeypatch.delenv("GITHUB_REPOSITORY")
    assert "mybinder" not in index() and "<!--" not in index()


def test_formulas_are_mathml(site):
    text = (site / "notebooks" / "04_eight_heads.html").read_text(encoding="utf-8")
    assert "<math" in text and "$W_O$" not in text and "MathJax" not in text


@each_notebook
def test_each_notebook_has_a_button_that_opens_it(site, name):
    (target,) = {target for _, _, target in links(site / name) if "lite/lab/index.html" in target}
    path = target.split("&path=")[1]
    assert path == name.replace(".html", ".ipynb") and (site / "lite" / "files" / path).is_file()
    assert (site / name).parent.joinpath(target.split("?")[0]).is_file()


# Whether it is valid


@each_page
def test_a_page_is_valid_html(site, name):
    assert tree(site / name)[1] == []
    assert [each for each, count in Counter(ids(site / name)).items() if count > 1] == []


@each_page
def test_links_are_relative_and_lead_somewhere(site, name):
    wrong = []
    for tag, attribute, target in links(site / name):
        parts = urlsplit(target)
        if parts.scheme in ("data", "mailto") or (tag == "a" and parts.scheme in ("https", "http")):
            continue
        place = (site / name).parent / unquote(parts.path) if parts.path else site / name
        if parts.scheme or parts.netloc or target.startswith("/") or not place.is_file():
            wrong.append(f"<{tag} {attribute}={target}>")
        elif parts.fragment and place.suffix == ".html" and unquote(parts.fragment) not in ids(place):
            wrong.append(f"{target}: no such place on the page")
    assert wrong == []


# In a browser


@pytest.fixture(scope="module")
def open_page(browser, host):
    """Open a page of the site. Nothing may fail on it, and nothing may be asked of another host."""
    page, said, asked = browser.new_page(), [], []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))

    def show(name, width=1280, scheme="light"):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.goto(host.url + name, wait_until="networkidle")
        assert said == []
        assert [url for url in asked if not url.startswith((host.url, "data:"))] == []
        return page

    yield show
    page.close()


@each_page
def test_a_page_has_no_barriers_and_fits_a_phone(open_page, name):
    page = open_page(name)
    assert jupyterlab.barriers(page.locator("html")) == []
    page = open_page(name, scheme="dark")
    assert jupyterlab.barriers(page.locator("html")) == []
    page = open_page(name, width=390)
    assert jupyterlab.too_wide(page) == []


@each_page
def test_a_page_is_small(browser, site, name, record_property):
    """On a host that the browser doesn't know, so that every part of it is loaded."""
    with serving(site) as host:
        page = browser.new_page()
        page.goto(host.url + name, wait_until="networkidle")
        parts = {request.path.split("?")[0]: request.bytes for request in host.requests}
        page.close()
    record_property("page", (name, len(parts), sum(parts.values())))
    assert sum(parts.values()) < MOST


def test_search_finds_a_word(open_page):
    page = open_page("search.html?q=softmax")
    page.locator("#search-results li a").first.wait_for()
    assert page.locator("#search-results li").count() >= 3


# Without a server


@pytest.mark.parametrize("name", ["index.html", NOTEBOOKS[4]])
def test_a_page_opens_from_a_file(browser, site, name):
    page, said = browser.new_page(), []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto((site / name).as_uri(), wait_until="networkidle")
    assert page.locator("img").evaluate_all("all => all.filter(one => !one.naturalWidth).length") == 0
    if name != "index.html":
        assert page.locator(".run-button").count() == 0
        assert "python -m http.server" in page.locator(".run-box").inner_text()
    assert said == []
    # From a file the search finds pages, and says in the console that it can't quote them.
    page.goto((site / "search.html").as_uri() + "?q=softmax")
    page.locator("#search-results li a").first.wait_for()
    page.close()


def test_a_page_stays_readable_without_a_network(browser, site):
    with serving(site, "/course/") as host:
        page = browser.new_page()
        for _ in range(2):
            page.goto(f"{host.url}{NOTEBOOKS[1]}", wait_until="networkidle")
        page.wait_for_function(
            "async () => (await (await caches.open('thinking-machines')).keys()).length > 8", timeout=20000
        )
        host.stop()
        page.goto(f"{host.url}{NOTEBOOKS[1]}")
        title = page.locator("h1").inner_text()
        assert re.match(r"\w+", title) and page.locator("img").first.evaluate("one => one.naturalWidth")
        page.goto(f"{host.url}{NOTEBOOKS[2]}")
        assert page.locator("h1").inner_text().startswith("You’re offline")
        page.close()
