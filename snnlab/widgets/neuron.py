"""One leaky integrate-and-fire neuron: its membrane, its spikes, the gradient it passes back."""

import torch
from torch import Tensor
from traitlets import Enum, Float, List, TraitError, validate

from snnlab import plotting, surrogate
from snnlab.neurons import lif
from snnlab.widgets.base import Widget

__all__ = ["NeuronPlayground"]

ARRIVALS = {2: 0.6, 4: 0.6, 9: 0.5, 10: 0.7, 16: 0.4, 18: 0.9, 24: 0.6}  # step -> weight


class NeuronPlayground(Widget, front="neuron"):
    """A constant current, or spikes clicked on a line, go into :func:`snnlab.neurons.lif`.

    ``source`` is "current" or "spikes"; ``current`` is the constant input, ``weights`` the weight
    of the incoming spike at each step, 0 for none, and its length the number of steps.  ``leak``,
    ``threshold`` and ``reset`` are lif's; ``surrogate`` is "triangle", "fast_sigmoid" or "arctan",
    with ``scale`` and ``width``, as in :mod:`snnlab.surrogate`.
    """

    source = Enum(["current", "spikes"], "current").tag(sync=True)
    current = Float(0.3).tag(sync=True)
    weights = List(Float(), [ARRIVALS.get(t, 0.0) for t in range(30)]).tag(sync=True)
    leak = Float(0.95, min=0, max=1).tag(sync=True)
    threshold = Float(1.0).tag(sync=True)
    reset = Enum(["soft", "hard"], "soft").tag(sync=True)
    surrogate = Enum(["triangle", "fast_sigmoid", "arctan"], "triangle").tag(sync=True)
    scale = Float(0.3).tag(sync=True)
    width = Float(1.0).tag(sync=True)

    alt = (
        "The membrane of one neuron over time, a dot where it passes the threshold and fires, and "
        "the slope of the surrogate at each step."
    )

    @validate("threshold", "scale", "width")
    def _above_zero(self, proposal):
        if not proposal["value"] > 0:
            raise TraitError(f"{proposal['trait'].name} must be above 0, got {proposal['value']}")
        return proposal["value"]

    @validate("weights")
    def _has_steps(self, proposal):
        if not proposal["value"]:
            raise TraitError("weights: expected a weight for each step, got none")
        return proposal["value"]

    def currents(self) -> Tensor:
        """The input of each step."""
        if self.source == "current":
            return torch.full((len(self.weights),), self.current)
        return torch.tensor(self.weights)

    def still(self) -> bytes:
        spikes, membrane = self._run()
        slopes = getattr(surrogate, self.surrogate)(self.scale, self.width)(
            membrane, self.threshold
        )
        return plotting.picture(
            lambda *axes: self._draw(axes, spikes, membrane, slopes), rows=2, size=(7, 4)
        )

    def _run(self) -> tuple[Tensor, Tensor]:
        """Spikes, and the membrane before the reset, step by step."""
        state, spikes, membranes = torch.zeros(1), [], []
        for current in self.currents():
            membranes.append(self.leak * state + current)
            fired, state = lif(
                current.view(1, 1), self.leak, self.threshold, self.reset, state=state
            )
            spikes.append(fired[0])
        return torch.cat(spikes), torch.cat(membranes)

    def _draw(self, axes, spikes, membrane, slopes):
        above, below = axes
        steps, fired = torch.arange(len(spikes)).numpy(), spikes.bool().numpy()
        above.plot(steps, membrane.numpy(), "o-", ms=3)
        above.plot(steps[fired], membrane.numpy()[fired], "o", color=plotting.COLOURS[1])
        above.axhline(self.threshold, color="0.4", linestyle="--", linewidth=1)
        above.set(ylabel="membrane u")
        below.bar(steps, slopes.numpy(), color=plotting.COLOURS[2], width=0.6)
        below.set(xlabel="time-step t", ylabel="slope ds/du")
        for panel in axes:
            panel.set_xlim(-0.5, len(spikes) - 0.5)
