"""The widgets' arithmetic in JavaScript: snnlab's numbers go to Node, which compares its own."""

import numpy as np
import pytest
import torch
from helpers import tiny
from helpers.node import node

from snnlab import encoding, explain, neurons, surrogate
from snnlab.judge import localisation, smoothness, stability
from snnlab.models import DEVIATION, MEAN
from snnlab.results import verdicts
from snnlab.widgets import packed
from snnlab.widgets.recorded import lag_pairs
from snnlab.widgets.verdicts import claim

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
        "spikes": flat(spikes.int()),
        "gammas": gammas,
        "alpha": alpha.tolist(),
        "lags": flat(lag_pairs(spikes).int()),
        "rate": flat(spikes.sum(2)),
        "gradCam": flat((alpha.view(5, 1, 1) * spikes).sum(2).clamp(min=0)),
    }


def encoded():
    """The spikes of an image, and their mean so far: silent at first, then like the image."""
    image = torch.randn(3, 5, 4, generator=tiny.generator(1))
    spikes = torch.cat(
        [torch.zeros(1, 1, 3, 5, 4), encoding.poisson(image[None], 6, tiny.generator())]
    )
    spikes, steps = spikes[:, 0], torch.arange(1, 8).view(-1, 1, 1, 1)
    means = (spikes.cumsum(0) / steps).double()
    both = torch.cat([image.view(1, -1).double(), means.view(7, -1)])
    return {
        "image": flat(image),
        "spikes": flat(spikes.int()),
        "correlations": flat(torch.corrcoef(both)[0, 1:].nan_to_num()),
        "means": [flat(mean) for mean in means],
        "counts": [spikes[t].abs().sum().item() for t in range(7)],
        "rms": [(2 * mean - image).square().mean().sqrt().item() for mean in means],
    }


def count_gradients():
    for reset, leak in [("soft", 0.9), ("hard", 0.9), ("soft", 0), ("hard", 1)]:
        currents = (torch.randn(30, 1, generator=tiny.generator()) + 0.4).double().requires_grad_()
        stand_in = surrogate.triangle(0.3, 1)
        spikes, _ = neurons.lif(currents, leak, 1.0, reset, stand_in)
        spikes.sum().backward()
        states = [neurons.lif(currents[:t], leak, 1.0, reset, stand_in)[1] for t in range(1, 30)]
        before = torch.cat([torch.zeros(1), torch.cat(states).detach()])
        yield {
            "slopes": flat(stand_in(leak * before + currents.detach()[:, 0], 1.0)),
            "spikes": flat(spikes.int()),
            "leak": leak,
            "reset": reset,
            "gradient": flat(currents.grad),
        }


def enlarged():
    for height, width, rows, columns in [
        (8, 8, 64, 64),
        (3, 5, 48, 80),
        (1, 1, 7, 3),
        (6, 4, 6, 4),
    ]:
        map = torch.rand(height, width, generator=tiny.generator(), dtype=torch.float64)
        large = torch.nn.functional.interpolate(
            map[None, None], size=(rows, columns), mode="bilinear", align_corners=False
        )
        yield {"map": flat(map), "sizes": [height, width, rows, columns], "large": flat(large)}


def halves():
    maps = torch.rand(3, 4, 5, generator=tiny.generator(), dtype=torch.float64)
    for line in (5, 2, 2.5, 0):
        left = torch.tensor([max(0, min(1, line - column)) for column in range(5)])
        yield {
            "maps": flat(maps),
            "line": line,
            "left": flat((maps * left).sum((1, 2))),
            "right": flat((maps * (1 - left)).sum((1, 2))),
        }


def attacked():
    """Pixels whose change by at most 8/255 came as bytes; exact to half a step of them."""
    clean = (torch.rand(60, generator=tiny.generator()) * 255).round()
    change = 16 * torch.rand(60, generator=tiny.generator(1)) - 8
    (sent,) = packed.arrays(packed.changes(change / 8))
    return {
        "clean": clean.int().tolist(),
        "change": sent.tolist(),
        "attacked": (clean + change).clamp(0, 255).tolist(),
    }


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


def boxes():
    for seed, (x, y, wide, high) in enumerate([(0, 0, 7, 5), (2, 1, 3, 2), (5, 3, 2, 2)]):
        map = torch.rand(1, 5, 7, generator=tiny.generator(seed), dtype=torch.float64)
        map *= seed < 2  # the last one is 0 everywhere
        mask = localisation.box_masks(torch.tensor([[x, y, x + wide - 1, y + high - 1]]), (5, 7))
        box = {"x": x, "y": y, "wide": wide, "high": high}
        yield {"map": flat(map), "box": box, "energy": localisation.energy(map, mask).item()}


def boards():
    """Claims of any verdict, whose figures lie about their margins, at other margins."""
    for seed in range(4):
        draw = np.random.default_rng(seed)
        board = [_row(draw, f"c{k}", stopped=k == 5) for k in range(6)]
        for factor in (0, 0.5, 1, 2):
            rows = verdicts.at_margins(board, factor)
            yield {
                "claims": [claim(row) for row in board],
                "factor": factor,
                "asked": 8,
                "verdicts": [verdicts.VERDICTS.index(row["verdict"]) for row in rows],
                "holm": [row["holm"] for row in rows],
            }


def _row(draw, name, stopped):
    figures = []
    for i in range(draw.integers(1, 4)):
        value, half = draw.uniform(-0.01, 0.07), draw.uniform(0.001, 0.02)
        figure = {"name": "more", "labels": {"i": i}, "value": value, "margin": 0.02}
        if i == 2:
            figure |= {"name": "not less, plus 0.02", "margin": 0.0}
        if i == 1:
            figure["classes"] = {"low": value - 2 * half, "high": value + 2 * half}
        figure |= {"low": value - half, "high": value + half, "p": draw.choice([1e-4, 0.02])}
        seeds = (value + draw.normal(size=3) * 0.01).tolist()
        figure["per_seed"] = [{"value": one} for one in seeds]
        figures.append(figure | {"state": verdicts.state(figure, figure["margin"])})
    verdict = "undecided" if stopped else verdicts.of_figures(figures)
    row = {"claim": name, "title": name, "figures": figures, "verdict": verdict, "holm": None}
    return row | {"asked": 8}


def test_the_numbers_of_the_page_are_snnlabs(tmp_path):
    expected = {
        "uniform": list(uniform()),
        "poisson": poisson(),
        "lif": list(lif()),
        "slopes": list(slopes()),
        "maps": maps(),
        "encoded": encoded(),
        "count_gradients": list(count_gradients()),
        "enlarged": list(enlarged()),
        "halves": list(halves()),
        "attacked": attacked(),
        "measures": list(measures()),
        "boxes": list(boxes()),
        "boards": list(boards()),
    }
    node("numbers.test.js", expected, tmp_path)
