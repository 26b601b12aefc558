"""Claim "leak": the leak changes what SAM shows."""

import itertools
from typing import Any

import numpy as np
import torch

from experiments import common
from experiments.common import LAYERS
from experiments.experiment import Experiment, Outcome
from experiments.study import Figure, Key, Study
from snnlab.explain import spike_activation_map
from snnlab.judge.localisation import energy
from snnlab.judge.smoothness import half_mass_area
from snnlab.judge.stability import pearson
from snnlab.recording import record

TITLE = "The leak changes what SAM shows"
RULE = """
How much two maps of an image differ: 1 minus the correlation of their SAMs at conv6, summed over
time, on the layer's own grid, with the same encoder spikes. One figure: the difference between
leaks 1.0 and 0.5 (of one training seed) minus that between the two seeds of one leak (mean of both
leaks). It passes if it is at least 0.02, its interval lies above 0 and its sign is the same for
both: holds; its interval lies below 0.02: does not hold here; else undecided. All variants were
trained for the same time from the network of their seed with leak 0.95.
"""
HOURS = 0.1
NETWORKS = {1.0: "lif-leak100", 0.95: "lif", 0.8: "lif-leak80", 0.5: "lif-leak50"}


FIGURE = Figure(
    "1 - correlation of SAM, between leaks 1.0 and 0.5 minus between seeds",
    0.02,
    {"layer": "conv6"},
)
Seen = dict[tuple[float, int], dict[Key, np.ndarray]]  # by leak and training seed


def run(study: Study) -> Outcome:
    seen = {
        (leak, seed): study.kept(("leak", name, f"s{seed}"), sam_of, study, f"{name}-s{seed}")
        for leak, name in NETWORKS.items()
        for seed in study.seeds
    }
    *_, notes = common.boxed(study.val)
    return Outcome(figures(study, seen), measures(study, seen), notes)


def figures(study: Study, seen: Seen) -> list[dict]:
    return [study.figure(FIGURE, gap(study, seen, FIGURE.labels["layer"]))]


def measures(study: Study, seen: Seen) -> list[dict]:
    found = [
        study.measure(FIGURE.name, gap(study, seen, layer), layer=layer)
        for layer in ("conv4", "conv8")
    ]
    for layer in LAYERS:
        for one, other in itertools.combinations(NETWORKS, 2):
            values = {s: differ(seen, layer, (one, s), (other, s)) for s in study.seeds}
            labels: dict[str, Any] = {"layer": layer, "leak": one, "other leak": other}
            found.append(study.measure("1 - correlation, between leaks", values, **labels))
        for leak in NETWORKS:
            found += of_one_leak(study, seen, layer, leak)
    for leak in NETWORKS:
        of_seed = {s: seen[leak, s] for s in study.seeds}
        values = common.box_scores_of(energy, of_seed, "conv6", study.val)
        found.append(study.measure("energy in small boxes", values, layer="conv6", leak=leak))
        right = {s: one["right"].astype(float) for s, one in of_seed.items()}
        found.append(study.measure("accuracy", right, leak=leak))
    return found


def of_one_leak(study: Study, seen: Seen, layer: str, leak: float) -> list[dict]:
    of_seed = {s: seen[leak, s] for s in study.seeds}
    each = {
        "1 - correlation, between seeds": {0: between_seeds(study, seen, layer, leak)},
        "half-mass area": common.judged(half_mass_area, of_seed, layer),
        "firing rate": {s: one[layer, "rate"] for s, one in of_seed.items()},
    }
    return [study.measure(name, each[name], layer=layer, leak=leak) for name in each]


def differ(seen: Seen, layer: str, one: tuple[float, int], other: tuple[float, int]) -> np.ndarray:
    """1 minus the correlation of the maps of two networks, image by image."""
    return 1 - pearson(*(torch.as_tensor(seen[network][layer]) for network in (one, other))).numpy()


def between_seeds(study: Study, seen: Seen, layer: str, leak: float) -> np.ndarray:
    """The mean over all pairs of seeds; 0 where there is but one."""
    pairs = [
        differ(seen, layer, (leak, one), (leak, other))
        for one, other in itertools.combinations(study.seeds, 2)
    ]
    return np.mean(pairs, 0) if pairs else np.zeros(len(study.val))


def gap(study: Study, seen: Seen, layer: str) -> dict[int, np.ndarray]:
    """Between leaks 1.0 and 0.5, minus between seeds."""
    same = sum(between_seeds(study, seen, layer, leak) for leak in (1.0, 0.5)) / 2
    return {s: differ(seen, layer, (1.0, s), (0.5, s)) - same for s in study.seeds}


def sam_of(study: Study, name: str) -> dict[Key, np.ndarray]:
    """layer -> SAM summed over time [N, H, W]; (layer, "rate") [N]; and "right" [N]."""
    model = study.network(name)

    def of_batch(start, part):
        with torch.no_grad(), record(model, LAYERS) as recording:
            logits = model(spikes=common.encoded(study, model, part.images, start))
        found = {"right": logits.argmax(1) == part.labels}
        for layer in LAYERS:
            found[layer] = spike_activation_map(recording[layer]).sum(0)
            found[layer, "rate"] = recording[layer].mean((0, 2, 3, 4))
        return found

    return common.joined(of_batch(start, part) for start, part in study.batches(study.val, name))


EXPERIMENT = Experiment("leak", TITLE, RULE, (FIGURE,), run, HOURS, seeds=(0, 1))

if __name__ == "__main__":
    EXPERIMENT.main()
