"""What neurons keep between calls: a pass starts from rest, and all is given back after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["clear", "given_back", "kept"]

ORDINARY = set(nn.Module().__dict__)  # what every module has, by itself
STATELESS = ("torch", "torchvision", "snnlab")


class _Snapshot:
    """All that a module keeps beside its parameters, and a copy of what that held."""

    def __init__(self, module: nn.Module):
        self.module = module
        self.values = _values(module)
        self.copies = {name: _copy(value) for name, value in self.values.items()}

    def changed(self) -> list[str]:
        """The names of the tensors, or of what holds some, that are others now."""
        now = _values(self.module)
        return [
            name
            for name in self.values.keys() | now.keys()
            if _tensors(now.get(name)) and not _same(now.get(name), self.copies.get(name))
        ]

    def put_back(self) -> None:
        for name in _values(self.module).keys() - self.values.keys():
            owner = self.module._buffers if name in self.module._buffers else self.module.__dict__
            del owner[name]
        for name, value in self.values.items():
            if isinstance(value, Tensor):
                if not _same(value, self.copies[name]):
                    with torch.no_grad():
                        value.copy_(self.copies[name])
            elif isinstance(value, list | tuple | dict):
                if not _same(value, self.copies[name]):
                    value = self.copies[name]
            owner = self.module._buffers if name in self.module._buffers else self.module.__dict__
            owner[name] = value


@contextmanager
def given_back(model: nn.Module) -> Iterator[list[_Snapshot]]:
    """After the block every module keeps what it kept before: states in buffers and attributes, of
    any library.  Layers of PyTorch and snnlab keep none in eval mode, nor do batch norms."""
    snapshots = [_Snapshot(module) for module in model.modules() if _may_keep(module)]
    try:
        yield snapshots
    finally:
        for snapshot in snapshots:
            snapshot.put_back()


def kept(snapshots: list[_Snapshot]) -> dict[nn.Module, list[str]]:
    """What was not at rest before a pass and is something else now, of libraries whose rest is not
    known (:func:`snnlab.recording.from_rest` knows some).  It may be the state of an earlier pass,
    or something that the network notes down."""
    return {
        snapshot.module: names
        for snapshot in snapshots
        if (names := [n for n in snapshot.changed() if _is_busy(snapshot.copies.get(n))])
    }


def clear(found: dict[nn.Module, list[str]]) -> None:
    """Make all that :func:`kept` has found 0."""
    for module, names in found.items():
        for name in names:
            for tensor in _tensors(_values(module)[name]):
                tensor.detach().zero_()


def _may_keep(module: nn.Module) -> bool:
    library = type(module).__module__.split(".")[0]
    plain = library in STATELESS and type(module) is not nn.Module
    return not plain and not hasattr(module, "running_mean")


def _values(module: nn.Module) -> dict[str, Any]:
    own = {name: value for name, value in module.__dict__.items() if name not in ORDINARY}
    return own | module._buffers


def _copy(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_copy(item) for item in value)
    return value


def _same(value: Any, other: Any) -> bool:
    if isinstance(value, Tensor) and isinstance(other, Tensor):
        return value.shape == other.shape and bool(torch.equal(value.detach(), other))
    if isinstance(value, dict) and isinstance(other, dict):
        pairs = [(item, other.get(key)) for key, item in value.items()]
        return value.keys() == other.keys() and all(_same(*pair) for pair in pairs)
    if isinstance(value, list | tuple) and isinstance(other, list | tuple):
        return len(value) == len(other) and all(map(_same, value, other))
    return value is other or (isinstance(value, int | float | str) and value == other)


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    items = list(value.values()) if isinstance(value, dict) else value
    return [t for i in items for t in _tensors(i)] if isinstance(items, list | tuple) else []


def _is_busy(value: Any) -> bool:
    return any(bool(tensor.any()) for tensor in _tensors(value))
