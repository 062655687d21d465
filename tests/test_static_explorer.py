"""The head explorer of the pages without a kernel: what it carries is what the core computes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from helpers.explorers.head_setting import compute
from tools import notebooks, static_explorer

MOST = 200_000  # bytes of a page's explorer, its script included
PAGES = [path.stem for path in notebooks.notebook_files() if path.parent == notebooks.FOLDER]


@pytest.mark.parametrize("name", static_explorer.NAMES)
def test_each_stored_frame_is_the_core_s(name):
    header, weights, scores = static_explorer.unpack(static_explorer.pack(name))
    settings = {static_explorer.key(setting): setting for setting in static_explorer.settings(name)}
    assert weights.keys() == settings.keys()
    for key, setting in settings.items():
        result = compute(setting)
        masked = np.zeros(weights[key].shape, bool) if result.masked is None else result.masked
        expected = np.where(masked, -np.inf, result.weights).astype(np.float32)
        np.testing.assert_allclose(weights[key], expected, rtol=1e-6, atol=0, err_msg=key)
        products = np.stack([q @ k.T for q, k in zip(result.queries, result.keys)])
        np.testing.assert_allclose(scores[key], products, rtol=1e-6, atol=1e-5, err_msg=key)
        assert header["frames"][key]["caption"].startswith(result.caption)
        titles = [header["panels"][i]["title"] for i in header["frames"][key]["panels"]]
        assert titles == result.titles


@pytest.mark.parametrize("name", static_explorer.NAMES)
def test_the_explorer_is_small_and_needs_nothing_from_elsewhere(name):
    fragment = static_explorer.static_explorer(f"{name}.ipynb", live="../live/{name}")
    assert len(fragment.encode()) <= MOST
    assert f'href="../live/{name}"' in fragment
    assert fragment.count("</script>") == fragment.count("</style>") == 1
    code = re.sub(r'const PACKED = "[^"]*"', "", fragment)
    for way_out in ("http:", "https:", " src=", "import ", "import(", "fetch(", "@import", "url("):
        assert way_out not in code


@pytest.mark.parametrize("name", PAGES)
def test_it_stands_behind_the_stored_picture_of_its_notebook(name):
    before = notebooks.read(notebooks.FOLDER / f"{name}.ipynb")
    after = static_explorer.add_to(notebooks.read(notebooks.FOLDER / f"{name}.ipynb"), name)
    changed = [
        (old["outputs"], new["outputs"]) for old, new in zip(before["cells"], after["cells"]) if old != new
    ]
    assert len(changed) == (name in static_explorer.NAMES)
    for old, new in changed:
        assert "image/png" in new[0]["data"] and "tm-static" in new[1]["data"]["text/html"]
        assert [new[0], *new[2:]] == old
