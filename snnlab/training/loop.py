"""The training loop."""

import json
import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm.auto import tqdm

from snnlab.checks import extra
from snnlab.data import Sequences
from snnlab.evaluation import accuracy, predict
from snnlab.layers import BatchNormThroughTime, SharedBatchNorm, convolutions_in
from snnlab.storing import check_archive, check_writable, located, read_json, whole
from snnlab.training.augmentation import augment
from snnlab.training.recipes import Recipe
from snnlab.training.sources import Samples, arguments, inputs

with extra("training needs"):
    from lightning_fabric import Fabric

__all__ = ["FAST", "fit"]


#: Settings under which a process that has the CPU to itself trains faster, up to twice: the C
#: library reuses large tensors instead of giving them back, and idle threads wait a moment, then
#: sleep.
FAST = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "40000000000",
    "GOMP_SPINCOUNT": "10000",
}


def fit(
    model: nn.Module,
    train: Samples,
    recipe: Recipe,
    folder: str | Path,
    twin: nn.Module | None = None,
    test: Samples | None = None,
    fabric: Fabric | None = None,
    progress: tqdm | None = None,
) -> nn.Module:
    """Train ``model`` and return the average of its weights, in eval mode.

    ``folder`` gets recipe.json, log.jsonl (a line an epoch) and checkpoint.ckpt (after each
    epoch), from which the same call goes on.  ``train``: photographs, which are varied and encoded
    anew in each epoch, or sequences, which come as they are; ``test``: what to report on;
    ``progress``: a bar over :meth:`Recipe.passes`, which is moved on after each epoch.

    The same seed gives the same weights to the bit on the same processor, versions and number of
    threads; other threads sum gradients in another order, and the weights differ by rounding, which
    a long training of spikes makes visible.

    ``fabric``: where to train, of Lightning Fabric, launched; default: one device.  What is rounded
    is the recipe's alone to say.  With several processes ``recipe.batch`` is the share of each.
    Gradients, and the statistics of batch norms, are those of one process with the whole batch, to
    rounding; what is drawn to vary and encode photographs is each process's own, and the log has
    the loss of the first one's share.

    Raises ValueError where the folder cannot be written to, holds another recipe's run, or a
    damaged recipe or checkpoint, for a network or a fabric in half precision, for no epochs or
    fewer samples than a batch, and FloatingPointError where the loss is no longer finite.
    """
    fabric = fabric or Fabric(accelerator="auto", devices=1)
    _check_precision(model, fabric)
    batches = _batches(train, recipe, fabric)
    folder = located(folder)
    _claim(folder, recipe, fabric)
    optimizer, schedule = _optimizer(model, recipe, batches)
    ema = get_ema_multi_avg_fn(recipe.average)
    averaged = AveragedModel(model, fabric.device, multi_avg_fn=ema, use_buffers=True)
    if fabric.world_size > 1:
        SharedBatchNorm.put_into(model)
    wrapped, optimizer = fabric.setup(model, optimizer)
    if twin is not None:
        twin = twin.to(fabric.device).eval()
    state = {
        "model": wrapped,
        "averaged": averaged,
        "optimizer": optimizer,
        "schedule": schedule,
        "epoch": 0,
        "log": [],
    }
    _resume(state, folder, recipe, fabric)
    passes = recipe.passes()
    if progress is not None:
        done = sum(passes[: state["epoch"]])
        progress.initial += done  # not counted for the time that is left
        progress.update(done)

    for epoch in range(state["epoch"], recipe.epochs):
        row = _epoch(state, train, recipe, twin, fabric)
        if test is not None:
            row["tune"] = accuracy(predict(averaged.module, **arguments(test)), test.labels)
        state["epoch"] = epoch + 1
        state["log"].append(row)
        _save(state, folder, fabric)
        if progress is not None:
            progress.update(passes[epoch])
    return averaged.module.cpu().eval()


def _epoch(state: dict, train: Samples, recipe: Recipe, twin, fabric: Fabric) -> dict:
    """See every sample once; the epoch's line in the log."""
    start, epoch = time.perf_counter(), state["epoch"]
    model, averaged = state["model"], state["averaged"]
    parts, generator, encoder = _draws(len(train), recipe, epoch, fabric)
    steps = recipe.passes()[epoch]
    model.train()
    total = right = 0.0
    count = 0
    name = f"epoch {epoch + 1}/{recipe.epochs}"
    bar = tqdm(parts, name, disable=fabric.global_rank > 0, mininterval=5)
    rounds = recipe.precision == "bf16-mixed"
    for part in bar:
        labels = train.labels[part].to(fabric.device)
        seen = inputs(train[part]).to(fabric.device)
        if not isinstance(train, Sequences):
            seen = augment(seen, generator, recipe.augmentation)
        x = seen
        if model.module.is_spiking and not isinstance(train, Sequences):
            x = model.module.encode(seen, encoder, steps)
        with convolutions_in(torch.bfloat16) if rounds else nullcontext():
            logits = model(**{"spikes" if model.module.is_spiking else "images": x}).float()
        loss = _loss(logits, labels, seen, twin, recipe)
        state["optimizer"].zero_grad()
        fabric.backward(loss)
        state["optimizer"].step()
        state["schedule"].step()
        averaged.update_parameters(model.module)
        total += loss.item() * len(part)
        right += (logits.argmax(1) == labels).sum().item()
        count += len(part)
        shown = {"loss": f"{total / count:.3f}", "accuracy": f"{right / count:.3f}"}
        bar.set_postfix(shown, refresh=False)
        if not math.isfinite(total):
            raise FloatingPointError(f"the loss is no longer finite in epoch {epoch + 1}")
    if epoch < recipe.short_epochs:
        _repeat_last_step(recipe.short_steps, model, averaged)
    return {
        "epoch": epoch + 1,
        "loss": total / count,
        "train_accuracy": right / count,
        "seconds": time.perf_counter() - start,
    }


def _check_precision(model: nn.Module, fabric: Fabric) -> None:
    """Raise ValueError for what would be rounded without the recipe, and so the card, saying so."""
    given = fabric.strategy.precision.precision
    if given not in ("32-true", "64-true"):
        raise ValueError(
            f"the recipe's precision says what is rounded; expected a Fabric of '32-true', got "
            f"{given!r}"
        )
    kinds = {one.dtype for one in model.parameters()} - {torch.float32, torch.float64}
    if kinds:
        raise ValueError(f"expected a network in float32, got {kinds.pop()}; use model.float()")


def _loss(logits: Tensor, labels: Tensor, images: Tensor, twin, recipe: Recipe) -> Tensor:
    """Cross entropy to the labels, and a share of it to the twin's soft labels."""
    loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    if twin is None or not recipe.distil:
        return loss
    with torch.no_grad():
        soft = twin(images).softmax(1)
    return (1 - recipe.distil) * loss + recipe.distil * F.cross_entropy(logits, soft)


def _draws(count: int, recipe: Recipe, epoch: int, fabric: Fabric):
    """The positions in each batch of this process, and generators for augmentation and encoder:
    all follow from (seed, retraining, epoch), and each process draws its own."""
    rank, ranks = fabric.global_rank, fabric.world_size
    first = 1_000_003 * recipe.seed + 500_009 * recipe.retraining
    generator = torch.Generator().manual_seed(first + epoch)
    order = torch.randperm(count, generator=generator)
    generator.manual_seed(generator.initial_seed() + 7_919 * (rank + 1))
    encoder = torch.Generator(fabric.device).manual_seed(generator.initial_seed())
    parts = order.split(recipe.batch * ranks)[: count // (recipe.batch * ranks)]
    return [part[rank::ranks] for part in parts], generator, encoder


def _batches(train: Samples, recipe: Recipe, fabric: Fabric) -> int:
    """How many batches an epoch has; the samples left over come in another epoch."""
    if recipe.epochs == 0:
        raise ValueError("the recipe has epochs=0, which trains nothing; give it 1 or more")
    batches = len(train) // (recipe.batch * fabric.world_size)
    if batches == 0:
        raise ValueError(f"{len(train)} samples do not fill a batch of {recipe.batch}")
    return batches


def _optimizer(model: nn.Module, recipe: Recipe, batches: int):
    """Optimizer and one-cycle schedule; weights decay, biases and batch norms do not."""
    kinds = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}
    extra = {"momentum": 0.9, "nesterov": True} if recipe.optimizer == "sgd" else {}
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    decaying = {id(layer.weight) for layer in layers}
    matrices = [p for p in model.parameters() if id(p) in decaying]
    others = [p for p in model.parameters() if id(p) not in decaying]
    groups = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    optimizer = kinds[recipe.optimizer](
        groups, lr=recipe.rate, weight_decay=recipe.weight_decay, **extra
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, total_steps=recipe.epochs * batches, pct_start=0.2
    )
    return optimizer, schedule


def _repeat_last_step(steps: int, *models: nn.Module) -> None:
    """After an epoch of short sequences: later steps start as copies of the last one seen."""
    for model in models:
        for layer in model.modules():
            if isinstance(layer, BatchNormThroughTime):
                layer.repeat(steps - 1)


def _claim(folder: Path, recipe: Recipe, fabric: Fabric) -> None:
    """Write the recipe into the run's folder; refuse the folder of another recipe."""
    check_writable(folder)
    plain, settings = (json.loads(json.dumps(asdict(one))) for one in (Recipe(), recipe))
    written = folder / "recipe.json"
    # what a run of before lacks was as it is in a plain recipe
    if written.exists() and plain | read_json(written) != settings:
        raise ValueError(f"{folder} holds a run of another recipe; move it away, or name another")
    if fabric.is_global_zero:
        with whole(written) as part:
            part.write_text(json.dumps(settings, indent=2) + "\n")


def _resume(state: dict, folder: Path, recipe: Recipe, fabric: Fabric) -> None:
    """Take the state of the folder's checkpoint, if there is one."""
    checkpoint = folder / "checkpoint.ckpt"
    if checkpoint.exists():
        try:
            check_archive(checkpoint)
            fabric.load(checkpoint, state, weights_only=True)
            _check_state(state, recipe)
        except Exception as error:
            raise ValueError(
                f"{checkpoint} cannot be read ({type(error).__name__}: {error}); delete it to "
                "start again"
            ) from error
        fabric.print(f"going on after epoch {state['epoch']} of {recipe.epochs}")
    if fabric.is_global_zero:
        _write_log(state, folder)  # a run may have ended between its checkpoint and its log


def _check_state(state: dict, recipe: Recipe) -> None:
    """Raise ValueError unless this is the state of a run of the recipe after some epoch."""
    epoch, log = state["epoch"], state["log"]
    if not isinstance(epoch, int) or not 0 <= epoch <= recipe.epochs:
        raise ValueError(f"it is of epoch {epoch!r:.20}, of {recipe.epochs}")
    if not isinstance(log, list) or [row["epoch"] for row in log] != [*range(1, epoch + 1)]:
        raise ValueError(f"its log is not that of {epoch} epochs")
    for name in ("model", "averaged", "optimizer"):
        for key, value in _tensors(name, state[name].state_dict()):
            if not value.isfinite().all():
                raise ValueError(f"{key} is not finite")


def _tensors(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors in nested dicts and lists, with where they stand."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _tensors(f"{name}.{key}", one)


def _save(state: dict, folder: Path, fabric: Fabric) -> None:
    with whole(folder / "checkpoint.ckpt") as part:
        fabric.save(part, state)  # by the first process alone
    if fabric.is_global_zero:
        _write_log(state, folder)


def _write_log(state: dict, folder: Path) -> None:
    with whole(folder / "log.jsonl") as part:
        part.write_text("".join(json.dumps(row) + "\n" for row in state["log"]))
