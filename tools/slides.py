"""Make slides of the lecture notebooks, from their stored outputs, for a browser without a network.

    python -m tools.slides            into build/slides

What becomes of a notebook follows from its cells, so nothing about slides is stored in them:

- each section begins a slide, and goes on on another one where it is full (slides.js);
- a picture is one block and is never cut, and an explorer is shown by its picture;
- a prediction or a recall question has a slide of its own, and its answer comes later;
- the tasks of exercises are kept; their empty functions, imports and the learner's own tables are not.
"""

from __future__ import annotations

import ast
import html
import importlib.util
import re
import shutil
import sys
from pathlib import Path

from helpers import examples
from tools import notebooks

try:
    from latex2mathml.converter import convert
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer
except ImportError as missing:
    sys.exit(f"Slides need the package {missing.name}, which is not installed: run make slides.")

__all__ = ["LECTURES", "build", "slides"]

HERE, OUT = Path(__file__).parent, notebooks.ROOT / "build" / "slides"
LECTURES = [path for path in notebooks.notebook_files() if re.match(r"0[1-4]_.*(?<!_solutions)$", path.stem)]
OWN_TABLES = ("Summary(", "Progress(", "Recall(")  # of the person who runs the notebook
FORMATTER = HtmlFormatter(style="default", nobackground=True)
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<link rel="stylesheet" href="reveal/reset.css">
<link rel="stylesheet" href="reveal/reveal.css">
<link rel="stylesheet" href="slides.css">
<body>
<div class="reveal"><div class="slides">
{body}
</div></div>
<script src="reveal/reveal.js"></script>
<script src="slides.js"></script>
</body>
</html>
"""


class _Renderer(IPythonRenderer):
    """Markdown as HTML, with formulas as MathML, which needs no script."""

    def inline_math(self, body):
        return convert(body)

    def block_math(self, body):
        return f"<p>{convert(body, display='block')}</p>\n"

    def link(self, text, url, title=None):  # the other notebooks are not beside the slides
        return super().link(text, url, title) if "://" in url else text


def _markdown(text: str) -> str:
    return MarkdownWithMath(renderer=_Renderer(escape=False, exclude_anchor_links=True)).render(text)


class _Slides:
    """The slides of a notebook, while they are collected."""

    def __init__(self):
        self.slides: list[tuple[str, str, list[str]]] = []  # kind, heading, blocks
        self.heading = ""

    def begin(self, kind: str = "part", heading: str | None = None) -> None:
        self.heading = self.heading if heading is None else heading
        self.slides.append((kind, self.heading, []))

    def add(self, block: str) -> None:
        if self.slides[-1][0] not in ("part", "title"):  # a question or an answer stands alone
            self.begin()
        self.slides[-1][2].append(block)

    def alone(self, kind: str, block: str) -> None:
        before = self.slides[-1][2]
        context = before.pop() if kind == "question" and len(before) == 1 and _is_short(before[0]) else ""
        self.begin(kind)
        self.slides[-1][2].extend(filter(None, [context, block]))

    def __str__(self) -> str:
        return "\n".join(
            f'<section class="{kind}">{heading}{"".join(blocks)}</section>'
            for kind, heading, blocks in self.slides
            if blocks or kind == "title"
        )


def _is_short(block: str) -> bool:
    """One paragraph, for which a slide of its own would be too much."""
    return block.startswith("<p>") and block.count("</p>") == 1


def slides(notebook: dict, number: str) -> str:
    """The sections of reveal.js for a notebook; number is its own, such as "04"."""
    made = _Slides()
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            _add_text(made, notebooks.source(cell))
        elif cell["cell_type"] == "code" and cell.get("id") != notebooks.KERNEL_CHECK_ID:
            _add_code(made, cell, number)
    return str(made)


PARTS = re.compile(  # what begins a slide in a text: a heading, a prediction, folded answers
    r"^(\#{1,2}\ [^\n]* | >\ \*\*Predict[^\n]*(?:\n>[^\n]*)* | <details>.*?</details>)$", re.M | re.S | re.X
)


def _add_text(made: _Slides, text: str) -> None:
    for part in filter(None, map(str.strip, PARTS.split(text))):
        if part.startswith("<details>"):
            title, body = re.fullmatch(
                r"<details><summary>(.*?)</summary>(.*)</details>", part, re.S
            ).groups()
            made.alone("answer", f"<h3>{title}</h3>{_markdown(body)}")
        elif part.startswith("> **Predict"):
            made.alone("question", _markdown(part))
        elif part.startswith(("# ", "## ")):
            made.begin("part" if part.startswith("##") else "title", _markdown(part))
        else:
            made.add(_markdown(part))


def _add_code(made: _Slides, cell: dict, number: str) -> None:
    source, last = notebooks.source(cell), notebooks.source(cell).splitlines()[-1]
    texts, pictures = _outputs(cell)
    if last.startswith("Recall("):
        _add_recall(made, number)
    elif "exercise" in cell["metadata"].get("tags", []) or last.startswith(OWN_TABLES):
        pass
    elif texts and texts[0].startswith("Predict."):
        _add_options(made, texts[0])
    else:
        shown = "" if _only_shows(source) else highlight(source, PythonLexer(), FORMATTER)
        said = "\n".join(text.split("   your guess:")[0].rstrip() for text in texts)
        if shown or said:
            made.add(f'<div class="code">{shown}{f"<pre>{html.escape(said)}</pre>" if said else ""}</div>')
        for picture in pictures:
            made.add(picture)


def _add_options(made: _Slides, text: str) -> None:
    """The exact question and its answers, on the slide of the prediction."""
    question, *options = text.removeprefix("Predict. ").split("\n")
    listed = "".join(f"<li>{html.escape(option.replace('( )', '').strip())}</li>" for option in options)
    block = f"<p>{html.escape(question)}</p>" + (f"<ol>{listed}</ol>" if listed else "")
    if made.slides[-1][0] == "question":
        made.slides[-1][2].append(block)
    else:
        made.alone("question", block.replace("<p>", "<p><strong>Predict.</strong> ", 1))


def _add_recall(made: _Slides, number: str) -> None:
    """A slide for each question instead of the text above; the right answer and its reason come with the next
    key."""
    made.slides[-1][2].clear()
    for entry in examples.recall(number):
        options = "".join(f"<li>{html.escape(option['text'])}</li>" for option in entry["options"])
        right = next(option for option in entry["options"] if option.get("right"))
        made.alone(
            "question",
            f"<p>{html.escape(entry['question'])}</p><ol>{options}</ol>"
            f'<p class="fragment"><strong>{html.escape(right["text"])}.</strong> '
            f"{html.escape(right['reason'])}</p>",
        )


def _only_shows(source: str) -> bool:
    """Whether a cell does nothing that is taught: imports, and a call that draws or opens an explorer."""

    def plain(node):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return True
        call = node.value if isinstance(node, ast.Expr) else None
        return isinstance(call, ast.Call) and re.match(r"figures\.|[A-Z]", ast.unparse(call.func)) is not None

    return all(map(plain, ast.parse(source).body))


def _outputs(cell: dict) -> tuple[list[str], list[str]]:
    """What a cell has put out: its texts, and its pictures as HTML; a picture's own text is left out."""
    texts, pictures = [], []
    for output in cell["outputs"]:
        data = output.get("data", {})
        if "image/png" in data:
            alt = html.escape(notebooks.joined(output["metadata"]["image/png"]["alt"]))
            code = "".join(notebooks.joined(data["image/png"]).split())
            pictures.append(f'<img alt="{alt}" src="data:image/png;base64,{code}">')
        elif output["output_type"] == "stream":
            texts.append(notebooks.joined(output["text"]).rstrip())
        elif "text/plain" in data:
            texts.append(notebooks.joined(data["text/plain"]))
    return texts, pictures


def build(out: Path = OUT) -> list[Path]:
    """Write the slides, with reveal.js beside them. Returns the pages, the list of them first."""
    found = importlib.util.find_spec("sphinx_revealjs")  # a package that carries reveal.js
    if found is None or found.origin is None:
        raise SystemExit("Slides need the package sphinx-revealjs, which carries reveal.js: run make slides.")
    reveal = Path(found.origin).parent / "_static" / "revealjs"
    shutil.rmtree(out, ignore_errors=True)
    (out / "reveal").mkdir(parents=True)
    for name in ("dist/reset.css", "dist/reveal.css", "dist/reveal.js", "LICENSE"):
        shutil.copy(reveal / name, out / "reveal")
    shutil.copy(HERE / "slides.js", out)
    style = (HERE / "slides.css").read_text(encoding="utf-8") + FORMATTER.get_style_defs(".highlight")
    (out / "slides.css").write_text(style, encoding="utf-8")
    pages, links = [], ""
    for path in LECTURES:
        notebook = notebooks.read(path)
        title = notebooks.source(notebook["cells"][0]).splitlines()[0].lstrip("# ")
        links += f'<li><a href="{path.stem}.html">{path.stem[:2]} {html.escape(title)}</a></li>'
        pages.append(out / f"{path.stem}.html")
        pages[-1].write_text(
            PAGE.format(title=html.escape(title), body=slides(notebook, path.stem[:2])), encoding="utf-8"
        )
    index = out / "index.html"
    index.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Slides</title>'
        '<link rel="stylesheet" href="slides.css"><main><h1>Thinking Machines: slides</h1>'
        f"<ul>{links}</ul><p>Space or → goes on, Esc shows all slides, F fills the screen.</p></main></html>",
        encoding="utf-8",
    )
    return [index, *pages]


if __name__ == "__main__":
    print(f"Open {build()[0].relative_to(notebooks.ROOT)} in a browser.")
