"""The width of the surrogate gradient against SNN Grad-CAM: backward only, nothing is trained."""

import torch
from torch import Tensor, nn
from traitlets import Bytes, Enum, Float, List, Unicode, validate

from snnlab import plotting
from snnlab.explain import grad_cam, snn_grad_cam
from snnlab.models import evaluating
from snnlab.neurons import surrogate_gradient
from snnlab.recording import record
from snnlab.surrogate import triangle
from snnlab.widgets.packed import floats, pixels
from snnlab.widgets.recorded import Layered, among, run

__all__ = ["SmoothingExplorer"]

SCALE = 0.3  # the height of the triangle at width 1


class SmoothingExplorer(Layered, front="smoothing"):
    r"""The width of the triangle, and SNN Grad-CAM with its channel weights, beside the twin's.

    ::

        SmoothingExplorer(model, twin, bison.images[0], target=label)

    ``width`` is one of ``widths``; ``keep`` says what stays when it changes, the triangle's
    "height" or its "area"; ``layer`` is a name of ``layers``.  One draw of the encoder, of
    ``generator``, serves all widths: the spikes are the same, only the gradient is not.
    """

    width = Float(1.0).tag(sync=True)
    keep = Enum(["height", "area"], "height").tag(sync=True)

    widths = List(Float()).tag(sync=True)
    label = Unicode().tag(sync=True)
    image = Bytes().tag(sync=True)
    spikes = Bytes().tag(sync=True)
    weights = Bytes().tag(sync=True)
    twin_weights = Bytes().tag(sync=True)
    twin_maps = Bytes().tag(sync=True)

    alt = (
        "A photograph, SNN Grad-CAM and Grad-CAM of the twin side by side, and below them the "
        "weights of all channels in both networks, sorted by those of the twin."
    )

    def __init__(
        self,
        model: nn.Module,
        twin: nn.Module,
        image: Tensor,
        target: int,
        layers=("conv4", "conv6", "conv8"),
        widths=(0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0),
        title: str = "photograph",
        generator: torch.Generator | None = None,
        **traits,
    ):
        images, target = image[None], int(target)
        encoded = model.encode(images, generator or torch.Generator().manual_seed(0))
        surrogates = [triangle(SCALE, width) for width in widths]
        surrogates += [triangle(SCALE / width, width) for width in widths]
        runs = []
        for surrogate in surrogates:
            with surrogate_gradient(model, surrogate):
                runs.append(run(model, encoded, layers, target))
        twins = {layer: grad_cam(twin, images, target, layer=layer) for layer in layers}
        self._model, self._encoded, self._target = model, encoded, target
        self._image, self._twins = image, twins
        super().__init__(
            widths=list(widths),
            steps=len(encoded),
            layers=list(layers),
            label=title,
            image=pixels(image),
            spikes=runs[0].packed,
            weights=b"".join(one.weights for one in runs),
            twin_weights=b"".join(map(floats, _still_weights(twin, images, target, layers))),
            twin_maps=b"".join(floats(one.maps[0]) for one in twins.values()),
            **{"layer": layers[len(layers) // 2], **traits},
        )

    @validate("width")
    def _among_the_widths(self, proposal):
        return among(self.widths, "width", proposal["value"])

    def still(self) -> bytes:
        scale = SCALE if self.keep == "height" else SCALE / self.width
        with surrogate_gradient(self._model, triangle(scale, self.width)):
            explained = snn_grad_cam(
                self._model, None, self._target, layer=self.layer, spikes=self._encoded
            )

        def draw(first, second, third):
            plotting.show(first, self._image, self.label)
            title = f"SNN Grad-CAM, width {self.width:g}"
            plotting.overlay(second, self._image, explained.total[0], title=title)
            twin = self._twins[self.layer].maps[0]
            plotting.overlay(third, self._image, twin, title="Grad-CAM of the twin")

        return plotting.picture(draw, columns=3, size=(7, 2.6))


def _still_weights(twin: nn.Module, images: Tensor, target: int, layers) -> list[Tensor]:
    """Grad-CAM's weights of a still network: of each layer [C]."""
    with evaluating(twin), torch.enable_grad(), record(twin, layers, keep_graph=True) as recording:
        score = twin(images)[0, target]
    gradients = torch.autograd.grad(score, [recording[layer] for layer in layers])
    return [gradient.mean((-2, -1))[0] for gradient in gradients]
