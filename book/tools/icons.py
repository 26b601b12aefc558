"""The theme's icons, drawn into the pages.

The theme leaves that to a script of 1.5 MB on every page, which draws them when all else is there,
and has the browser lay the page out once more.
"""

import re
from functools import cache
from pathlib import Path

import pydata_sphinx_theme

SCRIPT = "scripts/fontawesome.js"

# name:[width,height,[other names],"code","path"] of an icon in the script, and the end of a family
ICON = re.compile(
    r'"?(?P<name>[\w-]+)"?:\[(?P<size>\d+,\d+),\[(?P<others>[^\]]*)\],"[0-9a-f]+",'
    r'(?:"(?P<path>[^"]*)"|\["[^"]*","[^"]*"\])\],?|\w\("(?P<family>fa[bsr])",\w\)'
)
USED = re.compile(r'<i class="(?P<classes>[^"]*\bfa-[^"]*)"(?P<rest>[^>]*)></i>')
FAMILIES = {"fas": "fas", "fa-solid": "fas", "fab": "fab", "fa-brands": "fab"}
FAMILIES |= {"far": "far", "fa-regular": "far"}


@cache
def known() -> dict[tuple[str, str], tuple[str, str]]:
    """("fas", "arrow-up") -> the icon's width and height, and its path."""
    theme = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme"
    text = (theme / "static" / SCRIPT).read_text(encoding="utf-8")
    icons, family = {}, {}
    for found in ICON.finditer(text):
        if found["family"]:
            icons |= {(found["family"], name): icon for name, icon in family.items()}
            family = {}
        elif found["path"]:
            for name in (found["name"], *re.findall(r'"([\w-]+)"', found["others"])):
                family[name] = (found["size"].replace(",", " "), found["path"])
    return icons


def draw(text: str) -> str:
    """The page with its icons as pictures; one that the theme does not have stays as it is."""

    def picture(found: re.Match) -> str:
        classes = found["classes"].split()
        family = next((FAMILIES[name] for name in classes if name in FAMILIES), "fas")
        names = [name.removeprefix("fa-") for name in classes if name.startswith("fa-")]
        icon = next((known()[family, n] for n in names if (family, n) in known()), None)
        if icon is None:
            return found[0]
        rest = re.sub(r'\s+title="[^"]*"', "", found["rest"])
        return (
            f'<svg class="svg-inline--fa {" ".join(classes)}"{rest} aria-hidden="true" '
            f'viewBox="0 0 {icon[0]}"><path fill="currentColor" d="{icon[1]}"></path></svg>'
        )

    return USED.sub(picture, text)
