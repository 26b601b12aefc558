"""A guess before the answer: the reader draws it into the axes in which the measured values then
appear beside it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from traitlets import Dict, Enum, Float, List, TraitError, validate

from snnlab import plotting
from snnlab.widgets.base import Widget

__all__ = ["Prediction"]

#: Where the reader stands: guessing, shown both, or shown what was measured without a guess.
STAGES = ("guess", "compared", "shown")

#: So many colours are left for what is known, beside those of the guess and of the truth.
SERIES = 4

Place = str | float  # the name of a bar, or where a point of a curve lies


@dataclass(frozen=True)
class Question:
    """What is asked, in one sentence, ``words``, and what was measured, ``truth``: a value for each
    bar by its name, or for each point of a curve by its place on the axis ``along``.

    Values lie on ``axis``, between the two ``limits``.  ``known`` and ``levels`` are drawn from the
    start: other measured values by their name, and single values all along the axes, such as
    chance.  ``intervals`` holds low and high for some of the truths; ``log`` names the logarithmic
    axes, "along", "axis" or both; guesses are multiples of ``step``.
    """

    words: str
    truth: Mapping[Place, float]
    axis: str
    limits: tuple[float, float]
    along: str = ""
    log: tuple[str, ...] = ()
    known: Mapping[str, Mapping[Place, float]] = field(default_factory=dict)
    levels: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[Place, tuple[float, float]] = field(default_factory=dict)
    step: float = 0.01

    @property
    def curve(self) -> bool:
        """Whether it asks for the points of a curve; else it asks for bars."""
        return not isinstance(next(iter(self.truth)), str)

    @property
    def start(self) -> list[float]:
        """The guess before the reader has moved anything: the first level, or else the middle."""
        low, high = self.limits
        middle = math.sqrt(low * high) if "axis" in self.log else (low + high) / 2
        return [next(iter(self.levels.values()), middle)] * len(self.truth)

    def traits(self) -> dict:
        known = [{"name": name, "points": pairs(points)} for name, points in self.known.items()]
        question = {
            **{name: getattr(self, name) for name in ("words", "axis", "along", "step", "curve")},
            "limits": list(self.limits),
            "log": list(self.log),
            "keys": list(self.truth),
            "truth": list(self.truth.values()),
            "intervals": [list(self.intervals.get(key, ())) for key in self.truth],
            "known": known,
            "levels": [{"name": name, "value": value} for name, value in self.levels.items()],
        }
        return {"question": question, "guess": self.start}


def pairs(points: Mapping[Place, float]) -> list[list[Place]]:
    return [[key, value] for key, value in points.items()]


def ask(
    words: str,
    truth: Mapping[Any, Any],
    axis: str,
    limits: Sequence[float],
    along: str,
    log: str | Sequence[str],
    known: Mapping[str, Mapping[Any, Any]],
    levels: Mapping[str, Any],
    intervals: Mapping[Any, Any],
    step: float | None,
) -> Question:
    """A question whose parts fit together; ValueError says which do not."""
    if not isinstance(words, str) or not words.rstrip().endswith("?"):
        raise ValueError(f"expected a question, which ends in '?', got {words!r:.80}")
    logs = (log,) if isinstance(log, str) else tuple(log)
    if not {*logs} <= {"axis", "along"}:
        raise ValueError(f"log names 'axis', 'along' or both, got {log!r:.80}")
    ends = checked_limits(limits, "axis" in logs)
    measured = checked("truth", truth, ends)
    check_places(measured, along, "along" in logs)
    given = {name: checked(f"known[{name!r}]", points, ends) for name, points in known.items()}
    for name, points in given.items():
        if {type(key) for key in points} != {type(next(iter(measured)))}:
            raise ValueError(f"known[{name!r}] has other keys than truth: {[*points]!r:.80}")
        check_along(points, "along" in logs)
    if len(known) + len(levels) > SERIES:
        raise ValueError(
            f"known and levels together are at most {SERIES}, which colours tell apart, got "
            f"{[*known, *levels]!r:.80}"
        )
    return Question(
        words,
        measured,
        axis,
        ends,
        along,
        logs,
        given,
        checked("levels", levels, ends) if levels else {},
        checked_intervals(intervals, measured, ends),
        checked_step(step, ends),
    )


def checked_limits(limits: Sequence[float], log: bool) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in limits)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"limits are two numbers, low and high, got {limits!r:.80}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"limits are finite and rise, got {low:g} and {high:g}")
    if log and low <= 0:
        raise ValueError(f"a logarithmic axis begins above 0, got limits from {low:g}")
    return low, high


def checked(name: str, values: Mapping[Any, Any], limits: tuple[float, float]) -> dict:
    """Values by their names or places, as floats inside the limits."""
    if not isinstance(values, Mapping) or not values:
        raise ValueError(f"{name} is a dict of names or places to values, got {values!r:.80}")
    found: dict[Place, float] = {}
    for key, value in values.items():
        try:
            place: Place = key if isinstance(key, str) else float(key)
            found[place] = float(value)
        except (TypeError, ValueError, RuntimeError):
            raise ValueError(f"{name} has no number at {key!r:.40}: {value!r:.80}") from None
        low, high = limits
        if not low <= found[place] <= high:
            raise ValueError(
                f"{name} is {found[place]:g} at {key!r:.40}, outside the limits {low:g} to {high:g}"
            )
    return found


def check_places(truth: Mapping[Place, float], along: str, log: bool) -> None:
    """Raise ValueError unless these are the names of bars, or the rising places of a curve."""
    names = [isinstance(key, str) for key in truth]
    if any(names) and not all(names):
        raise ValueError(f"truth has names and numbers, it needs one of them: {[*truth]!r:.80}")
    if all(names):
        if along or log:
            raise ValueError("bars have names along their axis: leave along and log='along' out")
        return
    check_along(truth, log)
    places = cast(list[float], [*truth])
    if places != sorted(places):
        raise ValueError(f"the places of a curve rise, got {places!r:.80}")
    if len(places) < 2:
        raise ValueError(f"a curve has two places or more, got {places}: give one number a name")
    if not along:
        raise ValueError("a curve needs along, the words under its axis")


def check_along(points: Mapping[Place, float], log: bool) -> None:
    """Raise ValueError for a place that is on no axis; bars have names instead."""
    for place in points:
        if not isinstance(place, str) and not math.isfinite(place):
            raise ValueError(f"the places of a curve are finite, got {place}")
        if log and not isinstance(place, str) and place <= 0:
            raise ValueError(f"a logarithmic axis begins above 0, got a place at {place:g}")


def checked_intervals(
    intervals: Mapping[Any, Any], truth: Mapping[Place, float], limits: tuple[float, float]
) -> dict:
    found = {}
    for key, ends in intervals.items():
        if key not in truth:
            raise ValueError(
                f"there is an interval for {key!r:.40}, but truth has {[*truth]!r:.80}"
            )
        try:
            low, high = (float(end) for end in ends)
        except (TypeError, ValueError, RuntimeError):
            raise ValueError(
                f"the interval at {key!r:.40} is two numbers, low and high, got {ends!r:.80}"
            ) from None
        if not limits[0] <= low <= high <= limits[1]:
            raise ValueError(
                f"the interval at {key!r:.40}, {low:g} to {high:g}, leaves the limits, "
                f"{limits[0]:g} to {limits[1]:g}; widen these"
            )
        if not low <= truth[key] <= high:
            raise ValueError(
                f"the interval at {key!r:.40}, {low:g} to {high:g}, does not hold its value, "
                f"{truth[key]:g}"
            )
        found[key] = (low, high)
    return found


def checked_step(step: float | None, limits: tuple[float, float]) -> float:
    """The given one, or a power of ten that goes 50 to 500 times into the axis."""
    low, high = limits
    if step is None:
        return 10.0 ** math.floor(math.log10((high - low) / 50))
    if not 0 < step <= high - low:
        raise ValueError(f"step lies above 0 and inside the limits, got {step!r:.80}")
    return float(step)


class Prediction(Widget, front="prediction"):
    """A question whose answer the reader draws into its axes, before it is shown beside.

    ``truth`` holds what was measured: by names it asks for bars, by numbers for the points of a
    curve; a single name asks for one number::

        Prediction(
            "How large a share of 139 photographs is right after two steps, and after five?",
            {2: right[1], 5: right[4]},
            axis="share right", limits=(0, 1), along="steps used",
            known={"all steps": {12: right[-1]}}, levels={"chance": 1 / 20},
        )

    ``axis`` and ``limits`` belong to the values, ``along`` to the places of a curve; ``log`` names
    the logarithmic ones of "axis" and "along".  What the reader may know is drawn from the start:
    ``known`` values by their name, and ``levels``, such as chance, where the guess begins.
    ``intervals`` has low and high for some of the truths.  A guess moves in multiples of ``step``.

    ``guess`` has a value for each truth, in its order.  ``stage`` is "guess", "compared" once the
    reader has committed the guess, or "shown" where measured values were asked for without one.  On
    a page of the book, what is tagged ``after-guess`` behind the widget's cell, which is tagged
    ``prediction``, opens then.

    Raises ValueError where the parts of a question do not fit together.
    """

    guess = List(Float()).tag(sync=True)
    stage = Enum(STAGES, "guess").tag(sync=True)

    question = Dict().tag(sync=True)

    def __init__(
        self,
        question: str,
        truth: Mapping[Any, Any],
        *,
        axis: str,
        limits: Sequence[float],
        along: str = "",
        log: str | Sequence[str] = (),
        known: Mapping[str, Mapping[Any, Any]] | None = None,
        levels: Mapping[str, Any] | None = None,
        intervals: Mapping[Any, Any] | None = None,
        step: float | None = None,
        **traits: Any,
    ):
        given = known or {}, levels or {}, intervals or {}
        super().__init__(ask(question, truth, axis, limits, along, log, *given, step), **traits)

    @property
    def alt(self) -> str:  # type: ignore[override]  # each has its own
        return f"Axes with what is known, to draw a guess into. {self.shown.words}"

    @validate("guess")
    def _fits(self, proposal):
        guess, (low, high) = proposal["value"], self.shown.limits
        if len(guess) != len(self.shown.truth):
            raise TraitError(f"guess: expected {len(self.shown.truth)} values, got {len(guess)}")
        if not all(low <= value <= high for value in guess):
            raise TraitError(f"guess: expected values from {low:g} to {high:g}, got {guess}")
        return guess

    def still(self) -> bytes:
        """The axes with what is known, for a pencil; the figure with the answer follows them."""
        draw = self._draw_curve if self.shown.curve else self._draw_bars
        rows = 8 if self.shown.curve else len(bars(self.shown))
        return plotting.picture(draw, size=(6.5, 1.3 + 0.3 * rows))

    def _draw_curve(self, axes):
        asked: Question = self.shown
        for i, (name, points) in enumerate(asked.known.items(), 2):
            axes.plot([*points], [*points.values()], "s", color=plotting.COLOURS[i], label=name)
        for name, level in asked.levels.items():
            axes.axhline(level, color="0.4", linestyle="--", label=f"{name}: {level:.3g}")
        every = {*asked.truth, *(key for points in asked.known.values() for key in points)}
        places = sorted(cast(set[float], every))
        first, last, log = places[0], places[-1], "along" in asked.log
        room = (last / first) ** 0.06 if log else 0.06 * (last - first)
        axes.set(
            xscale="log" if log else "linear",
            xlim=(first / room, last * room) if log else (first - room, last + room),
            yscale="log" if "axis" in asked.log else "linear",
            xlabel=asked.along,
            ylabel=asked.axis,
            ylim=asked.limits,
        )
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.minorticks_off()
        if asked.known or asked.levels:
            axes.legend()

    def _draw_bars(self, axes):
        asked: Question = self.shown
        rows = bars(asked)
        for i, (name, points) in enumerate(asked.known.items(), 2):
            at = [rows.index(cast(str, key)) for key in points]
            axes.plot([*points.values()], at, "s", color=plotting.COLOURS[i], label=name)
        for name, level in asked.levels.items():
            axes.axvline(level, color="0.4", linestyle="--", label=f"{name}: {level:.3g}")
        axes.set(
            xscale="log" if "axis" in asked.log else "linear",
            xlabel=asked.axis,
            xlim=asked.limits,
            ylim=(len(rows) - 0.5, -0.5),
        )
        axes.set_yticks(range(len(rows)), rows)
        if asked.known or asked.levels:
            axes.legend()


def bars(asked: Question) -> list[str]:
    """The names of all bars, those that are known first."""
    every = [*(key for points in asked.known.values() for key in points), *asked.truth]
    return cast(list[str], list(dict.fromkeys(every)))
