"""Two shapes whose pixels spike equally often, in bursts or evenly: where SAM sees the rhythm."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Bool
from jaxtyping import Float as Shaped
from torch import Tensor
from traitlets import Bytes, Float, Int, List, Unicode

from snnlab import data, plotting, zoo
from snnlab.data.drawn import rhythms
from snnlab.explain import spike_activation_map
from snnlab.judge.baselines import count_map
from snnlab.recording import record
from snnlab.widgets.packed import bits
from snnlab.widgets.shipped import Running, card, traits_of

__all__ = ["RhythmExplorer"]

SCENES = 6


@dataclass(frozen=True)
class Stage:
    """A network of the zoo, by its card, and scenes: ``shapes`` [N, 2, S, S], the masks of the two
    shapes of each, and ``names``, what they are."""

    card: dict
    shapes: Bool[Tensor, "N 2 S S"]
    names: list[tuple[str, str]]

    def traits(self) -> dict:
        return {
            **traits_of(self.card),
            "shapes": bits(self.shapes),
            "names": [list(pair) for pair in self.names],
        }


def gather(name: str) -> Stage:
    """Read a network's card, and draw scenes for it."""
    scenes = data.rhythm_scenes(SCENES, torch.Generator().manual_seed(0))
    pairs = zip(scenes.labels.tolist(), scenes.others.tolist(), strict=True)
    names = [(scenes.classes[a], scenes.classes[b]) for a, b in pairs]
    return Stage(card(name, channels=1), torch.stack([scenes.bursting, scenes.even], 1), names)


class RhythmExplorer(Running, front="rhythm"):
    r"""Two shapes, all of whose pixels spike equally often, and what a network makes of them: SAM
    beside the map that knows only counts, at the input and in three layers.

    ::

        RhythmExplorer()                         # a network that names the bursting shape
        RhythmExplorer("rhythm-even-s0")         # one that names the even shape

    ``first`` and ``second`` are the shares of the two shapes' pixels that burst, from 0 (all spike
    evenly) to 1; ``scene`` counts some scenes from 0; ``seed`` draws onsets and phases.
    """

    scene = Int(0, min=0, max=SCENES - 1).tag(sync=True)
    first = Float(1.0, min=0, max=1).tag(sync=True)
    second = Float(0.0, min=0, max=1).tag(sync=True)
    gamma = Float(0.5, min=0).tag(sync=True)
    seed = Int(0, min=0, max=2**32 - 1).tag(sync=True)

    shapes = Bytes().tag(sync=True)
    names = List(List(Unicode())).tag(sync=True)

    #: The blocks whose maps are shown, beside the input's.
    layers: ClassVar[tuple[str, ...]] = ("conv1", "conv4", "conv6")

    alt = (
        "Two shapes as spikes, every pixel with the same count, one shape in bursts. Their spike "
        "activation maps at the input, conv1, conv4 and conv6; below, maps by counts alone."
    )

    def __init__(self, name: str = "rhythm-burst-s0", **traits: Any):
        super().__init__(gather(name), **traits)

    def spikes(self) -> Shaped[Tensor, "T 1 1 S S"]:
        """What the network sees."""
        shapes = self.shown.shapes[self.scene]
        draws = torch.rand(3, *shapes.shape[1:], generator=torch.Generator().manual_seed(self.seed))
        bursts, evenly, once = rhythms((self.steps * draws[0]).int(), self.steps)
        spikes = once & (draws[2] < 0.3)  # the ground
        for shape, share in zip(shapes, (self.first, self.second), strict=True):
            rhythm = torch.where(draws[1] < share, bursts, evenly)
            spikes = torch.where(shape, rhythm, spikes)
        return spikes.float()[:, None, None]

    def still(self) -> bytes:
        shapes, spikes = self.shown.shapes[self.scene], self.spikes()
        model = zoo.load(self.network)
        with torch.no_grad(), record(model, self.layers) as recording:
            model(spikes=spikes)
        sequences = {"input": spikes, **{layer: recording[layer] for layer in self.layers}}
        image = shapes.any(0, keepdim=True) / 2

        def draw(*axes):
            for k, (layer, found) in enumerate(sequences.items()):
                of_time = spike_activation_map(found, self.gamma).sum(0)[0]
                of_counts = count_map(found, self.gamma).sum(0)[0]
                top = max(of_time.max().item(), of_counts.max().item())
                plotting.overlay(axes[k], image, of_time, top, f"SAM, {layer}")
                plotting.overlay(axes[4 + k], image, of_counts, top, f"counts, {layer}")

        return plotting.picture(draw, rows=2, columns=4, size=(7, 3.9))
