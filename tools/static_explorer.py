"""The head explorer for pages without a kernel: every answer is computed here and travels in the page.

    html = static_explorer("04_eight_heads")

is a fragment of HTML that needs nothing else: the maps are drawn by the notebook's own head_map.js, from the
float32 numbers that the notebook's widget is sent. `add_to` puts it into a notebook that becomes a page, and
`python -m tools.static_explorer 04_eight_heads > page.html` makes a page to try.
"""

from __future__ import annotations

import base64
import html
import itertools
import json
import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from helpers import examples
from helpers.explorers import head_views as views
from helpers.explorers.head_moves import FREE_SIZES
from helpers.explorers.head_setting import (
    CAUSAL,
    DESIGNED,
    HEAD_COUNTS,
    NO_MASK,
    OWN_SENTENCE,
    TOTAL,
    TRAINED,
    Setting,
    compute,
)
from helpers.widgets.head_map import HeadMap
from tools import notebooks

__all__ = ["NAMES", "add_to", "key", "pack", "page", "settings", "static_explorer", "unpack"]

HERE = Path(__file__).parent
WORDS = tuple(examples.sentence("cat"))
NAMES = {  # the pages that have one, and what it is like there: the notebook's few controls, or all
    "00_start_here": "few",
    "04_eight_heads": "all",
}
NEEDS = {
    "few": "A sentence of your own needs Python",
    "all": "A sentence of your own, random matrices, padding, temperature, comparing two settings, the "
    "products of q·k and ablating heads need Python",
}
LIVE = "../lite/lab/index.html?path=notebooks/{name}.ipynb"
LOOK = {"cell_size": 40, "reads_above": True, "fit": 0.5, "listens": True}


def settings(name: str) -> Iterator[Setting]:
    """Every setting that the page's controls can reach, those of one layer of matrices together."""
    cuts = [(DESIGNED, n_heads, TOTAL[DESIGNED] // n_heads) for n_heads in HEAD_COUNTS[DESIGNED]]
    masks, scaled = (NO_MASK,), (True,)
    if NAMES[name] == "all":
        cuts += [(DESIGNED, n_heads, size) for size in FREE_SIZES for n_heads in range(1, 17)]
        cuts += [(TRAINED, n_heads, TOTAL[TRAINED] // n_heads) for n_heads in HEAD_COUNTS[TRAINED]]
        masks, scaled = (NO_MASK, CAUSAL), (True, False)
    for source, n_heads, size in dict.fromkeys(cuts):
        start = Setting(OWN_SENTENCE.get(source, WORDS), n_heads, size, source)
        for mask, divided in itertools.product(masks, scaled):
            yield replace(start, mask=mask, scaled=divided)


def key(setting: Setting) -> str:
    """A setting's name in the page."""
    return "/".join(
        map(str, (setting.source, setting.n_heads, setting.d_k, setting.mask, int(setting.scaled)))
    )


def pack(name: str) -> bytes:
    """Every answer of a page: a header in JSON, then the numbers, each map and each table of scores once."""
    head_map, maps, scores, panels = HeadMap(**LOOK), _Once(), _Once(), _Once()
    frames, sources = {}, {}
    for setting in settings(name):
        result = compute(setting)
        shown = views.panels(result)
        head_map.show(shown, result.rows, result.columns)
        size = len(head_map.data) // len(shown)
        assert result.queries is not None and result.keys is not None
        products = (result.queries @ result.keys.swapaxes(-1, -2)).astype("<f4")
        frames[key(setting)] = {
            "maps": [maps(head_map.data[at : at + size]) for at in range(0, len(head_map.data), size)],
            "scores": [scores(each.tobytes()) for each in products],
            "panels": [panels(json.dumps(panel)) for panel in head_map.panels],
            "caption": ". ".join(filter(None, [result.caption, " ".join(result.remarks)])),
            "note": f"Rows: queries, columns: keys · {views.row_sums(result)} · click a cell to keep it",
            "description": views.description(result, shown),
        }
        sources.setdefault(
            setting.source,
            {
                "words": list(result.rows),
                "rest": [int(at) for at in views.first_cell(result)],
                "total": TOTAL[setting.source],
                "counts": list(HEAD_COUNTS[setting.source]),
                "free": list(FREE_SIZES) if (setting.source, NAMES[name]) == (DESIGNED, "all") else [],
            },
        )
    header = {
        "look": {trait: getattr(head_map, trait) for trait in (*LOOK, "reads", "focus")},
        "sources": sources,
        "panels": [json.loads(panel) for panel in panels.all],
        "frames": frames,
        "maps": len(maps.all),
    }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    numbers = [head_map.palettes["weights"], *maps.all, *scores.all]
    return zlib.compress(b"".join([len(text).to_bytes(4, "little"), text, *numbers]), 9)


class _Once:
    """Gives equal things one number, in the order in which they came."""

    def __init__(self):
        self.numbers = {}

    def __call__(self, thing) -> int:
        return self.numbers.setdefault(thing, len(self.numbers))

    @property
    def all(self) -> list:
        return list(self.numbers)


def unpack(packed: bytes) -> tuple[dict, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What static_explorer.js reads: the header, and each frame's weights, -inf where masked, and scores:
    (n_heads, n, n)."""
    whole = zlib.decompress(packed)
    at = 4 + int.from_bytes(whole[:4], "little")
    header = json.loads(whole[4:at])
    at += 768
    pools: list[list[np.ndarray]] = [[], []]
    sizes = {}
    for name, frame in header["frames"].items():
        n = len(header["sources"][name.split("/")[0]]["words"])
        sizes.update({(0, i): n for i in frame["maps"]} | {(1, i): n for i in frame["scores"]})
    for pool, i in sorted(sizes):
        n = sizes[pool, i]
        pools[pool].append(np.frombuffer(whole, "<f4", n * n, at).reshape(n, n))
        at += 4 * n * n
    weights, scores = (
        {name: np.stack([pools[pool][i] for i in frame[part]]) for name, frame in header["frames"].items()}
        for pool, part in enumerate(("maps", "scores"))
    )
    return header, weights, scores


def static_explorer(notebook_name: str, live: str = LIVE) -> str:
    """The explorer as a fragment of HTML, with its style, script and numbers inside.

    notebook_name: one of NAMES, with or without .ipynb
    live:          the address of the live notebook, from the page; {name} stands for the notebook's name
    """
    name = notebook_name.removesuffix(".ipynb")
    style, script = ((HERE / f"static_explorer.{kind}").read_text("utf-8") for kind in ("css", "js"))
    drawing = str(HeadMap._esm).replace("export default { render };", "")
    address = html.escape(live.format(name=name), quote=True)
    packed = base64.b64encode(pack(name)).decode()
    fragment = (
        f'<div class="tm-static" data-controls="{NAMES[name]}" hidden>'
        '<div class="tm-choices"></div><p class="tm-caption"></p><div class="tm-maps"></div>'
        "<p>Each number is computed by the course's own functions and stored here as float32, as the live "
        "map gets it: two digits in a cell that has room, three where you point. "
        f'{NEEDS[NAMES[name]]}: <a href="{address}">open this notebook live</a>.</p></div>'
        f"<style>{HeadMap._css}{style}</style>"
        f'<script type="module">{drawing}\n'
        f'const PACKED = "{packed}";\n{script}</script>'
    )
    return re.sub(r"\n\s*\n", "\n", fragment)  # an empty line would end it in Markdown


def add_to(notebook: dict, name: str, live: str = LIVE) -> dict:
    """Put the explorer behind the stored picture of the notebook's HeadExplorer; the page shows it instead of
    that picture as soon as its script runs. A notebook without one stays as it is. Returns the notebook."""
    if name.removesuffix(".ipynb") in NAMES:
        cell = next(
            cell
            for _, cell in notebooks.cells(notebook, "code")
            if notebooks.source(cell).splitlines()[-1:][0].startswith("HeadExplorer(")
        )
        fragment = {"text/html": static_explorer(name, live)}
        cell["outputs"].insert(1, {"output_type": "display_data", "data": fragment, "metadata": {}})
    return notebook


def page(name: str) -> str:
    """A page with nothing but the explorer, to try it."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>The head explorer</title>'
        '<meta name="viewport" content="width=device-width"><style>:root { color-scheme: light dark; } '
        "body { font-family: system-ui; margin: 1rem; }</style><main><h1>The head explorer</h1>"
        f"{static_explorer(name)}</main></html>"
    )


if __name__ == "__main__":
    print(page(sys.argv[1]))
