"""Claim "smoothing": SNN Grad-CAM smears, because of its approximated backward gradient."""

import numpy as np
import torch
from scipy.stats import spearmanr

from experiments import maps as made
from experiments.maps import ACTIVITY, CAM, LAYERS, RATE, SAM, SNN_CAM
from experiments.protocol import Experiment, Outcome, Study
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


def run(study: Study) -> Outcome:
    of_seed = {seed: made.network_maps(study, seed) for seed in study.seeds}
    swept = {s: study.kept(f"widths-s{s}", lambda s=s: sweep(study, s)) for s in study.seeds}

    def spread(judge, key):
        return {s: judge(torch.as_tensor(of_seed[s][key])).numpy() for s in study.seeds}

    def difference(layer):
        return made.minus(
            spread(half_mass_area, f"{layer}|{SNN_CAM}"), spread(half_mass_area, f"{layer}|{CAM}")
        )

    grown = {
        layer: {s: growth(swept[s][layer]) for s in study.seeds} for layer in ("conv4", "conv6")
    }
    name, grows = "half-mass area, SNN Grad-CAM minus twin", "half-mass area, narrowest to widest"
    figures = [
        study.measure(name, difference("conv6"), margin=0.02, layer="conv6"),
        study.measure(grows, grown["conv6"], margin=0.02, layer="conv6"),
    ]
    measures = [
        study.measure(name, difference("conv4"), layer="conv4"),
        study.measure(name, difference("conv8"), layer="conv8"),
        study.measure(grows, grown["conv4"], layer="conv4"),
    ]
    for layer in LAYERS:
        for key in (SNN_CAM, CAM, SAM, RATE, ACTIVITY):
            for title, judge in {
                "half-mass area": half_mass_area,
                "entropy": entropy,
                "total variation": total_variation,
            }.items():
                values = spread(judge, f"{layer}|{key}")
                measures.append(study.measure(title, values, map=key, layer=layer))
    for layer in grown:
        for i, width in enumerate(WIDTHS):
            values = {s: swept[s][layer][:, i] for s in study.seeds}
            labels = {"map": SNN_CAM, "layer": layer, "width": width}
            measures.append(study.measure("half-mass area by width", values, **labels))

    found = {s: study.kept(f"alpha-s{s}", lambda s=s: weights(study, s)) for s in study.seeds}
    titles = {
        "sign": "alpha: share of the true effect with the right sign",
        "rank": "alpha: rank correlation with the true effect",
        "predicted": "alpha times spikes: rank correlation with the true effect",
        "spread": "alpha: deviation over the channels by their mean size",
    }
    for key, title in titles.items():
        for width in WIDTHS:
            values = {s: found[s][f"{key}|{width}"] for s in study.seeds}
            measures.append(study.measure(title, values, layer="conv6", width=width))
    return Outcome(figures, measures, [f"{len(study.val)} images."])


def growth(areas: np.ndarray) -> np.ndarray:
    """How much areas [N, widths] grow from the narrowest width to the widest, along the straight
    line over the logarithm of the width that fits them best."""
    x = np.log2(WIDTHS)
    x = x - x.mean()
    return areas @ x / (x @ x) * (x[-1] - x[0])


def sweep(study: Study, seed: int) -> dict[str, np.ndarray]:
    """layer -> half-mass area of SNN Grad-CAM [N, widths]."""
    model = study.network(f"lif-s{seed}")
    areas = {"conv4": [], "conv6": []}
    for start, part in study.batches(study.val, f"surrogate widths, seed {seed}"):
        spikes = made.encoded(study, model, part.images, start)
        rows = {layer: [] for layer in areas}
        for width in WIDTHS:
            with surrogate_gradient(model, triangle(width=width)):
                for layer in areas:
                    cam = snn_grad_cam(model, None, part.labels, layer=layer, spikes=spikes)
                    rows[layer].append(half_mass_area(cam.total).cpu())
        for layer, columns in rows.items():
            areas[layer].append(torch.stack(columns, 1))
    return {layer: torch.cat(parts).numpy() for layer, parts in areas.items()}


def weights(study: Study, seed: int) -> dict[str, np.ndarray]:
    """How well alpha at conv6 tells what silencing a channel does, image by image.

    Channels without any effect (silent ones) are left out.  Alpha times the channel's spikes is
    what the gradient predicts for the effect.
    """
    model = study.network(f"lif-s{seed}")
    photos = study.val[:: max(1, len(study.val) // (3 if study.fast else SILENCED))]
    rows = {}
    for start, part in study.batches(photos, f"true effects, seed {seed}"):
        spikes = made.encoded(study, model, part.images, start)
        with torch.no_grad(), record(model, "conv6") as recording:
            model(spikes=spikes)
        effect = made.effects(model, "conv6", recording["conv6"], part.labels)
        for width in WIDTHS:
            with surrogate_gradient(model, triangle(width=width)):
                alpha, count = alpha_and_count(model, spikes, part.labels, "conv6")
            for one, spikes_of, true in zip(
                *(x.cpu().numpy() for x in (alpha, count, effect)), strict=True
            ):
                active = true != 0
                right = (np.sign(one) == np.sign(true))[active]
                size = np.abs(true[active])
                values = {
                    "sign": (right * size).sum() / size.sum(),
                    "rank": spearmanr(one[active], true[active]).statistic,
                    "predicted": spearmanr((one * spikes_of)[active], true[active]).statistic,
                    "spread": one.std() / np.abs(one).mean(),
                }
                for key, value in values.items():
                    rows.setdefault(f"{key}|{width}", []).append(value)
    return {name: np.array(values) for name, values in rows.items()}


def alpha_and_count(model, spikes, labels, layer) -> tuple[torch.Tensor, torch.Tensor]:
    """The channels' weights of SNN Grad-CAM, and their spikes: both [B, C]."""
    with record(model, layer, keep_graph=True) as recording:
        logits = model(spikes=spikes)
    activity = recording[layer]
    (gradient,) = torch.autograd.grad(logits.gather(1, labels[:, None]).sum(), activity)
    return gradient.mean((-2, -1)).sum(0), activity.detach().sum((0, 3, 4))


EXPERIMENT = Experiment("smoothing", TITLE, RULE, run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
