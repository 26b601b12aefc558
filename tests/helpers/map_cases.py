"""The explorers of maps on small networks, and the numbers that snnlab gives for them.

Each is made for photographs of any size [H, W].
"""

import functools

import torch

from helpers import tiny
from snnlab import attacks, conversion, explain, judge, neurons, recording, surrogate, widgets

SQUARE = (64, 64)
CLASSES = ["fox", "owl", "elk", "bat", "eel"]


@functools.cache
def networks():
    return tiny.spiking_network(dtype=torch.float32), tiny.relu_network(dtype=torch.float32)


def images(count, size):
    height, width = size
    return tiny.images(count, size=max(size), dtype=torch.float32)[..., :height, :width]


def labels(count):
    return torch.arange(count) % len(CLASSES)


def spikes_of(layer, encoded):
    model, _ = networks()
    with torch.no_grad(), recording.record(model, layer) as recorded:
        model(spikes=encoded)
    return recorded[layer]


def encoded(pictures, seed=0):
    return networks()[0].encode(pictures, tiny.generator(seed))


def seen(maps, widget):
    """What the reader looks at: one step of [T, H, W], or the sum."""
    return (maps.sum(0) if widget.whole else maps[widget.step]).flatten()


def maps(size=SQUARE):
    return widgets.MapExplorer(*networks(), images(3, size), labels(3), CLASSES, x=20, y=20)


def maps_expected(widget, size=SQUARE):
    model, twin = networks()
    pictures, layer, which = images(3, size), widget.layer, widget.image
    inputs = encoded(pictures)
    spikes = spikes_of(layer, inputs)
    n, steps = spikes.sum(0), len(spikes)
    pairs = (n * (n - 1)).sum(1) / (steps * (steps - 1))
    # all pairs of steps are equally probable in a shuffle
    kernel = [
        sum((torch.tensor(-widget.gamma) * d).exp() for d in range(1, t + 1)) for t in range(steps)
    ]
    kernel = torch.tensor([float(k) for k in kernel]).view(-1, 1, 1, 1)
    snn = explain.snn_grad_cam(model, None, labels(3), layer=layer, spikes=inputs).maps
    scores = explain.neuronal_contribution_score(spikes, widget.gamma) * spikes
    height, width = spikes.shape[-2:]
    row, column = widget.y * height // size[0], widget.x * width // size[1]
    given = scores.sum(0)[which, :, row, column]
    sequences = {
        "equation": explain.spike_activation_map(spikes, widget.gamma),
        "code": explain.spike_activation_map(spikes, widget.gamma, "authors-code"),
        "counts": pairs * kernel,
        "rate": spikes.sum(2),
        "snnGradCam": snn,
    }
    now = {name: seen(maps[:, which], widget) for name, maps in sequences.items()}
    return {
        **now,
        "difference": now["equation"] - now["counts"],
        "likeness": judge.stability.pearson(now["equation"][None, None], now["counts"][None, None]),
        "gradCam": explain.grad_cam(twin, pictures, labels(3), layer=layer).maps[which].flatten(),
        "given": given.sort(descending=True).values[:6],
    }


def smoothing(size=SQUARE):
    return widgets.SmoothingExplorer(
        *networks(), images(1, size)[0], 2, widths=(0.5, 1.0, 2.0), width=0.5, title="elk"
    )


def smoothing_expected(widget, size=SQUARE):
    model, twin = networks()
    scale = 0.3 if widget.keep == "height" else 0.3 / widget.width
    with neurons.surrogate_gradient(model, surrogate.triangle(scale, widget.width)):
        explained = explain.snn_grad_cam(
            model, None, 2, layer=widget.layer, spikes=encoded(images(1, size))
        )
    twin_map = explain.grad_cam(twin, images(1, size), 2, layer=widget.layer).maps
    return {
        "map": explained.total.flatten(),
        "twinMap": twin_map.flatten(),
        "area": judge.smoothness.half_mass_area(explained.total),
        "twinArea": judge.smoothness.half_mass_area(twin_map),
    }


def pair(size=SQUARE):
    first, second = images(2, size)
    return widgets.TwoPictureExplorer(*networks()[:1], first, second, [0, 1], CLASSES)


def pair_expected(widget, size=SQUARE):
    generator = tiny.generator()
    a, b = (networks()[0].encode(image[None], generator) for image in images(2, size))
    sequences = {
        "alone": a,
        "grey": torch.cat([a, 0 * a], -1),
        "beside": torch.cat([a, b], -1),
        "swapped": torch.cat([b, a], -1),
    }
    maps = {
        name: explain.sam(
            networks()[0], layer=widget.layer, gamma=widget.gamma, spikes=spikes
        ).maps[:, 0]
        for name, spikes in sequences.items()
    }
    mass = {}
    for name, of in maps.items():
        half = of.shape[-1] // (1 if name == "alone" else 2)
        halves = of[..., :half].sum((1, 2)), of[..., half:].sum((1, 2))
        mass[name] = halves[::-1] if name == "swapped" else halves
    own = mass[widget.arrangement][0]
    return {
        "map": seen(maps[widget.arrangement], widget),
        "massA": own,
        "massB": mass[widget.arrangement][1],
        "reference": mass["grey"][0],
        "change": own.sum() / mass["grey"][0].sum() - 1,
    }


EPSILONS = (0, 2, 8)


@functools.cache
def under_attack(size):
    return widgets.AttackExplorer(
        *networks(), images(1, size)[0], 3, CLASSES, epsilons=EPSILONS, samples=1
    ).shown


def attack(size=SQUARE):
    return widgets.AttackExplorer.of(under_attack(size))


@functools.cache
def attacked(size):
    """Of both networks, the pictures for each epsilon."""
    generator = tiny.generator()
    return [
        [
            attacks.pgd(
                network,
                images(1, size),
                3,
                epsilon=epsilon / 255,
                step_size=epsilon / 4 / 255,
                steps=10,
                generator=generator,
            )
            for epsilon in EPSILONS
        ]
        for network in networks()
    ]


def attack_expected(widget, size=SQUARE):
    model, twin = networks()
    mine, theirs = attacked(size)
    at = EPSILONS.index(widget.epsilon)
    kind = {"layer": "conv6", "gamma": widget.gamma}
    sam = [explain.sam(model, mine[i], generator=tiny.generator(), **kind) for i in (0, at)]
    cam = [explain.grad_cam(twin, theirs[i], 3, layer="conv6") for i in (0, at)]
    return {
        "before": torch.stack([sam[0].total.flatten(), cam[0].total.flatten()]),
        "after": torch.stack([sam[1].total.flatten(), cam[1].total.flatten()]),
        "stability": torch.cat(
            [judge.stability.pearson(first.total, then.total) for first, then in (sam, cam)]
        ),
        "scores": torch.stack([one.logits.softmax(1) for one in (*sam, *cam)]).view(2, 2, -1),
    }


def first_look(size=SQUARE):
    return widgets.FirstLook(networks()[0], images(1, size)[0], CLASSES, layer="conv4")


def first_look_expected(widget, size=SQUARE):
    """The scores by running the network for the first steps alone."""
    model, inputs, until = networks()[0], encoded(images(1, size)), widget.step + 1
    spikes = spikes_of("conv4", inputs)[:until]
    with torch.no_grad():
        shares, ends = (model(spikes=inputs[:t]).softmax(1)[0] for t in (until, len(inputs)))
    return {
        "spikes": inputs[widget.step].flatten(),
        "fired": [spikes_of(block, inputs)[widget.step].sum().item() for block in model.blocks],
        "sam": explain.spike_activation_map(spikes).sum(0).flatten(),
        "counts": spikes.sum((0, 2)).flatten(),
        "shares": shares[ends.argsort(descending=True)],
    }


def by_hand(size=SQUARE):
    return widgets.GradCamByHand(
        networks()[1], images(3, size), labels(3), CLASSES, image=2, on=[1, 0, 0, 0]
    )


def by_hand_expected(widget, size=SQUARE):
    _, twin = networks()
    picture, label = images(3, size)[widget.image][None], int(labels(3)[widget.image])
    with recording.record(twin, "conv6", keep_graph=True) as recorded:
        score = twin(picture)[0, label]
    alpha = torch.autograd.grad(score, recorded["conv6"])[0][0].mean((1, 2))
    activity = recorded["conv6"][0].detach()
    weighted = alpha[:, None, None] * activity
    on = torch.tensor(widget.on, dtype=torch.bool)
    total = explain.grad_cam(twin, picture, label, layer="conv6").maps
    added, positive = activity.sum(0), weighted[on].sum(0).clamp(min=0)
    alike = judge.stability.pearson
    return {
        "sum": weighted[on].sum(0).flatten(),
        "map": positive.flatten(),
        "gradCam": total.flatten(),
        "added": added.flatten(),
        "alpha": alpha,
        "likeness": alike(positive[None], total)[0],
        "baseline": alike(added[None], total)[0],
    }


def through_time(size=SQUARE):
    return widgets.GradientThroughTime(
        *networks(), images(1, size)[0], 2, widths=(0.5, 1.0, 2.0), title="elk"
    )


class Spy:
    """A triangle that keeps the share of neurons whose slope is not 0, in the order of the way."""

    def __init__(self, width):
        self.triangle, self.open = surrogate.triangle(width=width), []

    def __call__(self, u, threshold):
        slope = self.triangle(u, threshold)
        self.open.append((slope > 0).float().mean())
        return slope


def through_time_expected(widget, size=SQUARE):
    """By one backward pass from the score to the input, through all gates."""
    model, twin = networks()
    inputs, spy = encoded(images(1, size)).requires_grad_(), Spy(widget.width)
    with neurons.surrogate_gradient(model, spy), recording.record(model, model.blocks, True) as rec:
        score = model(spikes=inputs)[0, 2]
        _, *found = torch.autograd.grad(score, [inputs, *(rec[name] for name in model.blocks)])
    gates = torch.stack(spy.open).view(len(model.blocks), -1).flip(0, 1)
    with recording.record(twin, twin.blocks, True) as rec:
        score = twin(images(1, size))[0, 2]
        still = torch.autograd.grad(score, [rec[name] for name in twin.blocks])
    sizes = torch.stack([gradient.square().sum((1, 2, 3, 4)).sqrt() for gradient in found])
    at = model.blocks.index(widget.layer)
    with neurons.surrogate_gradient(model, surrogate.triangle(width=widget.width)):
        explained = explain.snn_grad_cam(
            model, None, 2, layer=widget.layer, spikes=inputs.detach()
        ).total
    twin_map = explain.grad_cam(twin, images(1, size), 2, layer=widget.layer).maps
    return {
        "gradient": sizes.flatten(),
        "gates": gates.flatten(),
        "twinGradient": torch.stack([gradient.norm() for gradient in still]),
        "twinGates": torch.stack([(rec[name] > 0).float().mean() for name in twin.blocks]),
        "map": explained.flatten(),
        "twinMap": twin_map.flatten(),
        "size": sizes[at, widget.step],
        "open": gates[at, widget.step],
        "likeness": judge.stability.pearson(explained, twin_map)[0],
    }


BOXES = torch.tensor([[2, 3, 20, 17], [1, 1, 9, 24], [4, 8, 30, 25]])


def energy(size=SQUARE):
    model, _ = networks()
    return widgets.EnergyInTheBox(model, images(3, size), labels(3), CLASSES, BOXES, image=0)


def energy_expected(widget, size=SQUARE):
    spikes = spikes_of(widget.layer, encoded(images(3, size)))
    mask = judge.localisation.box_masks(widget.box, size)

    def shares(maps):
        large = torch.nn.functional.interpolate(maps[:, None], size=size, mode="bilinear")[:, 0]
        return judge.localisation.energy(large, mask.expand(len(large), -1, -1))

    sam = shares(explain.spike_activation_map(spikes).sum(0))
    others = sam[torch.arange(3) != widget.image]
    return {
        "energy": sam[widget.image],
        "counts": shares(judge.baselines.count_map(spikes).sum(0))[widget.image],
        "bump": shares(judge.baselines.centred_gaussian(1, size)),
        "each": others,
        "others": others.mean(),
        "area": mask.double().mean(),
    }


PERCENTILES, LONGEST = (90, 97, 100), 6


def converted(size=SQUARE):
    pictures, counted = images(1, size), images(4, size)
    return widgets.Conversion(
        *networks()[1:],
        pictures[0],
        counted,
        labels(4),
        counted,
        PERCENTILES,
        longest=LONGEST,
        steps=3,
        percentile=97,
    )


def converted_expected(widget, size=SQUARE):
    """By running the networks anew, for no more steps than are shown."""
    _, twin = networks()
    counted = images(4, size)
    layer, steps, percentile = widget.layer, widget.steps, widget.percentile
    model = conversion.convert(twin, counted, steps=steps, percentile=percentile)
    with torch.no_grad(), recording.record(model, layer) as spikes:
        model(images(1, size))
    with torch.no_grad(), recording.record(twin, layer) as still:
        twin(images(1, size))
    with torch.no_grad():
        parent, right = (
            int((network(counted).argmax(1) == labels(4)).sum()) for network in (twin, model)
        )
    scale = conversion.activation_scales(twin, counted, percentile)[layer]
    rates, activity = scale * spikes[layer].mean(0)[0], still[layer][0]
    both = torch.stack([rates.flatten(), activity.flatten()])
    assert widget.parent == parent
    return {
        "rates": both[0],
        "activity": both[1],
        "map": rates.sum(0).flatten(),
        "sam": explain.spike_activation_map(spikes[layer]).sum((0, 1)).flatten(),
        "likeness": judge.stability.pearson(both[:1, None], both[1:, None]),
        "clipped": (activity > scale).sum(),
        "now": right,
    }


CASES = {
    "by hand": (by_hand, by_hand_expected),
    "through time": (through_time, through_time_expected),
    "energy": (energy, energy_expected),
    "conversion": (converted, converted_expected),
    "first look": (first_look, first_look_expected),
    "maps": (maps, maps_expected),
    "smoothing": (smoothing, smoothing_expected),
    "pair": (pair, pair_expected),
    "attack": (attack, attack_expected),
}
