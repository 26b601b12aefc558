"""All maps of a photograph side by side, from the spikes of a real network."""

import torch
from torch import Tensor, nn
from traitlets import Bool, Bytes, Enum, Int, List, TraitError, Unicode, validate

from snnlab import plotting
from snnlab.explain import grad_cam, spike_activation_map
from snnlab.widgets.packed import floats, pixels
from snnlab.widgets.recorded import OverTime, run

__all__ = ["MapExplorer"]


class MapExplorer(OverTime, front="maps"):
    r"""A photograph, a layer, a step and gamma: SAM by the equation and by the authors' code, the
    map of counts alone, the rate, SNN Grad-CAM, and Grad-CAM of the ReLU twin.  Click a place to
    see the neurons behind it.

    ::

        chosen = photos.first_of_each_class(right)[6:10]
        MapExplorer(model, twin, chosen.images, chosen.labels, photos.classes)

    ``image`` counts the photographs; ``layer`` is a name of ``layers``; ``step`` counts from 0 and
    ``whole`` shows the sum over all steps in its place; ``x`` and ``y`` are the place, in pixels of
    the photograph, at first its middle.  Grad-CAM's class is the label.  Every scale is fixed over
    the steps; that of the maps in spike units (equation, authors' code, counts) is one for all,
    unless ``scale`` is "own".
    """

    image = Int(0, min=0).tag(sync=True)
    overlay = Bool(True).tag(sync=True)
    scale = Enum(["shared", "own"], "shared").tag(sync=True)
    x = Int(0, min=0).tag(sync=True)
    y = Int(0, min=0).tag(sync=True)

    labels = List(Unicode()).tag(sync=True)
    answers = List(Unicode()).tag(sync=True)
    images = Bytes().tag(sync=True)
    spikes = Bytes().tag(sync=True)
    weights = Bytes().tag(sync=True)
    twin_maps = Bytes().tag(sync=True)

    alt = (
        "A photograph and six maps of it side by side: SAM by the equation, by the authors' code, "
        "the map of spike counts alone, the firing rate, SNN Grad-CAM, and Grad-CAM of the twin."
    )

    def __init__(
        self,
        model: nn.Module,
        twin: nn.Module,
        images: Tensor,
        labels: Tensor,
        classes,
        layers=("conv4", "conv6", "conv8"),
        generator: torch.Generator | None = None,
        **traits,
    ):
        generator = generator or torch.Generator().manual_seed(0)
        runs = [
            run(model, model.encode(image[None], generator), layers, label)
            for image, label in zip(images, labels.tolist(), strict=True)
        ]
        twins = {layer: grad_cam(twin, images, labels, layer=layer) for layer in layers}
        self._photographs, self._runs, self._twins = images, runs, twins
        height, width = images.shape[2:]
        super().__init__(
            steps=len(runs[0].spikes[layers[0]]),
            layers=list(layers),
            labels=[classes[label] for label in labels],
            answers=[
                f"The spiking network says {classes[one.logits.argmax()]}, its twin "
                f"{classes[scores.argmax()]}."
                for one, scores in zip(runs, twins[layers[0]].logits, strict=True)
            ],
            images=pixels(images),
            spikes=b"".join(one.packed for one in runs),
            weights=b"".join(one.weights for one in runs),
            twin_maps=b"".join(
                floats(twins[layer].maps[i]) for i in range(len(images)) for layer in layers
            ),
            **{"layer": layers[len(layers) // 2], "x": width // 2, "y": height // 2, **traits},
        )

    @validate("image")
    def _among_the_images(self, proposal):
        if proposal["value"] >= len(self.labels):
            raise TraitError(f"there are {len(self.labels)} photographs, counted from 0")
        return proposal["value"]

    @validate("x", "y")
    def _inside_the_photograph(self, proposal):
        height, width = self._photographs.shape[2:]
        name, value = proposal["trait"].name, proposal["value"]
        last = (width if name == "x" else height) - 1
        if value > last:
            raise TraitError(f"{name} must lie in 0..{last}, got {value}")
        return value

    def still(self) -> bytes:
        one, image = self._runs[self.image], self._photographs[self.image]
        spikes = one.spikes[self.layer]
        n, alpha = spikes.sum(0), one.alpha[self.layer].view(-1, 1, 1)
        maps = {
            "SAM, equation": spike_activation_map(spikes, self.gamma).sum((0, 1)),
            "authors' code": spike_activation_map(spikes, self.gamma, "authors-code").sum((0, 1)),
            "counts only": (n * (n - 1)).sum((0, 1)),
            "rate": n.sum((0, 1)),
            "SNN Grad-CAM": (alpha * spikes).sum(2).clamp(min=0).sum((0, 1)),
            "twin: Grad-CAM": self._twins[self.layer].maps[self.image],
        }

        def draw(first, *others):
            plotting.show(first, image, self.labels[self.image])
            for axes, (name, heat) in zip(others, maps.items(), strict=False):
                plotting.overlay(axes, image, heat, title=name)
            others[-1].set_axis_off()

        return plotting.picture(draw, rows=2, columns=4, size=(7, 4))
