"""How a check or a question says what came out."""

from __future__ import annotations

from helpers.widgets.markup import escaped

__all__ = ["paragraph"]


def paragraph(text: str, kind: str) -> str:
    """A verdict as HTML: its lines as they are, and a bar whose colour and style differ by kind."""
    bar = {"right": "double #2e8b57", "wrong": "solid #d9730d"}.get(kind, "dotted #6b7280")
    style = "padding: 2px 10px; line-height: 1.45; white-space: pre-wrap; max-width: 100ch"
    return f'<div style="border-left: 5px {bar}; {style}">{escaped(text)}</div>'
