"""One pass of any network: in eval mode, from rest, recorded, and all given back as it was.

Explainers, attacks, judges, evaluation and widgets run networks through this room alone.  What it
cannot know of a network of others, :class:`Network` tells it.
"""

from snnlab.passes.found import Pass, PassWithGradient
from snnlab.passes.network import Layer as Layer
from snnlab.passes.network import Network, evaluating, generator_for, names
from snnlab.passes.running import Target as Target
from snnlab.passes.running import call, run, run_with_gradient, scores

__all__ = [
    "Network",
    "Pass",
    "PassWithGradient",
    "call",
    "evaluating",
    "generator_for",
    "names",
    "run",
    "run_with_gradient",
    "scores",
]
