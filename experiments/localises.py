"""Claim "localises": SAM, with neither gradient nor label, highlights the object."""

import itertools
from typing import Any

import numpy as np
import torch

from experiments import common
from experiments.common import (
    CAM,
    COUNTS,
    EDGES,
    RANDOM,
    RATE,
    SAM,
    SNN_CAM,
)
from experiments.drawn_scenes import TEST, drawn, networks, said
from experiments.experiment import Experiment, Outcome
from experiments.study import Figure, Key, Study
from snnlab.explain import grad_cam, snn_grad_cam
from snnlab.judge.faithfulness import area_under, deletion, insertion
from snnlab.judge.localisation import energy, pointing_game, rank_accuracy
from snnlab.recording import record

TITLE = "SAM highlights the object, without gradient or label"
RULE = """
Shuffled energy at conv6, over the images whose box covers under half the image: the share of a map,
summed over time, that lies in its own image's box, minus the mean share that the maps of the images
of other classes have in that box. What all maps share, as a bump in the middle, gives 0. Two
figures: that of SAM, and that of SAM minus that of the rate map. A figure passes if it is at least
0.02, its intervals over images and over classes lie above 0 and its sign is the same for every
training seed. Both pass: holds; one: holds in part; both fail (all intervals below 0.02): does not
hold here; else undecided. Beside them stand SAM minus n(n-1), a map as sharp as SAM that knows
spike counts alone, and SAM minus the image's edges: a pass of the first figure alone is what a
filter of edges may reach too. The control is Grad-CAM of the ReLU twin, which is told the class:
where its own shuffled energy is under 0.02 in a seed, boxes and grid do not tell who looks at the
object, and the claim is undecided.
"""
HOURS = 0.8
FAITHFUL = 100  # images for insertion and deletion, the first of each class
LAYER = "conv6"
TOLD = 0.02  # shuffled energy of the control, at least
MARGIN = 0.02
NAME, LEAD = "shuffled energy", "shuffled energy, difference"
OF_SAM = Figure(NAME, MARGIN, {"map": SAM, "layer": LAYER})
OVER_RATE = Figure(LEAD, MARGIN, {"maps": f"SAM minus {RATE}", "layer": LAYER})
FILLS = ("blurred", "mean colour")  # what takes the place of pixels that go


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
    measures += leads(study, of_seed) + faithfulness(study, of_seed)
    notes += empty(of_seed, keys)
    scenes, about = on_scenes(study)
    return Outcome(
        figures(study, of_seed),
        measures + scenes,
        notes + about,
        common.finds_nothing(study, of_seed, LAYER, TOLD),
    )


def figures(study: Study, of_seed: dict) -> list[dict]:
    sam, rate = (common.shuffled_of(of_seed, (LAYER, key), study.val) for key in (SAM, RATE))
    classes = study.val.labels.numpy()
    return [
        study.figure(OF_SAM, sam, classes=classes),
        study.figure(OVER_RATE, common.minus(sam, rate), classes=classes),
    ]


def leads(study: Study, of_seed: dict) -> list[dict]:
    """SAM minus a map as sharp as itself, minus the rate map at the other layers, and minus the
    edges of the image, which no network has seen."""
    measures = []
    for layer in common.LAYERS:
        sam = common.shuffled_of(of_seed, (layer, SAM), study.val)
        for name in (COUNTS, RATE):
            labels: dict[str, Any] = {"maps": f"SAM minus {name}", "layer": layer}
            if labels != OVER_RATE.labels:
                other = common.shuffled_of(of_seed, (layer, name), study.val)
                measures.append(study.measure(LEAD, common.minus(sam, other), **labels))
        drawn_by_edges = common.shuffled_of(of_seed, EDGES, study.val)
        labels = {"maps": f"SAM minus {EDGES}", "layer": layer}
        measures.append(study.measure(LEAD, common.minus(sam, drawn_by_edges), **labels))
    return measures


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
        if {"map": name, "layer": layer} != OF_SAM.labels:
            values = common.shuffled_of(of_seed, key, study.val)
            measures.append(study.measure(NAME, values, map=name, layer=layer))
    return measures


def at_steps(study: Study, of_seed: dict) -> list[dict]:
    measures = []
    for layer in common.LAYERS:
        for name in (SAM, SNN_CAM):
            steps = {s: maps[layer, name, "steps"] for s, maps in of_seed.items()}
            for t in range(steps[study.seeds[0]].shape[1]):
                values = {s: common.shuffled(maps[:, t], study.val) for s, maps in steps.items()}
                labels: dict[str, Any] = {"map": name, "layer": layer, "step": t}
                measures.append(study.measure("shuffled energy at a step", values, **labels))
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


def faithfulness(study: Study, of_seed: dict) -> list[dict]:
    """Insertion and deletion on the spiking networks, for some maps at conv6, with two fills."""
    classes = len(study.val.classes)
    per_class = max(1, min(FAITHFUL, len(study.val)) // classes)
    chosen = torch.cat([(study.val.labels == c).nonzero()[:per_class, 0] for c in range(classes)])
    keys: list[Key] = [*((LAYER, name) for name in (SAM, RATE, SNN_CAM, CAM)), RANDOM]
    if study.fast:
        keys, chosen = keys[:1], chosen[:2]
    measures = []
    for key, fill in itertools.product(keys, FILLS):
        name = key if isinstance(key, str) else key[1]
        found = {
            s: study.kept(
                ("faithful", fill, f"s{s}", name), areas, study, s, maps[key], chosen, fill
            )
            for s, maps in of_seed.items()
        }
        for title in ("deletion", "insertion"):
            values = {s: one[title] for s, one in found.items()}
            labels: dict[str, Any] = {"map": name, "layer": LAYER, "fill": fill}
            measures.append(study.measure(title, values, **labels))
    return measures


def areas(
    study: Study, seed: int, maps: np.ndarray, chosen: torch.Tensor, fill: str
) -> dict[Key, np.ndarray]:
    """The areas under the curves of deletion and insertion [N], of the chosen images."""
    model = study.network(f"lif-s{seed}")
    scaled = common.at_image_size(maps[chosen.numpy()])

    def of_batch(start, part):
        heat = scaled[start : start + len(part)].to(part.images)
        colour = part.images.mean((2, 3), keepdim=True).expand_as(part.images)
        asked = {"seed": start, "fill": colour if fill == "mean colour" else None}
        return {
            name: area_under(curve(model, part.images, heat, part.labels, **asked))
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
    return measures, [said(name, found) for name, found in right.items()]


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


EXPERIMENT = Experiment("localises", TITLE, RULE, (OF_SAM, OVER_RATE), run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
