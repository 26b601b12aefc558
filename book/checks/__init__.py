"""Checks of the exercises in which something is built.

They run in the reader's notebook, never raise, and say what is wrong, not only that it is: a check
knows the right function, some inputs, and the wrong answers that are often given.  A student's
function that behaves like one of these is told so by name.

    from checks.the_interval_kernel import check_trace
    check_trace(trace)
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Check", "Wrong"]


@dataclass(frozen=True)
class Wrong:
    """A wrong answer: the function that gives it, what it does, and what to try."""

    answer: Callable
    says: str
    hint: str


@dataclass(frozen=True)
class Check:
    """Called with a student's function, it prints a verdict."""

    right: Callable
    cases: tuple[tuple, ...]  # the arguments of each call
    wrong: tuple[Wrong, ...]
    axes: tuple[str, ...] = ()  # the names of the result's axes, for messages
    praise: str = ""

    def __call__(self, student: Callable) -> None:
        print(self.verdict(student))

    def verdict(self, student: Callable) -> str:
        if not callable(student):
            return (
                f"Not yet: expected a function, got {_kind(student)}. Give its name alone, no ()."
            )
        name = getattr(student, "__name__", "your function")
        outputs = []
        for case in self.cases:
            call = f"{name}({', '.join(map(_short, case))})"
            try:
                output = student(*_copies(case))
            except Exception as error:
                return f"Not yet: {call} raises {type(error).__name__}: {error}"
            if output is None or output is ...:
                if case is self.cases[0]:
                    return (
                        f"{name}: not written yet, or without a return. Write it and run the cell."
                    )
                return f"Not yet: {call} returns nothing. Does every path end in a return?"
            try:
                outputs.append(_tensor(output))
            except (TypeError, ValueError, RuntimeError):
                return f"Not yet: {call} returns {_kind(output)}, which is not a tensor of numbers."

        expected = self._answers(self.right)
        if _same(outputs, expected):
            return f"Right. {self.praise}".strip()
        for wrong in self.wrong:
            if _same(outputs, self._answers(wrong.answer)):
                found = self._difference(name, outputs, expected)
                return f"Not yet: {wrong.says}.\n  {found}\n  Try: {wrong.hint}."
        found = self._difference(name, outputs, expected)
        return (
            f"Not yet, and none of the usual slips.\n  {found}\n  Try: follow this input by hand."
        )

    def _answers(self, function: Callable) -> list[Tensor]:
        return [_tensor(function(*_copies(case))) for case in self.cases]

    def _difference(self, name: str, outputs: list[Tensor], expected: list[Tensor]) -> str:
        """The first place where the outputs are not as expected."""
        for case, got, want in zip(self.cases, outputs, expected, strict=True):
            call = f"{name}({', '.join(map(_short, case))})"
            if got.shape != want.shape:
                return f"{call}: expected the shape {tuple(want.shape)}, got {tuple(got.shape)}"
            differ = ~_close(got, want)
            if differ.any():
                at = tuple(differ.nonzero()[0].tolist())
                axes = self.axes or ("place",) * len(at)
                where = "".join(f", {axis} {i}" for axis, i in zip(axes, at, strict=True))
                return f"{call}{where}: expected {want[at] + 0.0:.4g}, got {got[at] + 0.0:.4g}"
        raise AssertionError("the outputs are as expected")


def _close(a: Tensor, b: Tensor) -> Tensor:
    return torch.isclose(a, b, rtol=1e-4, atol=1e-6, equal_nan=True)


def _same(some: list[Tensor], others: list[Tensor]) -> bool:
    return all(
        a.shape == b.shape and bool(_close(a, b).all()) for a, b in zip(some, others, strict=True)
    )


def _tensor(output) -> Tensor:
    if isinstance(output, list | tuple) and any(isinstance(part, Tensor) for part in output):
        output = torch.stack([torch.as_tensor(part) for part in output])
    return torch.as_tensor(output).detach().to(torch.float64)


def _copies(case: tuple) -> list:
    """A student may write into what comes; the next call gets it as it was."""
    return [deepcopy(argument) for argument in case]


def _short(argument) -> str:
    if isinstance(argument, Tensor):
        shape = f"<{' × '.join(map(str, argument.shape))}>"
        if argument.numel() > 12:
            return shape
        values = _short(argument.squeeze().tolist())
        return values if argument.ndim < 2 else f"{values} as {shape}"
    if isinstance(argument, list):
        return f"[{', '.join(map(_short, argument))}]"
    return f"{argument:.4g}" if isinstance(argument, float) else repr(argument)


def _kind(thing) -> str:
    return f"{thing!r:.40}, a {type(thing).__name__}"
