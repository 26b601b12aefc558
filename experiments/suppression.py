"""Claim "suppression": of two pictures side by side, SAM focuses on one."""

import itertools
from typing import Any

import numpy as np
import torch

from experiments import common
from experiments.common import LAYERS
from experiments.experiment import Experiment, Outcome
from experiments.study import Figure, Key, Study
from snnlab.explain import spike_activation_map
from snnlab.judge.baselines import mirrored, scrambled
from snnlab.recording import Recording, record

TITLE = "Of two pictures side by side, SAM focuses on one"
RULE = """
A picture's own total: the sum of SAM at conv8, over time and over its half. Its loss beside a
neighbour: 1 minus that total beside the neighbour over that beside grey, with the same encoder
spikes on the picture. A neighbour is the other picture of the pair; the other picture with its
pixels scrambled (the same spikes, each pixel's at another place, the same one in both
presentations); or the picture's own mirror image (no second picture, and no edge at the seam).
Beside each neighbour the loser of a pair is the picture that loses more there in one presentation,
and its loss is measured in another one, with other encoder draws: so no neighbour is favoured by
the choice, unless pictures vary more beside it. One figure: the loser's loss beside the other
picture minus the loser's loss beside the other's scrambled pixels, over pairs and both orders. It
passes if it is at least 0.02, its intervals over pairs and over classes (by that of the pair's
first picture or of its second, whichever is wider) lie above 0 and its sign is the same for every
training seed: holds; both intervals lie below 0.02: does not hold here; else undecided. At conv4
and conv6 the places that see no part of the neighbour must be unchanged to the last bit, for there
no competition can be; else undecided. It is undecided too if, beside the other picture against its
pixels scrambled, the winner gains as much as the loser loses, or more: then losses vary, and
nothing is lost.
"""
HOURS = 0.5
PAIRS = 200
# columns of the half, from the seam, that a picture beyond it can reach (receptive fields 26, 62
# and 134 pixels, on grids of 4, 8 and 16 pixels)
REACHED = {"conv4": 3, "conv6": 4, "conv8": 4}
A, B = "A", "B"
OTHER_OF = {A: B, B: A}
OTHER, SCRAMBLED, MIRROR, GREY = "other picture", "its pixels scrambled", "own mirror", "grey"
NEIGHBOURS = (OTHER, SCRAMBLED, MIRROR)
LEFT, RIGHT = "left", "right"
ORDERS = ({A: LEFT, B: RIGHT}, {A: RIGHT, B: LEFT})
PICTURES = ("loser", "winner")
LAYER = "conv8"
NAME = "loss of SAM beside a neighbour"
FIGURE = Figure(
    "loss of SAM beside the other picture minus beside its pixels scrambled",
    0.02,
    {"layer": LAYER, "picture": "loser"},
)


def run(study: Study) -> Outcome:
    chosen = common.pairs(study.val, PAIRS, torch.Generator().manual_seed(0))
    found = study.of_seeds("pairs", totals, chosen)
    unchanged = np.concatenate([seen["unchanged"] for seen in found.values()])
    note = (
        f"{len(chosen)} pairs of different classes. Out of reach of the other picture, conv4 and "
        f"conv6 were unchanged to the last bit in all {unchanged.sum()} of {len(unchanged)} "
        "presentations."
    )
    figures = [figure(study, found, study.val.labels[chosen].numpy())]
    return Outcome(figures, measures(study, found), [note], invalid(found, unchanged))


def invalid(found: dict, unchanged: np.ndarray) -> str:
    """Whether what no competition can change does, or pictures vary more and lose no more."""
    doubts = [] if unchanged.all() else ["places out of reach of the other picture changed"]
    loser, winner = (
        float(np.mean([np.nanmean(one) for one in lead(found, LAYER, which, SCRAMBLED).values()]))
        for which in PICTURES
    )
    if loser > 0 and -winner >= loser:
        doubts.append(
            f"beside the other picture the winner gains {-winner:.3f} more than beside its pixels "
            f"scrambled, and the loser loses {loser:.3f} more"
        )
    return "; ".join(doubts)


def figure(study: Study, found: dict, classes: np.ndarray) -> dict:
    """By the classes [pairs, 2] of the first or of the second pictures, whose interval is wider."""
    values = lead(found, LAYER, "loser", SCRAMBLED)
    both = [study.figure(FIGURE, values, classes=column) for column in classes.T]
    return max(both, key=lambda one: one["classes"]["high"] - one["classes"]["low"])


def lead(found: dict, layer: str, which: str, neighbour: str) -> dict[int, np.ndarray]:
    """How much more is lost beside the other picture than beside another neighbour."""
    return common.minus(losses(found, layer, which, OTHER), losses(found, layer, which, neighbour))


def measures(study: Study, found: dict) -> list[dict]:
    measures = []
    for layer, which in itertools.product(LAYERS, PICTURES):
        labels: dict[str, Any] = {"layer": layer, "picture": which}
        for neighbour in NEIGHBOURS:
            values = losses(found, layer, which, neighbour)
            measures.append(study.measure(NAME, values, neighbour=neighbour, **labels))
        if labels != FIGURE.labels:
            values = lead(found, layer, which, SCRAMBLED)
            measures.append(study.measure(FIGURE.name, values, **labels))
        title = "loss of SAM beside the other picture minus beside the own mirror"
        measures.append(study.measure(title, lead(found, layer, which, MIRROR), **labels))
    return measures


def losses(found: dict, layer: str, which: str, neighbour: str) -> dict[int, np.ndarray]:
    """For each pair, the mean over both orders: of the loser or the winner beside a neighbour."""
    return {
        seed: np.mean([picked(seen, layer, which, neighbour, order) for order in ORDERS], 0)
        for seed, seen in found.items()
    }


def picked(seen: dict, layer: str, which: str, neighbour: str, order: dict) -> np.ndarray:
    """The loss of one of the pictures; which one loses is seen in another presentation."""
    measured, choosing = (
        np.stack([loss(seen, layer, who, neighbour, order[who], draw) for who in (A, B)])
        for draw in (0, 1)
    )
    loser = np.argmax(choosing, 0)
    place = loser if which == "loser" else 1 - loser
    return np.take_along_axis(measured, place[None], 0)[0]


def loss(seen: dict, layer: str, who: str, neighbour: str, side: str, draw: int) -> np.ndarray:
    """Of picture A or B on a side; NaN where it has no SAM beside grey."""
    beside, grey = (seen[layer, who, kind, side, draw] for kind in (neighbour, GREY))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(grey > 0, 1 - beside / grey, np.nan)


def totals(study: Study, seed: int, chosen: torch.Tensor) -> dict[Key, np.ndarray]:
    """(layer, picture, neighbour, side, draw) -> SAM's sum over the picture's half [pairs]; and
    "unchanged", for each pair and draw."""
    model = study.network(f"lif-s{seed}")
    batches = (
        of_batch(study, model, chosen[first : first + 25], first, draw)
        for first in range(0, len(chosen), 25)
        for draw in (0, 1)
    )
    return common.joined(batches)


def of_batch(study: Study, model, chosen: torch.Tensor, first: int, draw: int) -> dict:
    spikes = {
        name: model.encode(
            study.val[chosen[:, i]].images.to(study.device), study.generator(draw, first, i)
        )
        for i, name in enumerate((A, B))
    }
    noise = {
        name: scrambled(spikes[name], study.generator(first, 2 + i))
        for i, name in enumerate((A, B))
    }
    found: dict[Key, torch.Tensor] = {}
    unchanged = []
    for who, side in itertools.product((A, B), (LEFT, RIGHT)):
        beside = {
            OTHER: spikes[OTHER_OF[who]],
            SCRAMBLED: noise[OTHER_OF[who]],
            MIRROR: mirrored(spikes[who]),
            GREY: torch.zeros_like(spikes[who]),  # the mean pixel sends no spike
        }
        recorded = {kind: shown(model, spikes[who], one, side) for kind, one in beside.items()}
        for kind, layer in itertools.product(recorded, LAYERS):
            sam = spike_activation_map(own(recorded[kind][layer], side)).sum((0, 2, 3))
            found[layer, who, kind, side, draw] = sam
        unchanged.append(out_of_reach_unchanged(recorded[OTHER], recorded[GREY], side))
    found["unchanged"] = torch.stack(unchanged).all(0)
    return found


def shown(model, picture: torch.Tensor, neighbour: torch.Tensor, side: str) -> Recording:
    """What the layers do when a picture is shown on a side, and its neighbour on the other."""
    halves = [picture, neighbour] if side == LEFT else [neighbour, picture]
    with torch.no_grad(), record(model, LAYERS) as recording:
        model(spikes=torch.cat(halves, -1))
    return recording


def own(spikes: torch.Tensor, side: str) -> torch.Tensor:
    """The half of a layer on which the picture is."""
    return spikes.chunk(2, -1)[0 if side == LEFT else 1]


def out_of_reach_unchanged(one: Recording, other: Recording, side: str) -> torch.Tensor:
    """[pairs]: whether conv4 and conv6 are, where they see no part of the neighbour."""
    same = []
    for layer in ("conv4", "conv6"):
        mine, theirs = (own(recording[layer], side) for recording in (one, other))
        width = mine.shape[-1] - REACHED[layer]
        columns = slice(0, width) if side == LEFT else slice(-width, None)
        equal = mine[..., columns] == theirs[..., columns]
        same.append(equal.flatten(2).all(-1).all(0).cpu())
    return torch.stack(same).all(0)


EXPERIMENT = Experiment("suppression", TITLE, RULE, (FIGURE,), run, HOURS, kinds=("lif",))

if __name__ == "__main__":
    EXPERIMENT.main()
