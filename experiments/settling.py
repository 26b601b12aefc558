"""Exploration "settling": when, in the T steps, maps, prediction and first spikes settle."""

import numpy as np
import torch

from experiments import maps as made
from experiments.maps import SAM, SNN_CAM
from experiments.protocol import Experiment, Outcome, Study
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


def run(study: Study) -> Outcome:
    found = {s: study.kept(f"settling-s{s}", lambda s=s: look(study, s)) for s in study.seeds}
    _, _, small, notes = made.boxed(study.val)
    titles = {
        f"{SAM}|final": ("correlation with the final map", {"map": SAM}),
        f"{SNN_CAM}|final": ("correlation with the final map", {"map": SNN_CAM}),
        f"{SAM}|other draw": ("correlation with the final map of another draw", {"map": SAM}),
        f"{SAM}|energy": ("energy in small boxes", {"map": SAM}),
        "agrees": ("the class up to t is the final one", {}),
        "right": ("the class up to t is the right one", {}),
        "fired": ("share of neurons that have fired", {}),
    }
    measures = []
    for key, (title, labels) in titles.items():
        for t in range(found[study.seeds[0]][key].shape[1]):
            values = {s: found[s][key][:, t].astype(float) for s in study.seeds}
            if key.endswith("energy"):
                values = {s: made.only(v, small) for s, v in values.items()}
            measures.append(study.measure(title, values, **labels, step=t))
    return Outcome([], measures, notes, descriptive=True)


def look(study: Study, seed: int) -> dict[str, np.ndarray]:
    model, rows = study.network(f"lif-s{seed}"), {}
    for start, part in study.batches(study.val, f"step by step, seed {seed}"):
        spikes, other = (made.encoded(study, model, part.images, start, draw) for draw in (0, 1))
        with torch.no_grad(), record(model, ("conv6", "head")) as recording:
            logits = model(spikes=spikes)
        with torch.no_grad(), record(model, "conv6") as again:
            model(spikes=other)
        cam = snn_grad_cam(model, None, part.labels, layer="conv6", spikes=spikes).maps.cumsum(0)
        fired = recording["conv6"]
        sam = spike_activation_map(fired).cumsum(0)
        another = spike_activation_map(again["conv6"]).sum(0)
        so_far = recording["head"].cumsum(0).argmax(2)  # the mean's highest is the sum's
        final = so_far[-1]
        if not torch.equal(final, logits.argmax(1)):
            raise RuntimeError("the scores of the steps do not add up to those of the network")
        found = {
            f"{SAM}|final": [pearson(m, sam[-1]) for m in sam],
            f"{SNN_CAM}|final": [pearson(m, cam[-1]) for m in cam],
            f"{SAM}|other draw": [pearson(m, another) for m in sam],
            f"{SAM}|energy": [
                torch.as_tensor(made.box_scores(energy, m.cpu().numpy(), part)) for m in sam
            ],
            "agrees": list(so_far == final),
            "right": list(so_far == part.labels),
            "fired": list(_fired_so_far(fired)),
        }
        for key, steps in found.items():
            rows.setdefault(key, []).append(torch.stack([s.cpu() for s in steps], 1).numpy())
    return {key: np.concatenate(parts) for key, parts in rows.items()}


def _fired_so_far(spikes: torch.Tensor) -> torch.Tensor:
    """[T, B]: of the neurons that fire in the sequence, those that have fired by each step."""
    ever = spikes.cumsum(0).clamp(max=1).sum((2, 3, 4))
    return ever / ever[-1].clamp(min=1)


EXPERIMENT = Experiment("settling", TITLE, RULE, run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
