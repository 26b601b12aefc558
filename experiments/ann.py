"""Claim "ann": SAM works on networks without spikes too."""

from experiments import maps as made
from experiments.maps import ACTIVITY, CAM, LAYERS, SQUARED_ACTIVITY
from experiments.protocol import Experiment, Outcome, Study
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
MARGIN = 0.02


def run(study: Study) -> Outcome:
    of_seed = {seed: made.network_maps(study, seed) for seed in study.seeds}
    *_, notes = made.boxed(study.val)

    def scores(judge, key):
        return {s: made.small_box_scores(judge, of_seed[s][key], study.val) for s in study.seeds}

    def minus(judge, first, second, plus=0.0):
        one, other = scores(judge, first), scores(judge, second)
        return {s: one[s] - other[s] + plus for s in study.seeds}

    squared, cam = f"conv6|{SQUARED_ACTIVITY}", f"conv6|{CAM}"
    figure = study.measure(
        "energy in small boxes, squared activity minus Grad-CAM, plus 0.02",
        minus(energy, squared, cam, MARGIN),
        margin=0.0,
        layer="conv6",
    )
    measures = []
    for title, judge in {"energy": energy, "pointing game": pointing_game}.items():
        for layer in LAYERS:
            for name in (ACTIVITY, SQUARED_ACTIVITY, CAM):
                labels = {"map": name, "layer": layer, "boxes": "small"}
                measures.append(study.measure(title, scores(judge, f"{layer}|{name}"), **labels))
            for name in (ACTIVITY, SQUARED_ACTIVITY):
                values = minus(judge, f"{layer}|{name}", f"{layer}|{CAM}")
                labels = {"map": f"{name} minus {CAM}", "layer": layer, "boxes": "small"}
                measures.append(study.measure(f"{title}, difference", values, **labels))
    return Outcome([figure], measures, notes)


EXPERIMENT = Experiment("ann", TITLE, RULE, run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
