"""Claim "smoothing": SNN Grad-CAM smears, because of its approximated backward gradient."""

import itertools
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from experiments import common
from experiments.common import ACTIVITY, CAM, LAYERS, RATE, SAM, SNN_CAM
from experiments.experiment import Experiment, Outcome
from experiments.study import Figure, Key, Study
from snnlab.explain import snn_grad_cam
from snnlab.judge.baselines import cut_once
from snnlab.judge.smoothness import entropy, half_mass_area, total_variation
from snnlab.neurons import surrogate_gradient
from snnlab.recording import record
from snnlab.surrogate import triangle

TITLE = "SNN Grad-CAM smears, because its gradient is a stand-in"
RULE = """
The smallest share of the area that holds half of a map's mass, at conv6, for the true class. Maps
of the spiking network are summed over time and cut at 0 once, after the sum, as the twin's are: cut
at every step, as in the paper, they are wider for a reason that no gradient has a part in. Two
figures. First: SNN Grad-CAM minus Grad-CAM of the ReLU twin, on the same images. Second: how much
that area of SNN Grad-CAM grows from the narrowest surrogate to the widest, by a straight line
through five widths (1/4, 1/2, 1, 2, 4; triangle of the same height; axis: the logarithm of the
width). A figure passes if it is at least 0.02, its intervals over images and over classes lie above
0 and its sign is the same for every training seed. Both pass: holds; one: holds in part; both fail
(all intervals below 0.02): does not hold here; else undecided. Controls: conv8, where no surrogate
lies in the path, so that a gap there has another cause; conv4; and cut at every step. If the first
figure passes and conv8 has as large a gap, cut once, or a larger one, beyond that of the activity
without any weights (rate map minus the twin's activity), the claim is undecided: then what makes it
is at work without any surrogate. How much of the gap that is cut at every step each suspect
explains is printed beside it: the cuts, the activity without any weights, and the width of the
surrogate.
"""
HOURS = 1.2
WIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
SILENCED = 300  # images for the true effect of silencing a channel
LAYER = "conv6"
SWEPT = ("conv4", "conv6")  # the layers in whose paths surrogates lie
FREE = "conv8"  # and one in whose path there is none
ONCE, EACH = "cut once", "cut at every step"
GAP, GROWTH = "half-mass area, SNN Grad-CAM minus twin", "half-mass area, narrowest to widest"
AGAINST_TWIN = Figure(f"{GAP}, {ONCE}", 0.02, {"layer": LAYER})
BY_WIDTH = Figure(f"{GROWTH}, {ONCE}", 0.02, {"layer": LAYER})
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
    once = study.of_seeds("cut-once", cut)
    swept = study.of_seeds("widths", sweep)
    alphas = study.of_seeds("alpha", weights)
    gaps = {ONCE: against_twin(maps, once), EACH: against_twin(maps)}
    found = controls(study, gaps, swept) + suspects(study, maps, gaps, swept)
    found += measures(study, maps, swept) + of_alpha(study, alphas)
    decides = figures(study, gaps, swept)
    doubt = invalid(decides[0], beyond_activity(maps, gaps[ONCE]))
    return Outcome(decides, found, [f"{len(study.val)} images."], doubt)


def figures(study: Study, gaps: dict, swept: dict) -> list[dict]:
    classes = study.val.labels.numpy()
    return [
        study.figure(AGAINST_TWIN, gaps[ONCE][LAYER], classes=classes),
        study.figure(BY_WIDTH, grown(swept, ONCE, LAYER), classes=classes),
    ]


def beyond_activity(maps: dict, gaps: dict) -> dict[str, float]:
    """By layer, the mean gap minus that of the activity, which no weights and no gradient make."""
    found = {}
    for layer in (LAYER, FREE):
        there = without_weights(maps, layer)
        found[layer] = float(np.mean([(gaps[layer][s] - there[s]).mean() for s in there]))
    return found


def invalid(against: dict, beyond: dict[str, float]) -> str:
    """Whether SNN Grad-CAM is wider also where no surrogate lies in its path."""
    if against["state"] != "passes" or beyond[FREE] < beyond[LAYER]:
        return ""
    return (
        f"beyond that of the activity the gap at {FREE}, which no surrogate makes, is "
        f"{beyond[FREE]:.3f}, not smaller than the {beyond[LAYER]:.3f} at {LAYER}"
    )


def without_weights(maps: dict, layer: str) -> dict[int, np.ndarray]:
    """How much wider the spiking network's activity is than the twin's."""
    return common.minus(
        *(common.judged(half_mass_area, maps, (layer, name)) for name in (RATE, ACTIVITY))
    )


def controls(study: Study, gaps: dict, swept: dict) -> list[dict]:
    """The same at other layers, and cut at every step."""
    found = []
    for how, layer in itertools.product((ONCE, EACH), LAYERS):
        if (how, layer) != (ONCE, LAYER):
            found.append(study.measure(f"{GAP}, {how}", gaps[how][layer], layer=layer))
            if layer in SWEPT:
                values = grown(swept, how, layer)
                found.append(study.measure(f"{GROWTH}, {how}", values, layer=layer))
    return found


def suspects(study: Study, maps: dict, gaps: dict, swept: dict) -> list[dict]:
    """What of the gap that is cut at every step each of them explains."""
    found = []
    for layer in LAYERS:
        of = {"the cut at every step": common.minus(gaps[EACH][layer], gaps[ONCE][layer])}
        of["the activity, without weights"] = without_weights(maps, layer)
        if layer in SWEPT:
            areas = {seed: one[ONCE, layer] for seed, one in swept.items()}
            middle = WIDTHS.index(1.0)
            of["the surrogate, its width against the narrowest"] = {
                seed: one[:, middle] - one[:, 0] for seed, one in areas.items()
            }
        for suspect, values in of.items():
            labels: dict[str, Any] = {"suspect": suspect, "layer": layer}
            found.append(study.measure("part of the gap", values, **labels))
    return found


def measures(study: Study, maps: dict, swept: dict) -> list[dict]:
    found = []
    for layer in LAYERS:
        for name in (SNN_CAM, CAM, SAM, RATE, ACTIVITY):
            for title, judge in JUDGES.items():
                values = common.judged(judge, maps, (layer, name))
                found.append(study.measure(title, values, map=name, layer=layer))
    for layer, how in itertools.product(SWEPT, (ONCE, EACH)):
        for i, width in enumerate(WIDTHS):
            values = {seed: areas[how, layer][:, i] for seed, areas in swept.items()}
            labels: dict[str, Any] = {"map": f"{SNN_CAM}, {how}", "layer": layer, "width": width}
            found.append(study.measure("half-mass area by width", values, **labels))
    return found


def of_alpha(study: Study, alphas: dict) -> list[dict]:
    found = []
    for key, title in WEIGHTS.items():
        for width in WIDTHS:
            values = {seed: alpha[key, width] for seed, alpha in alphas.items()}
            found.append(study.measure(title, values, layer=LAYER, width=width))
    return found


def against_twin(maps: dict, once: dict | None = None) -> dict[str, dict[int, np.ndarray]]:
    """By layer, the half-mass area of SNN Grad-CAM minus that of the twin's Grad-CAM; with the
    areas of maps that are cut ``once``, of those."""
    found = {}
    for layer in LAYERS:
        spiking, twin = (
            common.judged(half_mass_area, maps, (layer, name)) for name in (SNN_CAM, CAM)
        )
        if once is not None:
            spiking = {seed: areas[layer] for seed, areas in once.items()}
        found[layer] = common.minus(spiking, twin)
    return found


def grown(swept: dict, how: str, layer: str) -> dict[int, np.ndarray]:
    return {seed: growth(areas[how, layer]) for seed, areas in swept.items()}


def growth(areas: np.ndarray) -> np.ndarray:
    """How much areas [N, widths] grow from the narrowest width to the widest, along the straight
    line over the logarithm of the width that fits them best."""
    x = np.log2(WIDTHS)
    x = x - x.mean()
    return areas @ x / (x @ x) * (x[-1] - x[0])


def cut(study: Study, seed: int) -> dict[Key, np.ndarray]:
    """layer -> half-mass area of SNN Grad-CAM that is cut once [N]."""
    model = study.network(f"lif-s{seed}")

    def of_batch(start, part):
        spikes = common.encoded(study, model, part.images, start)
        return {
            layer: half_mass_area(cut_once(model, None, part.labels, layer=layer, spikes=spikes))
            for layer in LAYERS
        }

    batches = study.batches(study.val, f"cut once, seed {seed}")
    return common.joined(of_batch(start, part) for start, part in batches)


def sweep(study: Study, seed: int) -> dict[Key, np.ndarray]:
    """(how it is cut, layer) -> half-mass area of SNN Grad-CAM [N, widths]."""
    model = study.network(f"lif-s{seed}")

    def of_batch(start, part):
        spikes = common.encoded(study, model, part.images, start)
        columns: dict[Key, list[torch.Tensor]] = {}
        for width in WIDTHS:
            with surrogate_gradient(model, triangle(width=width)):
                for layer in SWEPT:
                    asked = {"layer": layer, "spikes": spikes}
                    maps = {
                        ONCE: cut_once(model, None, part.labels, **asked),
                        EACH: snn_grad_cam(model, None, part.labels, **asked).total,
                    }
                    for how, heat in maps.items():
                        columns.setdefault((how, layer), []).append(half_mass_area(heat).cpu())
        return {key: torch.stack(areas, 1) for key, areas in columns.items()}

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
