"""Figures that the reader can change: in the static page, in JupyterLab and on Binder.

All of them compute in the page, in JavaScript, with the library's numbers; in a notebook their
controls are traits: ``widget.gamma`` reads the slider, ``widget.gamma = 1`` moves it.
"""

import importlib
import pkgutil

from snnlab.widgets.base import Widget

# Each module that has a front end is a widget, and enters its class into Widget.kinds
for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
globals().update(Widget.kinds)

__all__ = sorted(Widget.kinds)
