"""Gaps on stand-in slopes and their gradients, and the way back through a hard reset."""

from functools import partial

import torch

from checks import Check, Wrong

draws = torch.Generator().manual_seed(0)

# A stand-in


def of_area_one(u, slope, *, strips=True, of="sum", divided=True):
    size = {"sum": slope.sum, "mean": slope.mean, "largest": slope.max}[of]()
    size = size * (u[1] - u[0] if strips else 1)
    return slope / size if divided else slope * size


FINE = torch.linspace(-1, 3, 21, dtype=torch.float64)
COARSE = torch.linspace(-1, 3, 9, dtype=torch.float64)

check_of_area_one = Check(
    right=of_area_one,
    cases=(
        (FINE, 0.3 * (1 - (FINE - 1).abs() / 0.5).clamp(min=0)),
        (COARSE, 2.0 * (1 - (COARSE - 1).abs() / 1.5).clamp(min=0)),
    ),
    axes=("membrane",),
    wrong=(
        Wrong(
            partial(of_area_one, strips=False),
            "the heights add up to 1, and the area does not",
            "multiply their sum by the distance of two membranes",
        ),
        Wrong(
            partial(of_area_one, of="largest", strips=False),
            "the height at the threshold is 1",
            "divide by the area, not by the height",
        ),
        Wrong(
            partial(of_area_one, of="mean", strips=False),
            "the mean height is 1",
            "add the heights, each times the width of its strip",
        ),
        Wrong(
            partial(of_area_one, divided=False),
            "a stand-in that is too low gets lower still",
            "divide by the area",
        ),
    ),
    praise="Now it can count membranes: each by how near it is.",
)

# Lifted membranes


def lifted(membranes, threshold, lift, *, divided=True, share=True, down=False, added=True):
    mean = torch.Tensor.mean if share else torch.Tensor.sum
    after = mean((membranes + (-lift if down else lift) > threshold).double())
    before = mean((membranes > threshold).double()) if added else 0.0
    return (after - before) / (lift if divided else 1)


FEW = torch.tensor([0.2, 0.7, 0.85, 0.95, 1.02, 1.3], dtype=torch.float64)
MORE = 0.8 + 0.5 * torch.randn(40, 10, generator=draws, dtype=torch.float64)

check_lifted = Check(
    right=lifted,
    cases=((FEW, 1.0, 0.1), (MORE, 1.0, 0.25), (MORE, 0.5, 0.1)),
    wrong=(
        Wrong(
            partial(lifted, divided=False),
            "this is how much larger the share is, not a slope",
            "divide by lift",
        ),
        Wrong(
            partial(lifted, share=False),
            "the membranes are counted",
            "take the share of them: the mean of the zeros and ones",
        ),
        Wrong(
            partial(lifted, down=True),
            "the membranes are lowered",
            "lift them: membranes + lift",
        ),
        Wrong(
            partial(lifted, added=False),
            "those that lay above the threshold before are counted too",
            "subtract their share",
        ),
    ),
    praise="It needs no stand-in, and it needs many membranes.",
)

# The gradient of a matrix


def weight_gradient(deltas, incoming, *, steps="tbo,tbi->oi", mean=1, late=0):
    if late:
        deltas, incoming = deltas[late:], incoming[:-late]
    return torch.einsum(steps, deltas, incoming) / (len(deltas) if mean == "steps" else mean)


DELTAS = torch.randn(4, 3, 2, generator=draws, dtype=torch.float64)
INCOMING = (torch.rand(4, 3, 5, generator=draws) < 0.5).double()

check_weight_gradient = Check(
    right=weight_gradient,
    cases=((DELTAS[:2, :1], INCOMING[:2, :1, :3]), (DELTAS, INCOMING)),
    axes=("neuron", "input"),
    wrong=(
        Wrong(
            partial(weight_gradient, steps="tbo,tbi->io"),
            "the axes are the wrong way round",
            "weights are [out, in]: the neurons first",
        ),
        Wrong(
            partial(weight_gradient, mean="steps"),
            "this is the mean over the steps",
            "a weight acts at every step: add",
        ),
        Wrong(
            partial(weight_gradient, late=1),
            "each delta meets the spikes of the step before",
            "a current of step t acts on the membrane of step t",
        ),
        Wrong(
            lambda deltas, incoming: deltas[-1].T @ incoming[-1],
            "only the last step counts",
            "a weight acts at every step: add",
        ),
        Wrong(
            lambda deltas, incoming: deltas.sum((0, 1))[:, None] * incoming.sum((0, 1)),
            "the sums are multiplied, so every delta meets every spike",
            "first multiply what belongs to one step and one example, then add",
        ),
    ),
    praise="That is what backward leaves in w.grad.",
)

# Finite differences


def differences(loss, w, step, *, sides="both", reach=2.0, alone=True):
    slopes = []
    for i in range(len(w)):
        change = torch.zeros_like(w)
        change[i if alone else slice(None)] = step
        low = loss(w) if sides == "one" else loss(w - change)
        slopes.append((loss(w + change) - low) / (reach * step))
    return torch.stack(slopes)


def adding_up(loss, w, step):
    w, slopes = w.clone(), []
    for i in range(len(w)):
        w[i] += step
        up = loss(w)
        w[i] -= 2 * step
        slopes.append((up - loss(w)) / (2 * step))
    return torch.stack(slopes)


def bent(w):
    return (w**3).sum() + w[0] * w[-1]


def stairs(w):
    return torch.floor(4 * w).sum()


WEIGHTS = torch.tensor([0.5, -1.0, 0.3], dtype=torch.float64)

check_differences = Check(
    right=differences,
    cases=((bent, WEIGHTS, 0.1), (stairs, WEIGHTS, 0.3)),
    axes=("weight",),
    wrong=(
        Wrong(
            partial(differences, reach=1.0),
            "it is twice as large",
            "the two places lie 2 step apart",
        ),
        Wrong(
            partial(differences, sides="one", reach=1.0),
            "the slope is taken on one side alone",
            "shift up and down, and divide by 2 step",
        ),
        Wrong(
            partial(differences, alone=False),
            "all weights are shifted at once",
            "shift one, and leave the others",
        ),
        Wrong(
            adding_up,
            "a weight is not put back, so the next slope is taken at another place",
            "work on a copy: w + change, where change is 0 but at one place",
        ),
    ),
    praise="It needs two runs for each weight: a stand-in needs one for all.",
)

# Back through a hard reset


def walk(gradient, slopes, gate, leak):
    later, deltas = torch.zeros_like(gradient[0]), []
    for g, slope, passes in zip(gradient.flip(0), slopes.flip(0), gate.flip(0), strict=True):
        later = g * slope + leak * passes * later
        deltas.append(later)
    return torch.stack(deltas).flip(0)


def hard_deltas(gradient, slopes, spikes, leak):
    return walk(gradient, slopes, 1 - spikes, leak)


def soft(gradient, slopes, spikes, leak):
    return walk(gradient, slopes, torch.ones_like(spikes), leak)


def wrong_way_round(gradient, slopes, spikes, leak):
    return walk(gradient, slopes, spikes, leak)


def gate_of_the_next(gradient, slopes, spikes, leak):
    return walk(gradient, slopes, 1 - torch.cat([spikes[1:], spikes[:1]]), leak)


def gate_on_all(gradient, slopes, spikes, leak):
    return walk(gradient * (1 - spikes), slopes, 1 - spikes, leak)


def forwards(gradient, slopes, spikes, leak):
    return walk(gradient.flip(0), slopes.flip(0), 1 - spikes.flip(0), leak).flip(0)


def no_leak(gradient, slopes, spikes, leak):
    return walk(gradient, slopes, 1 - spikes, 1.0)


def no_slope(gradient, slopes, spikes, leak):
    return walk(gradient, torch.ones_like(slopes), 1 - spikes, leak)


def no_past(gradient, slopes, spikes, leak):
    return gradient * slopes


def last_first(gradient, slopes, spikes, leak):
    return hard_deltas(gradient, slopes, spikes, leak).flip(0)


GRADIENT = torch.tensor([0.5, -1.0, 2.0, 1.0, -0.5, 1.0], dtype=torch.float64)
SLOPES = torch.tensor([0.1, 0.3, 0.0, 0.2, 0.25, 0.15], dtype=torch.float64)
SPIKES = torch.tensor([0.0, 0.0, 1.0, 0.0, 1.0, 0.0], dtype=torch.float64)

check_hard_deltas = Check(
    right=hard_deltas,
    cases=(
        (GRADIENT, SLOPES, SPIKES, 0.9),
        (GRADIENT.flip(0), SLOPES, 1 - SPIKES, 0.5),
    ),
    axes=("step",),
    wrong=(
        Wrong(
            soft,
            "this is the way back through a soft reset: the gradient passes every spike whole",
            "after a spike v is 0 whatever u was, so multiply the later part with 1 − s",
        ),
        Wrong(
            wrong_way_round,
            "the gradient passes where the neuron fired, and stops where it did not",
            "the later part is multiplied with 1 − s",
        ),
        Wrong(
            gate_of_the_next,
            "the reset of the next step is used",
            "u_t goes into v_t by the reset of step t: use the spike of the same step",
        ),
        Wrong(
            gate_on_all,
            "a step with a spike gets nothing at all; its own spike still passes gradient",
            "only the part that comes from later is multiplied with 1 − s",
        ),
        Wrong(
            forwards,
            "the walk goes from the first step to the last",
            "begin at the last step: what came later is known first",
        ),
        Wrong(no_leak, "nothing leaks on the way back", "multiply the later part with leak"),
        Wrong(
            no_slope,
            "the slope of the spike is missing",
            "multiply the gradient of step t with slopes[t]",
        ),
        Wrong(
            no_past,
            "each step is on its own; nothing comes from later steps",
            "add leak * (1 − s) * delta of the next step",
        ),
        Wrong(
            last_first,
            "the values are right, but the last step comes first",
            "turn the list round at the end, or insert at its front",
        ),
    ),
    praise="After a spike the past is forgotten, and no gradient reaches it.",
)
