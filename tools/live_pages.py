"""What is alive on the pages of the site with no kernel behind it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["extra_html"]


def extra_html(notebook: Path, static: Path) -> str:
    """What a notebook's page shows below its button: a block of HTML without empty lines, or "".

    static: the folder of files that all pages share; what is written there is found at ../_static/
    """
    return ""
