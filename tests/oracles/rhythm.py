"""What rhythm a pixel's spikes have, step by step, the end joined to the beginning."""


def rhythm(train):
    """ "burst": a third of the steps, in a row; "even": as many, their gaps as equal as can be;
    "once" or "never"."""
    steps, at = len(train), [t for t, spike in enumerate(train) if spike]
    gaps = [(after - t - 1) % steps + 1 for t, after in zip(at, at[1:] + at[:1], strict=True)]
    if len(at) <= 1:
        return "once" if at else "never"
    assert len(at) == steps // 3
    if min(gaps) >= 3:
        assert max(gaps) - min(gaps) <= 1
        return "even"
    long = [gap for gap in gaps if gap != 1]
    assert long == [steps - len(at) + 1], "neither in a row nor even"
    return "burst"
