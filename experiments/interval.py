"""Claim "interval": short intervals between spikes carry the information."""

import functools
from collections.abc import Callable, Sequence

import numpy as np
import torch

from experiments import common
from experiments.common import COUNTS, LAYERS, SAM
from experiments.experiment import Experiment, Outcome
from experiments.study import Figure, Key, Study
from snnlab import results
from snnlab.data import Photographs
from snnlab.explain import spike_activation_map
from snnlab.judge.baselines import count_map, permute_intervals, permute_steps
from snnlab.judge.faithfulness import exchanged, retimed, rolled
from snnlab.judge.readout import readings
from snnlab.judge.stability import pearson
from snnlab.recording import record

TITLE = "Short intervals carry the information"
RULE = """
Two instruments ask, at conv1, conv2, conv4 and conv6, what a neuron's intervals tell beyond its
count. Both hold the spikes against spikes whose trains are swapped: over a batch of images of mixed
classes the neurons of a channel that fire equally often exchange theirs, so that counts, and how a
train of such a count and channel looks, are kept, and only whose intervals they are is lost.
Timing: the accuracy when every train of the layer is rolled in time, by a random number of steps of
its own, minus the accuracy when trains are swapped first (means over 4 draws). Rolling takes from
both who fires together, and how many fire at each step; in the circle of the steps it keeps the
intervals, though a gap d may become T - d. Neither instrument tells an image's own course of
activity from intervals. A layer counts if, on the images held out for tuning, rolling leaves at
least half of the accuracy above chance in every training seed: where nothing is left, intervals can
show nothing. Reading: the accuracy of a linear reader of each channel's counts n, pairs n(n-1) and
contribution scores at spikes, summed over time and averaged over the places, minus that of a reader
of n, n(n-1) and the scores of swapped trains; of scores both get what a line through n and n(n-1)
leaves, channel by channel, or it would drown in two columns that nearly say the same. Fitted on
every second training image, weight decay chosen on the images held out for tuning. Means over 4
draws of the encoder and of the swap. A pass says that intervals tell more of the image than this
reader has of counts, be it only how even the currents are (at conv1 the encoder's noise, which
hangs on a pixel's size) or where the neurons of a count lie. A layer counts if, in the network of
the first seed, a message planted in its own trains is read: in the channels of a code of the
image's class, drawn at random, a small share of the neurons has its spikes in a row, counts kept;
the difference must grow by at least 0.01, with its interval over images above 0. Two figures, means
over the layers that count: timing, at least 0.02, and reading, at least 0.01. A figure passes if
its intervals over images and over classes lie above 0 too, and its sign is the same for every
training seed. Both pass: holds; one: holds in part; both fail (both intervals below the margin):
does not hold here; else undecided, as it is if an instrument counts nowhere. Undecided too, if at
the input of networks whose class is a rhythm alone (the claim "burst") trains minus swapped is not
at least 0.02 for both classes in every seed (known, when this was written, to be .49 to .64). That
control shows that the moves differ where intervals matter, not that these layers could show it:
those networks lose nothing at conv1 or after, whose first layer has turned intervals into counts.
So "does not hold here" says that a neuron's own intervals tell this network, and this reader, on
average over these layers, no more than its count. Who fires together, and when, is taken from both
sides and is not asked about. The input does not decide: the encoder's spikes are independent, so
their trains are chance. Printed too, and deciding nothing: each layer; how much more is left where
trains are swapped within a class, which moves them as far and keeps what they tell of the class;
what it costs if all spikes of a neuron are put on random steps, which are less even than what
neurons fire, if neurons of an image that fire equally often exchange trains, if all trains of an
image are rolled by one number of steps, or if its steps come in one random order for all neurons.
"""
HOURS = 3
SITES = ("conv1", "conv2", "conv4", "conv6")
INPUT = "input"
DRAWS = 4  # of the moves that decide, and of what is read; of the other moves, one
ROOM = 0.5  # of the accuracy above chance
SEEN = 0.02  # at the input of networks that know rhythms
EVERY = 2  # training image that readers are fitted on
# Of a channel's neurons: the least of .003, .01 and .03 by which, on set A, the gain grew by .03 or
# more (first seed, 2,500 training images)
DOSE = {"conv1": 0.01, "conv2": 0.01, "conv4": 0.03, "conv6": 0.03}
GAMMAS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
DECAYS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
LAYER = "conv6"
ONE_ORDER, WITHIN = "one order for all neurons", "intervals within a neuron"
RETIMED, ROLLED, SWAPPED = "re-timed", "rolled", "swapped, then rolled"
EXCHANGED, TOGETHER, IN_ONE_ORDER = "trains exchanged", "rolled together", "in one order"
N, RIVAL, SCORE = "counts", "n, n(n-1), swapped NCS", "n, n(n-1), NCS"
PLANTED, OWN = "planted", "swapped within a class, then rolled"
TOLD = Figure("accuracy, trains minus swapped", 0.02, {"layers": "that count"})
GAIN = Figure("read-out accuracy, NCS minus swapped NCS", 0.01, {"layers": "that count"})
Found = dict[int, dict[Key, np.ndarray]]  # by training seed


def run(study: Study) -> Outcome:
    seen = seen_at_the_input()  # first, so that a file that is missing costs no hours
    moved = study.of_seeds("moved", without_timing)
    read = study.of_seeds("read-out", read_out)
    maps = study.of_seeds("orders", orders)
    control = planted_gains(study, read)
    rooms, heard = with_room(study, moved), where_heard(control)
    figures = [
        of_layers(study, TOLD, {layer: told(moved, layer) for layer in rooms or SITES}),
        of_layers(study, GAIN, {layer: gain(read, layer) for layer in heard or SITES}),
    ]
    measures = of_timing(study, moved) + of_readers(study, read) + [*control.values()]
    measures += by_layer(study, maps) + by_gamma(study, maps)
    *_, notes = common.boxed(study.val)
    notes += controls(seen, rooms, heard)
    return Outcome(figures, measures, notes, invalid(seen, rooms, heard))


# ---- where the instruments can see intervals


def seen_at_the_input() -> list[float]:
    """What trains tell beyond swapped ones at the input of each network that knows rhythms.  Raises
    ValueError where that result says nothing of them."""
    result = results.load("burst")
    shown = results.select(result, "accuracy, a layer's trains minus swapped", layer=INPUT)
    if [len(one["per_seed"]) for one in shown] != [3, 3] or result["verdict"] == "undecided":
        raise ValueError("the claim burst must be decided, on three networks for each class")
    return [one["value"] for measure in shown for one in measure["per_seed"]]


def with_room(study: Study, moved: Found) -> list[str]:
    """The layers where rolling leaves enough above chance in every seed, of the tuning images."""
    chance = 1 / len(study.val.classes)

    def room(one: dict, layer: str) -> bool:
        left, whole = one["tune", ROLLED, layer].mean(), one["tune", "right"].mean()
        return left - chance >= ROOM * (whole - chance)

    return [layer for layer in SITES if all(room(one, layer) for one in moved.values())]


def planted_gains(study: Study, read: Found) -> dict[str, dict]:
    """By layer, how much the reader's gain grows with the planted message: a measure of the first
    seed."""
    first = {study.seeds[0]: read[study.seeds[0]]}
    return {
        layer: study.measure(
            f"{GAIN.name}, {PLANTED} minus as it is",
            common.minus(gain(first, layer, PLANTED), gain(first, layer)),
            layer=layer,
            dose=DOSE[layer],
        )
        for layer in SITES
    }


def where_heard(control: dict[str, dict]) -> list[str]:
    return [
        layer for layer, one in control.items() if one["value"] >= GAIN.margin and one["low"] > 0
    ]


def controls(seen: list[float], rooms: list[str], heard: list[str]) -> list[str]:
    return [
        f"At the input of networks that know rhythms alone, trains minus swapped is "
        f"{min(seen):+.3f} to {max(seen):+.3f}.",
        f"Rolling leaves half of the accuracy above chance in every seed at {said(rooms)}.",
        f"The planted message is read at {said(heard)}.",
    ]


def said(layers: list[str]) -> str:
    return ", ".join(layers) or "no layer"


def invalid(seen: list[float], rooms: list[str], heard: list[str]) -> str:
    doubts = {
        "networks that know rhythms alone do not show intervals": min(seen) < SEEN,
        "timing has room at no layer": not rooms,
        "a planted message is read at no layer": not heard,
    }
    return "; ".join(doubt for doubt, holds in doubts.items() if holds)


# ---- what decides, and what describes


def of_layers(study: Study, figure: Figure, layers: dict[str, dict[int, np.ndarray]]) -> dict:
    """The figure: the mean over layers, image by image."""
    values = {
        seed: np.mean([of_seed[seed] for of_seed in layers.values()], 0) for seed in study.seeds
    }
    return study.figure(figure, values, classes=study.val.labels.numpy())


def of_timing(study: Study, moved: Found) -> list[dict]:
    """Layer by layer, and what each way of moving spikes costs; and the input's check."""
    right = {seed: one["right"] for seed, one in moved.items()}
    check = common.minus(right, left(moved, INPUT, RETIMED))
    found = [
        study.measure("accuracy", right),
        study.measure("accuracy lost by re-timing the encoder's spikes", check, layer=INPUT),
    ]
    for layer in SITES:
        found.append(study.measure(TOLD.name, told(moved, layer), layer=layer))
        of_class = common.minus(left(moved, layer, OWN), left(moved, layer, SWAPPED))
        title = "accuracy, trains swapped within a class minus among classes"
        found.append(study.measure(title, of_class, layer=layer))
        for how in (RETIMED, ROLLED, SWAPPED, EXCHANGED, TOGETHER, IN_ONE_ORDER):
            lost = common.minus(right, left(moved, layer, how))
            found.append(study.measure(f"accuracy lost, a layer {how}", lost, layer=layer))
    return found


def of_readers(study: Study, read: Found) -> list[dict]:
    found = []
    for layer in SITES:
        found.append(study.measure(GAIN.name, gain(read, layer), layer=layer))
        for kind in (N, RIVAL, SCORE):
            values = {seed: one[layer, kind].astype(float) for seed, one in read.items()}
            found.append(study.measure("read-out accuracy", values, layer=layer, read=kind))
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


def left(moved: Found, layer: str, how: str) -> dict[int, np.ndarray]:
    return {seed: one[how, layer] for seed, one in moved.items()}


def told(moved: Found, layer: str) -> dict[int, np.ndarray]:
    """How much of what is named rightly is told by whose intervals they are."""
    return common.minus(left(moved, layer, ROLLED), left(moved, layer, SWAPPED))


def gain(read: Found, layer: str, *planted: str) -> dict[int, np.ndarray]:
    """Which images the reader of scores names rightly, minus those that its rival does."""
    return {
        seed: one[layer, SCORE, *planted].astype(float) - one[layer, RIVAL, *planted]
        for seed, one in read.items()
    }


# ---- what is computed


def in_mixed_batches(study: Study, photos: Photographs, desc: str, look: Callable) -> dict:
    """What ``look(part, start)`` finds of the photographs, whose classes are mixed for it."""
    order = torch.randperm(len(photos), generator=torch.Generator().manual_seed(0))
    batches = study.batches(photos[order], desc)
    found = common.joined(look(part, start) for start, part in batches)
    return {key: values[order.argsort().numpy()] for key, values in found.items()}


def without_timing(study: Study, seed: int) -> dict[Key, np.ndarray]:
    """ "right", and (how, layer): the share of the draws in which each image is named rightly when
    a layer's spikes are moved in one of the ways; of the input, re-timed alone.  ("tune", ...): as
    they are, and rolled, of the images held out for tuning; (OWN, layer): trains swapped within a
    class."""
    model = study.network(f"lif-s{seed}")

    def look(part, start: int) -> dict[Key, torch.Tensor]:
        return moved_of(study, model, part, start)

    def look_for_room(part, start: int) -> dict[Key, torch.Tensor]:
        return room_of(study, model, part, start)

    found = in_mixed_batches(study, study.val, f"spikes at other times, seed {seed}", look)
    found |= in_mixed_batches(study, study.tune, f"room, seed {seed}", look_for_room)
    batches = study.batches(study.val, f"swapped within a class, seed {seed}")
    return found | common.joined(own_of(study, model, part, start) for start, part in batches)


@torch.no_grad()
def moved_of(study: Study, model, part, start: int) -> dict[Key, torch.Tensor]:
    shown = common.encoded(study, model, part.images, start)
    generator = study.generator(2, start)
    draws = 2 if study.fast else DRAWS
    with record(model, SITES) as recording:
        found: dict[Key, torch.Tensor] = {"right": right(model(spikes=shown), part)}
    again = [right(model(spikes=retimed(shown, generator)), part) for _ in range(draws)]
    found[RETIMED, INPUT] = torch.stack(again).mean(0)
    for layer in SITES:
        for how, (change, decides) in MOVES.items():
            named = [
                right(common.logits_with(model, layer, recording[layer], changed), part)
                for changed in [lambda x, f=change: f(x, generator)] * (draws if decides else 1)
            ]
            found[how, layer] = torch.stack(named).mean(0)
    return found


@torch.no_grad()
def room_of(study: Study, model, part, start: int) -> dict[Key, torch.Tensor]:
    generator = study.generator(3, start)
    with record(model, SITES) as recording:
        logits = model(spikes=common.encoded(study, model, part.images, start, 1))
    found: dict[Key, torch.Tensor] = {("tune", "right"): right(logits, part)}
    for layer in SITES:
        logits = common.logits_with(model, layer, recording[layer], lambda x: rolled(x, generator))
        found["tune", ROLLED, layer] = right(logits, part)
    return found


@torch.no_grad()
def own_of(study: Study, model, part, start: int) -> dict[Key, torch.Tensor]:
    """As those that are swapped, but within a batch of one class, as the validation images lie."""
    generator = study.generator(6, start)
    with record(model, SITES) as recording:
        model(spikes=common.encoded(study, model, part.images, start))

    def named(layer: str) -> torch.Tensor:
        change = functools.partial(swapped_and_rolled, generator=generator)
        return right(common.logits_with(model, layer, recording[layer], change), part)

    return {(OWN, layer): named(layer) for layer in SITES}


def right(logits: torch.Tensor, part) -> torch.Tensor:
    return (logits.argmax(1) == part.labels).double()


def swapped_and_rolled(spikes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return rolled(common.swapped(spikes, generator), generator)


def rolled_together(spikes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """All trains of an image rolled by the same number of steps: who fires together is kept, and,
    in the circle of the steps, all else."""
    later = torch.randint(len(spikes), spikes.shape[1:2], generator=generator, device=spikes.device)
    each = [one.roll(shift, 0) for one, shift in zip(spikes.unbind(1), later.tolist(), strict=True)]
    return torch.stack(each, 1)


def in_one_order(spikes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The steps of each image in a random order, the same for all its neurons."""
    return torch.stack([permute_steps(one, generator) for one in spikes.unbind(1)], 1)


# how spikes are moved; and whether that decides
MOVES: dict[str, tuple[Callable, bool]] = {
    ROLLED: (rolled, True),
    SWAPPED: (swapped_and_rolled, True),
    RETIMED: (retimed, False),
    EXCHANGED: (exchanged, False),
    TOGETHER: (rolled_together, False),
    IN_ONE_ORDER: (in_one_order, False),
}


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
    """(layer, what is read) -> the share of the draws in which a linear reader names each
    validation image rightly, as it is and, (layer, what is read, "planted"), of the first seed,
    with a message planted; and ("decay", ...) of each."""
    model = study.network(f"lif-s{seed}")
    fit = study.train[::EVERY]
    draws = 2 if study.fast else DRAWS
    train, tune, *shown = (
        features(study, model, photos, seed, number)
        for number, photos in enumerate((fit, study.tune, *[study.val] * draws))
    )
    found: dict[Key, np.ndarray] = {}
    for key in train:
        val = torch.cat([of_draw[key] for of_draw in shown])
        parts: Sequence[torch.Tensor] = train[key], tune[key], val
        if N not in key:
            parts = beyond_counts(*parts)
        answers, decay = common.read(parts, (fit.labels, study.tune.labels), DECAYS)
        rightly = answers.view(draws, -1) == study.val.labels
        found[key] = rightly.double().mean(0).numpy()
        found["decay", *key] = np.array(decay)
    return found


def features(
    study: Study, model, photos: Photographs, seed: int, number: int
) -> dict[tuple[str, ...], torch.Tensor]:
    """(layer, what is read) and (layer, what is read, "planted") -> [N, features], of the images to
    fit on (``number`` 0), to tune on (1) or to measure on (2 and more, a draw of the encoder and of
    the swap each)."""

    @torch.no_grad()
    def look(part, start: int) -> dict[tuple[str, ...], torch.Tensor]:
        with record(model, SITES) as recording:
            model(spikes=common.encoded(study, model, part.images, start, 10 + number))
        found: dict[tuple[str, ...], torch.Tensor] = {}
        for i, layer in enumerate(SITES):
            generator = study.generator(5, 100 * seed + 10 * number + i, start)
            spikes = recording[layer]
            as_it_is = by_channel(spikes, generator)
            found |= {(layer, what): value for what, value in as_it_is.items()}
            if seed == study.seeds[0]:
                chosen = random_code(study, i, spikes.shape[2])[part.labels]
                sent = by_channel(planted(spikes, chosen, DOSE[layer], generator), generator)
                found |= {(layer, what, PLANTED): sent[what] for what in (RIVAL, SCORE)}
        return found

    found = in_mixed_batches(study, photos, "spikes for the read-out", look)
    return {key: torch.from_numpy(values) for key, values in found.items()}


def by_channel(spikes: torch.Tensor, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """What is read: [B, C], and of several things [B, 3 C]."""
    own, others = readings(spikes), readings(common.swapped(spikes, generator))
    counted = own["count"], own["pairs"]
    return {
        N: own["count"],
        RIVAL: torch.cat([*counted, others["score at spikes"]], 1),
        SCORE: torch.cat([*counted, own["score at spikes"]], 1),
    }


def beyond_counts(*parts: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Of [N, 3 C] each, n, n(n-1) and a score of every channel: instead of the score what a line
    through the other two leaves of it, which is fitted on the first part."""
    columns = [part.view(len(part), 3, -1).permute(2, 0, 1) for part in parts]  # [C, N, 3]
    counted = [torch.cat([one[..., :2], torch.ones_like(one[..., :1])], 2) for one in columns]
    line = torch.linalg.lstsq(counted[0], columns[0][..., 2:], driver="gelsd").solution
    left = (
        torch.cat([one[..., :2], one[..., 2:] - told @ line], 2)
        for one, told in zip(columns, counted, strict=True)
    )
    return tuple(one.permute(1, 2, 0).flatten(1) for one in left)


def random_code(study: Study, number: int, channels: int) -> torch.Tensor:
    """Which channels speak for each class: bool [K, C]."""
    generator = study.generator(4, number)
    size = len(study.val.classes), channels
    return torch.randint(2, size, generator=generator, device=generator.device).bool()


def planted(
    spikes: torch.Tensor, chosen: torch.Tensor, dose: float, generator: torch.Generator
) -> torch.Tensor:
    """The spikes; but in the channels that are ``chosen`` for an image (bool [B, C]) a share of the
    neurons, drawn at random, has them in a row, from a random step on.  Counts are kept."""
    steps, count = len(spikes), spikes.sum(0)
    lot, first = torch.rand(2, *count.shape, generator=generator, device=generator.device)
    first = (first.to(count.device) * (steps - count + 1)).floor()
    step = torch.arange(steps, device=spikes.device).view(-1, 1, 1, 1, 1)
    row = (step >= first) & (step < first + count)
    speaks = (lot.to(count.device) < dose) & chosen[:, :, None, None]
    return torch.where(speaks, row.to(spikes.dtype), spikes)


EXPERIMENT = Experiment(
    "interval", TITLE, RULE, (TOLD, GAIN), run, HOURS, kinds=("lif",), needs=("burst",)
)

if __name__ == "__main__":
    EXPERIMENT.main()
