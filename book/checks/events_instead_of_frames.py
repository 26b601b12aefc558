"""From the events of a recording to frames."""

import torch

from checks import Check, Wrong


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
