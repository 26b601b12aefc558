"""Claim "burst": where bursts carry the class, SAM leans to them more than counts do.

The control of the claim "interval": scenes whose message lies in time alone, so that what intervals
can do for a map is seen, and whether swapped trains tell them from all else of time.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from experiments import common
from experiments.common import COUNTS, SAM
from experiments.experiment import Experiment, Outcome
from experiments.study import BATCH, Figure, Key, Study
from snnlab.data import RhythmScenes, rhythm_scenes
from snnlab.explain import spike_activation_map
from snnlab.judge.baselines import count_map
from snnlab.judge.faithfulness import retimed, rolled
from snnlab.judge.readout import readings
from snnlab.models import BLOCKS
from snnlab.recording import record

TITLE = "Where bursts carry the class, SAM leans to them more than counts do"
RULE = """
Drawn scenes with two shapes, all of whose pixels spike equally often, one in bursts, the other
evenly; the class is the shape that bursts. Of the mass that a map, summed over time, has on both
shapes, the share on the shape of the class. One figure, at conv1: that share of SAM minus that of
the map that knows only each neuron's spike count (n(n-1)), from the same spikes. It passes if it is
at least 0.02, its intervals over scenes and over classes lie above 0 and its sign is the same for
every training seed: holds; both intervals lie below 0.02: does not hold here; else undecided. It is
undecided too if a network names fewer than 90 percent of the scenes, or more than 55 percent when
the spikes of every pixel are put on random steps, counts kept (who is blind to rhythm still sees
two shapes, and guesses one: 50): for then the class is not in the rhythm, or not in the rhythm
alone. The other control turns the task
round: networks whose class is the shape that fires evenly. SAM is the higher the closer spikes
come, so there it is expected to point away from the class; both are printed.
"""
BEFORE = (
    "Before the rule was written, one other network of each task had been looked at. Its limit for "
    "scenes without rhythm was 35 percent at first, which forgot that two shapes are still seen. "
    "It was put right when three networks had named 29, 46 and 47 percent of them, and when the "
    "first had shown SAM minus n(n-1) of about +.05 at conv1 on a hundred other scenes."
)
HOURS = 0.5
SCENES = {"fit": 2000, "tune": 500, "test": 1000}  # of this experiment alone
LEARNED, BLIND = 0.9, 0.55  # accuracy: at least, as drawn; at most, re-timed
KINDS = {"bursting": "rhythm-burst", "even": "rhythm-even"}  # the shape of the class -> networks
INPUT = "input"
SITES = (INPUT, *BLOCKS)
READ = {"score at spikes": "NCS", "count": "counts", "pairs": "pairs of spikes, n(n-1)"}
DECAYS = (1e-4, 1e-3, 1e-2)
MOVES = {
    "re-timed": retimed,
    "rolled": rolled,  # who fires together is lost, and how many fire at each step
    "swapped, then rolled": lambda x, generator: rolled(common.swapped(x, generator), generator),
}
FIGURE = Figure(
    "share on the shape of the class, SAM minus n(n-1)",
    0.02,
    {"layer": "conv1", "class": "bursting"},
)
Seen = dict[str, dict[int, dict[Key, np.ndarray]]]  # by the shape of the class and training seed


def run(study: Study) -> Outcome:
    seen: Seen = {
        shape: study.of_seeds(f"{kind}-seen", look, kind) for shape, kind in KINDS.items()
    }
    read: Seen = {
        shape: study.of_seeds(f"{kind}-read", read_out, kind) for shape, kind in KINDS.items()
    }
    figures = [figure(study, seen["bursting"])]
    measures = []
    for shape in KINDS:
        measures += on_the_shapes(study, seen[shape], shape) + accuracies(study, seen[shape], shape)
        measures += of_readers(study, read[shape], shape)
    notes = [*turned(seen), BEFORE]
    return Outcome(figures, measures, notes, invalid(seen))


# ---- what decides


def figure(study: Study, seen: dict[int, dict]) -> dict:
    labels = seen[study.seeds[0]]["labels"]
    return study.figure(FIGURE, lead(seen, FIGURE.labels["layer"]), classes=labels)


def lead(seen: dict[int, dict], layer: str) -> dict[int, np.ndarray]:
    """The share on the shape of the class of SAM, minus that of the counts."""
    return {s: one[layer, SAM] - one[layer, COUNTS] for s, one in seen.items()}


def invalid(seen: Seen) -> str:
    """Which networks did not learn the rhythm, or something else too."""
    reasons = []
    for shape, of_seed in seen.items():
        for seed, one in of_seed.items():
            right, blind = one["right"].mean(), one["re-timed", INPUT].mean()
            if right < LEARNED or blind > BLIND:
                reasons.append(
                    f"{KINDS[shape]}-s{seed} names {right:.0%} of the scenes as drawn and "
                    f"{blind:.0%} with pixels re-timed"
                )
    return "; ".join(reasons)


# ---- what describes


def on_the_shapes(study: Study, seen: dict[int, dict], shape: str) -> list[dict]:
    measures = []
    for layer in SITES:
        labels: dict[str, Any] = {"layer": layer, "class": shape}
        if labels != FIGURE.labels:
            measures.append(study.measure(FIGURE.name, lead(seen, layer), **labels))
        for name in (SAM, COUNTS):
            values = {s: one[layer, name] for s, one in seen.items()}
            title = "share on the shape of the class"
            measures.append(study.measure(title, values, map=name, **labels))
        most = {s: 1 - one[layer, COUNTS] for s, one in seen.items()}
        measures.append(study.measure(f"ceiling of {FIGURE.name}", most, **labels))
    return measures


def accuracies(study: Study, seen: dict[int, dict], shape: str) -> list[dict]:
    right = {s: one["right"].astype(float) for s, one in seen.items()}
    labels: dict[str, Any] = {"class": shape}
    measures = [study.measure("accuracy", right, **labels)]
    for layer in SITES:
        labels = {"layer": layer, "class": shape}
        without = {s: one["re-timed", layer].astype(float) for s, one in seen.items()}
        measures.append(study.measure("accuracy, a layer re-timed", without, **labels))
        lost = common.minus(right, without)
        measures.append(study.measure("accuracy lost by re-timing a layer", lost, **labels))
        ways = ("rolled", "swapped, then rolled")
        whole, mixed = (
            {s: one[way, layer].astype(float) for s, one in seen.items()} for way in ways
        )
        spared, told = common.minus(whole, without), common.minus(whole, mixed)
        measures.append(study.measure("accuracy, a layer rolled minus re-timed", spared, **labels))
        measures.append(study.measure("accuracy, a layer's trains minus swapped", told, **labels))
    return measures


def of_readers(study: Study, read: dict[int, dict], shape: str) -> list[dict]:
    measures = []
    for layer in SITES:
        labels: dict[str, Any] = {"layer": layer, "class": shape}
        right = {
            kind: {s: one[layer, kind].astype(float) for s, one in read.items()} for kind in READ
        }
        for kind, what in READ.items():
            measures.append(study.measure("read-out accuracy", right[kind], read=what, **labels))
        for kind, what in {"count": "counts", "pairs": "n(n-1)"}.items():
            gain = common.minus(right["score at spikes"], right[kind])
            measures.append(study.measure(f"read-out accuracy, NCS minus {what}", gain, **labels))
    return measures


def turned(seen: Seen) -> list[str]:
    """A note on where timing has turned into counts: how far down it still matters."""
    notes = []
    for shape, of_seed in seen.items():
        right = np.mean([one["right"] for one in of_seed.values()])
        lost = {
            layer: right - np.mean([one["re-timed", layer] for one in of_seed.values()])
            for layer in SITES
        }
        above = [layer for layer in SITES if lost[layer] > lost[INPUT] / 2]
        notes.append(
            f"The {shape} shape as class: re-timing costs more than half of what it does at the "
            f"input at {', '.join(above) or 'no layer'}."
        )
    return notes


# ---- what is computed


def batches(study: Study, kind: str, part: str) -> Iterator[tuple[int, RhythmScenes]]:
    """Scenes with the position of each batch's first; every batch has a seed of its own, which no
    training has."""
    count = 20 if study.fast else SCENES[part]
    first = 10_000 * (1 + list(SCENES).index(part))
    message = kind.removeprefix("rhythm-")
    for start in tqdm(range(0, count, BATCH), desc=f"{kind}, scenes to {part}", leave=False):
        draws = torch.Generator().manual_seed(first + start)
        yield start, rhythm_scenes(min(BATCH, count - start), draws, message)


def look(study: Study, seed: int, kind: str) -> dict[Key, np.ndarray]:
    """(layer, map) -> its share on the shape of the class [N]; "right" and (way of moving, layer),
    which scenes are named rightly; and their "labels"."""
    model = study.network(f"{kind}-s{seed}")

    def of_batch(start: int, scenes: RhythmScenes) -> dict[Key, torch.Tensor]:
        with torch.no_grad(), record(model, BLOCKS) as recording:
            spikes = scenes.spikes.to(study.device)
            right = model(spikes=spikes).argmax(1).cpu() == scenes.labels
        found: dict[Key, torch.Tensor] = {"right": right, "labels": scenes.labels}
        for i, layer in enumerate(SITES):
            of_layer = spikes if layer == INPUT else recording[layer]
            for name, maps in {SAM: spike_activation_map, COUNTS: count_map}.items():
                found[layer, name] = share(maps(of_layer).sum(0), scenes, kind)
            generator = study.generator(1 + i, start)
            for how, change in MOVES.items():
                logits = moved(model, of_layer, layer, lambda x, f=change, g=generator: f(x, g))
                found[how, layer] = logits.argmax(1).cpu() == scenes.labels
        return found

    return common.joined(of_batch(*each) for each in batches(study, kind, "test"))


def share(maps: torch.Tensor, scenes: RhythmScenes, kind: str) -> torch.Tensor:
    """Of the mass on both shapes, the share on the one of the class; one half without any."""
    scaled = common.at_image_size(maps.cpu().numpy(), scenes.bursting.shape[-1])
    bursting, even = (
        (scaled * mask).sum((1, 2), dtype=torch.float64) for mask in (scenes.bursting, scenes.even)
    )
    mine = bursting if kind == KINDS["bursting"] else even
    return common.mass_share(mine, bursting + even)


@torch.no_grad()
def moved(model, spikes: torch.Tensor, layer: str, change: Callable) -> torch.Tensor:
    """The logits when a layer's spikes, or those that come in, are moved in time."""
    if layer == INPUT:
        return model(spikes=change(spikes))
    return common.logits_with(model, layer, spikes, change)


def read_out(study: Study, seed: int, kind: str) -> dict[Key, np.ndarray]:
    """(layer, reading) -> which scenes a linear reader names rightly by it."""
    model = study.network(f"{kind}-s{seed}")
    found: dict[Key, np.ndarray] = {}
    fit, tune, test = (features(study, model, kind, part) for part in SCENES)
    for layer in SITES:
        for reading in READ:
            key = layer, reading
            parts = fit[key], tune[key], test[key]
            answers, _ = common.read(parts, (fit["labels"], tune["labels"]), DECAYS)
            found[key] = (answers == test["labels"]).numpy()
    return found


def features(study: Study, model, kind: str, part: str) -> dict[Key, torch.Tensor]:
    """(layer, reading) -> [N, C]; and the "labels"."""

    def of_batch(start: int, scenes: RhythmScenes) -> dict[Key, torch.Tensor]:
        spikes = scenes.spikes.to(study.device)
        with torch.no_grad(), record(model, BLOCKS) as recording:
            model(spikes=spikes)
        found: dict[Key, torch.Tensor] = {"labels": scenes.labels}
        for layer in SITES:
            of_layer = readings(spikes if layer == INPUT else recording[layer])
            found |= {(layer, reading): of_layer[reading] for reading in READ}
        return found

    found = common.joined(of_batch(*each) for each in batches(study, kind, part))
    return {key: torch.from_numpy(values) for key, values in found.items()}


EXPERIMENT = Experiment(
    "burst", TITLE, RULE, (FIGURE,), run, HOURS, drawn="snnlab.data.rhythm_scenes"
)

if __name__ == "__main__":
    EXPERIMENT.main()
