"""Figures for maps: how well they point, how faithful, smooth and stable they are, and whether they
depend on what was learned; the maps that know less, to compare with; and intervals.

The submodules load when they are first used.
"""

import importlib

__all__ = [
    "baselines",
    "localisation",
    "smoothness",
    "stability",
    "faithfulness",
    "sanity",
    "readout",
    "statistics",
]


def __getattr__(name):
    if name in __all__:
        return importlib.import_module(f"snnlab.judge.{name}")
    raise AttributeError(f"module 'snnlab.judge' has no attribute {name!r}; it has {__all__}")
