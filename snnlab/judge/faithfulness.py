"""Does the network use what a map shows?  Take it away, and see what happens to the answer.

All methods that are compared must see the same encoder draws: give the same ``seed``, or spikes.
"""

import itertools
import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from tqdm import tqdm

from snnlab.checks import (
    Labels,
    check_finite,
    check_generator,
    check_images,
    check_labels,
    check_number,
    check_several,
    check_spikes,
    check_tensor,
    check_whole,
    extra,
)
from snnlab.judge.shares import check
from snnlab.passes import Network, names, run, scores
from snnlab.recording import intervene

__all__ = [
    "area_under",
    "blurred",
    "deletion",
    "effect_of_silencing",
    "exchanged",
    "fall_without",
    "insertion",
    "places_holding",
    "retimed",
    "rolled",
    "top_places",
]


def blurred(images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
    """The fill of taken pixels: the image without detail (Gaussian; along the width an eighth of
    the width, along the height an eighth of the height)."""
    check_images(images)
    with extra("blurred images need"):
        from torchvision.transforms.v2.functional import gaussian_blur
    sigma = [length / 8 for length in (images.shape[-1], images.shape[-2])]
    kernel = [2 * int(3 * each) + 1 for each in sigma]
    wide = images.to(torch.promote_types(images.dtype, torch.float32))  # half takes minutes on CPUs
    return gaussian_blur(wide, kernel, sigma).to(images.dtype)


def deletion(
    model: nn.Module,
    images: Float[Tensor, "B 3 H W"],
    maps: Float[Tensor, "B H W"],
    labels: Labels,
    *,
    steps: int = 10,
    seed: int | None = None,
    fill: Float[Tensor, "B 3 H W"] | None = None,
) -> Float[Tensor, "S B"]:
    """The probability of the class while the highest places of the map are blurred, a part of the
    pixels a step: [steps + 1, B], from the whole image to the blurred one (Petsiuk et al., 2018).

    A faithful map makes it fall fast; :func:`area_under` is its summary.  ``maps`` at the size of
    the images.  Places of equal value go in a fixed order that is random over the image.  ``seed``:
    of the encoder's draws, the same at every step; None for a network that draws nothing.
    ``fill``: what takes the place of the pixels that go (default: the :func:`blurred` images); the
    verdict on a map may hang on it (Gomez et al., 2022), so try two.
    """
    fill = _fill(images, fill)
    return _curve(model, images, maps, labels, steps, seed, images, fill)


def insertion(
    model: nn.Module,
    images: Float[Tensor, "B 3 H W"],
    maps: Float[Tensor, "B H W"],
    labels: Labels,
    *,
    steps: int = 10,
    seed: int | None = None,
    fill: Float[Tensor, "B 3 H W"] | None = None,
) -> Float[Tensor, "S B"]:
    """As :func:`deletion`, the other way: from the blurred image, the highest places come back."""
    return _curve(model, images, maps, labels, steps, seed, _fill(images, fill), images)


def area_under(curve: Float[Tensor, "S B"]) -> Float[Tensor, " B"]:
    """The mean of the curve over the share of pixels changed, by the trapezium rule."""
    check_finite(curve, "the curve contains NaN or infinite values")
    if curve.ndim != 2 or len(curve) < 2:
        raise ValueError(f"expected a curve [steps + 1, B], got {tuple(curve.shape)}")
    return torch.trapezoid(curve, dx=1 / (len(curve) - 1), dim=0)


def _fill(images: Tensor, fill: Tensor | None) -> Tensor:
    if fill is None:
        return blurred(images)
    check_images(fill)
    if fill.shape != images.shape:
        raise ValueError(
            f"expected fill of the images' shape {tuple(images.shape)}, got {tuple(fill.shape)}"
        )
    return fill


@torch.no_grad()
def _curve(model, images, maps, labels, steps, seed, first, last):
    check_images(images)
    check(maps)
    if maps.shape != (len(images), *images.shape[2:]):
        raise ValueError(
            f"expected maps at the size of the images, {(len(images), *images.shape[2:])}, got "
            f"{tuple(maps.shape)}; use explanation.upsampled(size)"
        )
    check_whole("steps", steps)
    if seed is not None:
        check_whole("seed", seed, least=0)
    flat = maps.flatten(1)
    lot = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(0)).to(flat.device)
    order = lot[flat[:, lot].argsort(dim=1, descending=True, stable=True)]
    rank = order.argsort(dim=1).view(maps.shape)  # 0 is the place that goes first
    network, curve = Network.of(model), []
    for step in range(steps + 1):
        gone = (rank < round(step / steps * flat.shape[1]))[:, None]
        generator = None
        if seed is not None:
            generator = torch.Generator(images.device).manual_seed(seed)
        logits = scores(network, torch.where(gone, last, first), generator=generator)
        check_several(logits)
        chosen = check_labels(labels, logits)[:, None]
        curve.append(logits.softmax(1).gather(1, chosen)[:, 0])
    return torch.stack(curve)


@torch.no_grad()
def effect_of_silencing(
    model: nn.Module,
    images: Float[Tensor, "..."] | None,
    labels: Labels,
    *,
    layer: str | nn.Module,
    what: str = "channels",
    spikes: Float[Tensor, "T B C H W"] | None = None,
) -> Float[Tensor, "B ..."]:
    """The true effect of each channel, or place, of a layer: how far the score of the class falls
    when its output there is 0.  ``what`` is "channels" ([B, C]) or "places" ([B, H, W]).

    Nothing is approximated: it takes a forward pass for each channel or place.  For a network with
    a random encoder give ``spikes``, so that all passes see the same.  Raises ValueError for an
    unknown layer, or one whose output is not [..., C, H, W].
    """
    if what not in ("channels", "places"):
        raise ValueError(f"what must be 'channels' or 'places', got {what!r}")
    network = Network.of(model)
    (name,) = names(network.model, layer)

    def score(function: Callable[[Tensor], Tensor]) -> Tensor:
        with intervene(network.model, {name: function}):
            logits = scores(network, images, spikes=spikes)
        return logits.gather(1, check_labels(labels, logits)[:, None])[:, 0]

    (found,) = run(network, name, images, spikes=spikes).values()
    shape = found.calls[0].shape
    channels, *grid = network.picture_axes(name, len(shape))
    silenced = [channels] if what == "channels" else grid
    sizes = [shape[axis] for axis in silenced]
    whole = score(lambda output: output)
    effects = []
    every = list(itertools.product(*map(range, sizes)))
    for at in tqdm(every, desc=f"silencing {what}", leave=False, disable=None):
        places = dict(zip(silenced, at, strict=True))
        index = tuple(places.get(axis, slice(None)) for axis in range(len(shape)))

        def silence(output, index=index):
            output = output.clone()
            output[index] = 0
            return output

        effects.append(whole - score(silence))
    return torch.stack(effects, 1).unflatten(1, sizes)


def top_places(maps: Float[Tensor, "N H W"], share: float = 0.2) -> Bool[Tensor, "N H W"]:
    """The highest fifth of each map's places (ceil(0.2 P) of them); of equal ones, those that come
    first in a fixed order that is random over the map.  Raises ValueError for a share outside
    (0, 1]."""
    check(maps)
    check_number("share", share, 0, 1)
    if not share > 0:
        raise ValueError(f"share must lie in (0, 1], got {share}")
    flat = maps.flatten(1)
    count = math.ceil(share * flat.shape[1] - 1e-9)
    lot = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(0)).to(flat.device)
    highest = lot[flat[:, lot].argsort(dim=1, descending=True, stable=True)[:, :count]]
    return torch.zeros_like(flat, dtype=torch.bool).scatter_(1, highest, True).view(maps.shape)


def places_holding(
    amount: Float[Tensor, " N"], counts: Float[Tensor, "N H W"], order: Float[Tensor, "N H W"]
) -> Bool[Tensor, "N H W"]:
    """Places taken in an order, the lowest first, that hold as many spikes as ``amount``, as nearly
    as whole places can: what silencing the places of a map must be held against, for a map of
    activity takes more spikes away than as many places do.

    ``counts``: the spikes at each place.  ``order``: e.g. ``torch.rand(counts.shape)`` for places
    at random, ``-counts`` for the busiest; of equal ones the first.  The last place belongs to them
    if that comes nearer.  Raises ValueError for an amount above a picture's total, or counts below
    0.
    """
    check(counts)
    check_finite(amount, "amounts contain NaN or infinite values")
    check_finite(order, "orders contain NaN or infinite values")
    flat, amount = counts.flatten(1).double(), amount.double()
    if order.shape != counts.shape:
        raise ValueError(f"expected an order {[*counts.shape]}, got {[*order.shape]}")
    if amount.shape != (len(flat),) or (amount < 0).any():
        raise ValueError(f"expected amounts [{len(flat)}], none below 0, got {tuple(amount.shape)}")
    if (amount > flat.sum(1) * (1 + 1e-6)).any():
        raise ValueError("expected amounts that the places hold together; one is above their sum")
    taken = order.flatten(1).argsort(dim=1, stable=True).to(flat.device)
    held = torch.nn.functional.pad(flat.gather(1, taken).cumsum(1), (1, 0))
    number = (held - amount[:, None]).abs().argmin(1)  # of the first places that come nearest
    rank = taken.argsort(dim=1)
    return (rank < number[:, None]).view(counts.shape)


@torch.no_grad()
def fall_without(
    model: nn.Module,
    images: Float[Tensor, "..."] | None,
    labels: Labels,
    places: Bool[Tensor, "*S B h w"],
    *,
    layer: str | nn.Module,
    spikes: Float[Tensor, "T B C H W"] | None = None,
) -> Float[Tensor, " B"]:
    """How far the probability of the class falls when a layer's output is 0 at some places, in all
    channels: [B, H, W] at every step, [T, B, H, W] at some.

    For a network with a random encoder give ``spikes``, so that both passes see the same.  Places
    of a layer, not of the image: nothing is filled in that no network has seen, but what comes
    after meets less than it was trained on, hence :func:`places_holding`.  Raises ValueError for an
    unknown layer, and for one whose output is not [T, B, C, H, W] or [B, C, H, W] with the places'
    sizes.
    """
    check_tensor(places)
    if places.ndim not in (3, 4) or places.dtype != torch.bool:
        raise ValueError(
            "expected places as bool [B, H, W] or [T, B, H, W], got "
            f"{str(places.dtype).removeprefix('torch.')} {tuple(places.shape)}"
        )
    network = Network.of(model)
    (name,) = names(network.model, layer)

    def silence(output: Tensor) -> Tensor:
        axes = network.picture_axes(name, output.ndim)
        kept = ~places.unsqueeze(-3)
        sizes = (*output.shape[:-3], *output.shape[-2:])
        fits = sizes == places.shape or sizes[1:] == places.shape and output.ndim == 5
        if axes != (output.ndim - 3, output.ndim - 2, output.ndim - 1) or not fits:
            raise ValueError(
                f"{name!r} put out {tuple(output.shape)} at a call; expected [B, C, H, W] or "
                f"[T, B, C, H, W] that fits the places {tuple(places.shape)}"
            )
        return output * kept

    def probability(function: Callable[[Tensor], Tensor]) -> Tensor:
        with intervene(network.model, {name: function}):
            logits = scores(network, images, spikes=spikes)
        check_several(logits)
        return logits.softmax(1).gather(1, check_labels(labels, logits)[:, None])[:, 0]

    return probability(lambda output: output) - probability(silence)


def retimed(
    spikes: Float[Tensor, "..."], generator: torch.Generator | None = None
) -> Float[Tensor, "T B C H W"]:
    """The same spikes at other times: each neuron's steps in an order of its own, drawn at random.

    ``spikes`` [T, B, C, H, W].  Every neuron keeps its count (and the sizes of its
    spikes), so what a network loses by it was told by time::

        with intervene(model, {"conv4": retimed}):
            logits = model(images)

    Raises ValueError unless the shape is [T, B, C, H, W]: a layer that is called step by step hands
    over one step, whose first axis is not time.
    """
    device = _check_sequence(spikes, generator)
    draws = torch.rand(spikes.shape, generator=generator, device=device)
    return spikes.gather(0, draws.argsort(dim=0).to(spikes.device))


def rolled(
    spikes: Float[Tensor, "..."], generator: torch.Generator | None = None
) -> Float[Tensor, "T B C H W"]:
    """The same spikes later by a number of steps of each neuron's own, drawn at random; what would
    come after the last step comes first.

    ``spikes`` [T, B, C, H, W].  Every neuron keeps its count and, in the circle of the steps, its
    intervals; who fires together, and how many fire at each step, is lost as it is in
    :func:`retimed`.  So the accuracy that is left here minus that of retimed spikes is what the
    intervals within a neuron tell where nothing else in time does: none of it is left to a network
    that compares neurons.  Raises ValueError as :func:`retimed`.
    """
    device, steps = _check_sequence(spikes, generator), len(spikes)
    later = torch.randint(steps, spikes.shape[1:], generator=generator, device=device)
    step = torch.arange(steps, device=spikes.device).view(-1, 1, 1, 1, 1)
    return spikes.gather(0, (step - later.to(spikes.device)) % steps)


def _check_sequence(spikes: Tensor, generator: torch.Generator | None) -> torch.device:
    """The device that draws for spikes of all steps, [T, B, C, H, W]."""
    check_finite(spikes, "spikes contain NaN or infinite values")
    check_generator(generator, optional=True)
    if spikes.ndim != 5:
        raise ValueError(
            f"expected spikes of shape [T, B, C, H, W], got {tuple(spikes.shape)}; a layer that is "
            "called step by step cannot be moved in time, one that is called with the whole "
            "sequence can"
        )
    return spikes.device if generator is None else generator.device


def exchanged(
    spikes: Float[Tensor, "T B C H W"], generator: torch.Generator
) -> Float[Tensor, "T B C H W"]:
    """The same spike trains at other neurons: those of an image that fire equally often exchange
    theirs, drawn at random.

    What :func:`retimed` takes away is every interval.  Here every neuron keeps its count, every
    train its intervals, and every step its number of spikes: only which neuron fires when is new.
    So it shows what a disturbance of much the same size costs that leaves the intervals as they
    are.  ``spikes`` 0/1.  Raises ValueError for a wrong shape, or values other than 0 and 1.
    """
    check_generator(generator)
    check_tensor(spikes)
    if spikes.ndim != 5:
        raise ValueError(f"expected spikes of shape [T, B, C, H, W], got {tuple(spikes.shape)}")
    check_spikes(spikes)
    trains = spikes.flatten(2)  # [T, B, neurons]
    count = trains.round().sum(0, dtype=torch.promote_types(spikes.dtype, torch.float32))
    draws = torch.rand(count.shape, generator=generator, device=generator.device)
    lot = draws.argsort(dim=1).to(count.device)
    to = count.argsort(dim=1, stable=True)  # both in the order of the counts
    of = lot.gather(1, count.gather(1, lot).argsort(dim=1, stable=True))
    moved = trains.gather(2, of.expand_as(trains))
    return torch.zeros_like(trains).scatter_(2, to.expand_as(trains), moved).view(spikes.shape)
