"""The network that the authors of the Spike Activation Map published, read from its checkpoint.

What it computes is known from their code, which is public but has no licence; this is written anew
from that description.  It differs from :class:`snnlab.models.SpikingVGG` in two ways: its neurons
fire a step late and leak before they are reset, and a hidden layer of spiking neurons follows the
last map, so even there a gradient passes a surrogate.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnlab.checks import check_currents, check_finite, check_number
from snnlab.layers import BatchNormThroughTime, over_time
from snnlab.models import BLOCKS, SpikingVGG
from snnlab.neurons import LIF, lif
from snnlab.storing import check_archive, located
from snnlab.surrogate import rate

__all__ = ["DelayedLIF", "PublishedVGG", "load"]


class DelayedLIF(LIF):
    r"""Neurons that fire if the membrane of the step before was above the threshold.

    .. math::
        s_t = \mathbf 1[u_{t-1} > \theta], \qquad u_t = \lambda u_{t-1} + x_t - \theta s_t

    As :class:`snnlab.neurons.LIF` otherwise: the reset is soft and detached.  A spike comes one
    step later than there, and the first step is silent.
    """

    def forward(self, currents: Float[Tensor, "T ..."]) -> Float[Tensor, "T ..."]:
        membrane = self.begin(currents)
        check_currents(currents, membrane)
        if self.reset != "soft" or isinstance(self.surrogate, rate):
            raise ValueError("these neurons have a soft reset, and no gradient by rate()")
        wide = torch.promote_types(currents.dtype, torch.float32)
        membrane = torch.zeros_like(currents[0]) if membrane is None else membrane
        membrane = membrane.to(wide)
        spikes = []
        for current in currents:
            # a neuron of the plain kind that forgets: it fires if what it is given is enough
            fired, _ = lif(membrane[None], 0.0, self.threshold, surrogate=self.surrogate)
            spikes.append(fired[0])
            membrane = self.leak * membrane + current - self.threshold * fired[0].detach()
        check_finite(membrane, "currents contain NaN or infinite values, which are no spikes")
        self.end(membrane)
        return torch.stack(spikes).to(currents.dtype)


class _SpikingHead(nn.Module):
    """Spatial mean, a hidden layer of spiking neurons, linear: [T, B, C, H, W] -> [T, B, K]."""

    def __init__(self, channels, hidden, classes, steps, leak):
        super().__init__()
        self.fc1 = nn.Linear(channels, hidden, bias=False)
        self.norm = BatchNormThroughTime(hidden, steps)
        self.neuron = DelayedLIF(leak)
        self.fc2 = nn.Linear(hidden, classes, bias=False)

    def forward(self, x):
        currents = over_time(self.fc1, x.mean((-2, -1)))
        return self.fc2(self.neuron(self.norm(currents[..., None, None])).flatten(2))


class PublishedVGG(SpikingVGG):
    """The authors' network, untrained: eight convolutions with batch norm through time, neurons
    that fire a step late, a hidden layer of ``hidden`` of them, and the mean of the logits.

    Called as :class:`snnlab.models.SpikingVGG`; the defaults are those of the published code.
    """

    def __init__(
        self,
        classes: int = 200,
        steps: int = 30,
        widths: Sequence[int] = (64, 128, 256, 256, 512, 512, 512, 512),
        hidden: int = 4096,
        leak: float = 0.99,
    ):
        super().__init__(classes, steps, widths, leak)
        self.architecture |= {"network": "published", "hidden": hidden}
        for name in BLOCKS:
            self.get_submodule(name).neuron = DelayedLIF(leak)
        self.head = _SpikingHead(widths[-1], hidden, classes, steps, leak)


def load(path: str | Path, leak: float = 0.99) -> PublishedVGG:
    """The network of a checkpoint file of the authors' code, ready to be explained.

    The file is one of ``torch.save``: a dictionary whose ``state_dict`` holds ``conv1.weight`` ..
    ``conv8.weight``, ``fc1.weight``, ``fc2.weight``, and for each step the scale and the running
    statistics of ``bn1_list`` .. ``bn8_list`` and ``bnfc_list``, each name perhaps after
    ``module.``.  Steps, widths and classes are those of its tensors; ``leak`` does not stand in it.
    No pickled object is made.  Raises FileNotFoundError, and ValueError for a file that holds
    anything else.
    """
    check_number("leak", leak, 0, 1)
    path = located(path)
    check_archive(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        named = {name.removeprefix("module."): values for name, values in state.items()}
        _check_tensors(named, path.stat().st_size)
        weights, sizes = _in_our_names(named)
        model = PublishedVGG(**sizes, leak=leak)
        model.load_state_dict(weights)
    except Exception as error:  # of PyTorch's reader too, for what is no tensor
        raise ValueError(
            f"{path} is no checkpoint of the published network ({type(error).__name__}: {error})"
        ) from None
    for name, values in model.state_dict().items():
        check_finite(values, f"{name} in {path} contains NaN or infinite values")
    return model.eval()


def _check_tensors(theirs: dict[str, Any], size: int) -> None:
    """Raise ValueError for what is no tensor of floats or holds none, and for tensors larger than
    their file, as those of repeated numbers can be."""
    theirs = {name: x for name, x in theirs.items() if not name.endswith("num_batches_tracked")}
    for name, values in theirs.items():
        if not (isinstance(values, Tensor) and values.is_floating_point() and values.numel()):
            raise ValueError(f"{name} is no tensor of floats")
    needed = sum(values.numel() * values.element_size() for values in theirs.values())
    if needed > size:
        raise ValueError(f"its tensors would take {needed:,} bytes, and the file has {size:,}")


def _in_our_names(theirs: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Their tensors by the names of :class:`PublishedVGG`, and its sizes.  Raises KeyError for a
    tensor that is missing, and for one too many."""
    ours, left = {}, {name for name in theirs if not name.endswith("num_batches_tracked")}
    steps = sum(name.startswith("bn1_list.") and name.endswith(".weight") for name in theirs)
    for block, norms in [(name, name.replace("conv", "bn")) for name in BLOCKS] + [("fc1", "bnfc")]:
        layer = f"{block}.conv" if block in BLOCKS else "head.fc1"
        norm = f"{block}.norm" if block in BLOCKS else "head.norm"
        ours[f"{layer}.weight"] = theirs[f"{block}.weight"]
        left.discard(f"{block}.weight")
        for kind in ("weight", "running_mean", "running_var"):
            names = [f"{norms}_list.{t}.{kind}" for t in range(steps)]
            ours[f"{norm}.{kind}"] = torch.stack([theirs[name] for name in names])
            left.difference_update(names)
        ours[f"{norm}.bias"] = torch.zeros_like(ours[f"{norm}.weight"])  # theirs has no shift
    ours["head.fc2.weight"] = theirs["fc2.weight"]
    if left := left - {"fc2.weight"}:
        raise KeyError(f"it also has {', '.join(sorted(left)[:3])}")
    return ours, {
        "steps": steps,
        "widths": [len(theirs[f"{name}.weight"]) for name in BLOCKS],
        "hidden": len(theirs["fc1.weight"]),
        "classes": len(theirs["fc2.weight"]),
    }
