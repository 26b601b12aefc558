"""Training on several processes, each with its share of the batch: `python -m helpers.processes
FOLDER COUNT` trains a tiny network of each kind for two epochs and writes what came of it."""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy

from helpers.kills import photos
from helpers.tiny import generator
from snnlab.data import Sequences
from snnlab.models import VGG, SpikingVGG
from snnlab.training import Recipe, fit

WIDTHS = (4,) * 8
WHOLE = 8  # samples in a batch of all processes together
# Steps of plain gradient descent, so that what differs in a weight differs in a gradient
STILL = Recipe(widths=WIDTHS, epochs=2, batch=WHOLE, rate=0.05, average=0.5, augmentation=0.0)
SPIKING = replace(STILL, network="spiking", steps=3)


def trained(fabric, folder):
    for recipe in (STILL, SPIKING):
        recipe = replace(recipe, batch=WHOLE // fabric.world_size)
        torch.manual_seed(3)
        if recipe.network == "relu":
            model, data = VGG(4, WIDTHS), photos(16)
        else:
            model = SpikingVGG(4, recipe.steps, WIDTHS)
            spikes = torch.rand(3, 16, 3, 16, 16, generator=generator()).round()
            data = Sequences(spikes, torch.arange(16) % 4, tuple("abcd"))
        run = folder / recipe.network
        found = fit(model.double(), data_in_double(data), recipe, run, fabric=fabric)
        if fabric.is_global_zero:
            torch.save(found.state_dict(), run / "found.pt")


def data_in_double(data):
    return data if isinstance(data, Sequences) else replace(data, images=data.images.double())


def main(folder, count):
    torch.set_num_threads(1)
    several = {"strategy": DDPStrategy(start_method="fork", process_group_backend="gloo")}
    settings = {"accelerator": "cpu", "devices": count, "precision": "64-true"}
    fabric = Fabric(**settings, **(several if count > 1 else {}))
    fabric.launch(trained, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
