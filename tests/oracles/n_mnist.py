"""N-MNIST's files, one event after another, bit by bit (Orchard et al., 2015)."""


def events(content):
    """(x, y, on, microseconds) of each event of a file's bytes."""
    found, late = [], 0
    for i in range(0, len(content), 5):
        bits = "".join(f"{byte:08b}" for byte in content[i : i + 5])
        x, y = int(bits[:8], 2), int(bits[8:16], 2)
        if y == 240:
            late += 2**13
        else:
            found.append((x, y, int(bits[16]), int(bits[17:], 2) + late))
    return found


def frames(found, steps, polarity):
    """(box, channel, y, x) -> number of events."""
    first, last = found[0][3], found[-1][3]
    counts = {}
    for x, y, on, time in found:
        box = max(k for k in range(steps) if k * (last - first + 1) <= (time - first) * steps)
        place = (box, on if polarity else 0, y, x)
        counts[place] = counts.get(place, 0) + 1
    return counts
