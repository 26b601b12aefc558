"""Claim "localises": SAM, with neither gradient nor label, highlights the discriminative region."""

import numpy as np
import torch

from experiments import maps as made
from experiments.drawn_scenes import TEST, drawn, networks
from experiments.maps import (
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
from experiments.protocol import Experiment, Outcome, Study
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


def run(study: Study) -> Outcome:
    of_seed = {seed: made.network_maps(study, seed) for seed in study.seeds}
    _, _, small, notes = made.boxed(study.val)
    blind = made.blind_maps(study.val)
    measures = []

    def scores(judge, key):
        """Of every image, for each seed; a map that needs no network has one for all."""
        if key in blind:
            return dict.fromkeys(study.seeds, made.box_scores(judge, blind[key], study.val))
        return {s: made.box_scores(judge, of_seed[s][key], study.val) for s in study.seeds}

    def among_small(values):
        return {seed: made.only(value, small) for seed, value in values.items()}

    sam = scores(energy, f"conv6|{SAM}")
    figures = [
        study.measure(
            "energy in small boxes, difference",
            among_small(made.minus(sam, scores(energy, key))),
            margin=0.02,
            maps=f"SAM minus {name}",
            layer="conv6",
        )
        for name, key in {GAUSSIAN: GAUSSIAN, RATE: f"conv6|{RATE}"}.items()
    ]

    keys = [k for k in of_seed[study.seeds[0]] if k.count("|") == 1] + list(blind)
    for key in keys:
        layer, _, name = key.rpartition("|")
        for title, judge in {"energy": energy, "pointing game": pointing_game}.items():
            values = scores(judge, key)
            for boxes, chosen in {"all": values, "small": among_small(values)}.items():
                measures.append(
                    study.measure(title, chosen, map=name, layer=layer or "none", boxes=boxes)
                )
    for layer in made.LAYERS:
        for name in (SAM, SNN_CAM):
            steps = {s: of_seed[s][f"{layer}|{name}|steps"] for s in study.seeds}
            for t in range(steps[study.seeds[0]].shape[1]):
                at_t = {
                    s: made.small_box_scores(energy, m[:, t], study.val) for s, m in steps.items()
                }
                labels = {"map": name, "layer": layer, "step": t, "boxes": "small"}
                measures.append(study.measure("energy at a step", at_t, **labels))
    for key in keys:
        if "|" in key:
            empty = [(of_seed[s][key].reshape(len(study.val), -1).max(1) == 0) for s in study.seeds]
            if share := float(np.mean(empty)):
                notes.append(
                    f"{key}: {share:.2%} of the maps are 0 everywhere (scored as uniform)."
                )
    measures += faithfulness(study, of_seed[study.seeds[0]], blind)
    measures += on_scenes(study, notes)
    return Outcome(figures, measures, notes)


def faithfulness(study: Study, of_seed: dict, blind: dict) -> list[dict]:
    """Insertion and deletion on the spiking network of the first seed, for all maps at conv6."""
    seed = study.seeds[0]
    per_class = max(1, min(FAITHFUL, len(study.val)) // len(study.val.classes))
    order = [
        (study.val.labels == c).nonzero()[:per_class, 0] for c in range(len(study.val.classes))
    ]
    chosen = torch.cat(order)
    keys = [f"conv6|{name}" for name in (SAM, COUNTS, RATE, SNN_CAM, SNN_CAM + PREDICTED, CAM)]
    keys += [GAUSSIAN, EDGES, RANDOM]
    if study.fast:
        keys, chosen = keys[:2], chosen[:4]

    def compute(key):
        model = study.network(f"lif-s{seed}")
        maps = blind[key] if key in blind else of_seed[key]
        rows = {"deletion": [], "insertion": []}
        photos = study.val[chosen]
        maps = made.at_image_size(maps[chosen.numpy()])
        for start, part in study.batches(photos, f"deletion and insertion, {key}"):
            heat = maps[start : start + len(part)].to(part.images)
            for name, curve in {"deletion": deletion, "insertion": insertion}.items():
                rows[name].append(
                    area_under(curve(model, part.images, heat, part.labels, seed=start)).cpu()
                )
        return {name: torch.cat(parts).numpy() for name, parts in rows.items()}

    measures = []
    for key in keys:
        name = key.rpartition("|")[2]
        slug = name.replace(" ", "-").replace("(", "").replace(")", "").replace(",", "")
        found = study.kept(f"faithful-s{seed}-{slug}", lambda key=key: compute(key))
        for title, values in found.items():
            measures.append(study.measure(title, {seed: values}, map=name, layer="conv6"))
    return measures


def on_scenes(study: Study, notes: list[str]) -> list[dict]:
    """Drawn scenes: the map's share on the object and on the distractor, whose masks are exact."""
    model, twin, right = networks(study)
    notes += [f"Drawn scenes, {name} network: accuracy {phrase(r)}." for name, r in right.items()]
    scenes, photos = drawn(20 if study.fast else TEST, 3)

    def compute():
        rows = {}
        for start, part in study.batches(photos, "drawn scenes"):
            spikes = made.encoded(study, model, part.images, start)
            with torch.no_grad(), record(model, "conv6") as recording:
                model(spikes=spikes)
            found = made.of_spikes(recording["conv6"]) | {
                SNN_CAM: snn_grad_cam(model, None, part.labels, layer="conv6", spikes=spikes).total,
                CAM: grad_cam(twin, part.images, part.labels, layer="conv6").maps,
            }
            for name, maps in found.items():
                rows.setdefault(name, []).append(maps.cpu().numpy())
        return {name: np.concatenate(parts) for name, parts in rows.items()}

    found = study.kept("scenes-localises", compute) | made.blind_maps(photos)
    measures = []
    for name, maps in found.items():
        for what, masks in {"object": scenes.objects, "distractor": scenes.distractors}.items():
            labels = {"map": name, "layer": "conv6", "on": what}
            for title, judge in {"mass": energy, "rank accuracy": rank_accuracy}.items():
                values = judge(made.at_image_size(maps), masks).numpy()
                measures.append(study.measure(f"scenes, {title}", {0: values}, **labels))
    return measures


EXPERIMENT = Experiment("localises", TITLE, RULE, run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
