"""snnlab: train spiking neural networks and explain what they look at.

Each submodule imports only from those before it.  They load when they are first used, so
``import snnlab`` is quick.
"""

import importlib

__version__ = "1.0.0"

__all__ = [
    "checks",
    "encoding",
    "surrogate",
    "kernels",
    "neurons",
    "layers",
    "storing",
    "recording",
    "passes",
    "models",
    "published",
    "data",
    "zoo",
    "conversion",
    "plotting",
    "attacks",
    "explain",
    "judge",
    "evaluation",
    "provenance",
    "training",
    "results",
    "widgets",
]


def __getattr__(name):
    if name in __all__:
        return importlib.import_module(f"snnlab.{name}")
    raise AttributeError(f"module 'snnlab' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted([*globals(), *__all__])
