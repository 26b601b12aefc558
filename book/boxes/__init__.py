"""A box for each method: what it needs, when to use it, when not, what it cannot show, and what to
take instead.

They stand in one YAML file beside this one.  The page of all methods shows all of them, and a
chapter that of each method which it introduces, by a cell::

    from boxes import box
    box("sam")
"""

from pathlib import Path

import yaml
from IPython.display import Markdown

__all__ = ["box", "methods"]

SAYS = {
    "needs": "Needs",
    "use": "Use it when",
    "avoid": "Do not use it when",
    "cannot": "Cannot show",
    "instead": "Instead:",
}


def methods() -> dict[str, dict[str, str]]:
    """Name -> its title and what its box says, as the file has them."""
    text = (Path(__file__).parent / "methods.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def box(name: str, where: bool = False) -> Markdown:
    """The box of a method, as in "sam"; with ``where``, also which chapter has it."""
    method = methods()[name]
    lines = [f"**{method['title']}**"]
    lines += [f"**{said}** {method[part]}" for part, said in SAYS.items()]
    if where:
        lines[-1] += f" {method['where']}"
    return Markdown("\n>\n".join(f"> {line}" for line in lines))
