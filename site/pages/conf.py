"""How Sphinx makes the pages to read. tools/site.py copies this folder and puts the notebooks in."""

import sys
from pathlib import Path

from docutils import nodes

sys.path.insert(0, str(Path(__file__).parent))

project = html_title = "Thinking Machines"
author = "the authors of Thinking Machines"
language = "en"
extensions = ["myst_nb", "mathml"]
html_math_renderer = "mathml"
nb_execution_mode = "off"  # the stored outputs are shown, which tests compare
nb_render_markdown_format = "myst"
nb_code_prompt_show, nb_code_prompt_hide = "Show the code", "Hide the code"
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
html_theme = "furo"
html_static_path = ["_static"]
html_favicon = "icon.svg"
html_css_files = ["course.css"]
html_js_files = [("course.js", {"defer": "defer"})]
html_show_sourcelink = html_copy_source = False
html_show_sphinx = html_show_copyright = False
suppress_warnings = ["mystnb.unknown_mime_type", "myst.header"]


def describe_pictures(app, tree):
    """Give each picture of a notebook the description that is stored with it."""
    from tools.site import ROOT, alts

    path = ROOT / f"{app.env.docname}.ipynb"
    if path.is_file():
        pictures = [
            picture
            for output in tree.findall(nodes.container)
            if "cell_output" in output["classes"]
            for picture in output.findall(nodes.image)
        ]
        for picture, alt in zip(pictures, alts(path), strict=True):
            picture["alt"] = alt


def setup(app):
    app.connect("doctree-read", describe_pictures)
