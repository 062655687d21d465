"""What the head explorer answers to arguments that it doesn't have, or values that they don't take."""

from __future__ import annotations

import difflib

__all__ = ["choice", "refuse_unknown"]

ARGUMENTS = ("words", "n_heads", "source", "mask", "keys", "controls", "layout")


def choice(name: str, value, options):
    """The value, if it's one of the options; otherwise a ValueError that names the nearest one."""
    if not any(value is option or (type(value) is type(option) and value == option) for option in options):
        near = options[0]
        if isinstance(value, (int, float)) and not isinstance(options[0], str):
            near = min(options, key=lambda option: abs(option - value))
        elif isinstance(value, str) and isinstance(options[0], str):
            near = (difflib.get_close_matches(value.lower(), options, 1, 0) or options)[0]
        listed = ", ".join(map(repr, options[:-1])) + " or " * (len(options) > 1) + repr(options[-1])
        raise ValueError(f"{name} must be {listed}, and got {value!r:.60}: the nearest is {near!r}")
    return value


def refuse_unknown(unknown) -> None:
    """A TypeError for the first of these argument names."""
    advice = {
        "weights": "for weights of your own, use HeadExplorer.from_weights(words, weights)",
        "d_k": "the head size is set by its slider, or by n_heads: linked, heads × head size = 512",
    }
    for name in unknown:
        near = difflib.get_close_matches(name, ARGUMENTS, 1)
        hint = advice.get(name, f"did you mean {near[0]}?" if near else "see help(HeadExplorer)")
        raise TypeError(f"HeadExplorer has no argument {name!r}: {hint}")
