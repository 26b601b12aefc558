"""Claim "interval": short intervals between spikes carry the information."""

import numpy as np
import torch
import torch.nn.functional as F

from experiments import maps as made
from experiments.maps import COUNTS, LAYERS, SAM
from experiments.protocol import Experiment, Outcome, Study
from snnlab.explain import neuronal_contribution_score, spike_activation_map
from snnlab.judge.baselines import count_map, permute_intervals, permute_steps
from snnlab.judge.localisation import energy
from snnlab.judge.stability import pearson
from snnlab.recording import record

TITLE = "Short intervals carry the information"
RULE = """
Two figures, at conv6. First: energy in the box, over the images whose box covers under half the
image, of SAM minus the map that knows only each neuron's spike count (n(n-1): SAM's mean over all
orders of the spikes in time), from the same spikes. Second: the accuracy of a linear classifier
that reads each channel's contribution score at its spikes, summed over time and averaged over the
places, minus that of one that reads the channels' spike counts in the same way; fitted on the
training images, its weight decay chosen on the images held out for tuning. A figure passes if it is
at least 0.02 (accuracy: 0.01), its interval lies above 0 and its sign is the same for every
training seed. Both pass: holds; one: holds in part; both intervals lie below that: does not hold
here.
"""
HOURS = 0.5
GAMMAS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
STEPS = (3, 6, 9, 12)
READ = {"score at spikes": "NCS", "score": "NCS, also between spikes", "count": "counts"}
READ |= {"pairs": "pairs of spikes, n(n-1)"}
DECAYS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)


def run(study: Study) -> Outcome:
    of_seed = {s: study.kept(f"orders-s{s}", lambda s=s: orders(study, s)) for s in study.seeds}
    *_, notes = made.boxed(study.val)

    def scores(key):
        return {s: made.small_box_scores(energy, of_seed[s][key], study.val) for s in study.seeds}

    def minus(first, second):
        return made.minus(scores(first), scores(second))

    read = {s: study.kept(f"read-out-s{s}", lambda s=s: read_out(study, s)) for s in study.seeds}

    def right(kind, steps):
        return {s: read[s][f"{kind}|{steps}"].astype(float) for s in study.seeds}

    def gain(kind, steps, over="count"):
        return made.minus(right(kind, steps), right(over, steps))

    name, reads = "energy in small boxes, SAM minus n(n-1)", "read-out accuracy, NCS minus counts"
    figures = [
        study.measure(name, minus(f"conv6|{SAM}", f"conv6|{COUNTS}"), margin=0.02, layer="conv6"),
        study.measure(reads, gain("score at spikes", STEPS[-1]), margin=0.01, layer="conv6"),
    ]
    measures = []
    for layer in LAYERS:
        if layer != "conv6":
            labels = {"layer": layer, "steps": STEPS[-1]}
            measures.append(
                study.measure(name, minus(f"{layer}|{SAM}", f"{layer}|{COUNTS}"), **labels)
            )
        for order in ("one order for all neurons", "intervals within a neuron"):
            values = minus(f"{layer}|{SAM}", f"{layer}|{order}")
            title = "energy in small boxes, SAM minus SAM of permuted spikes"
            measures.append(study.measure(title, values, layer=layer, order=order))
        alike = {
            s: pearson(
                torch.as_tensor(of_seed[s][f"{layer}|{SAM}"]),
                torch.as_tensor(of_seed[s][f"{layer}|{COUNTS}"]),
            ).numpy()
            for s in study.seeds
        }
        title = "correlation of SAM with the n(n-1) map"
        measures.append(study.measure(title, alike, layer=layer))
    for gamma in GAMMAS:
        values, title = scores(f"conv6|gamma {gamma}"), "energy in small boxes by gamma"
        measures.append(study.measure(title, values, layer="conv6", gamma=gamma))
    for steps in STEPS:
        values = minus(f"conv6|first {steps}", f"conv6|counts of first {steps}")
        title = "energy in small boxes, SAM minus n(n-1), first steps"
        measures.append(study.measure(title, values, layer="conv6", steps=steps))
        for kind, what in READ.items():
            labels = {"read": what, "layer": "conv6", "steps": steps}
            measures.append(study.measure("read-out accuracy", right(kind, steps), **labels))
        title = "read-out accuracy, NCS minus pairs of spikes"
        values = gain("score at spikes", steps, over="pairs")
        measures.append(study.measure(title, values, layer="conv6", steps=steps))
    return Outcome(figures, measures, notes)


def orders(study: Study, seed: int) -> dict[str, np.ndarray]:
    """SAM of the spikes as they came, and of their counts and permutations: totals [N, H, W]."""
    model, rows = study.network(f"lif-s{seed}"), {}
    for start, part in study.batches(study.val, f"orders of spikes, seed {seed}"):
        with torch.no_grad(), record(model, LAYERS) as recording:
            model(spikes=made.encoded(study, model, part.images, start))
        generator = study.generator(1, start)
        for layer in LAYERS:
            spikes = recording[layer]
            found = {
                SAM: spike_activation_map(spikes),
                COUNTS: count_map(spikes),
                "one order for all neurons": spike_activation_map(permute_steps(spikes, generator)),
                "intervals within a neuron": spike_activation_map(
                    permute_intervals(spikes, generator)
                ),
            }
            if layer == "conv6":
                found |= {f"gamma {g}": spike_activation_map(spikes, g) for g in GAMMAS}
                for steps in STEPS:
                    found[f"first {steps}"] = spike_activation_map(spikes[:steps])
                    found[f"counts of first {steps}"] = count_map(spikes[:steps])
            for key, maps in found.items():
                rows.setdefault(f"{layer}|{key}", []).append(maps.sum(0).cpu().numpy())
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def read_out(study: Study, seed: int) -> dict[str, np.ndarray]:
    """ "kind|steps" -> which validation images a linear classifier names rightly from conv6."""
    model = study.network(f"lif-s{seed}")
    train, tune, val = (
        features(study, model, part) for part in (study.train, study.tune, study.val)
    )
    found = {}
    for key in train:
        centre, spread = train[key].mean(0), train[key].std(0).clamp(min=1e-12)
        fit_on, choose_on, test_on = ((x[key] - centre) / spread for x in (train, tune, val))
        readers = [classifier(fit_on, study.train.labels, decay) for decay in DECAYS]
        tuned = [(r(choose_on).argmax(1) == study.tune.labels).double().mean() for r in readers]
        best = readers[int(np.argmax(tuned))]
        found[key] = (best(test_on).argmax(1) == study.val.labels).numpy()
        found[f"decay|{key}"] = np.array(DECAYS[int(np.argmax(tuned))])
    return found


def features(study: Study, model, photos) -> dict[str, torch.Tensor]:
    """ "kind|steps" -> [N, C]: each channel's mean over the places of conv6."""
    rows = {}
    for start, part in study.batches(photos, "spikes for the read-out"):
        with torch.no_grad(), record(model, "conv6") as recording:
            model(spikes=made.encoded(study, model, part.images, start))
        whole = recording["conv6"]
        for steps in STEPS:
            spikes = whole[:steps]
            score, count = neuronal_contribution_score(spikes), spikes.sum(0)
            found = {
                "score at spikes": (score * spikes).sum(0),
                "score": score.sum(0),
                "count": count,
                "pairs": count * (count - 1),
            }
            for kind, value in found.items():
                rows.setdefault(f"{kind}|{steps}", []).append(value.mean((-2, -1)).double().cpu())
    return {key: torch.cat(parts) for key, parts in rows.items()}


def classifier(x: torch.Tensor, labels: torch.Tensor, decay: float):
    """Multinomial logistic regression with weight decay, to its optimum (it is convex)."""
    weight = torch.zeros(int(labels.max()) + 1, x.shape[1], dtype=x.dtype, requires_grad=True)
    bias = torch.zeros(len(weight), dtype=x.dtype, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weight, bias], max_iter=300, history_size=20, line_search_fn="strong_wolfe"
    )

    def loss():
        optimiser.zero_grad()
        value = F.cross_entropy(x @ weight.T + bias, labels) + decay * weight.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    weight, bias = weight.detach(), bias.detach()
    return lambda x: x @ weight.T + bias


EXPERIMENT = Experiment("interval", TITLE, RULE, run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
