"""Claim "interval": short intervals between spikes carry the information."""

import itertools
from typing import Any

import numpy as np
import torch

from experiments import common
from experiments.common import COUNTS, LAYERS, SAM
from experiments.experiment import Experiment, Outcome
from experiments.study import Figure, Key, Study
from snnlab import results
from snnlab.explain import spike_activation_map
from snnlab.judge.baselines import count_map, permute_intervals, permute_steps
from snnlab.judge.faithfulness import exchanged, retimed, rolled
from snnlab.judge.readout import readings
from snnlab.judge.stability import pearson
from snnlab.recording import record

TITLE = "Short intervals carry the information"
RULE = """
Two figures for each layer at which its own instrument sees intervals at all. First: the accuracy
when every neuron's spike train of the layer is rolled in time, by a random number of steps of its
own, minus the accuracy when every neuron's spikes are put on random steps (both keep counts; means
over draws). Rolling keeps a train's intervals in the circle of the steps, and takes the same else:
who fires together, and how many fire at each step; so the difference is what intervals tell. It
must be at least 0.02. Second: the accuracy of a linear classifier that reads each channel's
contribution score at its spikes, summed over time and averaged over the places, minus that of one
that reads the channels' pairs of spikes, n(n-1), which is that score's mean over all orders of the
spikes, so a fairer rival than counts; fitted on the training images, its weight decay chosen on the
images held out for tuning; it must be at least 0.01. A figure passes if its intervals over images
and over classes lie above 0 too, and its sign is the same for every training seed. All pass: holds;
some: holds in part; all fail: does not hold here; else undecided. Each instrument has a control,
where time is known to tell something. Of the first: networks that name digits before an event
camera (the claim "events"); a layer counts if there the same difference is at least 0.02 for every
training seed. Of the second: networks whose class is a rhythm alone (the claim "burst"); a layer
counts if there the same gain of the reader is at least 0.01 for every seed. What does not count
decides nothing; if nothing counts the claim is undecided. The input does not decide: the encoder's
spikes are independent, so putting them on random steps is another draw of them, and costs nothing
by construction; it is printed as a check. Printed too: what re-timing costs in all, and what it
costs if neurons of an image that fire equally often exchange their spike trains.
"""
HOURS = 1.2
SITES = ("conv1", "conv2", "conv4", "conv6")
INPUT = "input"
DRAWS = 4  # of the steps
GAMMAS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
READ = {"score at spikes": "NCS", "score": "NCS, also between spikes", "count": "counts"}
READ |= {"pairs": "pairs of spikes, n(n-1)"}
DECAYS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
LAYER = "conv6"
ONE_ORDER, WITHIN = "one order for all neurons", "intervals within a neuron"
RETIMED, ROLLED, EXCHANGED = "re-timed", "rolled", "trains exchanged"
MOVES = {RETIMED: retimed, ROLLED: rolled, EXCHANGED: exchanged}
TOLD = {
    layer: Figure("accuracy, a layer rolled minus re-timed", 0.02, {"layer": layer})
    for layer in SITES
}
GAIN = {
    layer: Figure("read-out accuracy, NCS minus n(n-1)", 0.01, {"layer": layer}) for layer in SITES
}
TIMING, READING = "rolling and re-timing", "reading"  # the instruments
# of each, its control: the claim, the measure with its labels, and how much it must be
CONTROLS: dict[str, tuple[str, str, dict[str, Any], float]] = {
    TIMING: ("events", "accuracy, rolled minus re-timed", {"task": "digits"}, 0.02),
    READING: ("burst", "read-out accuracy, NCS minus n(n-1)", {"class": "bursting"}, 0.01),
}


def run(study: Study) -> Outcome:
    valid = where_intervals_show()  # first, so that a file that is missing costs no hours
    maps = study.of_seeds("orders", orders)
    read = study.of_seeds("read-out", read_out)
    moved = study.of_seeds("moved", without_timing)
    *_, notes = common.boxed(study.val)
    figures, others = in_layers(study, moved, read, valid)
    measures = others + of_timing(study, moved) + of_readers(study, read)
    measures += by_layer(study, maps) + by_gamma(study, maps)
    return Outcome(figures, measures, [*notes, *control(valid)], invalid(valid))


def where_intervals_show() -> dict[str, list[str]]:
    """By instrument, the layers at which its control shows intervals in every training seed."""
    found: dict[str, list[str]] = {}
    for instrument, (claim, name, labels, enough) in CONTROLS.items():
        result, found[instrument] = results.load(claim), []
        for layer in SITES:
            (shown,) = results.select(result, name, layer=layer, **labels)
            if min(one["value"] for one in shown["per_seed"]) >= enough:
                found[instrument].append(layer)
    return found


def control(valid: dict[str, list[str]]) -> list[str]:
    return [
        f"Its control ({CONTROLS[instrument][0]}) shows that {instrument} can see intervals at "
        f"{', '.join(layers) or 'no layer'}."
        for instrument, layers in valid.items()
    ]


def invalid(valid: dict[str, list[str]]) -> str:
    return "" if any(valid.values()) else "by no control can intervals be seen to matter anywhere"


def in_layers(
    study: Study, moved: dict, read: dict, valid: dict[str, list[str]]
) -> tuple[list[dict], list[dict]]:
    """The figures of the layers at which their control works, or all if it works nowhere; and the
    same measures of the others."""
    figures, others = [], []
    for layer in SITES:
        told = common.minus(left(moved, layer, ROLLED), left(moved, layer, RETIMED))
        both = {TIMING: (TOLD[layer], told), READING: (GAIN[layer], gain(read, layer, "pairs"))}
        for instrument, (figure, of_seed) in both.items():
            if layer in valid[instrument] or invalid(valid):
                figures.append(study.figure(figure, of_seed, classes=study.val.labels.numpy()))
            else:
                others.append(study.measure(figure.name, of_seed, **figure.labels))
    return figures, others


def of_timing(study: Study, moved: dict) -> list[dict]:
    """What each way of moving spikes costs, and the input's check."""
    right = {seed: one["right"] for seed, one in moved.items()}
    check = lost(moved, INPUT, RETIMED)
    found = [
        study.measure("accuracy", right),
        study.measure("accuracy lost by re-timing the encoder's spikes", check, layer=INPUT),
    ]
    for layer, how in itertools.product(SITES, MOVES):
        values = lost(moved, layer, how)
        found.append(study.measure(f"accuracy lost, a layer {how}", values, layer=layer))
    return found


def of_readers(study: Study, read: dict) -> list[dict]:
    found = []
    for layer in SITES:
        for kind, what in READ.items():
            labels: dict[str, Any] = {"read": what, "layer": layer}
            found.append(study.measure("read-out accuracy", named(read, layer, kind), **labels))
        values = gain(read, layer, "count")
        found.append(study.measure("read-out accuracy, NCS minus counts", values, layer=layer))
    return found


def by_layer(study: Study, maps: dict) -> list[dict]:
    found = []
    for layer in LAYERS:
        sam, counts = (layer, SAM), (layer, COUNTS)
        title = "shuffled energy, SAM minus n(n-1)"
        found.append(study.measure(title, lead(study, maps, sam, counts), layer=layer))
        for order in (ONE_ORDER, WITHIN):
            values = lead(study, maps, sam, (layer, order))
            title = "shuffled energy, SAM minus SAM of permuted spikes"
            found.append(study.measure(title, values, layer=layer, order=order))
        values = common.judged(pearson, maps, sam, counts)
        found.append(study.measure("correlation of SAM with the n(n-1) map", values, layer=layer))
    return found


def by_gamma(study: Study, maps: dict) -> list[dict]:
    found = []
    for gamma in GAMMAS:
        values = common.shuffled_of(maps, (LAYER, f"gamma {gamma}"), study.val)
        found.append(study.measure("shuffled energy by gamma", values, layer=LAYER, gamma=gamma))
    return found


def lead(study: Study, maps: dict, first: Key, second: Key) -> dict[int, np.ndarray]:
    """The shuffled energy of one map minus that of another."""
    return common.minus(*(common.shuffled_of(maps, key, study.val) for key in (first, second)))


def left(moved: dict, layer: str, how: str) -> dict[int, np.ndarray]:
    return {seed: one[how, layer] for seed, one in moved.items()}


def lost(moved: dict, layer: str, how: str) -> dict[int, np.ndarray]:
    return {seed: one["right"] - one[how, layer] for seed, one in moved.items()}


def named(read: dict, layer: str, kind: str) -> dict[int, np.ndarray]:
    return {seed: found[layer, kind].astype(float) for seed, found in read.items()}


def gain(read: dict, layer: str, over: str) -> dict[int, np.ndarray]:
    """Which images the scores at spikes name rightly, minus those that another reading does."""
    return common.minus(named(read, layer, "score at spikes"), named(read, layer, over))


def without_timing(study: Study, seed: int) -> dict[Key, np.ndarray]:
    """ "right", and (how, layer): the share of the draws in which each image is named rightly when
    a layer's spikes are moved in one of the ways; of the input, re-timed alone."""
    model = study.network(f"lif-s{seed}")
    batches = study.batches(study.val, f"spikes at other times, seed {seed}")
    return common.joined(moved_of(study, model, part, start) for start, part in batches)


def moved_of(study: Study, model, part, start: int) -> dict[Key, torch.Tensor]:
    shown = common.encoded(study, model, part.images, start)
    with torch.no_grad(), record(model, SITES) as recording:
        found: dict[Key, torch.Tensor] = {"right": right(model(spikes=shown), part)}
    draws = range(2 if study.fast else DRAWS)
    generator = study.generator(2, start)
    with torch.no_grad():
        again = [right(model(spikes=retimed(shown, generator)), part) for _ in draws]
    found[RETIMED, INPUT] = torch.stack(again).mean(0)
    for layer in SITES:
        for how, change in MOVES.items():
            named_rightly = [
                right(
                    common.logits_with(
                        model, layer, recording[layer], lambda x, f=change: f(x, generator)
                    ),
                    part,
                )
                for _ in draws
            ]
            found[how, layer] = torch.stack(named_rightly).mean(0)
    return found


def right(logits: torch.Tensor, part) -> torch.Tensor:
    return (logits.argmax(1) == part.labels).double()


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
    return found


def read_out(study: Study, seed: int) -> dict[Key, np.ndarray]:
    """(layer, kind) -> which validation images a linear classifier names rightly from the layer;
    and ("decay", layer, kind), its weight decay."""
    model = study.network(f"lif-s{seed}")
    train, tune, val = (
        features(study, model, part) for part in (study.train, study.tune, study.val)
    )
    found: dict[Key, np.ndarray] = {}
    for layer, kind in train:
        key = layer, kind
        parts, labels = (train[key], tune[key], val[key]), (study.train.labels, study.tune.labels)
        answers, decay = common.read(parts, labels, DECAYS)
        found[key] = (answers == study.val.labels).numpy()
        found["decay", layer, kind] = np.array(decay)
    return found


def features(study: Study, model, photos) -> dict[tuple[str, str], torch.Tensor]:
    """(layer, kind) -> [N, C]: each channel's mean over the places of a layer."""

    def of_batch(start, part):
        with torch.no_grad(), record(model, SITES) as recording:
            model(spikes=common.encoded(study, model, part.images, start))
        return {
            (layer, kind): value
            for layer in SITES
            for kind, value in readings(recording[layer]).items()
        }

    batches = study.batches(photos, "spikes for the read-out")
    found = common.joined(of_batch(start, part) for start, part in batches)
    return {(layer, kind): torch.from_numpy(found[layer, kind]) for layer in SITES for kind in READ}


DECIDES = tuple(figure for layer in SITES for figure in (TOLD[layer], GAIN[layer]))
EXPERIMENT = Experiment("interval", TITLE, RULE, DECIDES, run, HOURS, kinds=("lif",))

if __name__ == "__main__":
    EXPERIMENT.main()
