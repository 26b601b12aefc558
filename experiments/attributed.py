"""Claim "attributed": what SAM shows is attributed to the network's prediction."""

from typing import Any

import numpy as np
import torch

from experiments import common
from experiments.common import RATE, SAM, SNN_CAM
from experiments.experiment import Experiment, Outcome
from experiments.study import Figure, Key, Study
from snnlab.explain import snn_grad_cam, spike_activation_map
from snnlab.judge.baselines import rate_map
from snnlab.judge.faithfulness import fall_without, places_holding, top_places
from snnlab.recording import record

TITLE = "What SAM shows is what the network's prediction rests on"
RULE = """
The spikes of conv6 are taken away at the top fifth of its places by SAM, summed over time, in all
channels and at all steps. How far does the probability of the class fall that the network predicts?
Two figures. First: that fall, minus the mean fall without places drawn at random that hold as many
spikes. Second: that fall, minus the one without the places of the highest firing rate that hold as
many spikes (a fifth of them holds the most that a fifth can, so it would cost more for that alone).
A figure passes if it is at least 0.02, its intervals over images and over classes lie above 0 and
its sign is the same for every training seed. Both pass: holds; one: holds in part; both fail (all
intervals below 0.02): does not hold here; else undecided. The control is SNN Grad-CAM, which is
told the class: where its own top fifth costs no 0.02 more than places drawn at random that hold as
many spikes, taking spikes away does not tell what a prediction rests on, and the claim is
undecided.
"""
HOURS = 0.5
LAYER = "conv6"
SHARE = 0.2  # of the places
DRAWS = 5  # of places at random
THIRDS = ("first", "second", "last")  # of the steps
MAPS = (SAM, RATE, SNN_CAM)
TOLD = 0.02  # what the control must cost more than places drawn at random
NAME = "fall without the top fifth by SAM"
OVER_CHANCE = Figure(f"{NAME}, minus places holding as many spikes", 0.02, {"layer": LAYER})
OVER_RATE = Figure(
    f"{NAME}, minus the first by rate holding as many spikes", 0.02, {"layer": LAYER}
)


def run(study: Study) -> Outcome:
    seen = study.of_seeds("attributed", look)
    note = f"{len(study.val)} images; places at random were drawn {DRAWS} times for each."
    return Outcome(figures(study, seen), measures(study, seen), [note], invalid(seen))


def figures(study: Study, seen: dict) -> list[dict]:
    classes = study.val.labels.numpy()
    return [
        study.figure(OVER_CHANCE, over_chance(seen, SAM), classes=classes),
        study.figure(OVER_RATE, over_rate(seen), classes=classes),
    ]


def measures(study: Study, seen: dict) -> list[dict]:
    found = []
    for name in MAPS:
        labels: dict[str, Any] = {"map": name, "layer": LAYER}
        found.append(study.measure("fall without the top fifth", falls(seen, name), **labels))
        by_chance = {seed: one["chance", name] for seed, one in seen.items()}
        title = "fall without places holding as many spikes"
        found.append(study.measure(title, by_chance, **labels))
        title = "fall without the top fifth, minus places holding as many spikes"
        found.append(study.measure(title, over_chance(seen, name), **labels))
        spikes = {seed: one["spikes", name] for seed, one in seen.items()}
        found.append(study.measure("share of the spikes in the top fifth", spikes, **labels))
    common_places = {seed: one["shared", SAM] for seed, one in seen.items()}
    title = "share of the top fifth by SAM that is first by rate too"
    found.append(study.measure(title, common_places, layer=LAYER))
    for third in THIRDS:
        title = f"{NAME} of a third, minus places holding as many spikes"
        values = over_chance(seen, third)
        found.append(study.measure(title, values, layer=LAYER, steps=f"{third} third"))
    return found


def falls(seen: dict, name: str) -> dict[int, np.ndarray]:
    return {seed: one["fall", name] for seed, one in seen.items()}


def over_rate(seen: dict) -> dict[int, np.ndarray]:
    return {seed: one["fall", SAM] - one["by rate", SAM] for seed, one in seen.items()}


def over_chance(seen: dict, name: str) -> dict[int, np.ndarray]:
    return {seed: one["fall", name] - one["chance", name] for seed, one in seen.items()}


def invalid(seen: dict) -> str:
    """In which networks taking spikes away does not tell what a prediction rests on."""
    found = {seed: values.mean() for seed, values in over_chance(seen, SNN_CAM).items()}
    return "; ".join(
        f"lif-s{seed}: the top fifth by SNN Grad-CAM costs {value:.3f} more than chance"
        for seed, value in found.items()
        if not value >= TOLD
    )


def look(study: Study, seed: int) -> dict[Key, np.ndarray]:
    """ "fall", "chance" and "spikes" of each map [N], and of SAM in each third of the steps."""
    model = study.network(f"lif-s{seed}")
    batches = study.batches(study.val, f"without the top fifth, seed {seed}")
    return common.joined(of_batch(study, model, part, start) for start, part in batches)


def of_batch(study: Study, model, part, start: int) -> dict[Key, torch.Tensor]:
    shown = common.encoded(study, model, part.images, start)
    with torch.no_grad(), record(model, LAYER) as recording:
        predicted = model(spikes=shown).argmax(1)
    spikes = recording[LAYER]
    sam = spike_activation_map(spikes)
    cam = snn_grad_cam(model, None, predicted, layer=LAYER, spikes=shown).total
    maps = {SAM: sam.sum(0), RATE: rate_map(spikes), SNN_CAM: cam}
    later, every = common.After(model, LAYER), torch.ones(len(spikes), dtype=torch.bool)
    found: dict[Key, torch.Tensor] = {}
    for i, (name, heat) in enumerate(maps.items()):
        taken = (study, later, spikes, predicted, heat, every, (1 + i, start))
        found |= {(what, name): value for what, value in without_top(*taken).items()}
    for i, (third, steps) in enumerate(zip(THIRDS, thirds(len(spikes)), strict=True)):
        heat = sam[steps].sum(0)
        taken = (study, later, spikes, predicted, heat, steps, (10 + i, start))
        found |= {(what, third): value for what, value in without_top(*taken).items()}
    return found


def thirds(steps: int) -> list[torch.Tensor]:
    """Which of the steps belong to each third [T], bool."""
    third = torch.arange(steps) * len(THIRDS) // steps
    return [third == i for i in range(len(THIRDS))]


def without_top(
    study: Study, later, spikes, labels, heat, steps: torch.Tensor, numbers: tuple[int, int]
) -> dict[str, torch.Tensor]:
    """The fall without the top fifth of the places of a map, at some of the steps; the mean fall
    without places that hold as many spikes in them, and that without those of the highest rate
    which do; the share of their spikes that is, and of the places that are both."""
    counts = spikes[steps].sum((0, 2))
    top = top_places(heat, SHARE)
    amount = (counts * top).sum((1, 2))
    generator = study.generator(*numbers)

    def anywhere() -> torch.Tensor:
        return torch.rand(counts.shape, generator=generator, device=generator.device)

    def fall(places: torch.Tensor) -> torch.Tensor:
        taken = places & steps.to(places.device)[:, None, None, None]
        return fall_without(later, None, labels, taken, layer=LAYER, spikes=spikes)

    draws = range(2 if study.fast else DRAWS)
    chance = [fall(places_holding(amount, counts, anywhere())) for _ in draws]
    by_rate = places_holding(amount, counts, -counts)
    return {
        "fall": fall(top),
        "chance": torch.stack(chance).mean(0),
        "by rate": fall(by_rate),
        "spikes": amount / counts.sum((1, 2)).clamp(min=1),
        "shared": (top & by_rate).double().sum((1, 2)) / top.sum((1, 2)),
    }


EXPERIMENT = Experiment(
    "attributed", TITLE, RULE, (OVER_CHANCE, OVER_RATE), run, HOURS, kinds=("lif",)
)

if __name__ == "__main__":
    EXPERIMENT.main()
