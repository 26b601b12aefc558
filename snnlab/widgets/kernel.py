"""The interval kernel and the contribution score of one neuron whose spikes the reader sets."""

import math

import torch
from traitlets import Enum, Float

from snnlab import plotting
from snnlab.explain import neuronal_contribution_score, spike_activation_map
from snnlab.widgets.base import Spikes, Widget

__all__ = ["KernelExplorer"]


class KernelExplorer(Widget, front="kernel"):
    r"""Click spikes on a line and drag gamma: every kernel, their sum N_t, and what the map gets.

    ``spikes`` has an entry 0 or 1 for each step; ``gamma`` is at least 0; ``variant`` is "paper"
    (the equation) or "authors-code", as in :func:`snnlab.explain.spike_activation_map`.
    """

    spikes = Spikes([0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0]).tag(sync=True)
    gamma = Float(0.5, min=0).tag(sync=True)
    variant = Enum(["paper", "authors-code"], "paper").tag(sync=True)

    alt = (
        "A line of spikes; below it each spike's kernel, which starts at 1 and decays, the sum of "
        "the kernels of earlier spikes at every step, and what each spike adds to the map."
    )

    def still(self) -> bytes:
        spikes = torch.tensor(self.spikes, dtype=torch.float64)
        scores = neuronal_contribution_score(spikes, self.gamma)
        share = spike_activation_map(spikes[:, None, None, None, None], self.gamma, self.variant)
        return plotting.picture(
            lambda *axes: self._draw(axes, spikes, scores, share.flatten()), rows=2, size=(7, 4)
        )

    def _draw(self, axes, spikes, scores, share):
        above, below = axes
        steps = range(len(spikes))
        for t in spikes.nonzero().flatten().tolist():
            ages = torch.linspace(0, len(spikes) - 1 - t, 100)
            above.plot(t + ages, (-self.gamma * ages).exp(), color=plotting.COLOURS[5], lw=1)
        above.bar(steps, scores.numpy(), color=plotting.COLOURS[0], width=0.5)
        above.set(ylabel="score $N_t$")
        if self.gamma > 0 and (bound := 1 / math.expm1(self.gamma)) < 2 * max(1, scores.max()):
            above.axhline(bound, color="0.4", linestyle="--", linewidth=1)
        below.bar(steps, share.numpy(), color=plotting.COLOURS[1], width=0.5)
        below.set(xlabel="time-step t", ylabel="share in the map")
        for panel in axes:
            panel.set_xlim(-0.5, len(spikes) - 0.5)
