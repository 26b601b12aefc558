"""Exploration "settling": when, in the T steps, maps, prediction and first spikes settle."""

from typing import Any

import numpy as np
import torch

from experiments import common
from experiments.common import SAM, SNN_CAM
from experiments.experiment import Experiment, Outcome
from experiments.study import Key, Study
from snnlab.explain import snn_grad_cam, spike_activation_map
from snnlab.judge.localisation import energy
from snnlab.judge.stability import pearson
from snnlab.recording import record

TITLE = "When maps, prediction and first spikes settle"
RULE = """
Exploratory, no verdict. After each step t, at conv6: the correlation of the map summed up to t with
the map summed over all steps (SAM, and SNN Grad-CAM with the alpha of the whole sequence), the same
with the map of another encoder draw, which is the most that can be expected; the energy in boxes
under half the image; how often the class with the highest mean score up to t is the final one, and
the right one; and the share of the neurons that fire at all that have fired by t.
"""
HOURS = 0.2
LAYER = "conv6"
MEASURES: dict[Key, tuple[str, dict[str, Any]]] = {  # key -> title, labels
    (SAM, "final"): ("correlation with the final map", {"map": SAM}),
    (SNN_CAM, "final"): ("correlation with the final map", {"map": SNN_CAM}),
    (SAM, "other draw"): ("correlation with the final map of another draw", {"map": SAM}),
    (SAM, "energy"): ("energy in small boxes", {"map": SAM}),
    "agrees": ("the class up to t is the final one", {}),
    "right": ("the class up to t is the right one", {}),
    "fired": ("share of neurons that have fired", {}),
}


def run(study: Study) -> Outcome:
    found = study.of_seeds("settling", look)
    _, _, small, notes = common.boxed(study.val)
    measures = []
    for key, (title, labels) in MEASURES.items():
        for step in range(found[study.seeds[0]][key].shape[1]):
            values = {s: seen[key][:, step].astype(float) for s, seen in found.items()}
            if "energy" in key:
                values = {s: common.only(v, small) for s, v in values.items()}
            measures.append(study.measure(title, values, **labels, step=step))
    return Outcome([], measures, notes)


def look(study: Study, seed: int) -> dict[Key, np.ndarray]:
    """A value for each image and step, [N, T], under the keys of MEASURES."""
    model = study.network(f"lif-s{seed}")
    batches = study.batches(study.val, f"step by step, seed {seed}")
    return common.joined(of_batch(study, model, part, start) for start, part in batches)


def of_batch(study: Study, model, part, start: int) -> dict[Key, torch.Tensor]:
    spikes, other = (common.encoded(study, model, part.images, start, draw) for draw in (0, 1))
    with torch.no_grad(), record(model, (LAYER, "head")) as recording:
        logits = model(spikes=spikes)
    with torch.no_grad(), record(model, LAYER) as again:
        model(spikes=other)
    cam = snn_grad_cam(model, None, part.labels, layer=LAYER, spikes=spikes).maps.cumsum(0)
    sam = spike_activation_map(recording[LAYER]).cumsum(0)
    another = spike_activation_map(again[LAYER]).sum(0)
    so_far = recording["head"].cumsum(0).argmax(2)  # the mean's highest is the sum's
    if not torch.equal(so_far[-1], logits.argmax(1)):
        raise RuntimeError("the scores of the steps do not add up to those of the network")
    scores = [common.box_scores(energy, m.cpu().numpy(), part) for m in sam]
    found: dict[Key, list[torch.Tensor]] = {
        (SAM, "final"): [pearson(m, sam[-1]) for m in sam],
        (SNN_CAM, "final"): [pearson(m, cam[-1]) for m in cam],
        (SAM, "other draw"): [pearson(m, another) for m in sam],
        (SAM, "energy"): [torch.as_tensor(score) for score in scores],
        "agrees": list(so_far == so_far[-1]),
        "right": list(so_far == part.labels),
        "fired": list(_fired_so_far(recording[LAYER])),
    }
    return {key: torch.stack(steps, 1) for key, steps in found.items()}


def _fired_so_far(spikes: torch.Tensor) -> torch.Tensor:
    """[T, B]: of the neurons that fire in the sequence, those that have fired by each step."""
    ever = spikes.cumsum(0).clamp(max=1).sum((2, 3, 4))
    return ever / ever[-1].clamp(min=1)


EXPERIMENT = Experiment("settling", TITLE, RULE, (), run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
