"""What all widgets share: their front end is one ES module, their still picture stands in for it.

A widget is two files, ``widgets/name.py`` and ``widgets/front/name.js``; it is found there.

The Python class derives from :class:`Widget`, names its front end in the class line, and holds
what the reader can change as traits with ``.tag(sync=True)`` and their limits.  What it shows is a
frozen dataclass; a function of the module gathers it from networks and photographs, and its
``traits()`` are what the page gets, large arrays as ``Bytes`` made by
:mod:`snnlab.widgets.packed`.  The class computes nothing: all numbers are worked out in JavaScript,
so that the page needs no kernel.
``alt`` says in words what the widget shows, and ``still()`` draws it once with
:func:`snnlab.plotting.picture`, for where it cannot run: without JavaScript, in a notebook that is
opened or converted where no widget manager runs, on paper.  A widget that runs hides it::

    @dataclass(frozen=True)
    class Train:
        spikes: Tensor  # [T]

        def traits(self):
            return {"spikes": packed.bits(self.spikes)}

    class Explorer(Widget, front="explorer"):
        gamma = Float(0.5, min=0).tag(sync=True)
        spikes = Bytes().tag(sync=True)

        def __init__(self, model, image, **traits):
            super().__init__(gather(model, image), **traits)

The JavaScript side is explained at the top of ``front/view.js``.
"""

import base64
import html
import io
import re
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

from PIL import Image
from torch import Tensor

from snnlab.checks import extra

with extra("the widgets need"):
    import anywidget
    from IPython.display import display
    from traitlets import List, TraitError, Unicode

__all__ = ["Spikes", "Widget"]

FRONT = Path(__file__).parent / "front"


def bundle(module: Path, seen: set[Path] | None = None) -> str:
    """An ES module with the modules of ours that it imports, as one text without imports.

    Each stands once, after those that it needs, without its comments before declarations: the text
    is embedded with every widget.  Only a widget's own ``export default`` stays.
    """
    seen = set() if seen is None else seen
    if module in seen:
        return ""
    seen.add(module)
    text = module.read_text(encoding="utf-8")
    imported = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.M)
    before = [bundle(module.parent / name, seen) for name in imported.findall(text)]
    text = imported.sub("", text)
    text = re.sub(r"^[ \t]*/\*\*.*?\*/\n", "", text, flags=re.M | re.S)
    return "".join(before) + re.sub(r"^export (?!default)", "", text, flags=re.M)


class Spikes(List):
    """A trait: the spikes of one neuron, a list of 0 and 1 with an entry for each step."""

    def validate(self, obj: Any, value: Any) -> list[int]:
        value = value.tolist() if isinstance(value, Tensor) else list(value)
        if not value or not all(spike in (0, 1) for spike in value):
            raise TraitError(f"{self.name}: expected 0 or 1 for each step, got {value}")
        return [int(spike) for spike in value]


class Widget(anywidget.AnyWidget):
    """A figure that computes in the page; with a kernel its traits are the reader's controls."""

    alt: str
    _still = Unicode().tag(sync=True)  # the class of its picture's element, which view.js hides
    #: The widgets that there are, by their names; a class with a front end enters itself.
    kinds: ClassVar[dict[str, type["Widget"]]] = {}

    def __init_subclass__(cls, front: str | None = None, **options):
        super().__init_subclass__(**options)
        if front:
            cls._esm = bundle(FRONT / f"{front}.js")
            cls._css = (FRONT / "style.css").read_text(encoding="utf-8")
            Widget.kinds[cls.__name__] = cls

    def __init__(self, shown: Any = None, /, **traits: Any):
        """``shown``: what the widget shows, if it needs data; its ``traits()`` go to the page."""
        known = self.trait_names(sync=True)
        if unknown := set(traits) - set(known):
            raise TypeError(
                f"{type(self).__name__} has no {', '.join(sorted(unknown))}; it has "
                + ", ".join(sorted(set(known) - set(Widget.class_trait_names())))
            )
        self.shown = shown
        given = {} if shown is None else shown.traits()
        super().__init__(**{"_still": f"snn-still-{uuid4().hex}", **given, **traits})

    @classmethod
    def of(cls, shown, **traits):
        """The widget of data that are there already: as the class's own call, but nothing is run.

        ``shown`` is what another widget of the class holds as ``shown``, or is made by hand.
        """
        widget = cls.__new__(cls)
        Widget.__init__(widget, shown, **traits)
        return widget

    def still(self) -> bytes:
        """The widget as it stands, as a WebP file: what is shown where it cannot run."""
        raise NotImplementedError

    def outputs(self) -> list[dict[str, str]]:
        """What a notebook shows: the widget, and a picture for where it cannot run.

        The picture comes twice, as WebP in HTML, and as JPEG for what shows no HTML (LaTeX); a page
        takes one of them.
        """
        picture = self.still()
        jpeg = io.BytesIO()
        Image.open(io.BytesIO(picture)).convert("RGB").save(jpeg, "jpeg", quality=85)
        source = f"data:image/webp;base64,{base64.b64encode(picture).decode()}"
        alt = html.escape(self.alt)
        image = f'<img class="{self._still}" alt="{alt}" src="{source}" style="max-width: 100%">'
        view = self._repr_mimebundle_()
        if view is None:
            raise RuntimeError(f"{type(self).__name__} has no front end to show")
        return [
            {**view[0], "text/plain": ""},
            {
                "text/plain": repr(self),
                "text/html": image,
                "image/jpeg": base64.b64encode(jpeg.getvalue()).decode(),
            },
        ]

    def _ipython_display_(self):
        for output in self.outputs():
            display(output, raw=True)

    def __repr__(self):
        return f"{type(self).__name__}()"
