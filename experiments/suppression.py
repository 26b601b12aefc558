"""Claim "suppression": of two pictures side by side, SAM focuses on one."""

import numpy as np
import torch

from experiments import maps as made
from experiments.maps import LAYERS
from experiments.protocol import Experiment, Outcome, Study
from snnlab.explain import spike_activation_map
from snnlab.recording import record

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
KINDS = ("A|grey", "grey|B", "A|B", "B|grey", "grey|A", "B|A")


def run(study: Study) -> Outcome:
    chosen = made.pairs(study.val, PAIRS, torch.Generator().manual_seed(0))
    found = {
        s: study.kept(f"pairs-s{s}", lambda s=s: totals(study, s, chosen)) for s in study.seeds
    }

    def change(seed, layer, who, order, draw):
        """Of picture A or B, in the order A|B or B|A."""
        side = order.index(who) // 2  # 0: left, 1: right
        alone = {0: f"{who}|grey", 1: f"grey|{who}"}[side]
        beside, grey = (found[seed][f"{layer}|{kind}|{draw}"][:, side] for kind in (order, alone))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(grey > 0, beside / grey - 1, np.nan)

    def losses(layer, which):
        """For each pair, the mean over both orders: of the loser, the winner, or both."""
        values = {}
        for s in study.seeds:
            rows = []
            for order in ("A|B", "B|A"):
                first, second = (
                    np.stack([change(s, layer, who, order, draw) for who in "AB"])
                    for draw in (0, 1)
                )
                loser = np.argmin(second, 0)
                picks = {
                    "loser": np.take_along_axis(first, loser[None], 0)[0],
                    "winner": np.take_along_axis(first, 1 - loser[None], 0)[0],
                    "left": first["AB".index(order[0])],
                    "right": first["AB".index(order[2])],
                }
                rows.append(-picks[which])
            values[s] = np.mean(rows, 0)
        return values

    name = "loss of SAM beside another picture"
    loser = losses("conv8", "loser")
    figure = study.measure(name, loser, margin=0.02, layer="conv8", picture="loser")
    measures = []
    for layer in LAYERS:
        for which in ("loser", "winner", "left", "right"):
            if (layer, which) != ("conv8", "loser"):
                values = losses(layer, which)
                measures.append(study.measure(name, values, layer=layer, picture=which))
        own, other = losses(layer, "loser"), losses(layer, "winner")
        values = {s: own[s] - other[s] for s in study.seeds}
        title = "loss of the loser minus that of the winner"
        measures.append(study.measure(title, values, layer=layer))

    def share(seed, kind, draw=0):
        left, right = found[seed][f"conv8|{kind}|{draw}"].T
        return left / (left + right)

    expected, seen, agrees = {}, {}, {}
    for s in study.seeds:
        alone = [found[s][f"conv8|{kind}|0"][:, side] for side, kind in enumerate(KINDS[:2])]
        expected[s], seen[s] = alone[0] / (alone[0] + alone[1]), share(s, "A|B")
        predicted_left = found[s]["prefers A|0"]
        agrees[s] = np.where(predicted_left, seen[s], 1 - seen[s])
    measures.append(
        study.measure(
            "correlation of the left picture's share with what both drive alone",
            {s: (seen[s], expected[s]) for s in study.seeds},
            statistic=lambda one, other: float(np.corrcoef(one, other)[0, 1]),
            layer="conv8",
        )
    )
    title = "share of SAM on the side of the class with the higher score"
    measures.append(study.measure(title, agrees, layer="conv8"))
    moved = {s: np.abs(seen[s] - share(s, "A|B", 1)) for s in study.seeds}
    title = "change of the left picture's share from one presentation to the next"
    measures.append(study.measure(title, moved, layer="conv8"))
    swap = {s: np.abs(seen[s] - (1 - share(s, "B|A"))) for s in study.seeds}
    title = "change of a picture's share when the two are swapped"
    measures.append(study.measure(title, swap, layer="conv8"))
    notes = [
        f"{len(chosen)} pairs of different classes. Out of reach of the other picture, conv4 and "
        f"conv6 were unchanged to the last bit in all "
        f"{sum(int(found[s]['unchanged'].sum()) for s in study.seeds)} of "
        f"{sum(len(found[s]['unchanged']) for s in study.seeds)} presentations."
    ]
    changed = any((~found[s]["unchanged"]).any() for s in study.seeds)
    reason = "places out of reach of the other picture changed" if changed else ""
    return Outcome([figure], measures, notes, invalid=reason)


def totals(study: Study, seed: int, chosen: torch.Tensor) -> dict[str, np.ndarray]:
    """ "layer|kind|draw" -> SAM's sum over the left and the right half [pairs, 2]; "unchanged": for
    each pair and draw; "prefers A|draw": whether A's class has the higher score in A|B."""
    model, rows = study.network(f"lif-s{seed}"), {}
    for first in range(0, len(chosen), 25):
        part = chosen[first : first + 25]
        a, b = (study.val[part[:, i]] for i in (0, 1))
        for draw in (0, 1):
            spikes = {
                name: model.encode(x.images.to(study.device), study.generator(draw, first, i))
                for i, (name, x) in enumerate((("A", a), ("B", b)))
            }
            spikes["grey"] = torch.zeros_like(spikes["A"])  # the mean pixel sends no spike
            recorded, logits = {}, {}
            for kind in KINDS:
                left, right = kind.split("|")
                with torch.no_grad(), record(model, LAYERS) as recording:
                    logits[kind] = model(spikes=torch.cat([spikes[left], spikes[right]], -1))
                recorded[kind] = recording
                for layer in LAYERS:
                    sam = spike_activation_map(recording[layer]).sum((0, 2))
                    halves = torch.stack([half.sum(1) for half in sam.chunk(2, -1)], 1)
                    rows.setdefault(f"{layer}|{kind}|{draw}", []).append(halves.cpu())
            same = torch.ones(len(part), dtype=torch.bool)
            for layer in ("conv4", "conv6"):
                width = recorded["A|B"][layer].shape[-1] // 2 - REACHED[layer]
                for kind, side in (("A|grey", 0), ("grey|B", 1)):
                    columns = slice(0, width) if side == 0 else slice(-width, None)
                    one, other = (recorded[k][layer][..., columns] for k in ("A|B", kind))
                    same &= (one == other).flatten(2).all(-1).all(0).cpu()
            rows.setdefault("unchanged", []).append(same)
            scores = logits["A|B"].cpu()
            mine, theirs = (scores.gather(1, x.labels[:, None])[:, 0] for x in (a, b))
            rows.setdefault(f"prefers A|{draw}", []).append(mine > theirs)
    return {name: torch.cat(parts).numpy() for name, parts in rows.items()}


EXPERIMENT = Experiment("suppression", TITLE, RULE, run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
