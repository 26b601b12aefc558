"""Figures for maps, place by place.  Ties are drawn by lot: every outcome is gone through."""

import itertools
import math


def shares(values):
    """Each place's share of the sum; of a map that is 0 everywhere, the same for all."""
    total = sum(values)
    return [value / total if total else 1 / len(values) for value in values]


def box_mask(box, size):
    x1, y1, x2, y2 = box
    height, width = size
    return [[x1 <= x <= x2 and y1 <= y <= y2 for x in range(width)] for y in range(height)]


def energy(values, region):
    return sum(share for share, inside in zip(shares(values), region, strict=True) if inside)


def highest(values, count):
    """Every set of the ``count`` highest places, one for each order in which ties may be broken."""
    places = range(len(values))
    for lot in itertools.permutations(places):
        order = sorted(places, key=lambda place: (-values[place], lot[place]))
        yield frozenset(order[:count])


def mean(numbers):
    numbers = list(numbers)
    return sum(numbers) / len(numbers)


def pointing_game(values, region):
    return mean(region[place] for top in highest(values, 1) for place in top)


def rank_accuracy(values, region):
    n = sum(region)
    return mean(sum(region[place] for place in top) / n for top in highest(values, n))


def top_overlap(first, second, share):
    """The expected intersection of two independent draws over the union that belongs to it."""
    k = math.ceil(share * len(first) - 1e-9)
    pairs = itertools.product(list(highest(first, k)), list(highest(second, k)))
    both = mean(len(one & other) for one, other in pairs)
    return both / (2 * k - both)


def half_mass_area(values, mass=0.5):
    """Take the highest places until the mass is full; the last one counts by its part."""
    left, area = mass, 0.0
    for share in sorted(shares(values), reverse=True):
        if share == 0 or share >= left:
            return (area + (left / share if share else 0)) / len(values)
        left, area = left - share, area + 1
    return area / len(values)


def entropy(values):
    return -sum(p * math.log(p) for p in shares(values) if p > 0) / math.log(len(values))


def total_variation(rows):
    width = len(rows[0])
    p = shares([value for row in rows for value in row])
    at = {(i, j): p[i * width + j] for i in range(len(rows)) for j in range(width)}
    below = [abs(at[i, j] - at[i + 1, j]) for i, j in at if (i + 1, j) in at]
    right = [abs(at[i, j] - at[i, j + 1]) for i, j in at if (i, j + 1) in at]
    return sum(below) + sum(right)


def pearson(first, second):
    a, b = mean(first), mean(second)
    both = sum((x - a) * (y - b) for x, y in zip(first, second, strict=True))
    lengths = math.sqrt(sum((x - a) ** 2 for x in first) * sum((y - b) ** 2 for y in second))
    return both / lengths if lengths else 0.0


def relative_l2(reference, other):
    difference = math.sqrt(sum((x - y) ** 2 for x, y in zip(reference, other, strict=True)))
    length = math.sqrt(sum(x**2 for x in reference))
    if difference == 0:
        return 0.0
    return difference / length if length else math.inf


def between_images(first, second):
    """For each map of ``first``, the mean over all other images of ``second``."""
    return [
        mean(pearson(one, other) for k, other in enumerate(second) if k != i)
        for i, one in enumerate(first)
    ]


def removal(values, steps):
    """The places that are gone after each step, for a map without ties."""
    order = sorted(range(len(values)), key=lambda place: -values[place])
    for step in range(steps + 1):
        yield order[: round(step / steps * len(values))]


def area_under(curve):
    width = 1 / (len(curve) - 1)
    return sum(width * (a + b) / 2 for a, b in itertools.pairwise(curve))


def percentile_interval(statistic, samples, resample, count):
    """The bootstrap: 95 % of the statistics of resampled images, and the two-sided p."""
    draws = sorted(
        statistic(*([sample[i] for i in indices] for sample in samples))
        for indices in (resample() for _ in range(count))
    )
    below, above = sum(d <= 0 for d in draws) + 1, sum(d >= 0 for d in draws) + 1
    p = min(1.0, 2 * min(below, above) / (count + 1))
    return draws[round(0.025 * count)], draws[round(0.975 * count) - 1], p


def holm(p):
    """The smallest of m is multiplied by m, the next by m - 1, ...; never below an earlier one."""
    corrected, floor = [0.0] * len(p), 0.0
    for place, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        floor = max(floor, min(1.0, p[i] * (len(p) - place)))
        corrected[i] = floor
    return corrected


def retimed(neuron, draws):
    """One neuron's steps [T], in the order of its draws, the smallest first."""
    left, order = list(range(len(neuron))), []
    while left:
        first = min(left, key=lambda t: draws[t])
        left.remove(first)
        order.append(neuron[first])
    return order


def rolled(neuron, later):
    """One neuron's steps [T], so many later; the last ones come first."""
    found = list(neuron)
    for _ in range(later):
        found = [found[-1], *found[:-1]]
    return found


def exchanged(trains, draws):
    """The trains of one image's neurons, each a tuple of steps: of those that fire equally often,
    the first neuron gets the train with the smallest draw, the second the next, and so on."""
    found = []
    for i, train in enumerate(trains):
        alike = [j for j, other in enumerate(trains) if sum(other) == sum(train)]
        by_lot = sorted(alike, key=lambda j: draws[j])
        found.append(trains[by_lot[alike.index(i)]])
    return found


def shuffled_energy(maps, regions, labels):
    """For each image: what of its map lies in its region, minus the mean of what the maps of the
    images of other classes have there."""
    found = []
    for i, region in enumerate(regions):
        others = [energy(maps[j], region) for j in range(len(maps)) if labels[j] != labels[i]]
        found.append(energy(maps[i], region) - mean(others))
    return found


def places_holding(amount, counts, draws):
    """The places in the order of their draws, one more as long as that brings the sum nearer."""
    held, chosen = 0.0, set()
    best, nearest = set(), abs(amount)
    for place in sorted(range(len(counts)), key=lambda place: draws[place]):
        held += counts[place]
        chosen = chosen | {place}
        if abs(held - amount) < nearest:
            best, nearest = chosen, abs(held - amount)
    return best


def class_interval(statistic, sample, labels, draw, count):
    """Classes are drawn, with each its images; ``draw(n)`` gives one of 0..n-1."""
    names = sorted(set(labels))
    found = []
    for _ in range(count):
        values = []
        for _ in names:
            one = names[draw(len(names))]
            members = [x for x, label in zip(sample, labels, strict=True) if label == one]
            values += [members[draw(len(members))] for _ in members]
        found.append(statistic(values))
    found.sort()
    above = (sum(f <= 0 for f in found) + 1) / (count + 1)
    return found[round(0.025 * count)], found[round(0.975 * count) - 1], above


#: Student's t that leaves 2.5 % above it, by degrees of freedom, from the tables.
T_TABLE = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 9: 2.262}


def t_interval(values):
    n = len(values)
    middle = sum(values) / n
    deviation = math.sqrt(sum((v - middle) ** 2 for v in values) / (n - 1))
    half = T_TABLE[n - 1] * deviation / math.sqrt(n)
    return middle - half, middle + half
