"""One step of projected gradient descent."""

import torch

from checks import Check, Wrong


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
