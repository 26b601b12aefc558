"""What the widgets share that run a network of the zoo in the page."""

from typing import Any

from traitlets import Float, Int, List, Unicode

from snnlab import zoo
from snnlab.widgets.base import Widget

__all__ = ["Running", "card", "traits_of"]


def card(name: str, channels: int) -> dict:
    """The card of a network.  Raises ValueError for one that the page cannot run."""
    found = zoo.card(name)
    architecture = found["architecture"]
    kind = architecture["network"], architecture.get("encoding"), architecture.get("channels", 3)
    if kind != ("spiking", "poisson", channels):
        raise ValueError(
            f"{name!r} is not a spiking network with Poisson spikes of {channels} channels, so the "
            "page cannot run it"
        )
    return found


def traits_of(card: dict) -> dict:
    """What the page must know of a network before it has its weights."""
    architecture = card["architecture"]
    return {
        "network": card["name"],
        "size": (zoo.FOLDER / f"{card['name']}.safetensors").stat().st_size,
        "steps": architecture["steps"],
        "leak": architecture["leak"],
        "classes": card["classes"],
    }


class Running(Widget):
    """A widget that runs a network of the zoo.  A static page gets the weights from a script that
    ``book/tools/build.py`` writes, a notebook from the kernel, when the reader asks for them."""

    network = Unicode().tag(sync=True)
    size = Int().tag(sync=True)  # of the weights, in bytes
    steps = Int().tag(sync=True)
    leak = Float().tag(sync=True)
    classes = List(Unicode()).tag(sync=True)

    def __init__(self, shown: Any, **traits: Any):
        super().__init__(shown, **traits)
        self.on_msg(self._answer)

    def _answer(self, _, content, buffers):
        if content == {"want": "weights"}:
            weights = zoo.FOLDER / f"{self.network}.safetensors"
            self.send({"weights": self.network}, [weights.read_bytes()])
