"""A hash of the code that something was computed with, so that nobody needs to know which code
that is."""

import ast
import functools
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
# These write and show what was computed: a change there must not cost the hours of computing again.
WRITING = (
    *(
        "experiments.experiment",
        "experiments.rules",
        "snnlab.provenance",
        "snnlab.storing",
        "snnlab.results",
    ),
    "snnlab.plotting",
)


@functools.cache
def code_hash(path: Path, root: Path = ROOT) -> str:
    """Of a Python file and of all modules of the project that it imports, and so on; comments and
    docstrings do not count."""
    code = "\n".join(
        f"{os.path.relpath(file, root)}\n{_read(file)[0]}" for file in sorted(closure(path, root))
    )
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def closure(path: Path, root: Path = ROOT) -> set[Path]:
    """The files of the project that a file needs, itself included."""
    found, waiting = set(), [path]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += filter(None, (_file(names, root) for names in _read(file)[1]))
    return found


@functools.cache
def _read(path: Path) -> tuple[str, list[tuple[str, ...]]]:
    """The code of a file without comments and docstrings, and what it imports."""
    tree = ast.parse(path.read_text())
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.unparse(tree), list(_imports(tree))


def _imports(tree: ast.Module) -> Iterator[tuple[str, ...]]:
    """Every import, also inside functions; "from a import b" may be the module a.b, or else a."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name,) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module is None or node.level:
                raise ValueError("a relative import is not followed; name the module in full")
            yield from ((f"{node.module}.{alias.name}", node.module) for alias in node.names)


def _file(names: tuple[str, ...], root: Path) -> Path | None:
    """The file of the first of these modules that the project has; None for other libraries."""
    for name in names:
        if any(name == one or name.startswith(f"{one}.") for one in WRITING):
            return None
        path = root.joinpath(*name.split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.exists():
                return file
    return None
