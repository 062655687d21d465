"""Check a function in a file: python -m helpers.checks multi_head my_file.py

The file's function may be called my_multi_head, multi_head or anything, if it's the only one.
"""

from __future__ import annotations

import pathlib
import runpy
import sys
import types

from helpers.checks.exercises import EXERCISES
from helpers.checks.judge import judge

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Print what the check says. Returns 0 if the answer is right, 1 if it isn't, 2 if there is nothing to
    check."""
    if len(arguments) != 2:
        print("Name an exercise and a file: python -m helpers.checks multi_head my_file.py")
        print("The exercises are " + ", ".join(EXERCISES) + ".")
        return 2
    name, file = arguments[0].removeprefix("check_"), pathlib.Path(arguments[1])
    if name not in EXERCISES:
        print(f"There is no exercise named {name!r}. The exercises are {', '.join(EXERCISES)}.")
        return 2
    if not file.is_file():
        print(f"There is no file {file}: name one that holds your function.")
        return 2
    try:
        found = runpy.run_path(str(file))
    except BaseException as problem:
        print(f"{file} stops before there is a function to check: {type(problem).__name__}: {problem}")
        return 2
    own = {key: value for key, value in found.items() if isinstance(value, types.FunctionType)}
    own = {key: value for key, value in own.items() if value.__globals__.get("__file__") == str(file)}
    wanted = [key for key in (f"my_{name}", name) if key in own] or (list(own) if len(own) == 1 else [])
    if not wanted:
        has = ", ".join(own) or "no function"
        print(
            f"{file} has {has}, and the check looks for my_{name} or {name}: rename yours, or leave it alone"
            " in the file."
        )
        return 2
    verdict = judge(EXERCISES[name], own[wanted[0]])
    print(f"{name}: {verdict.text}" + (f" {EXERCISES[name].lesson}" if verdict.kind == "right" else ""))
    return 0 if verdict.kind == "right" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
