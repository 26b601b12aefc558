"""Claim "suppression": of two pictures side by side, SAM focuses on one."""

import numpy as np
import torch

from experiments import common
from experiments.common import LAYERS
from experiments.experiment import Experiment, Outcome
from experiments.study import Figure, Key, Study
from snnlab.explain import spike_activation_map
from snnlab.recording import Recording, record

TITLE = "Of two pictures side by side, SAM focuses on one"
RULE = """
A picture's own total: the sum of SAM at conv8, over time and over its half. Its change: that total
beside another picture over that beside grey, minus 1, with the same encoder spikes on the picture.
The loser of a pair is the picture that loses more in one presentation; its loss (minus its change)
is measured in another one, with other encoder draws, so that chance does not choose. One figure:
the loser's loss, over pairs and both orders. It passes if it is at least 0.02, its interval lies
above 0 and its sign is the same for every training seed: holds; its interval lies below 0.02: does
not hold here; else undecided. At conv4 and conv6 the places that see no part of the other picture
must be unchanged to the last bit: there, no competition can be.
"""
HOURS = 0.2
PAIRS = 200
# columns of the half, from the seam, that a picture beyond it can reach (receptive fields 26, 62
# and 134 pixels, on grids of 4, 8 and 16 pixels)
REACHED = {"conv4": 3, "conv6": 4, "conv8": 4}
A, B, GREY = "A", "B", "grey"
# what stands on the left and on the right
KINDS = ((A, GREY), (GREY, B), (A, B), (B, GREY), (GREY, A), (B, A))
ORDERS = ((A, B), (B, A))
LAYER = "conv8"
FIGURE = Figure("loss of SAM beside another picture", 0.02, {"layer": LAYER, "picture": "loser"})
PICTURES = ("loser", "winner", "left", "right")


def run(study: Study) -> Outcome:
    chosen = common.pairs(study.val, PAIRS, torch.Generator().manual_seed(0))
    found = study.of_seeds("pairs", totals, chosen)
    unchanged = np.concatenate([seen["unchanged"] for seen in found.values()])
    note = (
        f"{len(chosen)} pairs of different classes. Out of reach of the other picture, conv4 and "
        f"conv6 were unchanged to the last bit in all {unchanged.sum()} of {len(unchanged)} "
        "presentations."
    )
    invalid = "" if unchanged.all() else "places out of reach of the other picture changed"
    return Outcome(figures(study, found), measures(study, found), [note], invalid)


def figures(study: Study, found: dict) -> list[dict]:
    return [study.figure(FIGURE, losses(found, LAYER, "loser"))]


def measures(study: Study, found: dict) -> list[dict]:
    measures = []
    for layer in LAYERS:
        for which in PICTURES:
            if (layer, which) != (LAYER, "loser"):
                values = losses(found, layer, which)
                measures.append(study.measure(FIGURE.name, values, layer=layer, picture=which))
        values = common.minus(losses(found, layer, "loser"), losses(found, layer, "winner"))
        title = "loss of the loser minus that of the winner"
        measures.append(study.measure(title, values, layer=layer))
    return measures + of_shares(study, found)


def of_shares(study: Study, found: dict) -> list[dict]:
    """What share of SAM lies on the left picture of A|B, and what it goes with."""
    share = {seed: left_share(seen, (A, B)) for seed, seen in found.items()}
    samples = {seed: (share[seed], expected_share(seen)) for seed, seen in found.items()}
    title = "correlation of the left picture's share with what both drive alone"
    measures = [study.measure(title, samples, statistic=correlation, layer=LAYER)]
    each = {
        "share of SAM on the side of the class with the higher score": {
            seed: np.where(seen["prefers A", 0], share[seed], 1 - share[seed])
            for seed, seen in found.items()
        },
        "change of the left picture's share from one presentation to the next": {
            seed: np.abs(share[seed] - left_share(seen, (A, B), 1)) for seed, seen in found.items()
        },
        "change of a picture's share when the two are swapped": {
            seed: np.abs(share[seed] - (1 - left_share(seen, (B, A))))
            for seed, seen in found.items()
        },
    }
    return measures + [study.measure(name, each[name], layer=LAYER) for name in each]


def change(seen: dict, layer: str, who: str, order: tuple[str, str], draw: int) -> np.ndarray:
    """Of picture A or B beside the other one, in an order; NaN where it has no SAM beside grey."""
    side = order.index(who)  # 0: left, 1: right
    alone = (who, GREY) if side == 0 else (GREY, who)
    beside, grey = (seen[layer, *kind, draw][:, side] for kind in (order, alone))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(grey > 0, beside / grey - 1, np.nan)


def losses(found: dict, layer: str, which: str) -> dict[int, np.ndarray]:
    """For each pair, the mean over both orders: of the loser, the winner, the left or the right."""
    return {
        seed: np.mean([-picked(seen, layer, which, order) for order in ORDERS], 0)
        for seed, seen in found.items()
    }


def picked(seen: dict, layer: str, which: str, order: tuple[str, str]) -> np.ndarray:
    """The change of one of the pictures; which one lost is chosen in another presentation."""
    measured, choosing = (
        np.stack([change(seen, layer, who, order, draw) for who in (A, B)]) for draw in (0, 1)
    )
    loser = np.argmin(choosing, 0)
    place = {
        "loser": loser,
        "winner": 1 - loser,
        "left": np.full_like(loser, (A, B).index(order[0])),
        "right": np.full_like(loser, (A, B).index(order[1])),
    }[which]
    return np.take_along_axis(measured, place[None], 0)[0]


def left_share(seen: dict, kind: tuple[str, str], draw: int = 0) -> np.ndarray:
    left, right = seen[LAYER, *kind, draw].T
    return left / (left + right)


def expected_share(seen: dict) -> np.ndarray:
    """Of the left picture, if each had what it has beside grey."""
    left, right = (seen[LAYER, *kind, 0][:, side] for side, kind in enumerate(KINDS[:2]))
    return left / (left + right)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def totals(study: Study, seed: int, chosen: torch.Tensor) -> dict[Key, np.ndarray]:
    """(layer, left, right, draw) -> SAM's sum over the left and the right half [pairs, 2];
    "unchanged": for each pair and draw; ("prefers A", draw): whether A's class has the higher score
    in A|B."""
    model = study.network(f"lif-s{seed}")
    batches = (
        of_batch(study, model, chosen[first : first + 25], first, draw)
        for first in range(0, len(chosen), 25)
        for draw in (0, 1)
    )
    return common.joined(batches)


def of_batch(study: Study, model, chosen: torch.Tensor, first: int, draw: int) -> dict:
    pictures = {name: study.val[chosen[:, i]] for i, name in enumerate((A, B))}
    spikes = {
        name: model.encode(photos.images.to(study.device), study.generator(draw, first, i))
        for i, (name, photos) in enumerate(pictures.items())
    }
    spikes[GREY] = torch.zeros_like(spikes[A])  # the mean pixel sends no spike
    found: dict[Key, torch.Tensor] = {}
    recorded: dict[tuple, Recording] = {}
    scores: dict[tuple, torch.Tensor] = {}
    for kind in KINDS:
        with torch.no_grad(), record(model, LAYERS) as recorded[kind]:
            scores[kind] = model(spikes=torch.cat([spikes[name] for name in kind], -1))
        for layer in LAYERS:
            sam = spike_activation_map(recorded[kind][layer]).sum((0, 2))
            halves = torch.stack([half.sum(1) for half in sam.chunk(2, -1)], 1)
            found[layer, *kind, draw] = halves
    found["unchanged"] = out_of_reach_unchanged(recorded)
    mine, theirs = (
        scores[A, B].cpu().gather(1, photos.labels[:, None])[:, 0] for photos in pictures.values()
    )
    found["prefers A", draw] = mine > theirs
    return found


def out_of_reach_unchanged(recorded: dict) -> torch.Tensor:
    """[pairs]: whether conv4 and conv6 are, where they see no part of the other picture."""
    same = []
    for layer in ("conv4", "conv6"):
        width = recorded[A, B][layer].shape[-1] // 2 - REACHED[layer]
        for kind, columns in (((A, GREY), slice(0, width)), ((GREY, B), slice(-width, None))):
            one, other = (recorded[k][layer][..., columns] for k in ((A, B), kind))
            same.append((one == other).flatten(2).all(-1).all(0).cpu())
    return torch.stack(same).all(0)


EXPERIMENT = Experiment("suppression", TITLE, RULE, (FIGURE,), run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
