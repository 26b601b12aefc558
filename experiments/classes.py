"""Exploration "classes": SAM weighted by class, in both forms, against SAM and SNN Grad-CAM."""

from typing import Any

import numpy as np
import torch

from experiments import common
from experiments.common import SAM, SNN_CAM
from experiments.drawn_scenes import TEST, drawn, networks, said
from experiments.experiment import Experiment, Outcome
from experiments.study import Key, Study
from snnlab.explain import class_weighted_map, class_weighted_sam, snn_grad_cam
from snnlab.explain import spike_activation_map as plain
from snnlab.judge.localisation import energy
from snnlab.judge.stability import pearson
from snnlab.recording import record

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
LAYER = "conv6"
TRUE, OTHER = "true", "other"


def run(study: Study) -> Outcome:
    photos = study.val[:: max(1, len(study.val) // (4 if study.fast else SILENCED))]
    *_, notes = common.boxed(photos)
    single = of_photographs(study, photos)
    beside = of_pairs(study)
    asked, note = of_scenes(study)
    return Outcome([], single + beside + asked, [*notes, note])


def of_photographs(study: Study, photos) -> list[dict]:
    """Where, and what for."""
    found, measures = study.of_seeds("classes", on_photographs, photos), []
    for method in METHODS:
        labels: dict[str, Any] = {"map": method, "layer": LAYER}
        values = common.box_scores_of(energy, found, (method, TRUE), photos)
        measures.append(study.measure("energy in small boxes", values, **labels))
        alike = common.judged(pearson, found, (method, TRUE), (method, OTHER))
        values = {seed: 1 - correlation for seed, correlation in alike.items()}
        measures.append(study.measure("1 - correlation between two classes", values, **labels))
    return measures


def of_pairs(study: Study) -> list[dict]:
    chosen = common.pairs(study.val, 2 if study.fast else PAIRS, torch.Generator().manual_seed(1))
    found = study.of_seeds("classes-pairs", on_pairs, chosen)
    title = "pairs: share on a picture for its class minus for the other's"
    return [
        study.measure(title, {s: m[method] for s, m in found.items()}, map=method, layer=LAYER)
        for method in METHODS
    ]


def of_scenes(study: Study) -> tuple[list[dict], str]:
    """The measures, and a note on the network."""
    model, _, right = networks(study)
    found = study.kept("classes-scenes", on_scenes, study, model)
    title = "scenes: share on the object asked for, of both"
    measures = [
        study.measure(title, {0: found[method]}, map=method, layer=LAYER) for method in METHODS
    ]
    return measures, said("spiking", right["spiking"])


def all_maps(model, spikes, labels) -> dict[str, torch.Tensor]:
    """method -> the map of conv6 for these classes, summed over time."""
    with torch.no_grad(), record(model, LAYER) as recording:
        model(spikes=spikes)
    effect = common.effects(model, LAYER, recording[LAYER], labels)
    asked = {"layer": LAYER, "spikes": spikes}
    return {
        SAM: plain(recording[LAYER]).sum(0),
        SNN_CAM: snn_grad_cam(model, None, labels, **asked).total,
        GRADIENT: class_weighted_sam(model, None, labels, **asked).total,
        SILENCING: class_weighted_map(recording[LAYER], effect).sum(0),
    }


def on_photographs(study: Study, seed: int, photos) -> dict[Key, np.ndarray]:
    """(method, "true" or "other") -> [N, H, W]."""
    model = study.network(f"lif-s{seed}")

    def of_batch(start, part):
        spikes = common.encoded(study, model, part.images, start)
        with torch.no_grad():
            scores = model(spikes=spikes).scatter(1, part.labels[:, None], -torch.inf)
        return {
            (method, which): maps
            for which, labels in {TRUE: part.labels, OTHER: scores.argmax(1)}.items()
            for method, maps in all_maps(model, spikes, labels).items()
        }

    batches = study.batches(photos, f"for two classes, seed {seed}")
    return common.joined(of_batch(start, part) for start, part in batches)


def on_pairs(study: Study, seed: int, chosen: torch.Tensor) -> dict[Key, np.ndarray]:
    """For every pair: the left half's share for the left class minus for the right class."""
    model = study.network(f"lif-s{seed}")

    def of_batch(start):
        both = [study.val[chosen[start : start + 25, i]] for i in (0, 1)]
        images = torch.cat([photos.images for photos in both], -1).to(study.device)
        spikes = common.encoded(study, model, images, start)
        left, right = (all_maps(model, spikes, photos.labels.to(study.device)) for photos in both)
        return {method: left_share(left[method]) - left_share(right[method]) for method in METHODS}

    return common.joined(of_batch(start) for start in range(0, len(chosen), 25))


def left_share(maps: torch.Tensor) -> torch.Tensor:
    left, both = maps[..., : maps.shape[-1] // 2].sum((1, 2)), maps.sum((1, 2))
    return common.mass_share(left, both)


def on_scenes(study: Study, model) -> dict[Key, np.ndarray]:
    """For every scene with two objects, asked for the first: its share of the mass on both."""
    scenes, photos = drawn(10 if study.fast else TEST // 2, 4, two_objects=True)

    def of_batch(start, part):
        spikes = common.encoded(study, model, part.images, start)
        place, found = slice(start, start + len(part)), {}
        for method, maps in all_maps(model, spikes, part.labels).items():
            maps = common.at_image_size(maps.cpu().numpy())
            mine, theirs = (
                (maps * masks[place]).sum((1, 2)) for masks in (scenes.objects, scenes.distractors)
            )
            found[method] = common.mass_share(mine, mine + theirs)
        return found

    batches = study.batches(photos, "scenes with two objects")
    return common.joined(of_batch(start, part) for start, part in batches)


EXPERIMENT = Experiment("classes", TITLE, RULE, (), run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
