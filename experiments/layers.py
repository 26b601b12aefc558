"""Description "layers": how SAM differs by layer and by step."""

import numpy as np
import torch

from experiments import common
from experiments.experiment import Experiment, Outcome
from experiments.study import Key, Study
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
TITLES = {
    "rate": "firing rate",
    "sam": "SAM per neuron",
    "area": "half-mass area",
    "energy": "energy in small boxes",
}


def run(study: Study) -> Outcome:
    found = study.of_seeds("layers", look)
    _, _, small, notes = common.boxed(study.val)
    measures = []
    for layer in BLOCKS:
        for key in TITLES:
            measures += by_step(study, found, layer, key, small)
        for key, title in {"first": "first spike", "active": "share of neurons that fire"}.items():
            values = {s: maps[layer, key] for s, maps in found.items()}
            measures.append(study.measure(title, values, layer=layer))
    return Outcome([], measures, notes)


def by_step(study: Study, found: dict, layer: str, key: str, small: np.ndarray) -> list[dict]:
    """A measure at every step at which at least two images have a value."""
    measures = []
    for step in range(found[study.seeds[0]][layer, key].shape[1]):
        values = {s: at_step(seen, layer, key, step, small) for s, seen in found.items()}
        if min((~np.isnan(v)).sum() for v in values.values()) < 2:
            continue  # at the first step SAM is 0 by definition
        measures.append(study.measure(TITLES[key], values, layer=layer, step=step))
    return measures


def at_step(seen: dict, layer: str, key: str, step: int, small: np.ndarray) -> np.ndarray:
    """[N]; NaN where the box is not small, or a map without mass has no area."""
    values = seen[layer, key][:, step]
    if key == "energy":
        return common.only(values, small)
    return common.only(values, seen[layer, "sam"][:, step] != 0) if key == "area" else values


def look(study: Study, seed: int) -> dict[Key, np.ndarray]:
    """(layer, measure) -> [N, T], of TITLES; (layer, "first"), (layer, "active") -> [N]."""
    model = study.network(f"lif-s{seed}")

    def of_batch(start, part):
        with torch.no_grad(), record(model, BLOCKS) as recording:
            model(spikes=common.encoded(study, model, part.images, start))
        return {
            (layer, key): value
            for layer in BLOCKS
            for key, value in of_layer(recording[layer], part).items()
        }

    batches = study.batches(study.val, f"all layers of seed {seed}")
    return common.joined(of_batch(start, part) for start, part in batches)


def of_layer(spikes: torch.Tensor, part) -> dict[str, torch.Tensor]:
    maps = spike_activation_map(spikes).cpu()
    fired = spikes.any(0).flatten(1)
    first = spikes.argmax(0).flatten(1).float()
    scores = [torch.as_tensor(common.box_scores(energy, m.numpy(), part)) for m in maps]
    return {
        "rate": spikes.mean((2, 3, 4)).T,
        "sam": maps.mean((2, 3)).T / spikes.shape[2],
        "area": torch.stack([half_mass_area(m) for m in maps], 1),
        "energy": torch.stack(scores, 1),
        "first": (first * fired).sum(1) / fired.sum(1),
        "active": fired.float().mean(1),
    }


EXPERIMENT = Experiment("layers", TITLE, RULE, (), run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
