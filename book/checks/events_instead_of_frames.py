"""Gaps on what a pixel reports and what is lost without order, and from a recording to frames."""

from functools import partial

import torch

from checks import Check, Wrong

draws = torch.Generator().manual_seed(0)

# Back to the light


def rebuilt(first, events, threshold, *, adds_up=True, size=True, start=True, sign=1):
    moved = events.cumsum(0) if adds_up else events
    return (first if start else 0 * first) + sign * (threshold if size else 1.0) * moved


FIRST = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
EVENTS = torch.randint(-2, 3, (6, 3), generator=draws).double()

check_rebuilt = Check(
    right=rebuilt,
    cases=((FIRST[:1], EVENTS[:4, :1], 0.2), (FIRST, EVENTS, 0.5)),
    axes=("step", "pixel"),
    wrong=(
        Wrong(
            partial(rebuilt, adds_up=False),
            "each step begins at the first light again",
            "what came before stays: cumsum",
        ),
        Wrong(
            partial(rebuilt, size=False),
            "an event changes the light by 1",
            "it stands for one threshold",
        ),
        Wrong(
            partial(rebuilt, start=False),
            "the light begins at 0",
            "add what it was at first; events tell of changes alone",
        ),
        Wrong(
            partial(rebuilt, sign=-1),
            "on makes it darker",
            "on means brighter: the sign is +",
        ),
        Wrong(
            lambda first, events, threshold: first + threshold * events.cumsum(1),
            "the pixels are added up, not the steps",
            "time is axis 0: cumsum(0)",
        ),
    ),
    praise="It is never a threshold or more from the truth, and never needs to know it.",
)

# What is reported at once


def reported(level, remembered, threshold, *, how="floor", off_first=True, clamp=True, many=True):
    change = (level - remembered) / threshold

    def count(of):
        n = {"floor": of.floor, "round": of.round, "ceil": of.ceil}[how]()
        n = n.clamp(min=0) if clamp else n
        return n if many else n.clamp(max=1)

    pair = [count(-change), count(change)]
    return torch.stack(pair if off_first else pair[::-1])


LEVEL = torch.tensor([[0.0, 1.3, -0.9], [0.45, -2.25, 0.1]], dtype=torch.float64)
REMEMBERED = torch.tensor([[0.0, 0.2, 0.2], [0.2, 0.0, 0.2]], dtype=torch.float64)

check_reported = Check(
    right=reported,
    cases=((LEVEL[:1], REMEMBERED[:1], 0.5), (LEVEL, REMEMBERED, 0.2)),
    axes=("channel", "row", "column"),
    wrong=(
        Wrong(
            partial(reported, how="round"),
            "a change of half a threshold is reported",
            "only whole thresholds are: floor",
        ),
        Wrong(
            partial(reported, how="ceil"),
            "the smallest change is reported",
            "only whole thresholds are: floor",
        ),
        Wrong(
            partial(reported, off_first=False),
            "on comes first; off should",
            "stack off, then on",
        ),
        Wrong(
            partial(reported, clamp=False),
            "a change up reports less than nothing as off",
            "clamp(min=0): each event is either on or off",
        ),
        Wrong(
            partial(reported, many=False),
            "a large change is reported as one event",
            "as many events as thresholds fit in",
        ),
    ),
    praise="What is left of the change waits in the pixel for the next step.",
)

# The way back


def way_back(frames, *, time=True, exchange=True, mirror=False, axis=0, channels=2):
    frames = frames.flip(axis) if time else frames
    frames = frames.flip(channels) if exchange else frames
    return frames.flip(-1) if mirror else frames


FRAMES = torch.randint(0, 3, (4, 2, 2, 2, 3), generator=draws).double()

check_way_back = Check(
    right=way_back,
    cases=((FRAMES[:2, :1, :, :1, :2],), (FRAMES,)),
    axes=("step", "recording", "channel", "row", "column"),
    wrong=(
        Wrong(
            partial(way_back, time=False),
            "the frames are still in the old order",
            "what was seen last is seen first: flip(0)",
        ),
        Wrong(
            partial(way_back, exchange=False),
            "on and off are as before",
            "what grew brighter grows darker on the way back: flip the channels too",
        ),
        Wrong(
            partial(way_back, mirror=True),
            "left and right of the picture are exchanged as well",
            "the photograph stays where it is; only the camera goes back",
        ),
        Wrong(
            partial(way_back, axis=1),
            "recordings have been exchanged, not steps",
            "time is axis 0",
        ),
        Wrong(
            partial(way_back, channels=3),
            "rows have been turned round, not channels",
            "off and on are axis 2",
        ),
    ),
    praise="Only the light of the first and of the last place is not quite right.",
)

# What of the knowledge is lost


def lost(before, after, chance, *, above=True, of="known", mean=True):
    kept, had = (after.mean(), before.mean()) if mean else (after, before)
    floor = chance if above else 0.0
    return (had - kept) / {"known": had - floor, "all": torch.ones(()), "can": 1 - floor}[of]


BEFORE = torch.tensor([1.0, 1, 1, 0, 1], dtype=torch.float64)
AFTER = torch.tensor([1.0, 0, 1, 0, 0], dtype=torch.float64)

check_lost = Check(
    right=lost,
    cases=((BEFORE, AFTER, 0.0), (BEFORE, AFTER, 0.3), (BEFORE, 1 - AFTER, 0.1)),
    wrong=(
        Wrong(
            partial(lost, above=False),
            "what guessing gives counts as knowledge",
            "divide by what was there above chance",
        ),
        Wrong(
            partial(lost, of="all"),
            "this is a difference of accuracies",
            "divide by how far the accuracy lay above chance",
        ),
        Wrong(
            partial(lost, of="can"),
            "it is divided by what could be known at best",
            "divide by what this network knew: its accuracy minus chance",
        ),
        Wrong(
            lambda before, after, chance: (before * (1 - after)).mean() / (before.mean() - chance),
            "recordings that came out right only afterwards are not counted",
            "take both accuracies: some that are lost by chance are made up by chance",
        ),
        Wrong(
            lambda before, after, chance: 1 - lost(before, after, chance),
            "this is what is kept",
            "lost is before minus after on top",
        ),
    ),
    praise="With two classes a fall from 0.9 to 0.5 is everything.",
)

# Frames


def box_of(time, steps):
    return (time - time[0]) * steps // (time[-1] - time[0] + 1)


def counted(box, on, y, x, steps, size, value=1):
    frames = torch.zeros(steps, 2, size, size, dtype=torch.float64)
    for place in zip(box.tolist(), on.tolist(), y.tolist(), x.tolist(), strict=True):
        frames[place] += value
    return frames


def boxes(x, y, on, time, steps, size):
    return counted(box_of(time, steps), on, y, x, steps, size)


def on_first(x, y, on, time, steps, size):
    return boxes(x, y, 1 - on, time, steps, size)


def turned(x, y, on, time, steps, size):
    return boxes(y, x, on, time, steps, size)


def only_whether(x, y, on, time, steps, size):
    return boxes(x, y, on, time, steps, size).clamp(max=1)


def from_zero(x, y, on, time, steps, size):
    return counted(time * steps // (time[-1] + 1), on, y, x, steps, size)


def equal_counts(x, y, on, time, steps, size):
    box = torch.arange(len(time)) * steps // len(time)
    return counted(box, on, y, x, steps, size)


def last_lost(x, y, on, time, steps, size):
    keep = slice(None, -1)
    return counted(box_of(time, steps)[keep], on[keep], y[keep], x[keep], steps, size)


def sums(x, y, on, time, steps, size):
    return boxes(x, y, on, time, steps, size).cumsum(0)


def without_sign(x, y, on, time, steps, size):
    return boxes(x, y, on, time, steps, size).sum(1, keepdim=True)


FEW = (
    torch.tensor([0, 2, 2, 1, 0, 1]),
    torch.tensor([1, 0, 0, 2, 1, 1]),
    torch.tensor([1, 0, 0, 1, 1, 0]),
    torch.tensor([50, 51, 52, 60, 75, 90]),
)
MANY = (
    torch.arange(40) * 7 % 5,
    torch.arange(40) * 3 % 4,
    torch.arange(40) // 3 % 2,
    100 + torch.arange(40) ** 2 // 4,
)

check_boxes = Check(
    right=boxes,
    cases=((*FEW, 4, 3), (*MANY, 6, 5)),
    axes=("step", "channel", "row", "column"),
    wrong=(
        Wrong(on_first, "on comes first; off should", "use on itself as the channel: 0 is off"),
        Wrong(turned, "rows and columns are exchanged", "a row is y: frames[box, on, y, x]"),
        Wrong(
            only_whether,
            "a place is 1 at most; two events in a box should count 2",
            "add 1 for each event, one after the other: with += on many places at once, those "
            "that come twice count once",
        ),
        Wrong(
            from_zero,
            "the boxes begin at time 0; they should begin with the first event",
            "take time[0] away first",
        ),
        Wrong(
            equal_counts,
            "each box holds as many events; it should be as long as the others",
            "let the box follow from the time of an event, not from its place in the list",
        ),
        Wrong(
            last_lost,
            "the last event is missing",
            "the length is last - first + 1, so that the last event falls into the last box",
        ),
        Wrong(
            sums,
            "a frame holds all events up to its box",
            "count only those whose box it is; do not carry the frame on",
        ),
        Wrong(
            without_sign,
            "on and off are added up; they should be two channels",
            "make frames of zeros with a second axis of 2, and use on as its index",
        ),
    ),
    praise="This is how a network sees a recording of an event camera.",
)
