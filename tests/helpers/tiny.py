"""Networks, images and spikes that are small enough to compute everything twice."""

import copy
import functools
import itertools

import torch

from snnlab.models import VGG, SpikingVGG

WIDTHS = (3, 4, 3, 4, 3, 4, 3, 4)
STEPS, CLASSES, LEAK = 4, 5, 0.9


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(count=2, size=32, seed=0, dtype=torch.float64):
    return torch.rand(count, 3, size, size, generator=generator(seed), dtype=dtype)


def spikes(*shape, rate=0.4, seed=0, dtype=torch.float64):
    return (torch.rand(*shape, generator=generator(seed)) < rate).to(dtype)


def relu_network(dtype=torch.float64):
    """A ReLU VGG with random weights whose batch norms have seen images, in eval mode."""
    return copy.deepcopy(_settled(functools.partial(VGG, CLASSES, WIDTHS), "relu")).to(dtype)


def spiking_network(encoding="poisson", dtype=torch.float64):
    """Its spiking kind, in which every block fires."""
    make = functools.partial(SpikingVGG, CLASSES, STEPS, WIDTHS, LEAK, encoding)
    return copy.deepcopy(_settled(make, encoding)).to(dtype)


def published_checkpoint(widths, hidden, classes, steps, prefix="module."):
    """Random tensors in the format of the authors' file, strong enough that all layers fire."""
    drawn, state = generator(3), {}

    def draw(*shape):
        return torch.randn(*shape, generator=drawn)

    for i, (before, width) in enumerate(itertools.pairwise((3, *widths)), 1):
        state[f"conv{i}.weight"] = draw(width, before, 3, 3)
    state["fc1.weight"], state["fc2.weight"] = draw(hidden, widths[-1]), draw(classes, hidden)
    norms = {f"bn{i}": width for i, width in enumerate(widths, 1)} | {"bnfc": hidden}
    for name, width in norms.items():
        for t in range(steps):
            norm = f"{name}_list.{t}"
            state[f"{norm}.weight"] = 1 + 0.1 * draw(width)
            state[f"{norm}.running_mean"] = 0.1 * draw(width) - 0.5
            state[f"{norm}.running_var"] = 1 + draw(width).abs()
            state[f"{norm}.num_batches_tracked"] = torch.tensor(7)
    return {
        "state_dict": {prefix + name: values for name, values in state.items()},
        "accuracy1": torch.tensor(52.0),
    }


_made = {}


def _settled(make, kind):
    if kind in _made:
        return _made[kind]
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(1)
        model = make().double()
        for seed in range(30):  # running statistics near the true ones
            model(images(4, seed=seed))
        for name, parameter in model.named_parameters():
            if "norm" in name:  # as if trained: no two steps and no two channels alike
                parameter.add_(0.1 * torch.randn_like(parameter))
    _made[kind] = model.eval()
    return model
