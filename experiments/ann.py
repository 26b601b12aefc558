"""Claim "ann": SAM works on networks without spikes too."""

from typing import Any

import numpy as np

from experiments import common
from experiments.common import ACTIVITY, CAM, EDGES, LAYERS, SQUARED_ACTIVITY
from experiments.experiment import Experiment, Outcome
from experiments.study import Figure, Study
from snnlab.judge.localisation import energy, pointing_game

TITLE = "SAM works on ANNs too"
RULE = """
Shuffled energy at conv6 of the ReLU twin, over the images whose box covers under half the image:
the share of a map that lies in its own image's box, minus the mean share that the maps of the
images of other classes have in that box. One figure: that of the squared activity, summed over the
channels (our reading of SAM without time: its mean for independent spikes grows with the squared
rate), minus that of Grad-CAM for the true class, plus 0.02, which is allowed for. It passes if its
intervals over images and over classes lie above 0 and its sign is the same for every training seed:
holds; both intervals lie below 0: does not hold here; else undecided. It is undecided too where
Grad-CAM's own shuffled energy is under 0.04 in a seed, twice what is allowed for: there a map that
says nothing would not be worse either. The edges of the image, which no network has seen, stand
beside it.
"""
HOURS = 0.2  # of which all is spent on the maps, which other claims need too
LAYER = "conv6"
NOT_WORSE = 0.02  # how much less than Grad-CAM is not worse
TOLD = 0.04  # shuffled energy of Grad-CAM, at least
FIGURE = Figure(
    "shuffled energy, squared activity minus Grad-CAM, plus what is allowed for",
    0.0,
    {"layer": LAYER},
    plus=NOT_WORSE,
)


def run(study: Study) -> Outcome:
    of_seed = common.maps_of_seeds(study)
    *_, notes = common.boxed(study.val)
    invalid = common.finds_nothing(study, of_seed, LAYER, TOLD)
    return Outcome(figures(study, of_seed), measures(study, of_seed), notes, invalid)


def figures(study: Study, of_seed: dict) -> list[dict]:
    lead = over_grad_cam(study, of_seed, LAYER, SQUARED_ACTIVITY)
    return [study.figure(FIGURE, lead, classes=study.val.labels.numpy())]


def measures(study: Study, of_seed: dict) -> list[dict]:
    found = []
    for layer in LAYERS:
        for name in (ACTIVITY, SQUARED_ACTIVITY, CAM):
            values = common.shuffled_of(of_seed, (layer, name), study.val)
            found.append(study.measure("shuffled energy", values, map=name, layer=layer))
            for title, judge in {"energy": energy, "pointing game": pointing_game}.items():
                values = common.box_scores_of(judge, of_seed, (layer, name), study.val)
                found.append(study.measure(title, values, map=name, layer=layer, boxes="small"))
        for name in (ACTIVITY, SQUARED_ACTIVITY):
            values = over_grad_cam(study, of_seed, layer, name)
            labels: dict[str, Any] = {"map": f"{name} minus {CAM}", "layer": layer}
            found.append(study.measure("shuffled energy, difference", values, **labels))
    values = dict.fromkeys(of_seed, common.shuffled(common.blind_maps(study.val)[EDGES], study.val))
    found.append(study.measure("shuffled energy", values, map=EDGES, layer="none"))
    return found + by_class(study, of_seed)


def by_class(study: Study, of_seed: dict) -> list[dict]:
    """The lead over Grad-CAM in each class of which there are two images or more."""
    lead, labels = over_grad_cam(study, of_seed, LAYER, SQUARED_ACTIVITY), study.val.labels.numpy()
    found = []
    for i, name in enumerate(study.val.classes):
        values = {seed: common.only(one, labels == i) for seed, one in lead.items()}
        if min((~np.isnan(one)).sum() for one in values.values()) > 1:
            title = "shuffled energy, squared activity minus Grad-CAM, of a class"
            of_class: dict[str, Any] = {"layer": LAYER, "class": name}
            found.append(study.measure(title, values, **of_class))
    return found


def over_grad_cam(study: Study, of_seed: dict, layer: str, name: str) -> dict[int, np.ndarray]:
    """A map's shuffled energy minus Grad-CAM's."""
    ours, cam = (common.shuffled_of(of_seed, (layer, key), study.val) for key in (name, CAM))
    return common.minus(ours, cam)


EXPERIMENT = Experiment("ann", TITLE, RULE, (FIGURE,), run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
