"""Networks that name the object of a drawn scene: trained once, for the experiments that need exact
masks."""

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from snnlab import zoo
from snnlab.data import Photographs, scenes
from snnlab.evaluation import accuracy, predict
from snnlab.models import VGG, WIDTHS, SpikingVGG
from snnlab.results import phrase
from snnlab.training import RECIPES, fit

# a short training needs a short running average, else the start is still in it
RELU = replace(RECIPES["relu"], epochs=8, augmentation=0.0, average=0.98)
LIF = replace(RECIPES["lif"], epochs=4, short_epochs=3, augmentation=0.0, average=0.98)
LEARNED = 0.8  # accuracy under which a network has not learned the scenes, and a note says so
TRAIN, TEST = 4000, 500


def drawn(count: int, seed: int, two_objects: bool = False):
    """Scenes, and the same as photographs with labels."""
    made = scenes(count, torch.Generator().manual_seed(seed), two_objects=two_objects)
    names = tuple(f"scene {i}" for i in range(count))
    return made, Photographs(made.images, made.labels, names, None, made.classes)


def networks(study) -> tuple[nn.Module, nn.Module, dict]:
    """The spiking network and its ReLU twin, and their accuracy on scenes that they have not seen.

    Trained where the study's folder does not hold them yet.
    """
    folder = study.folder / "scenes"
    relu: dict[str, Any]
    lif: dict[str, Any]
    if study.fast:
        widths, relu, lif, count = (4,) * 8, {"epochs": 1}, {"epochs": 2, "short_epochs": 1}, 128
    else:
        widths, relu, lif, count = WIDTHS, {}, {}, TRAIN
    if set(zoo.names(folder)) != {"lif", "relu"} or study.fast:
        _, train = drawn(count, 1)
        classes = len(train.classes)
        torch.manual_seed(0)
        twin = fit(VGG(classes, widths), train, replace(RELU, **relu), folder / "runs-relu")
        untrained = SpikingVGG(classes, LIF.steps, widths)
        untrained.start_from(twin)
        model = fit(untrained, train, replace(LIF, **lif), folder / "runs-lif", twin)
        for name, network in {"relu": twin, "lif": model}.items():
            zoo.save(name, network, {"data": f"{count} drawn scenes, seed 1"}, folder)
    model, twin = (zoo.load(name, folder).to(study.device) for name in ("lif", "relu"))
    _, test = drawn(TEST if not study.fast else 20, 2)
    right = {
        name: accuracy(predict(network, test.images), test.labels)
        for name, network in {"spiking": model, "twin": twin}.items()
    }
    return model, twin, right


def said(name: str, right: dict) -> str:
    """A note on how many scenes a network names rightly, and whether that is enough."""
    few = (
        f", under {LEARNED:.0%}: it has not learned the scenes" if right["value"] < LEARNED else ""
    )
    return f"Drawn scenes, {name} network: accuracy {phrase(right)}{few}."
