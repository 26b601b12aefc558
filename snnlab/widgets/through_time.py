"""The gradient on its way back through all layers and steps of a spiking network, and its gates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from traitlets import Bytes, Float, List, Unicode, validate

from snnlab import passes, plotting
from snnlab.checks import Label
from snnlab.explain import grad_cam, snn_grad_cam
from snnlab.models import BlockNetwork
from snnlab.neurons import LIF, surrogate_gradient
from snnlab.surrogate import triangle
from snnlab.widgets.packed import floats, pixels
from snnlab.widgets.recorded import Stepped, among

__all__ = ["GradientThroughTime"]


@dataclass(frozen=True)
class Walk:
    """A photograph [3, H, W] and, of the score of one class, for each of W widths of the triangle
    and each of L blocks: ``gradient`` [W, L, T], the Euclidean norm of what arrives at its spikes
    of each step; ``gates`` [W, L, T], the share of its neurons whose surrogate slope is not 0; SNN
    Grad-CAM ``maps`` [h, w] by width and block.  Of the twin, by block: the gradient's norm, the
    share of ReLUs that let it through, and Grad-CAM."""

    image: Tensor
    title: str
    widths: list[float]
    layers: tuple[str, ...]
    gradient: Tensor
    gates: Tensor
    maps: list[dict[str, Tensor]]
    twin_gradient: Tensor
    twin_gates: Tensor
    twin_maps: dict[str, Tensor]

    def traits(self) -> dict:
        return {
            "widths": self.widths,
            "steps": self.gradient.shape[2],
            "layers": list(self.layers),
            "layer": self.layers[0],  # with step 0 the end of the way
            "label": self.title,
            "image": pixels(self.image),
            "gradient": floats(self.gradient),
            "gates": floats(self.gates),
            "maps": b"".join(floats(maps[layer]) for maps in self.maps for layer in self.layers),
            "twin_gradient": floats(self.twin_gradient),
            "twin_gates": floats(self.twin_gates),
            "twin_maps": b"".join(floats(self.twin_maps[layer]) for layer in self.layers),
        }


def gather(
    model: nn.Module,
    twin: nn.Module,
    image: Tensor,
    target: int,
    widths: list[float],
    title: str,
    generator: torch.Generator | None,
) -> Walk:
    """Run the spiking network with every width on one draw of the encoder, and the twin."""
    images, network = image[None], cast(BlockNetwork, model)
    layers = network.blocks
    encoded = network.encode(images, generator or torch.Generator().manual_seed(0))
    norms, maps = [], []
    for width in widths:
        with surrogate_gradient(model, triangle(width=width)):
            found = passes.run_with_gradient(model, layers, target, spikes=encoded)
            explained = snn_grad_cam(model, None, target, layer=layers, spikes=encoded)
        norms.append(torch.stack([found[name].gradient.flatten(1).norm(dim=1) for name in layers]))
        maps.append({name: explained[name].total[0] for name in layers})
    apart = distances(model, layers, encoded)
    gates = [torch.stack([(z < width).float().mean(1) for z in apart]) for width in widths]
    still = passes.run_with_gradient(twin, layers, target, images)
    return Walk(
        image,
        title,
        widths,
        layers,
        torch.stack(norms),
        torch.stack(gates),
        maps,
        torch.stack([still[name].gradient.norm() for name in layers]),
        torch.stack([(still[name].activity > 0).float().mean() for name in layers]),
        {name: grad_cam(twin, images, target, layer=name).maps[0] for name in layers},
    )


def distances(model: nn.Module, layers: Sequence[str], encoded: Tensor) -> list[Tensor]:
    """Of each block, how far the membranes are from the threshold before the reset, in thresholds:
    [T, neurons].  A triangle lets gradient through where that is less than its width."""
    currents = passes.run(model, [f"{name}.norm" for name in layers], spikes=encoded)
    return [
        _distances(cast(LIF, model.get_submodule(f"{name}.neuron")), of.activity)
        for name, of in zip(layers, currents.values(), strict=True)
    ]


def _distances(neuron: LIF, currents: Tensor) -> Tensor:
    state, found = torch.full_like(currents[0], neuron.start), []
    for current in currents:
        membrane = neuron.leak * state + current
        spike = (membrane > neuron.threshold).to(membrane)
        soft = neuron.reset == "soft"
        state = membrane - neuron.threshold * spike if soft else membrane * (1 - spike)
        found.append((membrane / neuron.threshold - 1).abs().flatten())
    return torch.stack(found)


class GradientThroughTime(Stepped, front="through_time"):
    r"""The gradient of a class score, walking back through all blocks and steps of a spiking
    network: how large it is where it arrives, how many gates of the surrogate are open there, and
    the map that comes of it, beside the twin's, whose gradient takes one step.

    ::

        GradientThroughTime(model, twin, bison.images[0], label)

    ``layer`` and ``step`` say how far back it has come, from the last step of the last block to
    step 0 of the first; ``width`` is one of ``widths``, that of the triangle, in thresholds.  All
    widths share one draw of the encoder, of ``generator``.  Blocks need a ``norm`` and a
    ``neuron``, as those of :class:`snnlab.models.SpikingVGG`.
    """

    width = Float(1.0).tag(sync=True)

    widths = List(Float()).tag(sync=True)
    label = Unicode().tag(sync=True)
    image = Bytes().tag(sync=True)
    gradient = Bytes().tag(sync=True)
    gates = Bytes().tag(sync=True)
    maps = Bytes().tag(sync=True)
    twin_gradient = Bytes().tag(sync=True)
    twin_gates = Bytes().tag(sync=True)
    twin_maps = Bytes().tag(sync=True)

    alt = (
        "Two grids, a row for each layer and a column for each step: how large the gradient is "
        "that arrives there, and how many gates are open. Below, the photograph and the maps of "
        "both networks at one layer."
    )

    def __init__(
        self,
        model: nn.Module,
        twin: nn.Module,
        image: Tensor,
        target: Label,
        widths: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0),
        title: str = "photograph",
        generator: torch.Generator | None = None,
        **traits: Any,
    ):
        walk = gather(model, twin, image, int(target), list(widths), title, generator)
        super().__init__(walk, **traits)

    @validate("width")
    def _among_the_widths(self, proposal):
        return among(self.widths, "width", proposal["value"])

    def still(self) -> bytes:
        shown, at = self.shown, self.widths.index(self.width)
        size = shown.gradient[at].flip(0).clamp(min=1e-12).log10()

        def draw(first, second, third, fourth):
            for axes, grid, title in (
                (first, size, "gradient, log10"),
                (second, shown.gates[at].flip(0), "gates open"),
            ):
                axes.imshow(grid.numpy(), plotting.MAP, aspect="auto")
                axes.set_yticks(range(len(self.layers)), self.layers[::-1])
                axes.set(title=title, xlabel="step")
            name = self.layer
            plotting.overlay(third, shown.image, shown.maps[at][name], title=f"SNN, {name}")
            plotting.overlay(fourth, shown.image, shown.twin_maps[name], title=f"twin, {name}")

        return plotting.picture(draw, columns=4, size=(8, 2.3))
