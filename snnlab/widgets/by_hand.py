"""Grad-CAM, channel by channel: each with its weight, and the sum growing as they are added."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from traitlets import Bytes, Int, List, TraitError, Unicode, validate

from snnlab import plotting
from snnlab.explain.gradcam import channel_weights
from snnlab.passes import run_with_gradient
from snnlab.widgets.base import Spikes, Widget
from snnlab.widgets.packed import floats, pixels

__all__ = ["GradCamByHand"]

STRONGEST = 8  # channels that are on at first


@dataclass(frozen=True)
class Channels:
    """Photographs [B, 3, H, W] with the names of their classes, a layer's ``activity``
    [B, C, h, w], and the weight of each of its channels for the class, ``alpha`` [B, C]."""

    images: Tensor
    labels: list[str]
    layer: str
    activity: Tensor
    alpha: Tensor

    def traits(self) -> dict:
        strongest = self.alpha[0].abs().topk(min(STRONGEST, self.alpha.shape[1])).indices
        return {
            "layer": self.layer,
            "labels": self.labels,
            "on": torch.zeros(self.alpha.shape[1]).index_fill(0, strongest, 1),
            "images": pixels(self.images),
            "activity": floats(self.activity),
            "alpha": floats(self.alpha),
        }


def gather(
    model: nn.Module, images: Tensor, labels: Tensor, classes: Sequence[str], layer: str
) -> Channels:
    """Run a still network on every photograph; the class is the label."""
    found = run_with_gradient(model, layer, labels, images)[layer]
    names = [classes[label] for label in labels]
    return Channels(images, names, layer, found.activity, channel_weights(found.gradient))


class GradCamByHand(Widget, front="by_hand"):
    r"""The channels of a layer, to be switched on and off: their weighted sum, what the ReLU leaves
    of it, Grad-CAM, which has them all, and all of them added without weights.

    ::

        some = photos.first_of_each_class(right)[:4]
        GradCamByHand(twin, some.images, some.labels, photos.classes, layer="conv6")

    ``image`` counts the photographs; ``on`` has 0 or 1 for each channel, at first 1 for the eight
    with the largest :math:`|\alpha|` on the first photograph.  Grad-CAM's class is the label.
    """

    image = Int(0, min=0).tag(sync=True)
    on = Spikes().tag(sync=True)

    layer = Unicode().tag(sync=True)
    labels = List(Unicode()).tag(sync=True)
    images = Bytes().tag(sync=True)
    activity = Bytes().tag(sync=True)
    alpha = Bytes().tag(sync=True)

    alt = (
        "A photograph, the weighted sum of some channels, what the ReLU leaves of it, Grad-CAM of "
        "all channels, and all channels added without weights."
    )

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        classes: Sequence[str],
        layer: str = "conv6",
        **traits: Any,
    ):
        super().__init__(gather(model, images, labels, classes, layer), **traits)

    @validate("image")
    def _among_the_images(self, proposal):
        if proposal["value"] >= len(self.labels):
            raise TraitError(f"there are {len(self.labels)} photographs, counted from 0")
        return proposal["value"]

    @validate("on")
    def _has_channels(self, proposal):
        channels = self.shown.alpha.shape[1]
        if len(proposal["value"]) != channels:
            raise TraitError(
                f"on: expected 0 or 1 for each of {channels} channels, got {len(proposal['value'])}"
            )
        return proposal["value"]

    def still(self) -> bytes:
        shown, image = self.shown, self.shown.images[self.image]
        activity, alpha = shown.activity[self.image], shown.alpha[self.image]
        weighted = alpha[:, None, None] * activity
        some = (weighted * alpha.new_tensor(self.on)[:, None, None]).sum(0).clamp(min=0)
        every = weighted.sum(0).clamp(min=0)

        def draw(first, second, third, fourth):
            plotting.show(first, image, self.labels[self.image])
            title = f"{sum(self.on)} channels"
            plotting.overlay(second, image, some, max(every.max().item(), 1e-9), title)
            plotting.overlay(third, image, every, title="Grad-CAM: all")
            plotting.overlay(fourth, image, activity.sum(0), title="without weights")

        return plotting.picture(draw, columns=4, size=(7, 2.1))
