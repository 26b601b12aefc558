"""Claim "events": in the recordings of event cameras time carries the message."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from experiments import common
from experiments.experiment import Experiment, Outcome
from experiments.study import BATCH, Figure, Key, Study
from snnlab.data import glances, n_mnist, photographs
from snnlab.judge.faithfulness import retimed, rolled
from snnlab.recording import intervene

TITLE = "In the recordings of event cameras time carries the message"
RULE = """
How much accuracy a network loses when every pixel's events are put on random steps, counts, signs
and places kept. Two figures, of two tasks. First, the way: did a camera turn left or right before a
photograph (simulated events, as in ESIM, of the 139 photographs that come with the book; on and off
are exchanged for half of them)? Second, digits: N-MNIST's first 100 test recordings, real ones. A
figure is the share named rightly as recorded minus that re-timed, a mean over draws, then over
recordings; it passes if it is at least 0.02, its intervals over recordings and over classes lie
above 0 and its sign is the same for every training seed. Both pass: holds; one: holds in part; both
fail (both intervals below 0.02): does not hold here; else undecided. It is undecided too if a
network names fewer than 80 percent as recorded, or if a network that was trained on re-timed
recordings of the way, which are counts and nothing else, names more than 60 percent of them: then
the way is not in time alone. Expected from Iyer et al. (2021): the second figure is small.
"""
HOURS = 0.3
LEARNED, BLIND = 0.8, 0.6
DRAWS = 4  # of the re-timed steps; for the way, of the glances too
WAY, DIGITS = "the way", "digits"
NETWORKS = {WAY: "glance", DIGITS: "n-mnist"}
COUNTS, SUMS = "glance-shuffled-s0", "n-mnist-sums-s0"
LATER = (
    "After the rule was written, and before the run, the card of n-mnist-s0 showed how few of its "
    f"test recordings it names re-timed. So {SUMS}, which sees sums of whole recordings, was "
    "trained too, to tell what a network uses from what the task needs; it decides nothing."
)
INPUT = "input"
RETIMED, ROLLED = "re-timed", "rolled"
MOVES = {RETIMED: retimed, ROLLED: rolled}
SITES = (INPUT, "conv1", "conv2", "conv4", "conv6")
NAME = "accuracy lost by re-timing the input's events"
FIGURES = {task: Figure(NAME, 0.02, {"task": task}) for task in NETWORKS}
Seen = dict[str, dict[int, dict[Key, np.ndarray]]]  # by task and training seed


class Shown(NamedTuple):
    """Recordings [T, N, 2, H, W] as they are shown to a network, and what they are."""

    frames: torch.Tensor
    labels: torch.Tensor


def run(study: Study) -> Outcome:
    seen: Seen = {task: study.of_seeds(kind, look, task) for task, kind in NETWORKS.items()}
    counts = study.kept(COUNTS, named, study, COUNTS)
    figures = [
        study.figure(FIGURES[task], lost(one, INPUT), classes=one[study.seeds[0]]["classes"])
        for task, one in seen.items()
    ]
    measures = []
    for task in NETWORKS:
        measures += of_task(study, seen[task], task)
    of_sums = study.kept(SUMS, summed, study, SUMS)
    for task, found in {WAY: counts, DIGITS: of_sums}.items():
        labels: dict[str, Any] = {"task": task, "trained on": "counts"}
        measures.append(study.measure("accuracy", {0: found["right"]}, **labels))
    notes = [
        f"Every recording was re-timed {DRAWS} times; the camera turned before each photograph "
        f"{DRAWS} times. N-MNIST: {len(recordings(study).labels)} recordings.",
        LATER,
        f"Counts alone tell {of_sums['right'].mean():.0%} of the digits ({SUMS}), and "
        f"{counts['right'].mean():.0%} of the ways ({COUNTS}): the limit on counts is for the way. "
        "For digits the figure says what these networks use, not what the task needs.",
    ]
    return Outcome(figures, measures, notes, invalid(seen, counts))


# ---- what decides


def lost(seen: dict[int, dict], layer: str) -> dict[int, np.ndarray]:
    """The share named rightly as recorded, minus that with a layer's spikes re-timed."""
    return {seed: one["right"] - one[RETIMED, layer] for seed, one in seen.items()}


def invalid(seen: Seen, counts: dict[Key, np.ndarray]) -> str:
    """Which networks did not learn their task, or know the way from counts."""
    reasons = [
        f"{NETWORKS[task]}-s{seed} names {one['right'].mean():.0%} as recorded"
        for task, of_seed in seen.items()
        for seed, one in of_seed.items()
        if one["right"].mean() < LEARNED
    ]
    if counts["right"].mean() > BLIND:
        reasons.append(f"{COUNTS} knows the way from counts: {counts['right'].mean():.0%}")
    return "; ".join(reasons)


# ---- what describes


def of_task(study: Study, seen: dict[int, dict], task: str) -> list[dict]:
    right = {seed: one["right"] for seed, one in seen.items()}
    back = {seed: one["backwards"] for seed, one in seen.items()}
    measures = [
        study.measure("accuracy", right, task=task),
        study.measure("accuracy, backwards in time", back, task=task),
    ]
    for layer in SITES:
        labels: dict[str, Any] = {"task": task, "layer": layer}
        left = {how: {s: one[how, layer] for s, one in seen.items()} for how in MOVES}
        for how, values in left.items():
            measures.append(study.measure(f"accuracy, {how}", values, **labels))
        kept = common.minus(left[ROLLED], left[RETIMED])
        measures.append(study.measure("accuracy, rolled minus re-timed", kept, **labels))
        title = "accuracy lost by re-timing"
        measures.append(study.measure(title, lost(seen, layer), **labels))
    return measures


# ---- what is computed


def recordings(study: Study) -> Shown:
    """N-MNIST's test recordings; without a file, the ten that come with the library."""
    found = n_mnist(study.recordings, "test")
    return Shown(found.frames, found.labels)


def glanced(study: Study, draw: int) -> Shown:
    """The camera turns left or right before each photograph; another draw, other ways."""
    photos = photographs()
    found = glances(photos[:20] if study.fast else photos, torch.Generator().manual_seed(draw))
    return Shown(found.frames, found.labels)


def look(study: Study, seed: int, task: str) -> dict[Key, np.ndarray]:
    """ "right", "backwards" and (how it is moved, layer): the share of the draws in which each
    recording is named rightly; "classes": of the digits, or of the photographs."""
    model = study.network(f"{NETWORKS[task]}-s{seed}")
    draws = range(2 if study.fast else DRAWS)
    each = []
    for draw in draws:
        shown = glanced(study, 100 + draw) if task == WAY else recordings(study)
        each.append(common.joined(answers(study, model, shown, draw)))
    found: dict[Key, np.ndarray] = {
        key: np.mean([one[key] for one in each], axis=0) for key in each[0]
    }
    photos = photographs()[: len(found["right"])]
    classes = photos.labels if task == WAY else recordings(study).labels
    return {**found, "classes": classes.numpy()}


def answers(study: Study, model, shown: Shown, draw: int):
    """Batch by batch, which recordings are named rightly."""
    for start in range(0, len(shown.labels), BATCH):
        frames = shown.frames[:, start : start + BATCH].to(study.device)
        labels = shown.labels[start : start + BATCH]
        found: dict[Key, torch.Tensor] = {
            "right": answer(model, frames) == labels,
            "backwards": answer(model, frames.flip(0)) == labels,
        }
        for k, (how, move) in enumerate(MOVES.items()):
            for i, layer in enumerate(SITES):
                generator = study.generator(1 + i + 10 * k, draw, start)
                named_now = moved(
                    model, frames, layer, functools.partial(move, generator=generator)
                )
                found[how, layer] = named_now == labels
        yield {key: value.double() for key, value in found.items()}


@torch.no_grad()
def answer(model, frames: torch.Tensor) -> torch.Tensor:
    return model(spikes=frames).argmax(1).cpu()


def moved(model, frames: torch.Tensor, layer: str, move: Callable) -> torch.Tensor:
    """What is named when the input's events, or a layer's spikes, are moved in time."""
    if layer == INPUT:
        return answer(model, move(frames))
    with intervene(model, {layer: move}):
        return answer(model, frames)


def named(study: Study, name: str) -> dict[Key, np.ndarray]:
    """How often a network of counts names the way rightly, for each photograph."""
    model = study.network(name)
    each = []
    for draw in range(2 if study.fast else DRAWS):
        shown = glanced(study, 100 + draw)
        counts = retimed(shown.frames.to(study.device), study.generator(7, draw))
        each.append((answer(model, counts) == shown.labels).double().numpy())
    return {"right": np.mean(each, axis=0)}


def summed(study: Study, name: str) -> dict[Key, np.ndarray]:
    """Which digits a network of sums names rightly."""
    found = n_mnist(study.recordings, "test", steps=1)
    right = answer(study.network(name), found.frames.to(study.device)) == found.labels
    return {"right": right.double().numpy()}


EXPERIMENT = Experiment("events", TITLE, RULE, tuple(FIGURES.values()), run, HOURS, recorded=True)

if __name__ == "__main__":
    EXPERIMENT.main()
