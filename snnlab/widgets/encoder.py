"""A photograph as signed Poisson spikes, one step after the other."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float as Shaped
from torch import Tensor
from traitlets import Bytes, Float, Int

from snnlab import plotting
from snnlab.encoding import poisson
from snnlab.models import DEVIATION, MEAN
from snnlab.widgets.base import Widget
from snnlab.widgets.packed import arrays, pixels

__all__ = ["EncoderExplorer"]

mean, deviation = (torch.tensor(each).view(3, 1, 1) for each in (MEAN, DEVIATION))


@dataclass(frozen=True)
class Photograph:
    """``image`` [3, H, W] in [0, 1].  Raises ValueError for another shape."""

    image: Shaped[Tensor, "3 H W"]

    def __post_init__(self):
        if self.image.ndim != 3 or self.image.shape[0] != 3:
            raise ValueError(f"expected an image of shape [3, H, W], got {tuple(self.image.shape)}")

    def traits(self) -> dict:
        return {"pixels": pixels(self.image)}


class EncoderExplorer(Widget, front="encoder"):
    """The spikes of one step, and their running mean times 2, beside the image that they encode.

    ``image`` is a photograph [3, H, W] in [0, 1]; it is kept with a byte a value.  The normalised
    image times ``factor`` goes into :func:`snnlab.encoding.poisson` for ``steps`` steps; a ``seed``
    gives the spikes that ``torch.Generator().manual_seed(seed)`` gives there.  ``step`` is shown.
    """

    pixels = Bytes().tag(sync=True)
    factor = Float(1.0, min=0).tag(sync=True)
    steps = Int(12, min=1).tag(sync=True)
    seed = Int(0, min=0, max=2**32 - 1).tag(sync=True)
    step = Int(0, min=0).tag(sync=True)

    alt = (
        "A photograph, its random spikes at one time-step, and the mean of the spikes so far, "
        "which comes to look like the photograph."
    )

    def __init__(self, image: Shaped[Tensor, "3 H W"], **traits: Any):
        super().__init__(Photograph(image), **traits)

    def scaled(self) -> Shaped[Tensor, "3 H W"]:
        """What is encoded: the normalised image times ``factor``."""
        (bytes_,) = arrays(self.pixels)
        return self.factor * ((bytes_.float() / 255 - mean) / deviation)

    def spikes(self) -> Shaped[Tensor, "T 3 H W"]:
        """The spikes of all steps."""
        generator = torch.Generator().manual_seed(self.seed)
        return poisson(self.scaled()[None], self.steps, generator)[:, 0]

    def still(self) -> bytes:
        spikes, last = self.spikes(), min(self.step, self.steps - 1)

        def draw(*axes):
            panels = {
                "image": self.scaled() * deviation + mean,
                f"spikes at step {last}": (spikes[last] + 1) / 2,
                f"mean of {self.steps} steps, times 2": 2 * spikes.mean(0) * deviation + mean,
            }
            for panel, (title, image) in zip(axes, panels.items(), strict=True):
                plotting.show(panel, image.clamp(0, 1), title)

        return plotting.picture(draw, columns=3, size=(7, 2.6))
