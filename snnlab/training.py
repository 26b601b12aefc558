"""Train the networks: one loop, on Lightning Fabric (CPU, one GPU or many), with resume.

::

    python -m snnlab.training relu-s0 lif-s0 --data tiny-imagenet-20.zip
    python -m snnlab.training --data tiny-imagenet-20.zip        # all of SHELF that are not there

The number after -s is the seed.  A spiking network starts from the weights of the ReLU network of
its seed ("lif"), or from the spiking one (other leaks, direct coding), and learns from the soft
labels of the ReLU network as well.  Everything random in an epoch follows from (seed, epoch), so a
run that was interrupted ends as if it had not been.
"""

import argparse
import hashlib
import json
import math
import os
import platform
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from lightning_fabric import Fabric
from scipy.stats import binomtest, bootstrap
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm.auto import tqdm

from snnlab import zoo
from snnlab.conversion import convert
from snnlab.data import Photographs, photographs, tiny_imagenet
from snnlab.layers import BatchNormThroughTime
from snnlab.models import VGG, WIDTHS, SpikingVGG, evaluating, generator_for

__all__ = [
    "RECIPES",
    "SHELF",
    "Recipe",
    "accuracy",
    "accuracy_difference",
    "augment",
    "file_hash",
    "fit",
    "hold_out",
    "predict",
]

#: Settings under which a process that has the CPU to itself trains faster, up to twice: the C
#: library reuses large tensors instead of giving them back, and idle threads wait a moment, then
#: sleep.
FAST = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "40000000000",
    "GOMP_SPINCOUNT": "10000",
}


@dataclass(frozen=True)
class Recipe:
    """All that a training run depends on, beside the data and the seed of its name."""

    network: str = "relu"  # or "spiking", "converted"
    start: str = ""  # the recipe whose network, of the same seed, this one starts from
    widths: tuple[int, ...] = WIDTHS
    steps: int = 10  # T, of a spiking network
    leak: float = 0.95
    encoding: str = "poisson"
    epochs: int = 32
    short_epochs: int = 0  # so many epochs at first see sequences that are cut ...
    short_steps: int = 5  # ... to so many steps; later steps then start as copies of the last
    batch: int = 64
    optimizer: str = "sgd"
    rate: float = 0.1  # the peak of the one-cycle schedule
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    distil: float = 0.0  # the share of the loss that follows the twin's soft labels
    average: float = 0.998  # decay of the running average of the weights, which is what is kept
    augmentation: float = 0.8  # 0: none; 1: full
    precision: str = "32-true"  # or "bf16-mixed", where the machine is fast at it
    seed: int = 0

    def passes(self) -> list[int]:
        """The steps of each epoch, which is what its time is proportional to (ReLU: 1)."""
        if self.network == "relu":
            return [1] * self.epochs
        long = self.epochs - self.short_epochs
        return [self.short_steps] * self.short_epochs + [self.steps] * long


_LIF = Recipe(
    network="spiking",
    start="relu",
    steps=12,
    epochs=15,
    short_epochs=12,
    batch=32,
    optimizer="adamw",
    rate=1e-3,
    weight_decay=1e-2,
    distil=0.5,
)
# From a trained spiking network one epoch is enough; its average must then be a shorter one.
_VARIANT = replace(_LIF, start="lif", epochs=1, short_epochs=0, rate=5e-4, average=0.99)
#: The recipe of each kind of network: the name before -s.
#:
#: :meta hide-value:
RECIPES = {
    "relu": Recipe(),
    "lif": _LIF,
    "lif-direct": replace(_VARIANT, encoding="direct"),
    "lif-leak100": replace(_VARIANT, leak=1.0),
    "lif-leak80": replace(_VARIANT, leak=0.8),
    "lif-leak50": replace(_VARIANT, leak=0.5),
    "converted": Recipe(network="converted", start="relu", steps=64, encoding="direct", epochs=0),
}
CALIBRATION = 500  # training images that conversion looks at
SEEDS = {"relu": 3, "lif": 3, "lif-direct": 3, "converted": 3}  # all others: 2
#: The networks that ``make networks`` makes.
SHELF = [f"{kind}-s{seed}" for kind in RECIPES for seed in range(SEEDS.get(kind, 2))]


def augment(
    images: Float[Tensor, "B 3 H W"], generator: torch.Generator, strength: float = 1.0
) -> Float[Tensor, "B 3 H W"]:
    """Flip and shift each image, change its brightness and contrast, blank a square; and turn,
    zoom and stretch every second one.  The others keep their pixels: resampling blurs, and a
    network that has only seen blurred images is worse on sharp ones."""
    if strength == 0:
        return images
    count, _, height, width = images.shape

    def uniform(spread, *shape):
        draws = torch.rand(count, *shape, generator=generator) * 2 - 1
        return (draws * spread * strength).to(images.device)

    flip, warped = uniform(1).sign(), uniform(1) > 0
    angle, zoom, stretch = (uniform(spread) * warped for spread in (0.26, 0.25, 0.12))
    zoom, stretch = zoom.exp(), stretch.exp()
    x, y = ((uniform(0.25) * size / 2).round() * 2 / size for size in (width, height))
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    rows = [flip * cos * stretch, -sin, x, flip * sin * stretch, cos, y]
    grid = F.affine_grid(torch.stack(rows, 1).view(count, 2, 3), images.shape, align_corners=False)
    images = F.grid_sample(images, grid, "bicubic", "reflection", align_corners=False)
    mean = images.mean((2, 3), keepdim=True)
    images = (images - mean) * uniform(0.4, 1, 1, 1).exp() + mean
    images = (images + uniform(0.12, 3, 1, 1) + uniform(0.12, 1, 1, 1)).clamp(0, 1)
    side = height // 4 * strength
    y = torch.arange(height, device=images.device) - (uniform(0.5 / strength, 1) + 0.5) * height
    x = torch.arange(width, device=images.device) - (uniform(0.5 / strength, 1) + 0.5) * width
    hole = (y.abs() < side / 2)[:, None, :, None] & (x.abs() < side / 2)[:, None, None, :]
    return torch.where(hole, mean, images)


def hold_out(photos: Photographs, per_class: int = 50) -> tuple[Photographs, Photographs]:
    """Split into (fit, tune): the last ``per_class`` photographs of each class are for tuning."""
    tune = torch.zeros(len(photos), dtype=torch.bool)
    for label in photos.labels.unique():
        tune[(photos.labels == label).nonzero()[-per_class:]] = True
    return photos[~tune], photos[tune]


@torch.no_grad()
def predict(model: nn.Module, images: Tensor, seed: int = 0, batch: int = 50) -> Tensor:
    """Logits [N, K] in eval mode; the encoder's draws follow from ``seed`` and the order."""
    device = next(model.parameters()).device
    draws = generator_for(model, torch.Generator(device).manual_seed(seed))
    with evaluating(model):
        return torch.cat([model(part.to(device), **draws).cpu() for part in images.split(batch)])


def accuracy(logits: Float[Tensor, "N K"], labels: Tensor) -> dict:
    """Top-1 accuracy with its 95 % interval (Wilson)."""
    right = int((logits.argmax(1) == labels).sum())
    low, high = map(float, binomtest(right, len(labels)).proportion_ci(method="wilson"))
    return {"value": right / len(labels), "low": low, "high": high, "n": len(labels)}


def accuracy_difference(
    logits: Float[Tensor, "N K"], others: Float[Tensor, "N K"], labels: Tensor
) -> dict:
    """Accuracy minus that of another network on the same images, with its 95 % interval
    (bootstrap over images, so it is a paired one)."""
    right, theirs = ((x.argmax(1) == labels).double().numpy() for x in (logits, others))
    gap = right - theirs
    interval = bootstrap((gap,), np.mean, rng=0, method="percentile").confidence_interval
    low, high = map(float, interval)
    return {"value": float(gap.mean()), "low": low, "high": high, "n": len(labels)}


def fit(
    model: nn.Module,
    train: Photographs,
    recipe: Recipe,
    folder: Path,
    twin: nn.Module | None = None,
    test: Photographs | None = None,
    fabric: Fabric | None = None,
    progress: tqdm | None = None,
) -> nn.Module:
    """Train ``model`` and return the average of its weights, in eval mode.

    ``folder`` gets recipe.json, log.jsonl (a line an epoch) and checkpoint.ckpt (after each
    epoch), from which the same call goes on.  ``test``: photographs to report on as it goes;
    ``progress``: a bar over :meth:`Recipe.passes`, which is moved on after each epoch.
    Raises ValueError where the folder holds another recipe's run, or a damaged checkpoint.
    """
    fabric = fabric or Fabric(accelerator="auto", devices=1, precision=recipe.precision)
    fabric.launch()
    folder.mkdir(parents=True, exist_ok=True)
    settings = json.loads(json.dumps(asdict(recipe)))
    written = folder / "recipe.json"
    if written.exists() and json.loads(written.read_text()) != settings:
        raise ValueError(f"{folder} holds a run of another recipe; move it away, or name another")
    if fabric.is_global_zero:
        written.write_text(json.dumps(settings, indent=2) + "\n")

    kinds = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}
    extra = {"momentum": 0.9, "nesterov": True} if recipe.optimizer == "sgd" else {}
    matrices = [p for p in model.parameters() if p.ndim > 2 or p is model.head.linear.weight]
    others = [p for p in model.parameters() if all(p is not q for q in matrices)]
    groups = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    optimizer = kinds[recipe.optimizer](
        groups, lr=recipe.rate, weight_decay=recipe.weight_decay, **extra
    )
    batches = len(train) // (recipe.batch * fabric.world_size)
    if batches == 0:
        raise ValueError(f"{len(train)} photographs do not fill a batch of {recipe.batch}")
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, total_steps=recipe.epochs * batches, pct_start=0.2
    )
    model, optimizer = fabric.setup(model, optimizer)
    ema = get_ema_multi_avg_fn(recipe.average)
    averaged = AveragedModel(model.module, multi_avg_fn=ema, use_buffers=True)
    if twin is not None:
        twin = twin.to(fabric.device).eval()
    state = {
        "model": model,
        "averaged": averaged,
        "optimizer": optimizer,
        "schedule": schedule,
        "epoch": 0,
        "log": [],
    }
    checkpoint = folder / "checkpoint.ckpt"
    if checkpoint.exists():
        try:
            fabric.load(checkpoint, state, weights_only=True)
        except Exception as error:
            raise ValueError(
                f"{checkpoint} cannot be read ({type(error).__name__}); delete it to start again"
            ) from error
        fabric.print(f"going on after epoch {state['epoch']} of {recipe.epochs}")

    def write_log():
        log = "".join(json.dumps(row) + "\n" for row in state["log"])
        (folder / "log.jsonl").write_text(log)

    if fabric.is_global_zero:
        write_log()  # a run may have ended between its checkpoint and its log
    passes = recipe.passes()
    if progress is not None:
        done = sum(passes[: state["epoch"]])
        progress.initial += done  # not counted for the time that is left
        progress.update(done)

    for epoch in range(state["epoch"], recipe.epochs):
        is_short = epoch < recipe.short_epochs
        start = time.perf_counter()
        rank, ranks = fabric.global_rank, fabric.world_size
        generator = torch.Generator().manual_seed(1_000_003 * recipe.seed + epoch)
        order = torch.randperm(len(train), generator=generator)
        generator.manual_seed(generator.initial_seed() + 7_919 * (rank + 1))
        encoder = torch.Generator(fabric.device).manual_seed(generator.initial_seed())
        model.train()
        total = right = seen = 0
        parts = order.split(recipe.batch * ranks)[:batches]
        bar = tqdm(
            parts, desc=f"epoch {epoch + 1}/{recipe.epochs}", disable=rank > 0, mininterval=5
        )
        for part in bar:
            mine = part[rank::ranks]
            labels = train.labels[mine].to(fabric.device)
            images = train.images[mine].to(fabric.device)
            images = augment(images, generator, recipe.augmentation)
            if recipe.network == "relu":
                logits = model(images)
            else:
                steps = recipe.short_steps if is_short else recipe.steps
                logits = model(spikes=model.module.encode(images, encoder, steps))
            logits = logits.float()
            loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
            if twin is not None and recipe.distil:
                with torch.no_grad():
                    soft = twin(images).softmax(1)
                loss = (1 - recipe.distil) * loss + recipe.distil * F.cross_entropy(logits, soft)
            optimizer.zero_grad()
            fabric.backward(loss)
            optimizer.step()
            schedule.step()
            averaged.update_parameters(model.module)
            total += loss.item() * len(mine)
            right += (logits.argmax(1) == labels).sum().item()
            seen += len(mine)
            bar.set_postfix(
                loss=f"{total / seen:.3f}", accuracy=f"{right / seen:.3f}", refresh=False
            )
            if not math.isfinite(total):
                raise FloatingPointError(f"the loss is no longer finite in epoch {epoch + 1}")
        if is_short:
            for module in [*model.module.modules(), *averaged.module.modules()]:
                if isinstance(module, BatchNormThroughTime):
                    module.repeat(recipe.short_steps - 1)
        row = {
            "epoch": epoch + 1,
            "loss": total / seen,
            "train_accuracy": right / seen,
            "seconds": time.perf_counter() - start,
        }
        if test is not None:
            row["tune"] = accuracy(predict(averaged.module, test.images), test.labels)
        state["epoch"] = epoch + 1
        state["log"].append(row)
        fabric.save(folder / "checkpoint.tmp", state)
        if fabric.is_global_zero:
            os.replace(folder / "checkpoint.tmp", checkpoint)
            write_log()
        if progress is not None:
            progress.update(passes[epoch])
    return averaged.module.cpu().eval()


def _recipe(name: str, changes: list[str]) -> Recipe:
    kind, _, seed = name.rpartition("-s")
    if kind not in RECIPES or not seed.isdigit():
        raise SystemExit(f"the name is <recipe>-s<seed>, with a recipe of {', '.join(RECIPES)}")
    recipe = replace(RECIPES[kind], seed=int(seed))
    for change in changes:
        field, _, value = change.partition("=")
        if field not in asdict(recipe):
            raise SystemExit(f"a recipe has no {field!r}; it has {', '.join(asdict(recipe))}")
        old = getattr(recipe, field)
        value = tuple(map(int, value.split(","))) if isinstance(old, tuple) else type(old)(value)
        recipe = replace(recipe, **{field: value})
    return recipe


def _network(recipe: Recipe, classes: int) -> nn.Module:
    torch.manual_seed(recipe.seed)  # layers draw their first weights from the global generator
    if recipe.network == "relu":
        return VGG(classes, recipe.widths)
    return SpikingVGG(classes, recipe.steps, recipe.widths, recipe.leak, recipe.encoding)


def _before(recipe: Recipe) -> list[str]:
    """The networks that must be stored before this one can be made."""
    kinds = [] if recipe.network == "relu" else dict.fromkeys(("relu", recipe.start))
    return [f"{kind}-s{recipe.seed}" for kind in kinds]


def _make(name: str, recipe: Recipe, train: Photographs, tune: Photographs, options, progress):
    """The network of a recipe, its ReLU twin or None, and the log of its training."""
    if recipe.network == "relu":
        model, twin = _network(recipe, len(train.classes)), None
    else:
        twin = zoo.load(f"relu-s{recipe.seed}", options.zoo)
        if recipe.network == "converted":
            images = train.images[:: max(1, len(train) // CALIBRATION)]
            model = convert(twin, images, steps=recipe.steps, encoding=recipe.encoding)
            return model, twin, []
        model = _network(recipe, len(train.classes))
        if recipe.start == "relu":
            model.start_from(twin)
        else:
            start = zoo.load(f"{recipe.start}-s{recipe.seed}", options.zoo)
            model.load_state_dict(start.state_dict())
    folder = options.runs / name
    model = fit(model, train, recipe, folder, twin, tune, progress=progress)
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return model, twin, log


def _store(name, model: nn.Module, twin: nn.Module | None, about: dict, tests: dict, folder: Path):
    """Store a network and its card with its accuracy, which is that of the stored weights."""
    zoo.save(name, model, about, folder)
    stored = zoo.load(name, folder)
    results = {"encoder_seed": 0}
    for where, photos in tests.items():
        logits = predict(stored, photos.images)
        results[where] = accuracy(logits, photos.labels)
        if twin is not None:
            others = predict(twin, photos.images)
            results[f"{where}, minus twin"] = accuracy_difference(logits, others, photos.labels)
    zoo.save(name, model, {**about, "accuracy": results}, folder)
    return results


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m snnlab.training",
        description="Train networks one after another; measure each once on the validation images "
        "and the held-out photographs, and store it with its card. What is stored is not made "
        "again; what was interrupted goes on.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"recipe and seed, as in relu-s0 (default: {', '.join(SHELF)})",
    )
    parser.add_argument("--data", type=Path, required=True, help="Tiny-ImageNet, folder or zip")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="checkpoints and logs")
    parser.add_argument("--zoo", type=Path, default=zoo.FOLDER, help="where networks are stored")
    parser.add_argument(
        "--tune",
        action="store_true",
        help="only train and report on the images held out of train; store nothing",
    )
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="FIELD=VALUE", help="change the recipe"
    )
    options = parser.parse_args(arguments)
    recipes = {name: _recipe(name, options.set) for name in options.names or SHELF}
    there = [name for name in recipes if name in zoo.names(options.zoo) and not options.tune]
    if there:
        print(f"stored already: {', '.join(there)}")
    recipes = {name: recipe for name, recipe in recipes.items() if name not in there}
    known = set(zoo.names(options.zoo))
    for name, recipe in recipes.items():
        if missing := [parent for parent in _before(recipe) if parent not in known]:
            raise SystemExit(
                f"{name} is made from {', '.join(missing)}, which {options.zoo} does not hold; "
                f"name it first: python -m snnlab.training {' '.join(missing)} {name} ..."
            )
        if not options.tune:
            known.add(name)
    try:
        train = tiny_imagenet(options.data, "train")
        tests = {"val": tiny_imagenet(options.data, "val"), "photographs": photographs()}
    except (ValueError, FileNotFoundError) as error:
        raise SystemExit(f"--data: {error}") from None
    train, tune = hold_out(train)
    data = {"name": options.data.name, "sha256": file_hash(options.data), "n": len(train)}
    device = "cuda" if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    progress = tqdm(
        total=sum(sum(recipe.passes()) for recipe in recipes.values()),
        bar_format="{desc} {percentage:3.0f} % of the work, {elapsed} gone, {remaining} left",
        smoothing=0,
    )
    for i, (name, recipe) in enumerate(recipes.items()):
        progress.set_description_str(f"{i + 1} of {len(recipes)}, {name}:")
        model, twin, log = _make(name, recipe, train, tune, options, progress)
        if log:
            progress.write(f"{name}, last epoch: {json.dumps(log[-1])}")
        if options.tune:
            continue
        about = {
            "classes": list(train.classes),
            "recipe": asdict(recipe),
            "twin": f"relu-s{recipe.seed}" if twin is not None else None,
            "command": f"python -m snnlab.training {name} --data {options.data.name}"
            + (f" --set {' '.join(options.set)}" if options.set else ""),
            "data": data,
            "log": log,
            "versions": {"python": platform.python_version(), "torch": torch.__version__},
            "device": device,
        }
        results = _store(name, model, twin, about, tests, options.zoo)
        progress.write(f"{name}: {json.dumps(results)}")
    progress.close()


def file_hash(path: Path) -> str | None:
    """The sha256 of a file; None for a folder."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


if __name__ == "__main__":
    # Read by the C library when a process starts, hence the second start.
    if sys.platform == "linux" and not FAST.keys() <= os.environ.keys():
        command = [sys.executable, "-m", "snnlab.training", *sys.argv[1:]]
        os.execve(sys.executable, command, FAST | os.environ)
    main()
