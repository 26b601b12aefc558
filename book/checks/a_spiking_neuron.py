"""The hard reset."""

from checks import Check, Wrong


def hard_neuron(currents, leak, threshold):
    v, spikes = 0.0, []
    for x in currents:
        u = leak * v + x
        s = float(u > threshold)
        v = u * (1 - s)
        spikes.append(s)
    return spikes


def soft(currents, leak, threshold):
    v, spikes = 0.0, []
    for x in currents:
        u = leak * v + x
        s = float(u > threshold)
        v = u - threshold * s
        spikes.append(s)
    return spikes


def one_off(currents, leak, threshold):
    v, spikes = 0.0, []
    for x in currents:
        u = leak * v + x
        s = float(u > threshold)
        v = u - s
        spikes.append(s)
    return spikes


def at_the_threshold(currents, leak, threshold):
    v, spikes = 0.0, []
    for x in currents:
        u = leak * v + x
        s = float(u >= threshold)
        v = u * (1 - s)
        spikes.append(s)
    return spikes


def always_emptied(currents, leak, threshold):
    return [float(x > threshold) for x in currents]


def leak_on_the_current(currents, leak, threshold):
    return hard_neuron([leak * x for x in currents], leak, threshold)


def no_leak(currents, leak, threshold):
    return hard_neuron(currents, 1.0, threshold)


def threshold_of_one(currents, leak, threshold):
    return hard_neuron(currents, leak, 1.0)


def membranes(currents, leak, threshold):
    v, found = 0.0, []
    for x in currents:
        u = leak * v + x
        found.append(u)
        v = u * (u <= threshold)
    return found


check_hard_reset = Check(
    right=hard_neuron,
    cases=(
        ([0.7, 0.7, 0.7, 0.7, 0.7, 0.7], 1.0, 1.0),
        ([0.5, 0.5, 0.5, 0.5, 0.5], 1.0, 1.0),
        ([0.3] * 12, 0.8, 1.0),
        ([0.51] * 12, 0.9, 1.0),
        ([0.9, 0.9, 0.9, 2.5, 0.9, 0.9, 0.9, 0.9], 0.9, 2.0),
    ),
    axes=("step",),
    wrong=(
        Wrong(
            soft,
            "this is the soft reset: what was above the threshold is kept",
            "after a spike the membrane is empty: multiply u by 1 − s",
        ),
        Wrong(
            one_off,
            "1 is taken off after a spike",
            "after a spike the membrane is empty, whatever it was: multiply u by 1 − s",
        ),
        Wrong(
            at_the_threshold,
            "the neuron fires at its threshold; it should fire above it",
            "compare with >, not with >=",
        ),
        Wrong(
            always_emptied,
            "the membrane is emptied at every step, also without a spike, so nothing is collected",
            "keep u where s is 0",
        ),
        Wrong(
            leak_on_the_current,
            "the current leaks before it has been added",
            "the leak acts on what was left from the step before: u = leak * v + x",
        ),
        Wrong(no_leak, "nothing leaks", "u = leak * v + x"),
        Wrong(threshold_of_one, "the threshold is always 1", "compare u with threshold"),
        Wrong(
            membranes,
            "these are the membranes, not the spikes",
            "append s to the list that is returned",
        ),
    ),
    praise="What was above the threshold is lost with each spike.",
)
