"""Gaps on the optimiser, on stopping and on neurons that hear nothing; a loss that wakes them."""

from functools import partial

import torch

from checks import Check, Wrong

# A step of Adam


def adam(gradients, rate, *, corrected="both", last=True, root=True, uphill=False, square=True):
    m = q = moved = 0.0
    for n, g in enumerate(gradients.tolist(), 1):
        m = 0.9 * m + 0.1 * g
        q = 0.999 * q + 0.001 * (g**2 if square else abs(g))
        top = m / (1 - 0.9**n) if corrected != "none" else m
        below = q / (1 - 0.999**n) if corrected == "both" else q
        step = rate * top / (below**0.5 if root else below)
        moved = step if last else moved + step
    return torch.tensor(moved if uphill else -moved, dtype=torch.float64)


def descent(gradients, rate):
    return -rate * gradients[-1]


GRADIENTS = torch.tensor([0.5, -2.0, 0.25, 1.0], dtype=torch.float64)

check_adam = Check(
    right=adam,
    cases=((GRADIENTS[:1], 0.01), (GRADIENTS, 0.01), (GRADIENTS[:2], 0.1)),
    wrong=(
        Wrong(
            descent,
            "this is plain gradient descent, whose step is as long as the gradient",
            "divide by the root of the running mean of squares",
        ),
        Wrong(
            partial(adam, corrected="none"),
            "the means still remember that they began at 0",
            "divide m by 1 - 0.9**n, and q by 1 - 0.999**n",
        ),
        Wrong(
            partial(adam, corrected="m alone"),
            "q still remembers that it began at 0",
            "divide it by 1 - 0.999**n",
        ),
        Wrong(partial(adam, root=False), "the root is missing", "q is of squares: q**0.5"),
        Wrong(
            partial(adam, square=False),
            "q is the mean of absolute values",
            "square the gradient before it goes in",
        ),
        Wrong(
            partial(adam, last=False),
            "this is how far all updates together have moved the weight",
            "return the last one alone",
        ),
        Wrong(partial(adam, uphill=True), "it goes uphill", "the formula subtracts"),
    ),
    praise="Ten times the gradient moves the weight as far.",
)

# When to stop


def kept(losses, patience, *, by="best", late=0, stops=True, returns="best", last=False):
    best = 0
    for epoch, loss in enumerate(losses):
        reference = losses[best] if by == "best" else losses[max(epoch - 1, 0)]
        if epoch and (loss <= reference if last else loss < reference):
            best = epoch
        if stops and epoch - best == patience + late:
            return best if returns == "best" else epoch
    return best if returns == "best" else len(losses) - 1


LOSSES = [0.9, 0.7, 0.8, 0.6, 0.65, 0.64, 0.63, 0.5, 0.55]

check_kept = Check(
    right=kept,
    cases=((LOSSES, 3), (LOSSES, 1), (LOSSES, 9), ([0.9, 0.7, 0.7, 0.8, 0.6], 2)),
    wrong=(
        Wrong(
            partial(kept, stops=False),
            "it goes on to the end, whatever patience is",
            "stop once patience epochs in a row were no better than the best",
        ),
        Wrong(
            partial(kept, returns="epoch"),
            "this is the epoch at which it stops",
            "return the best epoch before it",
        ),
        Wrong(
            partial(kept, late=1),
            "it waits an epoch too long",
            "with a patience of 1 the first epoch that is no better ends it",
        ),
        Wrong(
            partial(kept, by="before"),
            "each epoch is compared with the one before it",
            "compare it with the best so far",
        ),
        Wrong(
            partial(kept, last=True),
            "an epoch that is as good counts as better",
            "better means less: <, not <=",
        ),
    ),
    praise="A patience too short stops at the first bump.",
)

# Neurons that hear nothing


def unheard(u, width, *, every=True, sides="both", share="neurons", reaches=True):
    distance = (u - 1).abs() if sides == "both" else 1 - u
    far = distance >= width if reaches else distance > width
    if share == "all":
        return far.double().mean()
    if share == "examples":
        return far.all(0).double().mean()
    over = torch.Tensor.all if every else torch.Tensor.any
    return over(over(far, 0), 0).double().mean()


U = torch.tensor([[0.2, 0.9, 1.6, 0.5], [0.1, 0.4, 1.7, 0.4]], dtype=torch.float64)
U = torch.stack([U, torch.tensor([[0.3, 0.1, 1.9, 0.2], [0.2, 0.2, 1.5, 0.9]])])

check_unheard = Check(
    right=unheard,
    cases=((U, 0.5), (U, 0.05), (U, 1.0)),
    wrong=(
        Wrong(
            partial(unheard, every=False),
            "one far step is enough to count a neuron",
            "it must be far at all steps of all examples: all, not any",
        ),
        Wrong(
            partial(unheard, sides="below"),
            "a membrane far above the threshold counts as near",
            "take the absolute distance",
        ),
        Wrong(
            partial(unheard, share="all"),
            "this is the share of membranes, not of neurons",
            "go over steps and examples first, then take the mean",
        ),
        Wrong(
            partial(unheard, share="examples"),
            "a neuron is counted once for each example",
            "another example may lift it: go over both first axes",
        ),
        Wrong(
            partial(unheard, reaches=False),
            "a membrane just at the edge of the triangle counts as heard",
            "there the triangle is 0 already: >=, not >",
        ),
    ),
    praise="They can still be lifted by long tails, or by other weights.",
)

# A loss that wakes


def waking(spikes, least, *, clamp=True, square=True, mean="neurons", rate="mean", own=True):
    over = {"mean": (0, 1), "steps": (0,), "count": (0, 1)}[rate]
    found = spikes.sum(over) if rate == "count" else spikes.mean(over)
    missing = (least if own else 0.1) - found
    missing = missing.clamp(min=0) if clamp else missing
    missing = missing.square() if square else missing
    return missing.sum() if mean == "none" else missing.mean()


FIRED = torch.zeros(5, 2, 4, dtype=torch.float64)
FIRED[:, :, 0] = 1
FIRED[:2, 0, 1] = 1
FIRED[0, 1, 2] = 1

check_waking = Check(
    right=waking,
    cases=((FIRED, 0.3), (FIRED, 0.15)),
    wrong=(
        Wrong(
            partial(waking, clamp=False),
            "neurons that fire more than least are held back as well",
            "where nothing is missing it is 0: clamp(min=0)",
        ),
        Wrong(partial(waking, square=False), "what is missing is not squared", "square it"),
        Wrong(
            partial(waking, mean="none"),
            "this is the sum over the neurons",
            "take the mean",
        ),
        Wrong(
            partial(waking, rate="steps"),
            "each example is asked for its own rate",
            "a neuron may sleep for one picture: the rate is over steps and examples",
        ),
        Wrong(
            partial(waking, rate="count"),
            "the spikes are counted",
            "the rate is their mean over steps and examples",
        ),
        Wrong(partial(waking, own=False), "least is always 0.1", "use the one that is given"),
    ),
    praise="Whether it wakes anyone is up to the stand-in.",
)
