"""Is it in there?  What a linear reader can tell from a layer's spikes, in a reading of one's own.

Two readings of the same spikes, one with their times and one with their counts alone, say whether
time carries more than counts; the same reading of :func:`~snnlab.judge.faithfulness.retimed` spikes
says so too, and has as many numbers to fit.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from snnlab.checks import check_finite, check_number, check_tensor
from snnlab.explain.spike_activation import neuronal_contribution_score

__all__ = ["linear_reader", "readings"]


def readings(
    spikes: Float[Tensor, "T B C H W"], gamma: float = 0.5
) -> dict[str, Float[Tensor, "B C"]]:
    """What is read of each channel, summed over time, averaged over the places: its contribution
    score at its spikes, and between them; its count n; and the pairs n(n-1), which is what the
    first is on average over all orders of the spikes, up to a factor."""
    score, count = neuronal_contribution_score(spikes, gamma), spikes.sum(0)
    found = {
        "score at spikes": (score * spikes).sum(0),
        "score": score.sum(0),
        "count": count,
        "pairs": count * (count - 1),
    }
    return {name: value.mean((-2, -1)).double() for name, value in found.items()}


def linear_reader(
    x: Float[Tensor, "N F"], labels: Int[Tensor, " N"], decay: float
) -> Callable[[Float[Tensor, "M F"]], Float[Tensor, "M K"]]:
    """Multinomial logistic regression with weight decay, fitted to its optimum (it is convex, so
    there is one): a function from features to class scores (linear probes; Alain and Bengio, 2016).

    Bring the features to mean 0 and deviation 1 first.  ``labels`` 0 to K - 1.  Raises ValueError
    for features that are not finite, and a decay below 0.
    """
    check_finite(x, "the features contain NaN or infinite values")
    check_tensor(labels)
    check_number("decay", decay, 0)
    if x.ndim != 2 or labels.shape != (len(x),):
        raise ValueError(
            f"expected features [N, F] and a label each, got {tuple(x.shape)} and "
            f"{tuple(labels.shape)}"
        )
    with torch.inference_mode(False), torch.enable_grad():
        x, labels = x.detach().clone(), labels.clone()
        weight = x.new_zeros(int(labels.max()) + 1, x.shape[1], requires_grad=True)
        bias = x.new_zeros(len(weight), requires_grad=True)
        optimiser = torch.optim.LBFGS(
            [weight, bias], max_iter=300, history_size=20, line_search_fn="strong_wolfe"
        )

        def loss() -> Tensor:
            optimiser.zero_grad()
            value = F.cross_entropy(x @ weight.T + bias, labels) + decay * weight.square().sum()
            value.backward()
            return value

        optimiser.step(loss)
    weight, bias = weight.detach(), bias.detach()
    return lambda x: x @ weight.T + bias
