"""The order of the modules, and what they may not do."""

import ast
import graphlib
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import snnlab

FOLDER = Path(snnlab.__file__).parent


def files():
    """Module name -> its syntax tree."""
    found = {}
    for path in sorted(FOLDER.rglob("*.py")):
        name = ".".join(path.relative_to(FOLDER).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = ast.parse(path.read_text())
    return found


FILES = files()
MODULES = sorted(FILES.keys() - {"__init__"})


def imports(tree):
    """Every module that is imported, also inside functions: of "from a import b", a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write imports out: from snnlab.x import y"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def needs(name):
    """The modules of ours that a module imports."""
    mine = {i.removeprefix("snnlab.") for i in imports(FILES[name]) if i.startswith("snnlab.")}
    return mine & set(MODULES)


def test_no_module_imports_itself_by_way_of_others():
    """The package counts with its modules: of "judge", every import of a module of judge."""
    graphlib.TopologicalSorter({name: needs(name) for name in MODULES}).prepare()


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_from_rooms_before_its_own(name):
    rooms = snnlab.__all__
    room, *_ = name.split(".")
    before = rooms[: rooms.index(room) + 1]
    assert {other.split(".")[0] for other in needs(name)} <= set(before)


def test_every_room_is_listed_once():
    assert sorted(snnlab.__all__) == sorted({name.split(".")[0] for name in MODULES})


@pytest.mark.parametrize("name", MODULES)
def test_no_module_has_the_name_of_what_its_package_offers(name):
    """`import snnlab.explain.sam` would otherwise be a module or a function, as it comes."""
    package, _, last = name.rpartition(".")
    if package:
        offered = getattr(importlib.import_module(f"snnlab.{package}"), last, None)
        assert offered is None or inspect.ismodule(offered)


OTHERS = [
    p for f in ("experiments", "benchmarks", "book") for p in (FOLDER.parent / f).rglob("*.py")
]
TREES = {p.relative_to(FOLDER.parent): ast.parse(p.read_text()) for p in OTHERS}
TREES |= {Path("snnlab", *name.split(".")): tree for name, tree in FILES.items()}


@pytest.mark.parametrize("path", TREES, ids=str)
def test_no_private_name_is_imported(path):
    ours = (i for i in imports(TREES[path]) if i.split(".")[0] in ("snnlab", "experiments", "book"))
    assert not [i for i in ours if re.match("_[^_]", i.rsplit(".", 1)[-1])]


def length(function):
    """Lines of the body, without the docstring."""
    body = function.body[ast.get_docstring(function) is not None :]
    return function.end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", TREES, ids=str)
def test_no_function_is_long(path):
    found = (n for n in ast.walk(TREES[path]) if isinstance(n, ast.FunctionDef))
    long = {function.name: length(function) for function in found if length(function) > 45}
    assert not long, f"{path}: split {long}"


def test_the_top_of_the_repository_stays_small():
    """A newcomer reads this list first: what is not in it belongs into one of its folders."""
    folders = "benchmarks binder book experiments paper results snnlab tests"
    for_tools = (
        ".ci .github .gitignore .pre-commit-config.yaml CITATION.cff Makefile pyproject.toml"
    )
    pins = "requirements.txt requirements-data.txt"
    of_the_book = "_config.yml _toc.yml"  # jupyter-book looks for them here
    to_read = "CHANGELOG.md CONTRIBUTING.md LICENSE README.md"
    allowed = " ".join((folders, for_tools, pins, of_the_book, to_read)).split()
    listed = subprocess.run(["git", "ls-files"], cwd=FOLDER.parent, capture_output=True, text=True)
    assert {path.split("/")[0] for path in listed.stdout.splitlines()} == set(allowed)


def test_hooks_are_made_in_recording_alone():
    for name, tree in FILES.items():
        calls = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
        hooks = {c for c in calls if c.startswith("register_") and "hook" in c}
        assert bool(hooks) == (name == "recording"), (name, hooks)


def test_matplotlib_is_imported_in_plotting_alone():
    users = [n for n, tree in FILES.items() if any("matplotlib" in i for i in imports(tree))]
    assert users == ["plotting"]


def test_anywidget_is_imported_in_widgets_alone():
    found = FILES.items()
    users = {n for n, tree in found if {"anywidget", "ipywidgets"} & set(imports(tree))}
    assert users == {"widgets.base"}


def test_nothing_can_unpickle():
    """No pickle, no torch.load; the checkpoints of training are read with weights_only."""
    for name, tree in FILES.items():
        assert not {"pickle", "dill", "joblib"} & set(imports(tree)), name
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
                if (owner, node.func.attr) in {("torch", "load"), ("fabric", "load")}:
                    safe = {k.arg: ast.unparse(k.value) for k in node.keywords}
                    assert safe.get("weights_only") == "True", name
                if (owner, node.func.attr) == ("np", "load"):
                    safe = {k.arg: ast.unparse(k.value) for k in node.keywords}
                    assert safe.get("allow_pickle") == "False", name


def test_nothing_seeds_the_global_generator_for_good():
    """The command's _network draws first weights from it; a pass puts it back."""
    for name, tree in FILES.items():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                seeds = [
                    n
                    for n in ast.walk(function)
                    if isinstance(n, ast.Call)
                    and ast.unparse(n.func)
                    in {"torch.manual_seed", "np.random.seed", "random.seed"}
                ]
                may = {("training.__main__", "_network"), ("passes.seeds", "seeded")}
                assert not seeds or (name, function.name) in may


HEAVY = "torchvision lightning lightning_fabric matplotlib anywidget PIL scipy llvmlite".split()


def loaded_by(code):
    code = f"import sys; {code}; print(*(m for m in {HEAVY} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_importing_the_package_is_light():
    assert loaded_by("import snnlab") == []


def test_explaining_needs_no_plotting_no_data_and_no_training():
    assert loaded_by("import snnlab; snnlab.explain.sam; snnlab.zoo.names") == []


@pytest.mark.parametrize("name", snnlab.__all__)
def test_submodules_load_on_use_and_list_their_public_names(name):
    module = getattr(snnlab, name)
    assert module is importlib.import_module(f"snnlab.{name}")
    assert name in dir(snnlab)
    for public in module.__all__:
        thing = getattr(module, public)
        if inspect.isfunction(thing) or inspect.isclass(thing):
            assert inspect.getdoc(thing), f"{name}.{public} has no docstring"
            assert thing.__module__.startswith(f"snnlab.{name}")


def test_an_unknown_submodule_lists_the_known():
    with pytest.raises(AttributeError, match="attribute 'nothing'; it has checks, encoding"):
        snnlab.nothing  # noqa: B018
