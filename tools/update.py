"""Bring the newest version of the course, and keep everything that was changed here.

    make update             or, where there is no make: python -m tools.update

Files that were changed here are first copied into my_notebooks/, in a folder with the date. Then the newest
version is taken as it is, so there is never a conflict to resolve. A file that the new version leaves as it
was keeps its changes, and commits made here stay on a branch of their own. Nothing is changed unless the
copies are there.
"""

from __future__ import annotations

import argparse
import datetime
import shutil
import subprocess
import sys
from pathlib import Path

from tools.notebooks import ROOT

COPIES = "my_notebooks"


class CannotUpdate(Exception):
    """Nothing was changed; the message says why, and what to do."""


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"git {arguments[0]} failed"]
        raise CannotUpdate(said[-1])
    return done.stdout.decode("utf-8", "surrogateescape")


def listed(folder: Path, *arguments: str) -> list[str]:
    return [name for name in git(folder, *arguments, "-z").split("\0") if name]


def newest(folder: Path) -> str:
    """Fetch, and return the commit of the newest version."""
    if not shutil.which("git"):
        raise CannotUpdate(
            "Updating needs git, which is not on the PATH: git-scm.com says how to install it."
        )
    try:
        top = Path(git(folder, "rev-parse", "--show-toplevel").rstrip("\n"))
    except CannotUpdate:
        top = None
    if not top or not top.samefile(folder):
        raise CannotUpdate(
            "This folder was not made by git clone, so git can't update it: download the course again into "
            "another folder, and keep this one for what you have written."
        )
    remotes = git(folder, "remote").split()
    if not remotes:
        raise CannotUpdate(
            "This copy of the course does not know where it came from, so there is nothing to update from: "
            "git remote add origin, with the address of the course, tells it."
        )
    remote = "origin" if "origin" in remotes else remotes[0]
    try:
        git(folder, "fetch", "--quiet", remote)
    except CannotUpdate as problem:
        raise CannotUpdate(
            f"The newest version could not be fetched from {remote}, and nothing was changed here: {problem}"
        ) from None
    for name in ("@{upstream}", f"{remote}/HEAD", f"{remote}/main"):
        try:
            return git(folder, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()
        except CannotUpdate:
            continue
    raise CannotUpdate(
        f"{remote} has no branch main: git branch --set-upstream-to tells which one to follow."
    )


def changed_here(folder: Path, base: str, new: str) -> set[str]:
    """Every file that the new version may overwrite: changed, staged or committed here, or in its way."""
    committed = listed(folder, "diff", "--name-only", "--no-renames", base, "HEAD")
    changed = listed(folder, "diff", "--name-only", "--no-renames", "HEAD")
    untracked = set(listed(folder, "ls-files", "--others"))
    return {*committed, *changed, *(untracked & set(listed(folder, "ls-tree", "-r", "--name-only", new)))}


def copy(folder: Path, names: set[str], copies: Path) -> list[str]:
    """Copy these files, and both versions of those in conflict; compare each copy, and return the names."""
    found = {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
    for name in dict.fromkeys(listed(folder, "diff", "--name-only", "--diff-filter=U")):
        path = Path(name)
        for stage, whose in ((2, "one version"), (3, "other version")):
            shown = subprocess.run(["git", "show", f":{stage}:{name}"], cwd=folder, capture_output=True)
            if not shown.returncode:
                found[str(path.with_name(f"{path.stem} ({whose}){path.suffix}"))] = shown.stdout
    for name, content in found.items():
        place = copies / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        if place.read_bytes() != content:
            raise CannotUpdate(f"{place} could not be written, and nothing was changed: is the disk full?")
    return sorted(found)


def update(folder: Path = ROOT, now: datetime.datetime | None = None) -> str:
    """Update the course in a folder. Returns what was done, as the learner reads it."""
    new = newest(folder)
    try:
        base = git(folder, "merge-base", "HEAD", new).strip()
    except CannotUpdate:
        raise CannotUpdate(
            "The newest version has no common history with this copy: clone it anew."
        ) from None
    conflicts = listed(folder, "diff", "--name-only", "--diff-filter=U")
    if base == new and not conflicts:
        return "You have the newest version already. Nothing was changed."
    moment = f"{now or datetime.datetime.now():%Y-%m-%d %H.%M.%S}"
    names = changed_here(folder, base, new)
    copies = folder / COPIES / moment
    copied = copy(folder, names, copies)
    said = []
    state = [
        Path(git(folder, "rev-parse", "--git-path", f"rebase-{kind}").strip()) for kind in ("merge", "apply")
    ]
    if any((folder / path).exists() for path in state):
        git(folder, "rebase", "--abort")
    if git(folder, "rev-list", f"{new}..HEAD").strip():
        branch = f"my-work-{moment.replace(' ', '-')}"
        git(folder, "branch", branch)
        said.append(f"Your commits are on the branch {branch}.")
    touched = set(listed(folder, "diff", "--name-only", "--no-renames", base, new)) | set(conflicts)
    git(folder, "reset", "--quiet", "--hard", new)
    stay = [name for name in copied if name in names - touched]
    for name in stay:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(copies / name, folder / name)
    if copied:
        said.append(f"Your files were copied to {COPIES}/{moment}:")
        said += [f"  {name}" + (" (and it stays as you have it)" if name in stay else "") for name in copied]
    missing = sorted(name for name in names if name not in copied and (folder / name).is_file())
    said += [f"{name}, which you had deleted, is back." for name in missing]
    shown = git(folder, "log", "-1", "--format=%cs: %s").strip()
    return "\n".join([f"The course is up to date. Its last change, {shown}", *said])


def main(arguments=None) -> int:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args(arguments)
    try:
        print(update())
    except CannotUpdate as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
