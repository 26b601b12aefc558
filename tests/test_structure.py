"""The order of the modules, and what they may not do."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import snnlab

FOLDER = Path(snnlab.__file__).parent
# each imports only from those before it
ORDER = (
    "encoding",
    "surrogate",
    "neurons",
    "layers",
    "models",
    "recording",
    "data",
    "zoo",
    "conversion",
    "training",
    "plotting",
    "attacks",
    "explain.heatmap",
    "explain.gradcam",
    "explain.sam",
    "explain.weighted",
    "explain",
    "judge.maps",
    "judge.baselines",
    "judge.localisation",
    "judge.smoothness",
    "judge.stability",
    "judge.faithfulness",
    "judge.sanity",
    "judge.statistics",
    "judge",
    "results",
    "widgets.base",
    "widgets.packed",
    "widgets.recorded",
    "widgets.neuron",
    "widgets.encoder",
    "widgets.kernel",
    "widgets.maps",
    "widgets.smoothing",
    "widgets.pair",
    "widgets.own",
    "widgets.attack",
    "widgets",
)


def files():
    """Module name -> its syntax tree."""
    found = {}
    for path in sorted(FOLDER.rglob("*.py")):
        name = ".".join(path.relative_to(FOLDER).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = ast.parse(path.read_text())
    return found


def imports(tree):
    """Every module that is imported, also inside functions: of "from a import b", a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write imports out: from snnlab.x import y"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_module_has_its_place():
    assert set(files()) - {"__init__"} == set(ORDER)
    assert snnlab.__all__ == [name for name in ORDER if "." not in name]


@pytest.mark.parametrize("name", ORDER)
def test_a_module_imports_only_from_those_before_it(name):
    before = ORDER[: ORDER.index(name)]
    mine = {i.removeprefix("snnlab.") for i in imports(files()[name]) if i.startswith("snnlab.")}
    modules = mine & set(ORDER)
    assert modules <= set(before), modules - set(before)


def test_hooks_are_made_in_recording_alone():
    for name, tree in files().items():
        calls = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
        hooks = {c for c in calls if c.startswith("register_") and "hook" in c}
        assert bool(hooks) == (name == "recording"), (name, hooks)


def test_matplotlib_is_imported_in_plotting_alone():
    users = [n for n, tree in files().items() if any("matplotlib" in i for i in imports(tree))]
    assert users == ["plotting"]


def test_anywidget_is_imported_in_widgets_alone():
    found = files().items()
    users = {n for n, tree in found if {"anywidget", "ipywidgets"} & set(imports(tree))}
    assert users == {"widgets.base"}


def test_nothing_can_unpickle():
    """No pickle, no torch.load; the checkpoints of training are read with weights_only."""
    for name, tree in files().items():
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


def test_nothing_seeds_the_global_generator_but_the_command():
    """training._network draws first weights from it; nothing else may."""
    for name, tree in files().items():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                seeds = [
                    n
                    for n in ast.walk(function)
                    if isinstance(n, ast.Call)
                    and ast.unparse(n.func)
                    in {"torch.manual_seed", "np.random.seed", "random.seed"}
                ]
                assert not seeds or (name, function.name) == ("training", "_network")


HEAVY = ("torchvision", "lightning", "lightning_fabric", "matplotlib", "anywidget", "PIL", "scipy")


def loaded_by(code):
    code = f"import sys; {code}; print(*(m for m in {HEAVY} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_importing_the_package_is_light():
    assert loaded_by("import snnlab") == []


def test_explaining_needs_no_plotting_no_data_and_no_training():
    assert loaded_by("import snnlab; snnlab.explain.sam; snnlab.zoo.names") == []


@pytest.mark.parametrize("name", [name for name in ORDER if "." not in name])
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
    with pytest.raises(AttributeError, match="no attribute 'nothing'; it has encoding, surrogate"):
        snnlab.nothing  # noqa: B018
