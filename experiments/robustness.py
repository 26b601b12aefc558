"""Claim "robustness": under attack SAM changes less than Grad-CAM on an ANN."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch

from experiments.common import ACTIVITY, CAM, RATE, SAM, SNN_CAM, of_spikes, only
from experiments.experiment import Experiment, Outcome
from experiments.study import Figure, Key, Study
from snnlab.attacks import fgsm, pgd
from snnlab.explain import grad_cam, snn_grad_cam, spike_activation_map
from snnlab.judge.stability import between_images, over_draws, pearson, relative_l2, top_overlap
from snnlab.neurons import Surrogate
from snnlab.passes import generator_for
from snnlab.recording import record
from snnlab.surrogate import arctan, rate

TITLE = "Under attack SAM changes less than Grad-CAM on an ANN"
RULE = """
How much of a map survives PGD (10 steps of a quarter of epsilon, random start, gradients averaged
over 5 encoder draws, each network attacked through its own gradient) at epsilon 1/255: the
correlation of the clean and the attacked map at conv6, over the images that both networks name
rightly before and after. SAM is the mean of the maps of 20 encoder draws, others for the clean and
for the attacked image, so that the encoder's noise is not taken for a change. Two figures. First:
the correlation of SAM of the spiking network minus that of Grad-CAM of the ReLU twin for the true
class, over those of the images whose clean Grad-CAM is not constant (a constant one correlates with
nothing). Second: by what part SAM loses less than the twin's activity, which has no class either: 1
minus the mean loss of SAM over that of the activity. The activity's loss is 1 - its correlation;
SAM's is the correlation of two such means of the clean image minus its correlation, for what 20
draws leave of the encoder's noise is about half of what the activity loses. It is relative, for the
activity's correlation is so near 1 (0.994 on set A) that no map could exceed it by 0.02. A figure
passes if it is at least 0.02, its intervals over images and over classes lie above 0 and its sign
is the same for every training seed. Both pass: holds; one: holds in part; both fail (all intervals
below 0.02): does not hold here; else undecided. It is undecided too if two such means of one clean
image correlate by less than 0.98, or if the attack is not a real one: if at 8/255 PGD-10, and
PGD-50 with 20 draws where PGD-10 failed, leave the spiking network more than 5 percent of 100
images, or if at 4/255 the twin's attacked images fool it more than its own. Described beside it:
similarity held against that of two draws and of different images, which was the first rule; and
attacks on the maps themselves.
"""
HOURS = 2.6
EPSILONS = (0.5, 1.0, 2.0, 4.0, 8.0)  # of 255
DECIDING = (1.0, 4.0)  # what figures and their control need: later seeds are attacked at no other
IMAGES = 300  # evenly spread; later seeds, and the surrogates of the attacker, take every second
CHUNK = 50
STRONG = 100  # images of the strongest attack
GAMMA = 0.5  # of SAM
DRAWS = 20  # of the encoder, for a mean map
SURROGATES: dict[str, Surrogate] = {"PGD-10, arctan": arctan(), "PGD-10, rate": rate()}
KINDS = ("none", "none, again", "random signs", "FGSM", "PGD-10", *SURROGATES)
KINDS += ("PGD-50", "on the map")  # the first of these on fewer images
AVERAGED = f"SAM, mean of {DRAWS} draws"
METHODS = (AVERAGED, SAM, RATE, SNN_CAM, CAM, ACTIVITY)
DRAWN = ("none", "none, again", "PGD-10")  # the kinds for which mean maps are made: they take long
ATTACKED = (AVERAGED, CAM, ACTIVITY)  # maps that are attacked themselves
LAYER = "conv6"
KEPT, FLIPPED, ALL = "kept", "flipped", "all"  # of the images: named rightly after, or no longer
NAME = "correlation under PGD-10"
OVER_CAM = Figure(f"{NAME}, SAM minus {CAM}", 0.02, {"epsilon": 1.0, "images": KEPT})
LESS_LOST = Figure(
    f"loss of {NAME}, by what part SAM's is less than that of {ACTIVITY}",
    0.02,
    {"epsilon": 1.0, "images": KEPT},
)
NORMALISED = "normalised similarity under PGD-10, SAM minus Grad-CAM of the twin"
RIGHT = {"spiking": "right", "twin": "right, twin"}
TRANSFER = {"spiking": "transfer", "twin": "transfer, twin"}
LEFT_AT_8 = 0.05  # of the images, if the attack is a real one
ALIKE = 0.98  # two means of draws of one image
JUDGES = {
    "correlation": pearson,
    "overlap of the top fifth": top_overlap,
    "relative distance": relative_l2,
}


class Compared(NamedTuple):
    """How alike the maps of a method are, image by image [N], NaN for images that do not count."""

    attack: np.ndarray  # the clean and the attacked map
    seed: np.ndarray  # two draws of the encoder
    between: np.ndarray  # different images


class Course(NamedTuple):
    """Of a method, against epsilon: what its network names rightly, and what is left of its map."""

    clean: np.ndarray
    right: list[np.ndarray]  # at each epsilon
    attack: list[np.ndarray]
    seed: np.ndarray
    between: np.ndarray


@dataclasses.dataclass
class Seen:
    """What :func:`look` saw, of all images, attacks and training seeds."""

    study: Study
    attacks: dict[str, dict[int, dict[float, dict[Key, np.ndarray]]]]  # kind, seed, epsilon
    clean: dict[int, dict[Key, np.ndarray]]
    again: dict[int, dict[Key, np.ndarray]]  # clean too, with other draws
    strong: dict[Key, np.ndarray]  # PGD-50, of the first seed
    on_map: dict[Key, np.ndarray]  # each map when it is attacked itself, of the first seed

    @property
    def first(self) -> int:
        return self.study.seeds[0]

    def at(self, kind: str, epsilon: float) -> dict[int, dict[Key, np.ndarray]]:
        """Of the seeds that were attacked at this epsilon."""
        attacks = self.attacks[kind]
        return {
            s: by_epsilon[epsilon] for s, by_epsilon in attacks.items() if epsilon in by_epsilon
        }

    def chosen(self, seed: int, attacked: dict, which: str) -> np.ndarray:
        """[N], bool: the images named rightly by both networks before, and by both after (kept) or
        by neither (flipped); or all."""
        before, after = (
            [found[key] for key in RIGHT.values()] for found in (self.clean[seed], attacked)
        )
        if which == ALL:
            return np.ones(len(before[0]), dtype=bool)
        named = np.all(after, 0) if which == KEPT else ~np.any(after, 0)
        return np.all(before, 0) & named

    def compared(
        self, seed: int, attacked: dict, method: str, which: str, judge: Callable = pearson
    ) -> Compared:
        chosen = self.chosen(seed, attacked, which)
        clean, changed, again = (
            torch.as_tensor(found[method])
            for found in (self.clean[seed], attacked, self.again[seed])
        )
        between = np.full(len(chosen), np.nan)
        if chosen.sum() > 1:
            between[chosen] = between_images(clean[chosen], again[chosen]).numpy()
        attack, draws = (only(judge(clean, other).numpy(), chosen) for other in (changed, again))
        return Compared(attack, draws, between)

    def samples(
        self,
        kind: str,
        epsilon: float,
        methods: tuple[str, ...],
        which: str,
        judge: Callable = pearson,
    ) -> dict[int, tuple[np.ndarray, ...]]:
        """Of every seed, the columns of one :class:`Compared` after the other."""
        return {
            seed: self.padded(
                itertools.chain.from_iterable(
                    self.compared(seed, attacked, method, which, judge) for method in methods
                ),
                seed,
            )
            for seed, attacked in self.at(kind, epsilon).items()
        }

    def padded(self, values: Iterable[np.ndarray], seed: int) -> tuple[np.ndarray, ...]:
        """At the images' places among all, NaN elsewhere: so seeds that share images are paired."""
        values = np.array(list(values), dtype=float)
        rows = np.full((len(values), len(self.study.val)), np.nan)
        rows[:, places(self.study, seed, values.shape[1])] = values
        return tuple(rows)


def run(study: Study) -> Outcome:
    seen = see(study)
    measures = (
        under_pgd(seen)
        + [one for method in METHODS for one in of_method(seen, method)]
        + accuracies(seen)
        + at_equal_drops(seen)
        + on_the_maps(seen)
    )
    return Outcome(figures(seen), measures, notes(seen), invalid=doubts(seen))


def see(study: Study) -> Seen:
    first = study.seeds[0]
    tried = {seed: EPSILONS if seed == first else DECIDING for seed in study.seeds}
    attacks = {
        kind: {s: {e: look(study, s, kind, e) for e in tried[s]} for s in study.seeds}
        for kind in ("PGD-10", "random signs")
    }
    attacks["FGSM"] = {first: {e: look(study, first, "FGSM", e) for e in EPSILONS}}
    for kind in SURROGATES:
        attacks[kind] = {first: {e: look(study, first, kind, e) for e in DECIDING}}
    clean, again = (
        {s: look(study, s, kind, 0.0) for s in study.seeds} for kind in ("none", "none, again")
    )
    strong, on_map = look(study, first, "PGD-50", 8.0), look(study, first, "on the map", 1.0)
    return Seen(study, attacks, clean, again, strong, on_map)


def figures(seen: Seen) -> list[dict]:
    sam, cam, activity = (survived(seen, method) for method in (AVERAGED, CAM, ACTIVITY))
    lead = {
        s: only(sam[s].attack - cam[s].attack, seen.padded([has_map(seen, s)], s)[0] == 1)
        for s in sam
    }
    lost = {s: (sam[s].attack, sam[s].seed, activity[s].attack) for s in sam}
    classes = seen.study.val.labels.numpy()
    return [
        seen.study.figure(OVER_CAM, lead, classes=classes),
        seen.study.figure(LESS_LOST, lost, part_less, classes),
    ]


def part_less(sam: np.ndarray, again: np.ndarray, other: np.ndarray) -> float:
    """By what part of the other's loss, 1 - correlation, SAM's is less, which is what it loses
    beyond what two such maps of the clean image differ by."""
    return 1 - (again - sam).mean() / (1 - other).mean()


def has_map(seen: Seen, seed: int) -> np.ndarray:
    """Of which images the clean Grad-CAM is no constant: a constant one correlates with nothing."""
    clean = seen.clean[seed][CAM]
    return np.ptp(clean.reshape(len(clean), -1), axis=1) > 0


def survived(seen: Seen, method: str) -> dict[int, Compared]:
    """How alike the clean and the attacked map are, and two of clean images, of those that
    count."""
    columns = seen.samples("PGD-10", 1.0, (method,), KEPT)
    return {seed: Compared(*one) for seed, one in columns.items()}


def on_the_maps(seen: Seen) -> list[dict]:
    """What survives of a map that is attacked itself, of all images of the first seed."""
    measures = []
    for method in ATTACKED:
        pair = (torch.as_tensor(one[method]) for one in (seen.clean[seen.first], seen.on_map))
        values = seen.padded([pearson(*pair).numpy()], seen.first)[0]
        labels: dict[str, Any] = {"map": method, "epsilon": 1.0, "images": ALL}
        title = "correlation under an attack on the map itself"
        measures.append(seen.study.measure(title, {seen.first: values}, **labels))
    return measures


def under_pgd(seen: Seen) -> list[dict]:
    """Where there are at least five images in every seed."""
    study, measures = seen.study, []
    for epsilon, which in itertools.product(EPSILONS, (KEPT, ALL, FLIPPED)):
        attacked = seen.at("PGD-10", epsilon)
        if min(seen.chosen(s, found, which).sum() for s, found in attacked.items()) < 5:
            continue
        labels: dict[str, Any] = {"epsilon": epsilon, "images": which}
        values = seen.samples("PGD-10", epsilon, (SAM, CAM), which)
        measures.append(study.measure(NORMALISED, values, difference_of_columns, **labels))
        for method in METHODS:
            values = seen.samples("PGD-10", epsilon, (method,), which)
            title = "normalised similarity under PGD-10"
            measures.append(study.measure(title, values, normalised, map=method, **labels))
    return measures


def of_method(seen: Seen, method: str) -> list[dict]:
    """How alike the maps of a method are under the other attacks, and by other judges."""
    study, measures = seen.study, []
    if method != AVERAGED:
        tried = [("random signs", epsilon, ALL) for epsilon in EPSILONS] + [("FGSM", 1.0, KEPT)]
        for kind, epsilon, which in tried:
            values = seen.samples(kind, epsilon, (method,), which)
            labels: dict[str, Any] = {"map": method, "epsilon": epsilon, "images": which}
            title = f"normalised similarity under {kind}"
            measures.append(study.measure(title, values, normalised, **labels))
    labels = {"map": method, "epsilon": 1.0, "images": KEPT}
    for title, judge in JUDGES.items():
        found = {
            s: Compared(*columns)
            for s, columns in seen.samples("PGD-10", 1.0, (method,), KEPT, judge).items()
        }
        pairs = {"clean and attacked": "attack", "two draws": "seed"}
        for what, field in pairs.items():
            values = {s: getattr(one, field) for s, one in found.items()}
            measures.append(study.measure(title, values, between=what, **labels))
    all_columns = seen.samples("PGD-10", 1.0, (method,), KEPT)
    between = {s: Compared(*columns).between for s, columns in all_columns.items()}
    measures.append(study.measure("correlation", between, between="different images", **labels))
    return measures


def accuracies(seen: Seen) -> list[dict]:
    """Under every attack, under the other network's, and without one."""

    def measure(attack: str, network: str, epsilon: float, found: dict, key: str) -> dict:
        values = {s: seen.padded([one[key]], s)[0] for s, one in found.items()}
        labels: dict[str, Any] = {"attack": attack, "network": network, "epsilon": epsilon}
        return seen.study.measure("accuracy under attack", values, **labels)

    measures = []
    for kind in ("PGD-10", "FGSM", "random signs", *SURROGATES):
        for epsilon in seen.attacks[kind][seen.first]:
            for network, key in RIGHT.items():
                if network == "spiking" or kind not in SURROGATES:
                    found = seen.at(kind, epsilon)
                    measures.append(measure(kind, network, epsilon, found, key))
    for epsilon in EPSILONS:
        for network, key in TRANSFER.items():
            found = seen.at("PGD-10", epsilon)
            measures.append(measure("transfer", network, epsilon, found, key))
    for network, key in RIGHT.items():
        measures.append(measure("none", network, 0.0, seen.clean, key))
        labels: dict[str, Any] = {
            "attack": "PGD-10, then PGD-50",
            "network": network,
            "epsilon": 8.0,
        }
        values = {seen.first: seen.strong[key].astype(float)}
        measures.append(seen.study.measure("accuracy under attack", values, **labels))
    return measures


def at_equal_drops(seen: Seen) -> list[dict]:
    """SAM minus the twin's Grad-CAM, each at the epsilon that costs its network the same accuracy:
    all images of the first seed, interpolated between the epsilons."""
    columns = [*course(seen, SAM, RIGHT["spiking"]), *course(seen, CAM, RIGHT["twin"])]
    values = {seen.first: seen.padded(columns, seen.first)}
    title = "normalised similarity at equal loss of accuracy, SAM minus Grad-CAM of the twin"
    return [
        seen.study.measure(title, values, functools.partial(gap_at, drop), loss=drop, images=ALL)
        for drop in (0.1, 0.2, 0.3)
    ]


def course(seen: Seen, method: str, key: str) -> list[np.ndarray]:
    """The columns of a :class:`Course`, which :func:`course_of` puts together again."""
    by_epsilon = seen.attacks["PGD-10"][seen.first]
    found = [seen.compared(seen.first, by_epsilon[e], method, ALL) for e in EPSILONS]
    return [
        seen.clean[seen.first][key],
        *(by_epsilon[e][key] for e in EPSILONS),
        *(one.attack for one in found),
        found[0].seed,
        found[0].between,
    ]


def course_of(columns: tuple[np.ndarray, ...]) -> Course:
    clean, *by_epsilon, seed, between = columns
    size = len(EPSILONS)
    return Course(clean, by_epsilon[:size], by_epsilon[size:], seed, between)


def gap_at(drop: float, *columns: np.ndarray) -> float:
    half = len(columns) // 2
    sam, cam = course_of(columns[:half]), course_of(columns[half:])
    return left_at(drop, sam) - left_at(drop, cam)


def left_at(drop: float, course: Course) -> float:
    """The similarity at the epsilon that costs so much accuracy."""
    lost = course.clean.mean() - np.array([right.mean() for right in course.right])
    kept = [normalised(attack, course.seed, course.between) for attack in course.attack]
    return np.interp(drop, np.r_[0.0, np.maximum.accumulate(lost)], np.r_[1.0, kept])


def doubts(seen: Seen) -> str:
    """Why the attack, or the mean map, is not a valid one."""
    found = []
    if (left := seen.strong["right"].mean()) > LEFT_AT_8:
        found.append(f"8/255 leaves the spiking network {left:.0%}, more than 5 %")
    for s, attacked in seen.at("PGD-10", 4.0).items():
        own, theirs = attacked["right"].mean(), attacked["transfer"].mean()
        if own > theirs:
            found.append(f"seed {s}: transfer at 4/255 leaves {theirs:.0%}, white-box {own:.0%}")
    for s, columns in seen.samples("PGD-10", 1.0, (AVERAGED,), KEPT).items():
        alike = np.nanmean(Compared(*columns).seed)
        if not alike >= ALIKE:
            found.append(f"seed {s}: two means of {DRAWS} draws of an image agree by {alike:.3f}")
    return "; ".join(found)


def notes(seen: Seen) -> list[str]:
    found = []
    for s, attacked in seen.at("PGD-10", 1.0).items():
        before, after = (seen.chosen(s, images, KEPT).sum() for images in (seen.clean[s], attacked))
        found.append(
            f"Seed {s}: {len(attacked['right'])} images, of which both networks name {before} "
            f"rightly, and at 1/255 still {after}."
        )
    for (s, clean), method in itertools.product(seen.clean.items(), METHODS):
        constant = (np.ptp(clean[method].reshape(len(clean[method]), -1), axis=1) == 0).mean()
        if constant:
            found.append(f"Seed {s}, {method}: {constant:.1%} of the clean maps are constant.")
    return found


def normalised(attack: np.ndarray, seed: np.ndarray, between: np.ndarray) -> float:
    """That of judge.stability, which refuses a small denominator; a resample must not stop the
    run."""
    return (attack.mean() - between.mean()) / (seed.mean() - between.mean())


def difference(one: Compared, other: Compared) -> float:
    return normalised(*one) - normalised(*other)


def two(columns: tuple[np.ndarray, ...]) -> tuple[Compared, Compared]:
    """Of two methods, from their columns one after the other."""
    size = len(Compared._fields)
    return Compared(*columns[:size]), Compared(*columns[size:])


def difference_of_columns(*columns: np.ndarray) -> float:
    return difference(*two(columns))


def places(study: Study, seed: int, count: int | None = None) -> np.ndarray:
    """The positions of the images that are attacked, or of ``count`` of those."""
    most = 4 if study.fast else min(IMAGES, len(study.val))
    spread = np.linspace(0, len(study.val) - 1, most).astype(int)
    spread = spread if seed == study.seeds[0] else spread[::2]
    return spread if count is None else spread[:: len(spread) // count]


def look(study: Study, seed: int, kind: str, epsilon: float) -> dict[Key, np.ndarray]:
    """The maps at conv6 under an attack [N, H, W], and which images are still named rightly.

    "right, twin" is the twin on its own attacked images; "transfer" the spiking network on those,
    and "transfer, twin" the other way.
    """
    chosen, parts = places(study, seed), []
    if kind in SURROGATES:
        chosen = chosen[::2]
    if kind == "PGD-50":
        chosen = chosen[:: max(1, len(chosen) // STRONG)]
    for start in range(0, len(chosen), CHUNK):
        photos = study.val[chosen[start : start + CHUNK]]
        key = ("attack", kind, f"{epsilon:g}", f"s{seed}", len(chosen), start)
        parts.append(study.kept(key, _look, study, seed, kind, epsilon, photos, start))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _look(study, seed, kind, epsilon, photos, start) -> dict[Key, np.ndarray]:
    if kind == "on the map":
        return _look_at_attacked_maps(study, seed, epsilon, photos, start)
    model, twin = study.network(f"lif-s{seed}"), study.network(f"relu-s{seed}")
    images, labels = photos.images.to(study.device), photos.labels.to(study.device)
    print(f"{study.claim}: {kind}, {epsilon:g}/255, seed {seed}, from image {start}", flush=True)
    mine, theirs = (
        attacked(study, network, images, labels, kind, epsilon / 255, start)
        for network in (model, twin)
    )
    draw = (KINDS.index(kind), int(10 * epsilon), start)  # another for each kind and epsilon
    spikes = model.encode(mine, study.generator(*draw))
    with torch.no_grad(), record(model, LAYER) as spiking, record(twin, LAYER) as still:
        logits, twin_logits = model(spikes=spikes), twin(theirs)
    maps = of_spikes(spiking[LAYER])
    found = {AVERAGED: averaged(study, model, mine, (*draw, 1))} if kind in DRAWN else {}
    found |= {
        SAM: maps[SAM],
        RATE: maps[RATE],
        SNN_CAM: snn_grad_cam(model, None, labels, layer=LAYER, spikes=spikes).total,
        CAM: grad_cam(twin, theirs, labels, layer=LAYER).maps,
        ACTIVITY: still[LAYER].sum(1),
        "right": logits.argmax(1) == labels,
        "right, twin": twin_logits.argmax(1) == labels,
    }
    with torch.no_grad():
        crossed = model(spikes=model.encode(theirs, study.generator(*draw)))
        found["transfer"] = crossed.argmax(1) == labels
        found["transfer, twin"] = twin(mine).argmax(1) == labels
    return {name: value.cpu().numpy() for name, value in found.items()}


def averaged(study: Study, model, images: torch.Tensor, numbers: tuple[int, ...]) -> torch.Tensor:
    """SAM, the mean over the encoder's draws."""

    def sam(generator: torch.Generator) -> torch.Tensor:
        with torch.no_grad(), record(model, LAYER) as recording:
            model(spikes=model.encode(images, generator))
        return spike_activation_map(recording[LAYER]).sum(0)

    return over_draws(sam, 2 if study.fast else DRAWS, generator=study.generator(*numbers))


def _look_at_attacked_maps(study, seed, epsilon, photos, start) -> dict[Key, np.ndarray]:
    """Each map of ATTACKED, of images that were changed so that it changes."""
    model, twin = study.network(f"lif-s{seed}"), study.network(f"relu-s{seed}")
    images, labels = photos.images.to(study.device), photos.labels.to(study.device)
    generator, draw = study.generator(len(KINDS) + 1, start), KINDS.index("on the map")
    asked = {"epsilon": epsilon / 255, "steps": 2 if study.fast else 10, "generator": generator}
    moved = {
        AVERAGED: on_the_map(lambda x: sam_with_gradient(model, x, generator), images, **asked),
        CAM: on_the_map(lambda x: cam_with_gradient(twin, x, labels), images, **asked),
        ACTIVITY: on_the_map(lambda x: activity_with_gradient(twin, x), images, **asked),
    }
    active = activity_with_gradient(twin, moved[ACTIVITY]).detach()
    found = {
        AVERAGED: averaged(study, model, moved[AVERAGED], (draw, start)),
        CAM: grad_cam(twin, moved[CAM], labels, layer=LAYER).maps,
        ACTIVITY: active,
    }
    return {name: value.cpu().numpy() for name, value in found.items()}


def on_the_map(
    explain: Callable[[torch.Tensor], torch.Tensor],
    images: torch.Tensor,
    epsilon: float,
    steps: int,
    generator: torch.Generator,
) -> torch.Tensor:
    """Images within epsilon whose map correlates as little as PGD makes it with what it was; steps
    of a quarter of epsilon, random start."""
    clean = explain(images).detach()
    noise = torch.rand(images.shape, generator=generator, device=images.device)
    x = (images + (2 * noise - 1) * epsilon).clamp(0, 1)
    for _ in range(steps):
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(correlations(explain(x), clean).sum(), x)
        x = x.detach() - epsilon / 4 * gradient.sign()
        x = torch.clamp(x, images - epsilon, images + epsilon).clamp(0, 1)
    return x


def correlations(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Pearson's, with a gradient; of maps that are constant 0."""
    one, other = (maps.flatten(1) - maps.flatten(1).mean(1, keepdim=True) for maps in (one, other))
    lengths = one.norm(dim=1) * other.norm(dim=1)
    return (one * other).sum(1) / lengths.clamp(min=1e-12)


def sam_with_gradient(model, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """SAM of another draw each time, summed over time, through which a gradient finds its way."""
    with record(model, LAYER, keep_graph=True) as recording:
        model(spikes=model.encode(images, generator))
    score, total = torch.zeros(()), torch.zeros(())
    for spikes in recording[LAYER]:
        total = total + (score * spikes).sum(1)
        score = np.exp(-GAMMA) * (score + spikes)
    return total


def cam_with_gradient(twin, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    with record(twin, LAYER, keep_graph=True) as recording:
        logits = twin(images)
    activity, chosen = recording[LAYER], logits.gather(1, labels[:, None]).sum()
    (gradient,) = torch.autograd.grad(chosen, activity, create_graph=True)
    return (gradient.mean((2, 3), keepdim=True) * activity).sum(1).clamp(min=0)


def activity_with_gradient(twin, images: torch.Tensor) -> torch.Tensor:
    with record(twin, LAYER, keep_graph=True) as recording:
        twin(images)
    return recording[LAYER].sum(1)


def attacked(study, network, images, labels, kind, epsilon, start) -> torch.Tensor:
    """The images after an attack of a network's own kind: the twin draws nothing, and surrogates
    are the spiking network's."""
    generator = study.generator(len(KINDS), start)  # not the draws that the maps take
    spiking = hasattr(network, "steps")
    if kind.startswith("none") or (kind in SURROGATES and not spiking):
        return images
    if kind == "random signs":
        noise = torch.randn(images.shape, generator=generator, device=images.device)
        return (images + epsilon * noise.sign()).clamp(0, 1)
    draws = 5 if spiking and not study.fast else 1
    if kind == "FGSM":
        return fgsm(network, images, labels, epsilon=epsilon, samples=draws, generator=generator)
    stepped = functools.partial(
        pgd,
        network,
        epsilon=epsilon,
        step_size=epsilon / 4,
        surrogate=SURROGATES.get(kind),
        generator=generator,
    )
    few = 2 if study.fast else None
    found = stepped(images, labels, steps=few or 10, samples=draws)
    if kind == "PGD-50":  # again, harder, where PGD-10 failed
        again = generator_for(network, generator)
        with torch.no_grad():
            left = network(found, **again).argmax(1) == labels
        if left.any():
            found[left] = stepped(images[left], labels[left], steps=few or 50, samples=4 * draws)
    return found


EXPERIMENT = Experiment("robustness", TITLE, RULE, (OVER_CAM, LESS_LOST), run, HOURS)

if __name__ == "__main__":
    EXPERIMENT.main()
