"""Claim "ann": SAM works on networks without spikes too."""

from typing import Any

import numpy as np

from experiments import common
from experiments.common import ACTIVITY, CAM, LAYERS, SQUARED_ACTIVITY
from experiments.experiment import Experiment, Outcome
from experiments.study import Figure, Study
from snnlab.judge.localisation import energy, pointing_game

TITLE = "SAM works on ANNs too"
RULE = """
Energy in the box at conv6 of the ReLU twin, over the images whose box covers under half the image:
the squared activity, summed over the channels (our reading of SAM without time: its mean for
independent spikes grows with the squared rate), minus Grad-CAM for the true class. One figure: that
difference plus 0.02. Its interval lies above 0, with the same sign for every training seed: holds;
below 0: does not hold here; else undecided.
"""
HOURS = 0.2  # of which all is spent on the maps, which other claims need too
LAYER = "conv6"
NOT_WORSE = 0.02  # how much less than Grad-CAM is not worse
FIGURE = Figure(
    "energy in small boxes, squared activity minus Grad-CAM, plus 0.02", 0.0, {"layer": LAYER}
)


def run(study: Study) -> Outcome:
    of_seed = common.maps_of_seeds(study)
    *_, notes = common.boxed(study.val)
    return Outcome(figures(study, of_seed), measures(study, of_seed), notes)


def figures(study: Study, of_seed: dict) -> list[dict]:
    lead = over_grad_cam(study, of_seed, energy, LAYER, SQUARED_ACTIVITY)
    return [study.figure(FIGURE, {seed: values + NOT_WORSE for seed, values in lead.items()})]


def measures(study: Study, of_seed: dict) -> list[dict]:
    found = []
    for title, judge in {"energy": energy, "pointing game": pointing_game}.items():
        for layer in LAYERS:
            for name in (ACTIVITY, SQUARED_ACTIVITY, CAM):
                values = common.box_scores_of(judge, of_seed, (layer, name), study.val)
                found.append(study.measure(title, values, map=name, layer=layer, boxes="small"))
            for name in (ACTIVITY, SQUARED_ACTIVITY):
                values = over_grad_cam(study, of_seed, judge, layer, name)
                labels: dict[str, Any] = {
                    "map": f"{name} minus {CAM}",
                    "layer": layer,
                    "boxes": "small",
                }
                found.append(study.measure(f"{title}, difference", values, **labels))
    return found


def over_grad_cam(study, of_seed: dict, judge, layer: str, name: str) -> dict[int, np.ndarray]:
    """A map's score in small boxes minus Grad-CAM's."""
    ours, cam = (
        common.box_scores_of(judge, of_seed, (layer, key), study.val) for key in (name, CAM)
    )
    return common.minus(ours, cam)


EXPERIMENT = Experiment("ann", TITLE, RULE, (FIGURE,), run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
