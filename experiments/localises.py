"""Claim "localises": SAM, with neither gradient nor label, highlights the discriminative region."""

from typing import Any

import numpy as np
import torch

from experiments import common
from experiments.common import (
    CAM,
    COUNTS,
    EDGES,
    GAUSSIAN,
    PREDICTED,
    RANDOM,
    RATE,
    SAM,
    SNN_CAM,
)
from experiments.drawn_scenes import TEST, drawn, networks
from experiments.experiment import Experiment, Outcome
from experiments.study import Figure, Key, Study
from snnlab.explain import grad_cam, snn_grad_cam
from snnlab.judge.faithfulness import area_under, deletion, insertion
from snnlab.judge.localisation import energy, pointing_game, rank_accuracy
from snnlab.recording import record
from snnlab.results import phrase

TITLE = "SAM highlights the discriminative region, without gradient or label"
RULE = """
Energy in the box: the share of the map, summed over time, that lies in the object's box, at conv6,
over the images whose box covers under half the image. Two figures: SAM minus a Gaussian in the
middle of the image (sigma 16 pixels), and SAM minus the rate map. A figure passes if it is at least
0.02, its interval lies above 0 and its sign is the same for every training seed. Both pass: holds;
one: holds in part; both intervals lie below 0.02: does not hold here.
"""
HOURS = 0.6
FAITHFUL = 300  # images for insertion and deletion, the first of each class, seed 0
LAYER = "conv6"
NAME = "energy in small boxes, difference"
OVER_GAUSSIAN = Figure(NAME, 0.02, {"maps": f"SAM minus {GAUSSIAN}", "layer": LAYER})
OVER_RATE = Figure(NAME, 0.02, {"maps": f"SAM minus {RATE}", "layer": LAYER})


def run(study: Study) -> Outcome:
    of_seed = common.maps_of_seeds(study)
    blind = common.blind_maps(study.val)
    of_seed = {seed: maps | blind for seed, maps in of_seed.items()}
    *_, notes = common.boxed(study.val)
    # the maps of a layer, summed over time, and those that need no network
    keys: list[Key] = [
        key for key in of_seed[study.seeds[0]] if isinstance(key, tuple) and len(key) == 2
    ]
    measures = in_boxes(study, of_seed, [*keys, *blind]) + at_steps(study, of_seed)
    notes += empty(of_seed, keys)
    measures += faithfulness(study, of_seed[study.seeds[0]])
    scenes, about = on_scenes(study)
    return Outcome(figures(study, of_seed), measures + scenes, notes + about)


def figures(study: Study, of_seed: dict) -> list[dict]:
    sam, gaussian, rate = (
        common.box_scores_of(energy, of_seed, key, study.val)
        for key in ((LAYER, SAM), GAUSSIAN, (LAYER, RATE))
    )
    return [
        study.figure(OVER_GAUSSIAN, common.minus(sam, gaussian)),
        study.figure(OVER_RATE, common.minus(sam, rate)),
    ]


def in_boxes(study: Study, of_seed: dict, keys: list[Key]) -> list[dict]:
    _, _, small, _ = common.boxed(study.val)
    measures = []
    for key in keys:
        layer, name = key if isinstance(key, tuple) else ("none", key)
        for title, judge in {"energy": energy, "pointing game": pointing_game}.items():
            values = {
                s: common.box_scores(judge, maps[key], study.val) for s, maps in of_seed.items()
            }
            of_small = {s: common.only(value, small) for s, value in values.items()}
            for boxes, chosen in {"all": values, "small": of_small}.items():
                measures.append(study.measure(title, chosen, map=name, layer=layer, boxes=boxes))
    return measures


def at_steps(study: Study, of_seed: dict) -> list[dict]:
    measures = []
    for layer in common.LAYERS:
        for name in (SAM, SNN_CAM):
            steps = {s: maps[layer, name, "steps"] for s, maps in of_seed.items()}
            for t in range(steps[study.seeds[0]].shape[1]):
                values = {
                    s: common.small_box_scores(energy, maps[:, t], study.val)
                    for s, maps in steps.items()
                }
                labels: dict[str, Any] = {"map": name, "layer": layer, "step": t, "boxes": "small"}
                measures.append(study.measure("energy at a step", values, **labels))
    return measures


def empty(of_seed: dict, keys: list[Key]) -> list[str]:
    """Notes on the maps that are 0 everywhere."""
    notes = []
    for key in keys:
        maps = [one[key] for one in of_seed.values()]
        share = float(np.mean([one.reshape(len(one), -1).max(1) == 0 for one in maps]))
        if share:
            name = key if isinstance(key, str) else "|".join(map(str, key))
            notes.append(f"{name}: {share:.2%} of the maps are 0 everywhere (scored as uniform).")
    return notes


def faithfulness(study: Study, maps: dict) -> list[dict]:
    """Insertion and deletion on the spiking network of the first seed, for all maps at conv6."""
    seed, classes = study.seeds[0], len(study.val.classes)
    per_class = max(1, min(FAITHFUL, len(study.val)) // classes)
    chosen = torch.cat([(study.val.labels == c).nonzero()[:per_class, 0] for c in range(classes)])
    keys: list[Key] = [
        (LAYER, name) for name in (SAM, COUNTS, RATE, SNN_CAM, SNN_CAM + PREDICTED, CAM)
    ]
    keys += [GAUSSIAN, EDGES, RANDOM]
    if study.fast:
        keys, chosen = keys[:2], chosen[:4]
    measures = []
    for key in keys:
        name = key if isinstance(key, str) else key[1]
        found = study.kept(("faithful", f"s{seed}", name), areas, study, seed, maps[key], chosen)
        for title, values in found.items():
            measures.append(study.measure(str(title), {seed: values}, map=name, layer=LAYER))
    return measures


def areas(study: Study, seed: int, maps: np.ndarray, chosen: torch.Tensor) -> dict[Key, np.ndarray]:
    """The areas under the curves of deletion and insertion [N], of the chosen images."""
    model = study.network(f"lif-s{seed}")
    scaled = common.at_image_size(maps[chosen.numpy()])

    def of_batch(start, part):
        heat = scaled[start : start + len(part)].to(part.images)
        return {
            name: area_under(curve(model, part.images, heat, part.labels, seed=start))
            for name, curve in {"deletion": deletion, "insertion": insertion}.items()
        }

    batches = study.batches(study.val[chosen], "deletion and insertion")
    return common.joined(of_batch(start, part) for start, part in batches)


def on_scenes(study: Study) -> tuple[list[dict], list[str]]:
    """Drawn scenes: the map's share on the object and on the distractor, whose masks are exact; and
    notes on the networks."""
    model, twin, right = networks(study)
    scenes, photos = drawn(20 if study.fast else TEST, 3)
    found = study.kept("scenes-localises", maps_of_scenes, study, model, twin, photos)
    measures = []
    for name, maps in (found | common.blind_maps(photos)).items():
        for what, masks in {"object": scenes.objects, "distractor": scenes.distractors}.items():
            labels: dict[str, Any] = {"map": name, "layer": LAYER, "on": what}
            for title, judge in {"mass": energy, "rank accuracy": rank_accuracy}.items():
                values = judge(common.at_image_size(maps), masks).numpy()
                measures.append(study.measure(f"scenes, {title}", {0: values}, **labels))
    notes = [f"Drawn scenes, {name} network: accuracy {phrase(r)}." for name, r in right.items()]
    return measures, notes


def maps_of_scenes(study: Study, model, twin, photos) -> dict[Key, np.ndarray]:
    def of_batch(start, part):
        spikes = common.encoded(study, model, part.images, start)
        with torch.no_grad(), record(model, LAYER) as recording:
            model(spikes=spikes)
        return common.of_spikes(recording[LAYER]) | {
            SNN_CAM: snn_grad_cam(model, None, part.labels, layer=LAYER, spikes=spikes).total,
            CAM: grad_cam(twin, part.images, part.labels, layer=LAYER).maps,
        }

    return common.joined(of_batch(s, part) for s, part in study.batches(photos, "drawn scenes"))


EXPERIMENT = Experiment("localises", TITLE, RULE, (OVER_GAUSSIAN, OVER_RATE), run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
