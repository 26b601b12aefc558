"""Two pieces of work, timed in turns: the ratio of each pair, so that what else the machine does
weighs on both."""

import statistics
import time
from collections.abc import Callable

PAIRS = 7
LEAST = 0.3  # seconds that one side of a pair takes at least


def seconds(work: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats


def ratio(mine: Callable[[], object], theirs: Callable[[], object], pairs: int = PAIRS) -> dict:
    """How many times longer ``theirs`` takes: the median of the pairs, the least, the greatest."""
    repeats = []
    for work in (mine, theirs):
        work()  # caches, lazy loading
        repeats.append(max(1, round(LEAST / seconds(work, 1))))
    found, own = [], []
    for i in range(pairs):
        first, second = (mine, theirs) if i % 2 == 0 else (theirs, mine)
        times = {}
        for work in (first, second):
            times[work] = seconds(work, repeats[work is theirs])
        found.append(times[theirs] / times[mine])
        own.append(times[mine])
    return summary(found, own)


def summary(ratios: list[float], own: list[float]) -> dict:
    """The median ratio, the least, the greatest; and the median seconds of the first side."""
    return {
        "median": statistics.median(ratios),
        "low": min(ratios),
        "high": max(ratios),
        "pairs": len(ratios),
        "seconds": statistics.median(own),
    }
