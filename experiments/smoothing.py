"""Claim "smoothing": SNN Grad-CAM smears, because of its approximated backward gradient."""

from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from experiments import common
from experiments.common import ACTIVITY, CAM, LAYERS, RATE, SAM, SNN_CAM
from experiments.experiment import Experiment, Outcome
from experiments.study import Figure, Key, Study
from snnlab.explain import snn_grad_cam
from snnlab.judge.smoothness import entropy, half_mass_area, total_variation
from snnlab.neurons import surrogate_gradient
from snnlab.recording import record
from snnlab.surrogate import triangle

TITLE = "SNN Grad-CAM smears, because its gradient is a stand-in"
RULE = """
The smallest share of the area that holds half of the map's mass, at conv6, for the true class, maps
summed over time. Two figures. First: SNN Grad-CAM minus Grad-CAM of the ReLU twin, on the same
images. Second: how much that area of SNN Grad-CAM grows from the narrowest surrogate to the widest,
by a straight line through five widths (1/4, 1/2, 1, 2, 4; triangle of the same height; axis: the
logarithm of the width). A figure passes if it is at least 0.02, its interval lies above 0 and its
sign is the same for every training seed. Both pass: holds; one: holds in part; both intervals lie
below 0.02: does not hold here. conv8, where no surrogate lies in the path, is the control: a
difference there has another cause.
"""
HOURS = 0.8
WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
SILENCED = 300  # images for the true effect of silencing a channel
LAYER = "conv6"
SWEPT = ("conv4", "conv6")  # the layers in whose paths surrogates lie
AGAINST_TWIN = Figure("half-mass area, SNN Grad-CAM minus twin", 0.02, {"layer": LAYER})
BY_WIDTH = Figure("half-mass area, narrowest to widest", 0.02, {"layer": LAYER})
JUDGES = {
    "half-mass area": half_mass_area,
    "entropy": entropy,
    "total variation": total_variation,
}
WEIGHTS = {
    "sign": "alpha: share of the true effect with the right sign",
    "rank": "alpha: rank correlation with the true effect",
    "predicted": "alpha times spikes: rank correlation with the true effect",
    "spread": "alpha: deviation over the channels by their mean size",
}


def run(study: Study) -> Outcome:
    maps = common.maps_of_seeds(study)
    swept = study.of_seeds("widths", sweep)
    alphas = study.of_seeds("alpha", weights)
    found = measures(study, maps, swept) + of_alpha(study, alphas)
    return Outcome(figures(study, maps, swept), found, [f"{len(study.val)} images."])


def figures(study: Study, maps: dict, swept: dict) -> list[dict]:
    return [
        study.figure(AGAINST_TWIN, against_twin(maps, LAYER)),
        study.figure(BY_WIDTH, grown(swept, LAYER)),
    ]


def measures(study: Study, maps: dict, swept: dict) -> list[dict]:
    found = [
        study.measure(AGAINST_TWIN.name, against_twin(maps, layer), layer=layer)
        for layer in ("conv4", "conv8")
    ]
    found.append(study.measure(BY_WIDTH.name, grown(swept, "conv4"), layer="conv4"))
    for layer in LAYERS:
        for name in (SNN_CAM, CAM, SAM, RATE, ACTIVITY):
            for title, judge in JUDGES.items():
                values = common.judged(judge, maps, (layer, name))
                found.append(study.measure(title, values, map=name, layer=layer))
    for layer in SWEPT:
        for i, width in enumerate(WIDTHS):
            values = {seed: areas[layer][:, i] for seed, areas in swept.items()}
            labels: dict[str, Any] = {"map": SNN_CAM, "layer": layer, "width": width}
            found.append(study.measure("half-mass area by width", values, **labels))
    return found


def of_alpha(study: Study, alphas: dict) -> list[dict]:
    found = []
    for key, title in WEIGHTS.items():
        for width in WIDTHS:
            values = {seed: alpha[key, width] for seed, alpha in alphas.items()}
            found.append(study.measure(title, values, layer=LAYER, width=width))
    return found


def against_twin(maps: dict, layer: str) -> dict[int, np.ndarray]:
    """The half-mass area of SNN Grad-CAM minus that of the twin's Grad-CAM."""
    spiking, twin = (common.judged(half_mass_area, maps, (layer, name)) for name in (SNN_CAM, CAM))
    return common.minus(spiking, twin)


def grown(swept: dict, layer: str) -> dict[int, np.ndarray]:
    return {seed: growth(areas[layer]) for seed, areas in swept.items()}


def growth(areas: np.ndarray) -> np.ndarray:
    """How much areas [N, widths] grow from the narrowest width to the widest, along the straight
    line over the logarithm of the width that fits them best."""
    x = np.log2(WIDTHS)
    x = x - x.mean()
    return areas @ x / (x @ x) * (x[-1] - x[0])


def sweep(study: Study, seed: int) -> dict[Key, np.ndarray]:
    """layer -> half-mass area of SNN Grad-CAM [N, widths]."""
    model = study.network(f"lif-s{seed}")

    def of_batch(start, part):
        spikes = common.encoded(study, model, part.images, start)
        columns = {layer: [] for layer in SWEPT}
        for width in WIDTHS:
            with surrogate_gradient(model, triangle(width=width)):
                for layer in SWEPT:
                    cam = snn_grad_cam(model, None, part.labels, layer=layer, spikes=spikes)
                    columns[layer].append(half_mass_area(cam.total).cpu())
        return {layer: torch.stack(areas, 1) for layer, areas in columns.items()}

    batches = study.batches(study.val, f"surrogate widths, seed {seed}")
    return common.joined(of_batch(start, part) for start, part in batches)


def weights(study: Study, seed: int) -> dict[Key, np.ndarray]:
    """(key of WEIGHTS, width) -> [N]: how well alpha at conv6 tells what silencing a channel does.

    Channels without any effect (silent ones) are left out.  Alpha times the channel's spikes is
    what the gradient predicts for the effect.
    """
    model = study.network(f"lif-s{seed}")

    def of_batch(start, part):
        spikes = common.encoded(study, model, part.images, start)
        with torch.no_grad(), record(model, LAYER) as recording:
            model(spikes=spikes)
        effect = common.effects(model, LAYER, recording[LAYER], part.labels)
        found = {}
        for width in WIDTHS:
            with surrogate_gradient(model, triangle(width=width)):
                alpha, count = alpha_and_count(model, spikes, part.labels, LAYER)
            each = zip(*(x.cpu().numpy() for x in (alpha, count, effect)), strict=True)
            values = [of_channels(*one) for one in each]
            found |= {(key, width): np.array([v[key] for v in values]) for key in WEIGHTS}
        return found

    photos = study.val[:: max(1, len(study.val) // (3 if study.fast else SILENCED))]
    batches = study.batches(photos, f"true effects, seed {seed}")
    return common.joined(of_batch(start, part) for start, part in batches)


def of_channels(alpha: np.ndarray, count: np.ndarray, effect: np.ndarray) -> dict[str, float]:
    """Of one image: the channels' weights and spikes against what silencing them does, all [C]."""
    active = effect != 0
    right = (np.sign(alpha) == np.sign(effect))[active]
    size = np.abs(effect[active])
    return {
        "sign": (right * size).sum() / size.sum(),
        "rank": spearmanr(alpha[active], effect[active]).statistic,
        "predicted": spearmanr((alpha * count)[active], effect[active]).statistic,
        "spread": alpha.std() / np.abs(alpha).mean(),
    }


def alpha_and_count(model, spikes, labels, layer) -> tuple[torch.Tensor, torch.Tensor]:
    """The channels' weights of SNN Grad-CAM, and their spikes: both [B, C]."""
    with record(model, layer, keep_graph=True) as recording:
        logits = model(spikes=spikes)
    activity = recording[layer]
    (gradient,) = torch.autograd.grad(logits.gather(1, labels[:, None]).sum(), activity)
    return gradient.mean((-2, -1)).sum(0), activity.detach().sum((0, 3, 4))


EXPERIMENT = Experiment("smoothing", TITLE, RULE, (AGAINST_TWIN, BY_WIDTH), run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
