"""The widgets' arithmetic in JavaScript: snnlab's numbers go to Node, which compares its own."""

import numpy as np
import pytest
import torch
from helpers import tiny
from helpers.node import node, text

from snnlab import encoding, explain, neurons, surrogate
from snnlab.judge import smoothness, stability
from snnlab.models import DEVIATION, MEAN
from snnlab.widgets.recorded import lag_pairs

pytestmark = pytest.mark.slow


def flat(tensor):
    return tensor.flatten().tolist()


def uniform():
    for seed, size in [(0, 5), (1, 700), (42, 3000), (2**31 + 5, 1300), (2**32 - 1, 625)]:
        drawn = torch.rand(size, generator=tiny.generator(seed))
        yield {"seed": seed, "size": size, "last": drawn[-5:].tolist()}


def poisson():
    pixels = (torch.rand(1, 3, 9, 7, generator=tiny.generator(3)) * 255).round() / 255
    x = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
    spikes = encoding.poisson(x, 6, tiny.generator(11))
    return {
        "pixels": flat(pixels),
        "x": flat(x),
        "steps": 6,
        "seed": 11,
        "spikes": flat(spikes.int()),
    }


def lif():
    for seed, (leak, threshold, reset, begins) in enumerate(
        [(0.95, 1.0, "soft", False), (0.5, 0.7, "hard", False), (1.0, 1.3, "soft", True)]
    ):
        currents = torch.randn(40, 5, generator=tiny.generator(seed)) + 0.4
        start = torch.full((5,), threshold / 2) if begins else None
        spikes, state = neurons.lif(currents, leak, threshold, reset, state=start)
        yield {
            "currents": flat(currents),
            "steps": 40,
            "leak": leak,
            "threshold": threshold,
            "reset": reset,
            "start": start.tolist() if begins else None,
            "spikes": flat(spikes.int()),
            "state": state.tolist(),
        }


def slopes():
    u = torch.linspace(-1, 3, 41, dtype=torch.float64)
    for kind in ("triangle", "fast_sigmoid", "arctan"):
        for threshold, scale, width in [(1.0, 0.3, 1.0), (1.5, 1.0, 0.25)]:
            slope = getattr(surrogate, kind)(scale, width)(u.clone(), threshold)
            yield {
                "kind": kind,
                "u": u.tolist(),
                "threshold": threshold,
                "scale": scale,
                "width": width,
                "slope": slope.tolist(),
            }


def maps():
    spikes = tiny.spikes(7, 1, 5, 3, 4, rate=0.5)
    alpha = torch.randn(5, generator=tiny.generator(2), dtype=torch.float64)
    n = spikes.sum(0)
    gammas = []
    for gamma in (0, 0.3, 0.5, 2):
        paper = explain.spike_activation_map(spikes, gamma)
        shuffled = [  # all shuffles of a neuron's steps: each pair of steps is equally probable
            sum(np.exp(-gamma * (t - earlier)) for earlier in range(t)) / (7 * 6) for t in range(7)
        ]
        counts = (n * (n - 1)).sum(1) * torch.tensor(shuffled).view(7, 1, 1, 1)
        gammas.append(
            {
                "gamma": gamma,
                "scores": flat(explain.neuronal_contribution_score(spikes, gamma)),
                "paper": flat(paper),
                "total": flat(paper.sum(0)),
                "code": flat(explain.spike_activation_map(spikes, gamma, "authors-code")),
                "counts": flat(counts),
            }
        )
    return {
        "steps": 7,
        "channels": 5,
        "places": 12,
        "packed": text(np.packbits(spikes.numpy().astype(bool))),
        "gammas": gammas,
        "alpha": alpha.tolist(),
        "lags": list(lag_pairs(spikes)),
        "rate": flat(spikes.sum(2)),
        "gradCam": flat((alpha.view(5, 1, 1) * spikes).sum(2).clamp(min=0)),
    }


def bits():
    some = tiny.spikes(29).numpy().astype(np.uint8)
    return {"bits": some.tolist(), "packed": text(np.packbits(some))}


def float16():
    values = [0, 1, -2.5, 6e-8, 65504, -0.33325, np.inf, -np.inf, np.nan]
    halves = np.array(values, dtype="<f2")
    names = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN", "0.0": "0"}
    words = [str(float(x)) for x in halves]
    words = [names.get(word, word.replace("e-0", "e-").removesuffix(".0")) for word in words]
    return {"halves": text(halves), "values": words}


def measures():
    generator = tiny.generator(5)
    pairs = [torch.rand(2, 4, 4, generator=generator, dtype=torch.float64) for _ in range(2)]
    pairs.append(torch.stack([torch.zeros(4, 4), torch.eye(4)]).double())
    pairs.append(torch.stack([torch.eye(4), torch.ones(4, 4)]).double())
    pairs.append(torch.stack([torch.eye(4), torch.eye(4).flip(0)]).double())
    for first, second in pairs:
        yield {
            "first": flat(first),
            "second": flat(second),
            "correlation": stability.pearson(first[None], second[None]).item(),
            "area": smoothness.half_mass_area(first[None]).item(),
        }


def test_the_numbers_of_the_page_are_snnlabs(tmp_path):
    expected = {
        "uniform": list(uniform()),
        "poisson": poisson(),
        "lif": list(lif()),
        "slopes": list(slopes()),
        "maps": maps(),
        "bits": bits(),
        "float16": float16(),
        "measures": list(measures()),
    }
    node("numbers.test.js", expected, tmp_path)
