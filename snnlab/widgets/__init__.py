"""Figures that the reader can change: in the static page, in JupyterLab and on Binder.

All of them compute in the page, in JavaScript, with the library's numbers; in a notebook their
controls are traits: ``widget.gamma`` reads the slider, ``widget.gamma = 1`` moves it.
"""

from snnlab.widgets.attack import AttackExplorer
from snnlab.widgets.encoder import EncoderExplorer
from snnlab.widgets.kernel import KernelExplorer
from snnlab.widgets.maps import MapExplorer
from snnlab.widgets.neuron import NeuronPlayground
from snnlab.widgets.own import OwnPhotograph
from snnlab.widgets.pair import TwoPictureExplorer
from snnlab.widgets.smoothing import SmoothingExplorer

__all__ = [
    "AttackExplorer",
    "EncoderExplorer",
    "KernelExplorer",
    "MapExplorer",
    "NeuronPlayground",
    "OwnPhotograph",
    "SmoothingExplorer",
    "TwoPictureExplorer",
]
