"""What a training of the paper's own size would cost: a step of the recipe `paper` on a few images,
timed again and again, and carried on to all images of Tiny-ImageNet and all epochs."""

import statistics

import torch

from benchmarks.growth import peak
from benchmarks.network import training_step
from benchmarks.timing import seconds
from snnlab.models import build
from snnlab.training import RECIPES

IMAGES, CLASSES = 100_000, 200  # of Tiny-ImageNet's training part
BATCH = 2  # so few that it fits into any memory; an image of a larger batch takes as long, or less
REPEATS = 5


def run():
    recipe = RECIPES["paper"]
    torch.manual_seed(0)
    model = build(recipe.architecture(CLASSES))
    images = torch.rand(BATCH, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    spikes = model.encode(images, torch.Generator().manual_seed(1))
    before = peak()
    step = training_step(model, spikes=spikes, labels=torch.arange(BATCH))
    step()  # lazy loading
    grown = (peak() - before) / BATCH
    yield row(recipe, [seconds(step, 1) / BATCH for _ in range(REPEATS)], grown)


def row(recipe, each, megabytes) -> dict:
    """Of the seconds that an image took each time: the hours of one seed, between the fastest and
    the slowest; and the memory of a batch, whose activations grow with its images."""
    found = {"low": min(each), "median": statistics.median(each), "high": max(each)}
    return {
        "work": f"one seed of the recipe paper: {recipe.epochs} epochs of {IMAGES} images",
        "repeats": len(each),
        "seconds of an image": found,
        "hours": {key: value * IMAGES * recipe.epochs / 3600 for key, value in found.items()},
        "gigabytes of a batch": megabytes * recipe.batch / 1024,
        "batch": recipe.batch,
        "parameters": sum(p.numel() for p in build(recipe.architecture(CLASSES)).parameters()),
    }
