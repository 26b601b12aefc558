"""Since when a rule is as it is: what of a module is its rule, and the commit that wrote it.

A result of images that nobody had looked at is worth something only if its rule is older.
"""

import ast
import itertools
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SAID = ("TITLE", "HOURS")  # constants that decide nothing
UNKNOWN, NOT_COMMITTED = "unknown", "not committed"


class Opening(NamedTuple):
    """When images that are looked at once were opened for a claim: the time, the commit that ran,
    that of the rule, and the hashes of the code and of what it looks at and through: networks,
    data, and the results that are its controls."""

    when: str
    commit: str
    rule: str
    code: str
    seen: str


def rule_of(code: str) -> str:
    """The constants of a module: RULE, the figures with their margins, limits, layers, numbers of
    draws and images, and EXPERIMENT with its seeds and networks; without comments."""
    found = []
    for node in ast.parse(code).body:
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
            if all(name.isupper() for name in names) and not names & {*SAID}:
                found.append(ast.unparse(node))
    return "\n".join(found)


def rule_commit(path: Path, root: Path = ROOT) -> str:
    """The last commit that changed the rule of a module; "not committed" where its file differs,
    "unknown" where there is no history."""
    if not has_history(root) or not path.is_relative_to(root):
        return UNKNOWN
    name = path.relative_to(root).as_posix()
    mine, found = rule_of(path.read_text()), NOT_COMMITTED
    for commit in (git(root, "log", "--format=%H", "--", name) or "").split():
        text = git(root, "show", f"{commit}:{name}")
        if text is None or rule_of(text) != mine:
            break
        found = commit[:12]
    return found


def older_parts(result: dict, root: Path = ROOT) -> list[str]:
    """The commits at which parts of a result were computed, or it was written, before its rule or
    with code that was not committed.  Empty, too, where there is no history to ask."""
    rule = result["rule_commit"]
    if not has_history(root):
        return []
    if git(root, "cat-file", "-e", f"{rule}^{{commit}}") is None:
        return [f"rule {rule}"]  # no such commit: so nothing can be younger
    return [
        part
        for part in result["commit"]
        if git(root, "merge-base", "--is-ancestor", rule, part) is None
    ]


def openings(path: Path) -> list[Opening]:
    """The lines of a claim's file; the first one is that of its one look."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [Opening(*line.split()) for line in lines]


def note_opening(path: Path, now: Opening) -> None:
    """Write down that the images are opened, and once more where the code is no longer that of the
    last time.  Raises ValueError where they were opened under another rule, or with other networks,
    data or controls."""
    before = openings(path)
    if broken := [word for word in now if " " in word]:
        raise ValueError(f"commit the code first: {broken[0]!r} is no commit")
    if others := [one for one in before if one.rule != now.rule]:
        raise ValueError(
            f"its images were opened on {others[0].when} under the rule of {others[0].rule}; it is "
            f"now that of {now.rule}, and they are looked at once"
        )
    if before and before[0].seen != now.seen:
        raise ValueError(
            f"its images were opened on {before[0].when} with other networks, data or controls, "
            "and they are looked at once"
        )
    if not before or before[-1].code != now.code:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a") as file:
            file.write(" ".join(now) + "\n")


def changes(path: Path) -> list[str]:
    """Notes on code that is no longer that by which the images were opened."""
    return [
        f"The code changed after the images were opened, on {now.when}: {before.code} to "
        f"{now.code}, commit {now.commit}."
        for before, now in itertools.pairwise(openings(path))
        if before.code != now.code
    ]


def is_committed(path: Path, root: Path = ROOT) -> bool:
    """Whether a file is there as the last commit has it."""
    known = git(root, "ls-files", "--error-unmatch", "--", str(path))
    return bool(known) and git(root, "status", "--porcelain", "--", str(path)) == ""


def doubts_of_a_look(opened: Path, result: dict, root: Path = ROOT) -> list[str]:
    """What is wrong with the file of a look: parts of the result that were computed before it was
    committed; and lines that were taken out of it later.  Empty, too, where there is no history."""
    if not has_history(root):
        return []

    def log(*words: str) -> list[str]:
        found = git(root, "log", "--full-history", *words, "--", str(opened)) or ""
        return [line for line in found.splitlines() if line]

    if not (added := log("--diff-filter=A", "--format=%H")):
        return ["it is not committed"]
    rows = log("-m", "--format=", "--numstat")
    found = ["a line was changed later"] * any(int(row.split()[1]) for row in rows)
    for part in result["commit"]:
        if git(root, "merge-base", "--is-ancestor", added[-1], part) is None:
            found.append(f"{part} is older")
    return found


def has_history(root: Path = ROOT) -> bool:
    """Whether git knows all commits of the project."""
    return git(root, "rev-parse", "--is-shallow-repository") == "false"


def git(root: Path, *words: str) -> str | None:
    """What git prints; None where it fails, or is not there."""
    if shutil.which("git") is None:
        return None
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None
