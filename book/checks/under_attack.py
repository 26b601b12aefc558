"""Gaps on attackers and on the stability of maps, and one step of an attack."""

from functools import partial

import torch

from checks import Check, Wrong

draws = torch.Generator().manual_seed(0)

# A step after several draws


def change(gradients, epsilon, *, mean="first", signed=True, up=True, over=0):
    if mean == "of signs":
        step = gradients.sign().mean(over)
    elif mean == "vote":
        step = gradients.sign().sum(over).sign()
    elif mean == "one":
        step = gradients[0].sign()
    else:
        step = gradients.mean(over).sign() if signed else gradients.mean(over)
    return (epsilon if up else -epsilon) * step


GRADIENTS = torch.randn(3, 2, 1, 2, 3, generator=draws, dtype=torch.float64)
FIRST = torch.tensor([0.3, 0.4, -2.0], dtype=torch.float64).view(3, 1, 1, 1, 1)

check_change = Check(
    right=change,
    cases=((FIRST, 0.1), (GRADIENTS, 0.02)),
    axes=("image", "channel", "row", "column"),
    wrong=(
        Wrong(
            partial(change, mean="of signs"),
            "the signs are averaged, so some pixels move by less than epsilon",
            "take the mean of the gradients, then its sign",
        ),
        Wrong(
            partial(change, mean="vote"),
            "the draws vote, and a tiny gradient counts as much as a large one",
            "take the mean of the gradients, then its sign",
        ),
        Wrong(
            partial(change, mean="one"),
            "only the first draw is used",
            "take the mean over all draws, axis 0",
        ),
        Wrong(
            partial(change, signed=False),
            "the step is as long as the gradient",
            "only its sign counts",
        ),
        Wrong(
            partial(change, up=False),
            "this step makes the loss smaller",
            "an attack goes uphill",
        ),
    ),
    praise="The more coins it tosses, the better it knows where uphill is.",
)

# Every attacker


def withstood(right, *, all_of_them=True, share=True):
    one = right.amin(0) if all_of_them else right.amax(0)
    return one.mean() if share else one.sum()


RIGHT = torch.tensor([[1, 1, 0, 0, 1], [0, 1, 1, 0, 1], [1, 1, 1, 0, 1]], dtype=torch.float64)

check_withstood = Check(
    right=withstood,
    cases=((RIGHT,), (RIGHT[:2, :4],)),
    wrong=(
        Wrong(
            partial(withstood, all_of_them=False),
            "a photograph counts if one attacker failed",
            "it must have withstood each of them: the smallest along axis 0",
        ),
        Wrong(
            partial(withstood, share=False),
            "the photographs are counted",
            "take their share",
        ),
        Wrong(
            lambda right: right.mean(1).min(),
            "this is what the best attacker leaves; another one may get other photographs",
            "take the smallest for each photograph first, then the mean",
        ),
        Wrong(
            lambda right: right.mean(),
            "this is the mean over attackers too",
            "a photograph that one of them gets is lost",
        ),
    ),
    praise="A network is as strong as against the attacker that suits each photograph best.",
)

# Between two marks


def normalised(changed, seed, between, *, low=True, high=True, each=False):
    if each:
        return ((changed - between) / (seed - between)).mean()
    bottom = between.mean() if low else 0
    top = seed.mean() if high else 1
    return (changed.mean() - bottom) / (top - bottom)


MARKS = [
    torch.tensor(v, dtype=torch.float64)
    for v in ([0.9, 0.8, 0.5, 0.7], [0.95, 0.9, 0.9, 0.85], [0.1, 0.3, -0.2, 0.4])
]

check_normalised = Check(
    right=normalised,
    cases=(tuple(MARKS), tuple(m[:2] for m in MARKS)),
    wrong=(
        Wrong(
            partial(normalised, low=False),
            "0 is no correlation at all, not that of another photograph",
            "take the mean of between off, above and below",
        ),
        Wrong(
            partial(normalised, high=False),
            "1 is the same map, and not even another draw reaches that",
            "divide by the room between the two marks: seed minus between",
        ),
        Wrong(
            partial(normalised, each=True),
            "each photograph has a ratio of its own, and their mean is taken",
            "take the means first",
        ),
        Wrong(
            lambda changed, seed, between: (
                (seed.mean() - changed.mean()) / (seed.mean() - between.mean())
            ),
            "it is turned round: 0 if nothing happens",
            "1 is as much as another draw: changed minus between on top",
        ),
    ),
    praise="Now a grey square has no scale at all: its marks fall together.",
)

# A step of the attack


def boxed(x, original, epsilon):
    return torch.minimum(torch.maximum(x, original - epsilon), original + epsilon)


def pgd_step(x, original, gradient, step_size, epsilon):
    return boxed(x + step_size * gradient.sign(), original, epsilon).clamp(0, 1)


def no_box(x, original, gradient, step_size, epsilon):
    return (x + step_size * gradient.sign()).clamp(0, 1)


def box_around_x(x, original, gradient, step_size, epsilon):
    return boxed(x + step_size * gradient.sign(), x, epsilon).clamp(0, 1)


def beyond_pixels(x, original, gradient, step_size, epsilon):
    return boxed(x + step_size * gradient.sign(), original, epsilon)


def downhill(x, original, gradient, step_size, epsilon):
    return boxed(x - step_size * gradient.sign(), original, epsilon).clamp(0, 1)


def no_sign(x, original, gradient, step_size, epsilon):
    return boxed(x + step_size * gradient, original, epsilon).clamp(0, 1)


def from_the_photograph(x, original, gradient, step_size, epsilon):
    return boxed(original + step_size * gradient.sign(), original, epsilon).clamp(0, 1)


def one_large_step(x, original, gradient, step_size, epsilon):
    return (original + epsilon * gradient.sign()).clamp(0, 1)


def whole_step(x, original, gradient, step_size, epsilon):
    return boxed(x + epsilon * gradient.sign(), original, epsilon).clamp(0, 1)


ORIGINAL = torch.tensor([0.5, 0.5, 0.5, 0.02, 0.98, 0.3], dtype=torch.float64)
X = torch.tensor([0.5, 0.57, 0.43, 0.01, 0.99, 0.33], dtype=torch.float64)
GRADIENT = torch.tensor([3.0, 0.2, -0.1, -1.0, 2.0, -0.4], dtype=torch.float64)

check_pgd_step = Check(
    right=pgd_step,
    cases=(
        (X, ORIGINAL, GRADIENT, 0.04, 0.08),
        (X, ORIGINAL, -GRADIENT, 0.03, 0.1),
        (X, ORIGINAL, GRADIENT, 0.12, 0.1),
    ),
    axes=("pixel",),
    wrong=(
        Wrong(
            no_box,
            "step after step the picture leaves the box of ±ε around the photograph",
            "clip to original − epsilon and original + epsilon",
        ),
        Wrong(
            box_around_x,
            "the box lies around x, so it moves along with every step",
            "it lies around the photograph, original",
        ),
        Wrong(beyond_pixels, "some pixels leave 0 to 1", "clip the result: clamp(0, 1)"),
        Wrong(
            downhill,
            "this step makes the loss smaller",
            "an attack goes uphill: add, do not subtract",
        ),
        Wrong(
            no_sign,
            "the step is as long as the gradient",
            "only its sign counts: every pixel moves by step_size",
        ),
        Wrong(
            from_the_photograph,
            "the step starts from the photograph again, so nothing adds up",
            "start from x",
        ),
        Wrong(
            one_large_step,
            "this is the fast gradient sign method: one step of ε from the photograph",
            "start from x, and go step_size",
        ),
        Wrong(whole_step, "the step is as long as the box", "go step_size, not epsilon"),
    ),
    praise="Repeat it, with a new gradient each time, and you have the attack.",
)
