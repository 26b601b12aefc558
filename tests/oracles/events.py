"""An event camera, one pixel at a time (ESIM; Rebecq, Gehrig and Scaramuzza, 2018)."""

import math


def between(picture, y, x):
    """A picture (rows of numbers) at a point, the mean of the four pixels around by distance."""
    total = 0.0
    for i, row in enumerate(picture):
        for j, value in enumerate(row):
            total += max(0.0, 1 - abs(y - i)) * max(0.0, 1 - abs(x - j)) * value
    return total


def pixel(levels, off, on):
    """The log intensities that one pixel sees -> the moves at which it reports, with their signs,
    one event after another."""
    remembered, reported = levels[0], []
    for move, level in enumerate(levels[1:]):
        while level - remembered >= on:
            remembered += on
            reported.append((move, 1))
        while remembered - level >= off:
            remembered -= off
            reported.append((move, -1))
    return reported


def log_intensity(red, green, blue):
    return math.log(0.01 + 0.299 * red + 0.587 * green + 0.114 * blue)
