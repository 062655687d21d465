"""Texts as HTML: the one place in which markup is built around what others wrote."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

__all__ = ["bold", "escaped", "folded", "items", "lines", "link", "paragraph", "readable", "table"]


def readable(text: str) -> str:
    """The text with lone surrogates replaced: half a character can't be sent to the page.

    >>> readable("caf\\u00e9 \\ud83d")
    'café �'
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def escaped(text: str) -> str:
    """The text as HTML that shows it as it is, whatever is in it.

    >>> escaped("a < b")
    'a &lt; b'
    """
    return html.escape(readable(text))


def bold(text: str) -> str:
    return f"<b>{escaped(text)}</b>"


def paragraph(text: str) -> str:
    return f"<p>{escaped(text)}</p>"


def lines(text: str) -> str:
    """Each line of the text as a line of the page."""
    return "".join(f'<div style="line-height:1.4">{escaped(line)}</div>' for line in text.split("\n"))


def items(markup: Iterable[str]) -> str:
    """A list whose items are HTML; nothing where there are none."""
    inner = "".join(f"<li>{item}</li>" for item in markup)
    return f"<ul>{inner}</ul>" if inner else ""


def link(address: str, text: str) -> str:
    return (
        f'<a style="text-decoration:underline" href="{escaped(address)}" target="_blank" '
        f'rel="noopener">{escaped(text)}</a>'
    )


def folded(summary: str, markup: str) -> str:
    """HTML that is seen after a click on the summary."""
    return f"<details><summary>{escaped(summary)}</summary>{markup}</details>"


def table(title: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """A table with a name for each column and, as the first of each pair, for each row."""
    head = "".join(f'<th scope="col" style="padding:0 8px">{escaped(name)}</th>' for name in columns)
    body = "".join(
        f'<tr><th scope="row" style="text-align:left">{escaped(name)}</th>'
        + "".join(f'<td style="padding:0 8px">{escaped(cell)}</td>' for cell in cells)
        + "</tr>"
        for name, cells in rows
    )
    return (
        '<table style="margin-right:24px;line-height:1.4">'
        f'<caption style="text-align:left;white-space:nowrap">{escaped(title)}</caption>'
        f"<tr><td></td>{head}</tr>{body}</table>"
    )
