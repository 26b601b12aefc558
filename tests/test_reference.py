"""The reference: a page for each module of the library, an entry for each public name."""

import inspect
import pkgutil
import re
from pathlib import Path

import pytest
import yaml
from sphinx.util.inventory import InventoryFile

import snnlab

ROOT = Path(__file__).parent.parent
HTML = ROOT / "_build" / "html"


def test_each_module_has_its_page_in_the_order_of_the_library():
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
    chapters = [chapter for part in parts for chapter in part["chapters"]]
    (library,) = [c for c in chapters if c["file"] == "book/reference/index"]
    assert [s["file"] for s in library["sections"]] == [
        f"book/reference/{name}" for name in snnlab.__all__
    ]


def public_names():
    for name in snnlab.__all__:
        module = getattr(snnlab, name)
        modules = [getattr(module, n) for n in module.__all__]
        for owner in [m for m in modules if inspect.ismodule(m)] or [module]:
            yield from (f"{owner.__name__}.{public}" for public in owner.__all__)


def test_docstrings_refer_to_what_the_library_has():
    """Sphinx finds a wrong one too, after all chapters are built."""
    references = [
        (file.relative_to(ROOT), target)
        for file in sorted((ROOT / "snnlab").rglob("*.py"))
        for target in re.findall(r":[a-z]+:`~?(\w+(?:\.\w+)+)`", file.read_text())
    ]
    assert references
    for file, target in references:
        parts = file.with_suffix("").parts
        home = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        name = target if target.startswith("snnlab.") else f"{home}.{target}"
        try:
            found = pkgutil.resolve_name(name)
        except (AttributeError, ImportError):
            pytest.fail(f"{file}: {target} is no name of the library")
        if inspect.ismodule(found):
            assert found.__name__.startswith("snnlab."), f"{file}: {target} has no page here"


@pytest.mark.book
def test_each_public_name_is_in_the_reference():
    with (HTML / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda base, uri: uri)
    entries = {
        name: uri
        for kind, found in inventory.items()
        if kind.startswith("py:")
        for name, (_, _, uri, _) in found.items()
    }
    missing = [name for name in public_names() if name not in entries]
    assert not missing, f"no entry for {missing}: do they have docstrings (constants: #: comments)?"
    for name in public_names():
        assert entries[name].startswith(f"book/reference/{name.split('.')[1]}.html")
