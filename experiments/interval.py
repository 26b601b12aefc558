"""Claim "interval": short intervals between spikes carry the information."""

from typing import Any

import numpy as np
import torch

from experiments import common
from experiments.common import COUNTS, LAYERS, SAM
from experiments.experiment import Experiment, Outcome
from experiments.study import Figure, Key, Study
from snnlab.explain import spike_activation_map
from snnlab.judge.baselines import count_map, permute_intervals, permute_steps
from snnlab.judge.localisation import energy
from snnlab.judge.readout import readings
from snnlab.judge.stability import pearson
from snnlab.recording import record

TITLE = "Short intervals carry the information"
RULE = """
Two figures, at conv6. First: energy in the box, over the images whose box covers under half the
image, of SAM minus the map that knows only each neuron's spike count (n(n-1): SAM's mean over all
orders of the spikes in time), from the same spikes. Second: the accuracy of a linear classifier
that reads each channel's contribution score at its spikes, summed over time and averaged over the
places, minus that of one that reads the channels' spike counts in the same way; fitted on the
training images, its weight decay chosen on the images held out for tuning. A figure passes if it is
at least 0.02 (accuracy: 0.01), its interval lies above 0 and its sign is the same for every
training seed. Both pass: holds; one: holds in part; both intervals lie below that: does not hold
here.
"""
HOURS = 0.5
GAMMAS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
STEPS = (3, 6, 9, 12)
READ = {"score at spikes": "NCS", "score": "NCS, also between spikes", "count": "counts"}
READ |= {"pairs": "pairs of spikes, n(n-1)"}
DECAYS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
LAYER = "conv6"
ONE_ORDER, WITHIN = "one order for all neurons", "intervals within a neuron"
WHERE = Figure("energy in small boxes, SAM minus n(n-1)", 0.02, {"layer": LAYER})
WHAT = Figure("read-out accuracy, NCS minus counts", 0.01, {"layer": LAYER})


def run(study: Study) -> Outcome:
    maps = study.of_seeds("orders", orders)
    read = study.of_seeds("read-out", read_out)
    *_, notes = common.boxed(study.val)
    found = by_layer(study, maps) + by_gamma(study, maps)
    for steps in STEPS:
        found += by_steps(study, maps, read, steps)
    return Outcome(figures(study, maps, read), found, notes)


def figures(study: Study, maps: dict, read: dict) -> list[dict]:
    return [
        study.figure(WHERE, lead(study, maps, (LAYER, SAM), (LAYER, COUNTS))),
        study.figure(WHAT, gain(read, STEPS[-1], over="count")),
    ]


def by_layer(study: Study, maps: dict) -> list[dict]:
    found = []
    for layer in LAYERS:
        sam, counts = (layer, SAM), (layer, COUNTS)
        if layer != LAYER:
            values = lead(study, maps, sam, counts)
            found.append(study.measure(WHERE.name, values, layer=layer, steps=STEPS[-1]))
        for order in (ONE_ORDER, WITHIN):
            values = lead(study, maps, sam, (layer, order))
            title = "energy in small boxes, SAM minus SAM of permuted spikes"
            found.append(study.measure(title, values, layer=layer, order=order))
        title = "correlation of SAM with the n(n-1) map"
        values = common.judged(pearson, maps, sam, counts)
        found.append(study.measure(title, values, layer=layer))
    return found


def by_gamma(study: Study, maps: dict) -> list[dict]:
    found = []
    for gamma in GAMMAS:
        values = common.box_scores_of(energy, maps, (LAYER, f"gamma {gamma}"), study.val)
        title = "energy in small boxes by gamma"
        found.append(study.measure(title, values, layer=LAYER, gamma=gamma))
    return found


def by_steps(study: Study, maps: dict, read: dict, steps: int) -> list[dict]:
    """What the first ``steps`` tell."""
    values = lead(study, maps, (LAYER, f"first {steps}"), (LAYER, f"counts of first {steps}"))
    title = "energy in small boxes, SAM minus n(n-1), first steps"
    found = [study.measure(title, values, layer=LAYER, steps=steps)]
    for kind, what in READ.items():
        labels: dict[str, Any] = {"read": what, "layer": LAYER, "steps": steps}
        found.append(study.measure("read-out accuracy", right(read, kind, steps), **labels))
    title = "read-out accuracy, NCS minus pairs of spikes"
    values = gain(read, steps, over="pairs")
    return [*found, study.measure(title, values, layer=LAYER, steps=steps)]


def lead(study: Study, maps: dict, first: Key, second: Key) -> dict[int, np.ndarray]:
    """The energy in small boxes of one map minus that of another."""
    one, other = (common.box_scores_of(energy, maps, key, study.val) for key in (first, second))
    return common.minus(one, other)


def right(read: dict, kind: str, steps: int) -> dict[int, np.ndarray]:
    return {seed: found[kind, steps].astype(float) for seed, found in read.items()}


def gain(read: dict, steps: int, over: str) -> dict[int, np.ndarray]:
    """Which images the scores at spikes name rightly, minus those that another reading does."""
    return common.minus(right(read, "score at spikes", steps), right(read, over, steps))


def orders(study: Study, seed: int) -> dict[Key, np.ndarray]:
    """SAM of the spikes as they came, and of their counts and permutations: totals [N, H, W]."""
    model = study.network(f"lif-s{seed}")

    def of_batch(start, part):
        with torch.no_grad(), record(model, LAYERS) as recording:
            model(spikes=common.encoded(study, model, part.images, start))
        generator = study.generator(1, start)
        return {
            (layer, key): maps.sum(0)
            for layer in LAYERS
            for key, maps in in_orders(recording[layer], generator, layer == LAYER).items()
        }

    batches = study.batches(study.val, f"orders of spikes, seed {seed}")
    return common.joined(of_batch(start, part) for start, part in batches)


def in_orders(spikes: torch.Tensor, generator, in_detail: bool) -> dict[str, torch.Tensor]:
    found = {
        SAM: spike_activation_map(spikes),
        COUNTS: count_map(spikes),
        ONE_ORDER: spike_activation_map(permute_steps(spikes, generator)),
        WITHIN: spike_activation_map(permute_intervals(spikes, generator)),
    }
    if in_detail:
        found |= {f"gamma {g}": spike_activation_map(spikes, g) for g in GAMMAS}
        for steps in STEPS:
            found[f"first {steps}"] = spike_activation_map(spikes[:steps])
            found[f"counts of first {steps}"] = count_map(spikes[:steps])
    return found


def read_out(study: Study, seed: int) -> dict[Key, np.ndarray]:
    """(kind, steps) -> which validation images a linear classifier names rightly from conv6; and
    ("decay", kind, steps), its weight decay."""
    model = study.network(f"lif-s{seed}")
    train, tune, val = (
        features(study, model, part) for part in (study.train, study.tune, study.val)
    )
    found = {}
    for key in train:
        parts, labels = (train[key], tune[key], val[key]), (study.train.labels, study.tune.labels)
        answers, decay = common.read(parts, labels, DECAYS)
        found[key] = (answers == study.val.labels).numpy()
        found["decay", *key] = np.array(decay)
    return found


def features(study: Study, model, photos) -> dict[Key, torch.Tensor]:
    """(kind, steps) -> [N, C]: each channel's mean over the places of conv6."""

    def of_batch(start, part):
        with torch.no_grad(), record(model, LAYER) as recording:
            model(spikes=common.encoded(study, model, part.images, start))
        return {
            (kind, steps): value
            for steps in STEPS
            for kind, value in readings(recording[LAYER][:steps]).items()
        }

    batches = study.batches(photos, "spikes for the read-out")
    found = common.joined(of_batch(start, part) for start, part in batches)
    return {key: torch.from_numpy(values) for key, values in found.items()}


EXPERIMENT = Experiment("interval", TITLE, RULE, (WHERE, WHAT), run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
