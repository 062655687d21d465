"""Reads the files of data/. Each is checked against its checksum before it is used."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path

import numpy as np

__all__ = ["arrays", "from_json", "read", "read_only", "rows"]

_HERE = Path(__file__).parent
FOLDER = (
    _HERE / "_data" if (_HERE / "_data").is_dir() else _HERE.parent / "data"
)  # installed, or in a checkout
_GENERATED = ("thinking_machines.npz", "hand_made.npz", "hand_made.json", "SHA256SUMS")


def read(name: str) -> bytes:
    """The bytes of one file of data/.

    Raises a ValueError if the file isn't the one that data/SHA256SUMS describes, and a
    FileNotFoundError if it can't be read; both say how to get it back.
    """
    content = _bytes(name)
    sums = {line[66:]: line[:64] for line in _bytes("SHA256SUMS").decode(errors="replace").splitlines()}
    if hashlib.sha256(content).hexdigest() != sums.get(name):
        raise ValueError(f"data/{name} is not the file that data/SHA256SUMS describes: {_remedy(name)}")
    return content


def arrays(name: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name."""
    with np.load(io.BytesIO(read(name)), allow_pickle=False) as file:
        return dict(file)


def from_json(name: str):
    """What a .json file holds."""
    return json.loads(read(name))


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a .csv file, each a dict by column.

    >>> rows("facts.csv")[0]["key"]
    'base_layers'
    """
    return list(csv.DictReader(io.StringIO(read(name).decode())))


def read_only(numbers) -> np.ndarray:
    """A float64 copy that can't be changed, for what is handed out more than once."""
    array = np.array(numbers, dtype=np.float64)
    array.flags.writeable = False
    return array


def _bytes(name):
    try:
        return (FOLDER / name).read_bytes()
    except OSError as error:
        raise FileNotFoundError(f"data/{name} cannot be read ({error.strerror}): {_remedy(name)}") from None


def _remedy(name):
    if FOLDER.name == "_data":
        return "install the course again"
    if name in _GENERATED:
        return "python data/make.py makes it anew"
    return (
        f"git restore data/{name} brings it back, or, if you changed it on purpose, "
        "python data/make.py renews the checksums"
    )
