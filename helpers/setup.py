"""Whether the kernel of a notebook has what the course needs: the first code cell of every notebook asks.

It imports nothing but the standard library, so that it can speak where everything else is missing.
"""

import re
import sys
from importlib import metadata

__all__ = ["check"]


def check() -> None:
    """Raise an ImportError that names the kernel if a package is missing or has the wrong version.

    What is needed stands in pyproject.toml, and travels with the installed course.

    >>> check()
    """
    try:
        needed = [line for line in metadata.requires("thinking-machines") or () if ";" not in line]
    except (
        metadata.PackageNotFoundError
    ):  # a copy of the folder, installed nowhere: nothing says what it needs
        return
    found = {line: _version(_name(line)) for line in needed}
    wrong = [line for line in needed if not _fits(found[line], line)]
    if wrong:
        has = ", ".join(
            f"{_name(line)} {found[line]}" if found[line] else f"no {_name(line)}" for line in wrong
        )
        raise ImportError(
            f"This notebook's kernel, {sys.executable}, has {has}, and the course needs "
            f"{', '.join(wrong)}: start JupyterLab as the README says, or choose the course's kernel under "
            "Kernel, Change Kernel."
        ) from None


def _name(requirement):
    return re.match(r"[\w.-]+", requirement)[0]


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _fits(version, requirement):
    """Whether a version satisfies bounds such as "ipywidgets<9,>=7.7"; only >= and < are used."""
    bounds = re.findall(r"(>=|<)\s*([\d.]+)", requirement)
    return version is not None and all(
        (_numbers(version) >= _numbers(bound)) == (sign == ">=") for sign, bound in bounds
    )


def _numbers(version):
    return [int(number) for number in re.match(r"[\d.]*\d", version)[0].split(".")]
