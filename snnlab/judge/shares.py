"""What every judge asks of a map."""

from jaxtyping import Float
from torch import Tensor

from snnlab.checks import check_finite, check_tensor

__all__ = ["check", "shares", "top_share"]


def check(maps: Float[Tensor, "N H W"]) -> None:
    """Raise ValueError unless maps are [N, H, W], finite and nowhere below 0."""
    check_tensor(maps)
    if maps.ndim != 3 or maps.numel() == 0:
        raise ValueError(
            f"expected maps of shape [N, H, W], got {tuple(maps.shape)}; of a sequence of maps "
            "take the total first: explanation.total"
        )
    low, _ = check_finite(maps, "maps contain NaN or infinite values")
    if low < 0:
        raise ValueError(f"maps must not be below 0, got {low:.3g}")


def shares(maps: Float[Tensor, "N H W"]) -> Float[Tensor, "N P"]:
    """Each place's share of its map's sum.  A map that is 0 everywhere counts as a uniform one."""
    check(maps)
    flat = maps.flatten(1).double()
    flat = flat / flat.amax(1, keepdim=True).clamp(min=1e-300)  # so that tiny maps do not vanish
    total = flat.sum(1, keepdim=True)
    uniform = flat.new_full((), 1 / flat.shape[1])
    return uniform.where(total == 0, flat / total.where(total > 0, 1))


def top_share(maps: Float[Tensor, "N P"], count: Tensor) -> Float[Tensor, "N P"]:
    """How probably each place is among the ``count`` [N] highest, where ties are drawn by lot."""
    values = maps.double()
    ordered = values.sort(dim=1, descending=True).values
    last = ordered.gather(1, (count - 1)[:, None])  # the lowest value that still belongs
    above, level = values > last, values == last
    free = (count[:, None] - above.sum(1, keepdim=True)).double()
    return above.double() + level * (free / level.sum(1, keepdim=True))
