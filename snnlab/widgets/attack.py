"""A photograph under attack: what both networks answer, and what becomes of their maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from traitlets import Bytes, Float, Int, List, Unicode, validate

from snnlab import plotting
from snnlab.attacks import pgd
from snnlab.checks import Label
from snnlab.explain import Explanation, grad_cam, spike_activation_map
from snnlab.models import BlockNetwork
from snnlab.widgets.packed import changes, floats, pixels
from snnlab.widgets.recorded import Layered, Recorded, among, run

__all__ = ["AttackExplorer"]

PGD_STEPS = 10


@dataclass(frozen=True)
class Attack:
    """A photograph [3, H, W], the pictures [E, 3, H, W] that attack the spiking network and those
    that attack its twin, one for each epsilon in 1/255, and what each network makes of its own."""

    image: Tensor
    label: int
    classes: list[str]
    epsilons: list[float]
    pictures: tuple[Tensor, Tensor]
    runs: list[Recorded]
    twins: Explanation

    def traits(self) -> dict:
        logits = torch.cat([one.logits for one in self.runs])
        return {
            "epsilons": self.epsilons,
            "layers": [self.twins.layer],
            "layer": self.twins.layer,
            "steps": len(self.runs[0].encoded),
            "label": self.label,
            "classes": self.classes,
            "image": pixels(self.image),
            "changes": changes(torch.stack([self._shares(of) for of in self.pictures])),
            "logits": floats(torch.stack([logits, self.twins.logits])),
            "spikes": b"".join(one.packed for one in self.runs),
            "twin_maps": floats(self.twins.maps),
        }

    def _shares(self, pictures: Tensor) -> Tensor:
        """The change of each pixel over its picture's epsilon, in [-1, 1]."""
        shares = [
            (picture - self.image) * 255 / epsilon if epsilon else 0 * picture
            for picture, epsilon in zip(pictures, self.epsilons, strict=True)
        ]
        return torch.stack(shares).clamp(-1, 1)  # 1 + 1e-7 is rounding


def gather(
    model: nn.Module,
    twin: nn.Module,
    image: Tensor,
    label: int,
    classes: list[str],
    epsilons: list[float],
    layer: str,
    samples: int,
    generator: torch.Generator | None,
) -> Attack:
    """Attack both networks with every epsilon, and run them on what comes out."""
    generator = generator or torch.Generator().manual_seed(0)

    def attacked(network: nn.Module, samples: int) -> Tensor:
        pictures = [
            pgd(
                network,
                image[None],
                torch.tensor([label]),
                epsilon=epsilon / 255,
                step_size=epsilon / 255 / 4,
                steps=PGD_STEPS,
                samples=samples,
                generator=generator,
            )
            for epsilon in epsilons
        ]
        return torch.cat(pictures)

    pictures = attacked(model, samples), attacked(twin, 1)
    encode = cast(BlockNetwork, model).encode
    runs = [
        run(model, encode(picture[None], torch.Generator().manual_seed(0)), (layer,))
        for picture in pictures[0]
    ]
    twins = grad_cam(twin, pictures[1], label, layer=layer)
    return Attack(image, label, classes, epsilons, pictures, runs, twins)


class AttackExplorer(Layered, front="attack"):
    r"""PGD on the pixels, each network through its own gradient: photograph and attacked picture,
    the answers of both networks, and SAM and the twin's Grad-CAM before and after.

    ::

        AttackExplorer(model, twin, bison.images[0], bison.labels[0], photos.classes)

    ``epsilon`` is one of ``epsilons``, in units of 1/255.  PGD takes 10 steps of epsilon/4 from a
    random start; of the spiking network it averages the gradient over ``samples`` draws of the
    encoder.  Both answers and SAM come from one draw, the same for every epsilon, and Grad-CAM's
    class is the label.
    """

    epsilon = Float(2.0, min=0).tag(sync=True)
    gamma = Float(0.5, min=0).tag(sync=True)

    epsilons = List(Float()).tag(sync=True)
    label = Int().tag(sync=True)
    classes = List(Unicode()).tag(sync=True)
    image = Bytes().tag(sync=True)
    changes = Bytes().tag(sync=True)  # [network, epsilon, 3, H, W]
    logits = Bytes().tag(sync=True)  # [network, epsilon, K]
    spikes = Bytes().tag(sync=True)
    twin_maps = Bytes().tag(sync=True)

    alt = (
        "Two rows, the spiking network and its twin: the photograph, the attacked picture, the "
        "change made strong, the network's map before and after; below, what both take it for."
    )

    def __init__(
        self,
        model: nn.Module,
        twin: nn.Module,
        image: Tensor,
        label: Label,
        classes: Sequence[str],
        epsilons: Sequence[float] = (0, 0.5, 1, 2, 4, 8),
        layer: str | None = None,
        samples: int = 2,
        generator: torch.Generator | None = None,
        **traits: Any,
    ):
        super().__init__(
            gather(
                model,
                twin,
                image,
                int(label),
                list(classes),
                list(epsilons),
                layer or cast(BlockNetwork, model).layer,
                samples,
                generator,
            ),
            **traits,
        )

    @validate("epsilon")
    def _among_the_epsilons(self, proposal):
        return among(self.epsilons, "epsilon", proposal["value"])

    def still(self) -> bytes:
        shown, at = self.shown, self.epsilons.index(self.epsilon)
        spikes = [shown.runs[i].spikes[self.layer] for i in (0, at)]
        maps = [spike_activation_map(of, self.gamma).sum((0, 1)) for of in spikes]
        rows = [maps, [shown.twins.maps[i] for i in (0, at)]]

        def draw(*axes):
            for row, pictures, (before, after), name in zip(
                (axes[:4], axes[4:]), shown.pictures, rows, ("SAM", "twin"), strict=True
            ):
                plotting.show(row[0], pictures[0], "photograph")
                plotting.show(row[1], pictures[at], f"attacked, {self.epsilon:g}/255")
                top = max(before.max().item(), after.max().item())
                plotting.overlay(row[2], pictures[0], before, top, f"{name}, before")
                plotting.overlay(row[3], pictures[at], after, top, f"{name}, after")

        return plotting.picture(draw, rows=2, columns=4, size=(7, 4))
