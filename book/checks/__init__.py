"""Checks of the exercises in which something is written.

They run in the reader's notebook, never raise, and say what is wrong, not only that it is: a check
knows the right function, some inputs, and the wrong answers that are often given.  A student's
function that behaves like one of these is told so by name, and so is one with two of them at once,
if the wrong answers are settings of one function (``functools.partial``).

    from checks.the_interval_kernel import check_trace
    check_trace(trace)
"""

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import torch
from torch import Tensor

__all__ = ["Check", "Wrong", "two_slips"]

SHOWN = 12  # numbers of a tensor that a message shows

# What an error of Python or PyTorch most often means in these exercises.
MEANT = {
    r"must match the size|not broadcastable|shape mismatch": (
        "print the shapes; keepdim=True keeps an axis of length 1 where one was added up"
    ),
    r"shapes cannot be multiplied": (
        "the last axis of the first and the first of the second must agree: turn one, as in .T"
    ),
    r"Dimension out of range": "count the axes: the first is 0, the last is -1",
    r"leaf Variable that requires grad": "change weights inside: with torch.no_grad():",
    r"does not require grad|not have been used in the graph": (
        "the way to the score is cut: no no_grad, no detach, and keep_graph=True in record"
    ),
    r"Can't call numpy\(\) on Tensor that requires grad": "take .detach() first",
    r"second time|freed": "call backward once, or use torch.autograd.grad for each",
    r"deepcopy": "detach the tensor before it is copied",
    r"only .*one-element tensors|Boolean value of Tensor .* ambiguous": (
        "an if takes one value; for a whole tensor use torch.where, or multiply by 0 and 1"
    ),
    r"'list' object has no attribute|and 'list'|of type 'list'": (
        "the input is a list: take its items one by one, or make a torch.tensor of it"
    ),
    r"index .*out of (?:range|bounds)": "the last index is the length - 1",
    r"positional argument|unexpected keyword": "keep the arguments as they stand in the cell",
    r"referenced before assignment|not associated with a value": (
        "give the variable its first value before the loop"
    ),
}


@dataclass(frozen=True)
class Wrong:
    """A wrong answer: the function that gives it, what it does, and what to try."""

    answer: Callable
    says: str
    hint: str


def _as_it_is(output):
    return output


@dataclass(frozen=True)
class Check:
    """Called with a student's function, it prints a verdict."""

    right: Callable
    cases: tuple[tuple, ...]  # the arguments of each call
    wrong: tuple[Wrong, ...]
    axes: tuple[str, ...] = ()  # the names of the result's axes, for messages
    praise: str = ""
    read: Callable = _as_it_is  # what is compared, made of the output: where many are right

    def __call__(self, student: Callable) -> None:
        print(self.verdict(student))

    def verdict(self, student: Callable) -> str:
        if not callable(student):
            return (
                f"Not yet: expected a function, got {_kind(student)}. Give its name alone, no ()."
            )
        name = getattr(student, "__name__", "your function")
        expected = self._answers(self.right)
        outputs, changed = [], False
        for case, want in zip(self.cases, expected, strict=True):
            given = _copies(case)
            try:
                output = student(*given)
            except Exception as error:
                return f"Not yet: {_call(name, case)} raises {_raised(error)}"
            if output is None or output is ...:
                if case is self.cases[0]:
                    return (
                        f"{name}: not written yet, or without a return. Write it and run the cell."
                    )
                call = _call(name, case)
                return f"Not yet: {call} returns nothing. Does every path end in a return?"
            try:
                output = self.read(output)
            except Exception as error:
                return f"Not yet: {_call(name, case)} returns {_kind(output)}: {error}"
            if fault := _unreadable(output, want):
                return f"Not yet: {_call(name, case)} returns {fault}."
            outputs.append(_tensor(output))
            changed |= any(_differs(a, b) for a, b in zip(given, case, strict=True))

        if _same(outputs, expected):
            spoilt = "(It changes what it is given. Work on a copy.)" if changed else ""
            return " ".join(part for part in ("Right.", self.praise, spoilt) if part)
        return self._what_is_wrong(name, outputs, expected)

    def _what_is_wrong(self, name: str, outputs: list[Tensor], expected: list[Tensor]) -> str:
        found = self._difference(name, outputs, expected)
        for wrong in self.wrong:
            if _same(outputs, self._answers(wrong.answer)):
                return f"Not yet: {wrong.says}.\n  {found}\n  Try: {wrong.hint}."
        for two in combinations(self.wrong, 2):
            both = two_slips(*two)
            if both and _same(outputs, self._answers(both)):
                told = "".join(f"  – {w.says}. Try: {w.hint}.\n" for w in two)
                return f"Not yet: two slips at once.\n{told}  {found}"
        return (
            f"Not yet, and none of the usual slips.\n  {found}\n"
            f"  Try: {self._advice(outputs, expected)}."
        )

    def _answers(self, function: Callable) -> list[Tensor]:
        return [_tensor(self.read(function(*_copies(case)))) for case in self.cases]

    def _difference(self, name: str, outputs: list[Tensor], expected: list[Tensor]) -> str:
        """The first place where the outputs are not as expected."""
        i = _first_wrong(outputs, expected)
        call, got, want = _call(name, self.cases[i]), outputs[i], expected[i]
        if got.shape != want.shape:
            return f"{call}: expected the shape {tuple(want.shape)}, got {tuple(got.shape)}"
        at = tuple((~_close(got, want)).nonzero()[0].tolist())
        axes = self.axes or ("place",) * len(at)
        where = "".join(f", {axis} {i}" for axis, i in zip(axes, at, strict=True))
        return f"{call}{where}: expected {want[at] + 0.0:.4g}, got {got[at] + 0.0:.4g}"

    def _advice(self, outputs: list[Tensor], expected: list[Tensor]) -> str:
        """What to try where no wrong answer fits."""
        i = _first_wrong(outputs, expected)
        got, want = outputs[i], expected[i]
        if got.shape != want.shape:
            if sorted(got.shape) == sorted(want.shape):
                return "put the axes into the order asked for"
            if got.numel() == want.numel():
                return "an axis of length 1 is too many or missing: look at keepdim and squeeze"
            return "name the axes of each tensor on paper; which one should be gone?"
        if (got.isnan() & ~want.isnan()).any():
            return "nan comes of 0 / 0, or of infinity times 0: which of them can happen here?"
        if self.axes[:1] == ("step",) and len(got) > 1 and bool((got == got[0]).all()):
            return "all steps are the same: append a copy, as .clone(), of what changes in place"
        if any(isinstance(a, Tensor) and a.numel() > SHOWN for a in self.cases[i]):
            return f"follow this input by hand; it is .cases[{i}] of the check"
        return "follow this input by hand"


def _first_wrong(outputs: list[Tensor], expected: list[Tensor]) -> int:
    pairs = enumerate(zip(outputs, expected, strict=True))
    return next(i for i, (got, want) in pairs if not _same([got], [want]))


def two_slips(a: Wrong, b: Wrong) -> Callable | None:
    """The function with both slips, where they are two settings of one function."""
    one, other = a.answer, b.answer
    if not isinstance(one, partial) or not isinstance(other, partial):
        return None
    if one.func is not other.func or one.keywords.keys() & other.keywords.keys():
        return None
    return partial(one.func, **one.keywords, **other.keywords)


def _call(name: str, case: tuple) -> str:
    return f"{name}({', '.join(map(_short, case))})"


def _raised(error: Exception) -> str:
    """The error in a line, and what it most often means."""
    told = f"{type(error).__name__}: {error}"
    for pattern, meant in MEANT.items():
        if re.search(pattern, str(error)):
            return f"{told}\n  Try: {meant}."
    return told


def _unreadable(output, want: Tensor) -> str:
    """Why an output cannot be compared, or nothing."""
    try:
        read = _tensor(output)
    except (TypeError, ValueError, RuntimeError):
        read = None
    if isinstance(output, tuple) and (read is None or read.shape != want.shape):
        which = [i for i, part in enumerate(output, 1) if _is(part, want)]
        alone = f"return its part {which[0]} alone" if which else "return what is asked for alone"
        return f"a tuple of {len(output)}: {alone}"
    return "" if read is not None else f"{_kind(output)}, which is not a tensor of numbers"


def _is(part, want: Tensor) -> bool:
    try:
        return _same([_tensor(part)], [want])
    except (TypeError, ValueError, RuntimeError):
        return False


def _differs(one, other) -> bool:
    if isinstance(one, Tensor):
        return not torch.equal(one.nan_to_num(), other.nan_to_num())
    if isinstance(one, list | tuple):
        return len(one) != len(other) or any(map(_differs, one, other))
    plain = isinstance(one, int | float | str | dict)
    return plain and one is not other and one != other


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
        if argument.numel() > SHOWN:
            return shape
        values = _short(argument.squeeze().tolist())
        return values if argument.ndim < 2 else f"{values} as {shape}"
    if isinstance(argument, list):
        return f"[{', '.join(map(_short, argument))}]"
    if callable(argument):
        return argument.__name__
    return f"{argument:.4g}" if isinstance(argument, float) else repr(argument)


def _kind(thing) -> str:
    return f"{thing!r:.40}, a {type(thing).__name__}"
