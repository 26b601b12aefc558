"""Random numbers of a pass: they follow from the generator given, wherever they are drawn."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Draws", "seeded"]


@contextmanager
def seeded(generator: torch.Generator | None, inputs: Tensor) -> Iterator[None]:
    """Inside the block torch's own generators follow from ``generator``, for networks that draw
    from them; afterwards they are as before, and ``generator`` has moved on if anything was drawn.
    """
    if generator is None:
        yield
        return
    moved = generator.clone_state()
    seed = torch.randint(2**62, (), generator=moved, device=moved.device).item()
    with torch.random.fork_rng(devices=[inputs.device] if inputs.is_cuda else []):
        torch.manual_seed(seed)
        before = _states(inputs)
        yield
        if any(not torch.equal(a, b) for a, b in zip(before, _states(inputs), strict=True)):
            generator.set_state(moved.get_state())


class Draws:
    """Where all generators stand, and neurons that go on from call to call
    (:func:`snnlab.layers.continuing`), so that a second pass can start as the first one."""

    def __init__(self, model: nn.Module, generator: torch.Generator | None, inputs: Tensor):
        self.generator, self.inputs = generator, inputs
        lists: list[Any] = [getattr(module, "carried", None) for module in model.modules()]
        self.carried = [(one, list(one)) for one in lists if isinstance(one, list)]
        self.states = _states(inputs)
        self.own = None if generator is None else generator.get_state()

    def again(self) -> None:
        """Put all of them back there."""
        torch.set_rng_state(self.states[0])
        if self.inputs.is_cuda:
            torch.cuda.set_rng_state(self.states[1])
        if self.generator is not None and self.own is not None:
            self.generator.set_state(self.own)
        for carried, content in self.carried:
            carried[:] = content


def _states(inputs):
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state()] if inputs.is_cuda else [])]
