"""Claim "leak": the leak changes what SAM shows."""

import itertools

import numpy as np
import torch

from experiments import maps as made
from experiments.maps import LAYERS
from experiments.protocol import Experiment, Outcome, Study
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


def run(study: Study) -> Outcome:
    seeds = study.seeds
    made_by = {
        (leak, seed): study.kept(
            f"leak-{name}-s{seed}", lambda name=name, seed=seed: sam_of(study, f"{name}-s{seed}")
        )
        for leak, name in NETWORKS.items()
        for seed in seeds
    }

    def differ(layer, one, other):
        maps = (torch.as_tensor(made_by[network][layer]) for network in (one, other))
        return 1 - pearson(*maps).numpy()

    def between_seeds(layer, leak):
        pairs = [
            differ(layer, (leak, one), (leak, other))
            for one, other in itertools.combinations(seeds, 2)
        ]
        return np.mean(pairs, 0) if pairs else np.zeros(len(study.val))

    def gap(layer):
        same = (between_seeds(layer, 1.0) + between_seeds(layer, 0.5)) / 2
        return {s: differ(layer, (1.0, s), (0.5, s)) - same for s in seeds}

    name = "1 - correlation of SAM, between leaks 1.0 and 0.5 minus between seeds"
    figure = study.measure(name, gap("conv6"), margin=0.02, layer="conv6")
    measures = [study.measure(name, gap(layer), layer=layer) for layer in ("conv4", "conv8")]
    for layer in LAYERS:
        for one, other in itertools.combinations(NETWORKS, 2):
            values = {s: differ(layer, (one, s), (other, s)) for s in seeds}
            labels = {"layer": layer, "leak": one, "other leak": other}
            measures.append(study.measure("1 - correlation, between leaks", values, **labels))
        for leak in NETWORKS:
            labels = {"layer": layer, "leak": leak}
            values = {0: between_seeds(layer, leak)}
            measures.append(study.measure("1 - correlation, between seeds", values, **labels))
            areas = {
                s: half_mass_area(torch.as_tensor(made_by[leak, s][layer])).numpy() for s in seeds
            }
            measures.append(study.measure("half-mass area", areas, **labels))
            rates = {s: made_by[leak, s][f"{layer}|rate"] for s in seeds}
            measures.append(study.measure("firing rate", rates, **labels))
    *_, notes = made.boxed(study.val)
    for leak in NETWORKS:
        values = {
            s: made.small_box_scores(energy, made_by[leak, s]["conv6"], study.val) for s in seeds
        }
        measures.append(study.measure("energy in small boxes", values, layer="conv6", leak=leak))
        right = {s: made_by[leak, s]["right"].astype(float) for s in seeds}
        measures.append(study.measure("accuracy", right, leak=leak))
    return Outcome([figure], measures, notes)


def sam_of(study: Study, name: str) -> dict[str, np.ndarray]:
    """layer -> SAM summed over time [N, H, W]; "layer|rate" [N]; and "right" [N]."""
    model, rows = study.network(name), {}
    for start, part in study.batches(study.val, name):
        with torch.no_grad(), record(model, LAYERS) as recording:
            logits = model(spikes=made.encoded(study, model, part.images, start))
        found = {"right": logits.argmax(1) == part.labels}
        for layer in LAYERS:
            found[layer] = spike_activation_map(recording[layer]).sum(0)
            found[f"{layer}|rate"] = recording[layer].mean((0, 2, 3, 4))
        for key, value in found.items():
            rows.setdefault(key, []).append(value.cpu().numpy())
    return {key: np.concatenate(parts) for key, parts in rows.items()}


EXPERIMENT = Experiment("leak", TITLE, RULE, run, HOURS, seeds=(0, 1))

if __name__ == "__main__":
    EXPERIMENT.main()
