"""Exploration "classes": SAM weighted by class, in both forms, against SAM and SNN Grad-CAM."""

import numpy as np
import torch

from experiments import maps as made
from experiments.drawn_scenes import TEST, drawn, networks
from experiments.maps import SAM, SNN_CAM
from experiments.protocol import Experiment, Outcome, Study
from snnlab.explain import class_weighted_map, class_weighted_sam, snn_grad_cam
from snnlab.explain import spike_activation_map as plain
from snnlab.judge.localisation import energy
from snnlab.judge.stability import pearson
from snnlab.recording import record
from snnlab.results import phrase

TITLE = "Does weighting by class tell what for, and still where?"
RULE = """
Exploratory, no verdict. SAM weighted by the surrogate gradients' alpha, and by the true effect of
silencing each channel, against SAM and SNN Grad-CAM, at conv6, summed over time. Where: energy in
boxes under half the image, for the true class. What for: 1 minus the correlation of the maps of the
true class and of the other class with the highest score; on two photographs side by side, the share
of the map on the first one for its class minus that for the other's class; on drawn scenes with two
objects, the share of the map's mass on both objects that lies on the one asked for.
"""
HOURS = 0.4
GRADIENT, SILENCING = "class-weighted SAM, gradient", "class-weighted SAM, silencing"
METHODS = (SAM, SNN_CAM, GRADIENT, SILENCING)
SILENCED, PAIRS = 300, 200


def run(study: Study) -> Outcome:
    measures = []
    stride = max(1, len(study.val) // (4 if study.fast else SILENCED))
    photos = study.val[::stride]
    *_, notes = made.boxed(photos)
    single = {
        s: study.kept(f"classes-s{s}", lambda s=s: on_photographs(study, s, photos))
        for s in study.seeds
    }
    for method in METHODS:
        labels = {"map": method, "layer": "conv6"}
        values = {
            s: made.small_box_scores(energy, m[f"{method}|true"], photos) for s, m in single.items()
        }
        measures.append(study.measure("energy in small boxes", values, **labels))
        values = {
            s: 1
            - pearson(*(torch.as_tensor(m[f"{method}|{c}"]) for c in ("true", "other"))).numpy()
            for s, m in single.items()
        }
        measures.append(study.measure("1 - correlation between two classes", values, **labels))

    chosen = made.pairs(study.val, 2 if study.fast else PAIRS, torch.Generator().manual_seed(1))
    beside = {
        s: study.kept(f"classes-pairs-s{s}", lambda s=s: on_pairs(study, s, chosen))
        for s in study.seeds
    }
    for method in METHODS:
        title = "pairs: share on a picture for its class minus for the other's"
        values = {s: m[method] for s, m in beside.items()}
        measures.append(study.measure(title, values, map=method, layer="conv6"))

    model, _, right = networks(study)
    notes.append(f"Drawn scenes: accuracy {phrase(right['spiking'])} with one object.")
    scenes = study.kept("classes-scenes", lambda: on_scenes(study, model))
    for method in METHODS:
        title = "scenes: share on the object asked for, of both"
        values = {0: scenes[method]}
        measures.append(study.measure(title, values, map=method, layer="conv6"))
    return Outcome([], measures, notes, descriptive=True)


def all_maps(model, spikes, labels) -> dict[str, torch.Tensor]:
    """method -> the map of conv6 for these classes, summed over time."""
    with torch.no_grad(), record(model, "conv6") as recording:
        model(spikes=spikes)
    effect = made.effects(model, "conv6", recording["conv6"], labels)
    asked = {"layer": "conv6", "spikes": spikes}
    return {
        SAM: plain(recording["conv6"]).sum(0),
        SNN_CAM: snn_grad_cam(model, None, labels, **asked).total,
        GRADIENT: class_weighted_sam(model, None, labels, **asked).total,
        SILENCING: class_weighted_map(recording["conv6"], effect).sum(0),
    }


def on_photographs(study: Study, seed: int, photos) -> dict[str, np.ndarray]:
    model, rows = study.network(f"lif-s{seed}"), {}
    for start, part in study.batches(photos, f"for two classes, seed {seed}"):
        spikes = made.encoded(study, model, part.images, start)
        with torch.no_grad():
            scores = model(spikes=spikes).scatter(1, part.labels[:, None], -torch.inf)
        for which, labels in {"true": part.labels, "other": scores.argmax(1)}.items():
            for method, maps in all_maps(model, spikes, labels).items():
                rows.setdefault(f"{method}|{which}", []).append(maps.cpu().numpy())
    return {key: np.concatenate(parts) for key, parts in rows.items()}


def on_pairs(study: Study, seed: int, chosen: torch.Tensor) -> dict[str, np.ndarray]:
    """For every pair: the left half's share for the left class minus for the right class."""
    model, rows = study.network(f"lif-s{seed}"), {}
    for start in range(0, len(chosen), 25):
        a, b = (study.val[chosen[start : start + 25, i]] for i in (0, 1))
        images = torch.cat([a.images, b.images], -1).to(study.device)
        spikes = made.encoded(study, model, images, start)
        shares = []
        for photos in (a, b):
            found = all_maps(model, spikes, photos.labels.to(study.device))
            shares.append({method: _left_share(maps) for method, maps in found.items()})
        for method in METHODS:
            rows.setdefault(method, []).append(
                (shares[0][method] - shares[1][method]).cpu().numpy()
            )
    return {method: np.concatenate(parts) for method, parts in rows.items()}


def _left_share(maps: torch.Tensor) -> torch.Tensor:
    left, both = maps[..., : maps.shape[-1] // 2].sum((1, 2)), maps.sum((1, 2))
    return torch.where(both > 0, left / both.clamp(min=1e-30), 0.5)


def on_scenes(study: Study, model) -> dict[str, np.ndarray]:
    """For every scene with two objects, asked for the first: its share of the mass on both."""
    scenes, photos = drawn(10 if study.fast else TEST // 2, 4, two_objects=True)
    rows = {}
    for start, part in study.batches(photos, "scenes with two objects"):
        spikes = made.encoded(study, model, part.images, start)
        for method, maps in all_maps(model, spikes, part.labels).items():
            maps = made.at_image_size(maps.cpu().numpy())
            place = slice(start, start + len(part))
            mine, theirs = (
                (maps * masks[place]).sum((1, 2)) for masks in (scenes.objects, scenes.distractors)
            )
            both = mine + theirs
            share = torch.where(both > 0, mine / both.clamp(min=1e-30), 0.5)
            rows.setdefault(method, []).append(share.numpy())
    return {method: np.concatenate(parts) for method, parts in rows.items()}


EXPERIMENT = Experiment("classes", TITLE, RULE, run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
