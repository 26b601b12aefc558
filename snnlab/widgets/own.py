"""The shipped network, run in the page on a picture of the reader's own."""

from dataclasses import dataclass
from typing import Any, cast

import torch
from traitlets import Bytes, Float, Int, List, Unicode

from snnlab import data, plotting, zoo
from snnlab.explain import sam
from snnlab.models import BlockNetwork
from snnlab.widgets.packed import pixels
from snnlab.widgets.shipped import Running, card, traits_of

__all__ = ["OwnPhotograph"]


@dataclass(frozen=True)
class Shipped:
    """A network of the zoo, by its card, and photographs to begin with."""

    card: dict
    starters: data.Photographs

    def traits(self) -> dict:
        names = self.starters.classes
        return {
            **traits_of(self.card),
            "step": self.card["architecture"]["steps"] - 1,
            "starters": pixels(self.starters.images),
            "labels": [names[label] for label in self.starters.labels],
        }


def gather(name: str) -> Shipped:
    """Read a network's card and some photographs."""
    photographs = data.photographs()
    firsts = photographs.first_of_each_class(torch.ones(len(photographs), dtype=torch.bool))
    return Shipped(card(name, channels=3), firsts[::5])  # of every fifth class


class OwnPhotograph(Running, front="own"):
    r"""A picture that the reader drops in, chooses or draws: what a network of the zoo sees in it,
    step by step, and the spike activation maps of three layers.

    ::

        OwnPhotograph()           # the network is loaded when the reader asks for it
        OwnPhotograph(name="lif-s0", gamma=1.0)

    ``starter`` counts some held-out photographs to begin with (-1: the reader's own picture, which
    stays in the page); ``step`` is the last step that has run, from 0; ``seed`` is that of the
    encoder, as in ``torch.Generator().manual_seed(seed)``.
    """

    starter = Int(0, min=-1).tag(sync=True)
    step = Int(0, min=0).tag(sync=True)
    gamma = Float(0.5, min=0).tag(sync=True)
    seed = Int(0, min=0).tag(sync=True)

    starters = Bytes().tag(sync=True)
    labels = List(Unicode()).tag(sync=True)

    alt = (
        "A photograph as the network sees it, the spikes that it sends, its spike activation maps "
        "at conv4, conv6 and conv8, and bars of the classes that the network takes it for."
    )

    def __init__(self, name: str = "lif-s0", **traits: Any):
        super().__init__(gather(name), **traits)

    def still(self) -> bytes:
        model = zoo.load(self.network)
        network = cast(BlockNetwork, model)
        image = self.shown.starters.images[max(self.starter, 0)]
        spikes = network.encode(image[None], torch.Generator().manual_seed(self.seed))
        explained = {
            layer: sam(model, layer=layer, gamma=self.gamma, spikes=spikes)
            for layer in network.layers
        }
        logits = explained[network.layer].logits[0]

        def draw(first, *others):
            plotting.show(first, image, f"the network: {self.classes[logits.argmax()]}")
            for axes, (layer, one) in zip(others, explained.items(), strict=True):
                plotting.overlay(axes, image, one.total[0], title=f"SAM, {layer}")

        return plotting.picture(draw, columns=4, size=(7, 2.1))
