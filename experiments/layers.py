"""Description "layers": how SAM differs by layer and by step."""

import numpy as np
import torch

from experiments import maps as made
from experiments.protocol import Experiment, Outcome, Study
from snnlab.explain import spike_activation_map
from snnlab.judge.localisation import energy
from snnlab.judge.smoothness import half_mass_area
from snnlab.models import BLOCKS
from snnlab.recording import record

TITLE = "SAM differs by layer and by step"
RULE = """
Descriptive, no verdict. For every block and step: firing rate, SAM per neuron (the map's mean over
the places, divided by the channels, so that all layers share one scale), the area that holds half
of SAM's mass, and its energy in boxes under half the image; for every block, the step at which a
neuron that fires does so first.
"""
HOURS = 0.2


def run(study: Study) -> Outcome:
    found = {s: study.kept(f"layers-s{s}", lambda s=s: look(study, s)) for s in study.seeds}
    _, _, small, notes = made.boxed(study.val)
    measures = []
    titles = {
        "rate": "firing rate",
        "sam": "SAM per neuron",
        "area": "half-mass area",
        "energy": "energy in small boxes",
    }
    for layer in BLOCKS:
        for key, title in titles.items():
            for t in range(found[study.seeds[0]][f"{layer}|{key}"].shape[1]):
                values = {s: found[s][f"{layer}|{key}"][:, t] for s in study.seeds}
                if key == "energy":
                    values = {s: made.only(v, small) for s, v in values.items()}
                elif key == "area":
                    silent = {s: found[s][f"{layer}|sam"][:, t] == 0 for s in study.seeds}
                    values = {s: made.only(v, ~silent[s]) for s, v in values.items()}
                    if min((~np.isnan(v)).sum() for v in values.values()) < 2:
                        continue  # at the first step SAM is 0 by definition
                measures.append(study.measure(title, values, layer=layer, step=t))
        values = {s: found[s][f"{layer}|first"] for s in study.seeds}
        measures.append(study.measure("first spike", values, layer=layer))
        values = {s: found[s][f"{layer}|active"] for s in study.seeds}
        measures.append(study.measure("share of neurons that fire", values, layer=layer))
    return Outcome([], measures, notes, descriptive=True)


def look(study: Study, seed: int) -> dict[str, np.ndarray]:
    model, rows = study.network(f"lif-s{seed}"), {}
    for start, part in study.batches(study.val, f"all layers of seed {seed}"):
        with torch.no_grad(), record(model, BLOCKS) as recording:
            model(spikes=made.encoded(study, model, part.images, start))
        for layer in BLOCKS:
            spikes = recording[layer]
            maps = spike_activation_map(spikes).cpu()
            fired = spikes.any(0).flatten(1)
            first = spikes.argmax(0).flatten(1).float()
            found = {
                "rate": spikes.mean((2, 3, 4)).T,
                "sam": maps.mean((2, 3)).T / spikes.shape[2],
                "area": torch.stack([half_mass_area(m) for m in maps], 1),
                "energy": torch.stack(
                    [torch.as_tensor(made.box_scores(energy, m.numpy(), part)) for m in maps], 1
                ),
                "first": (first * fired).sum(1) / fired.sum(1),
                "active": fired.float().mean(1),
            }
            for key, value in found.items():
                rows.setdefault(f"{layer}|{key}", []).append(value.cpu().numpy())
    return {key: np.concatenate(parts) for key, parts in rows.items()}


EXPERIMENT = Experiment("layers", TITLE, RULE, run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
