"""Gaps on the seam, on a picture's own total and on shares, and the receptive field of a stack."""

from functools import partial

import torch

from checks import Check, Wrong

draws = torch.Generator().manual_seed(0)

# Columns that do not see across the seam


def blind_columns(field, apart, width, *, whole=False, seeing=False, touch=True):
    columns = width // apart
    reach = field - 1 if whole else (field - 1) / 2
    last = [j * apart + (apart - 1) / 2 + reach for j in range(columns)]
    blind = sum(place <= width - 1 if touch else place < width - 1 for place in last)
    return columns - blind if seeing else blind


check_blind = Check(
    right=blind_columns,
    cases=((62, 8, 64), (26, 4, 64), (134, 16, 64), (10, 8, 64), (9, 1, 12)),
    wrong=(
        Wrong(
            partial(blind_columns, whole=True),
            "the whole field is laid to the right of a place",
            "it reaches (field - 1) / 2 pixels to either side of the middle",
        ),
        Wrong(
            partial(blind_columns, seeing=True),
            "these are the columns that do see across",
            "count those whose last pixel still belongs to the left picture",
        ),
        Wrong(
            partial(blind_columns, touch=False),
            "a field that ends at the last pixel of the left picture counts as crossing",
            "the last pixel is width - 1, and it may be seen: <=",
        ),
        Wrong(
            lambda field, apart, width: sum(
                j * apart + field - 1 <= width - 1 for j in range(width // apart)
            ),
            "the field begins at the place's first pixel",
            "padding lets it lie round the middle of the place's pixels",
        ),
        Wrong(
            lambda field, apart, width: max(0, width - field) // apart,
            "it asks how often the whole field fits in",
            "only its right half has to fit: what lies beyond the left border is padding",
        ),
    ),
    praise="No width of training makes a column see more.",
)

# The change of a picture's own total


def own_change(alone, together, *, of="half", relative=True, minus_one=True, axis="columns"):
    def total(maps):
        if axis == "rows":
            maps = maps.transpose(1, 2)
        half = maps[..., : maps.shape[-1] // 2].sum((1, 2))
        return {"half": half, "all": maps.sum((1, 2)), "share": half / maps.sum((1, 2))}[of]

    before, after = total(alone), total(together)
    if not relative:
        return after - before
    return after / before - (1 if minus_one else 0)


ALONE = torch.tensor([[[4.0, 2, 1, 0], [2, 2, 0, 1]]], dtype=torch.float64)
TOGETHER = torch.tensor([[[4.0, 1, 6, 3], [2, 1, 4, 5]]], dtype=torch.float64)
MAPS = 0.1 + torch.rand(2, 3, 4, 6, generator=draws, dtype=torch.float64)

check_own_change = Check(
    right=own_change,
    cases=((ALONE, TOGETHER), tuple(MAPS)),
    axes=("pair",),
    wrong=(
        Wrong(
            partial(own_change, of="all"),
            "the other picture's half is counted too",
            "only the left half of the columns is the picture's own",
        ),
        Wrong(
            partial(own_change, of="share"),
            "this is the change of its share",
            "a share falls as soon as anything else is there; compare totals",
        ),
        Wrong(
            partial(own_change, relative=False),
            "this is a difference of sums, and hangs on how bright the picture is",
            "divide by its total beside grey",
        ),
        Wrong(
            partial(own_change, minus_one=False),
            "where nothing changes it gives 1",
            "take 1 away",
        ),
        Wrong(
            partial(own_change, axis="rows"),
            "the upper half is taken",
            "columns are the last axis: maps[..., :half]",
        ),
        Wrong(
            lambda alone, together: own_change(together, alone),
            "the two have been exchanged",
            "beside the other picture, over beside grey",
        ),
    ),
    praise="So suppression is something that a map could fail to show.",
)

# The loser, named beforehand


def losses(first, second, *, named="before", sign=-1):
    loser = (second if named == "after" else first).argmin(0)
    if named == "winner":
        loser = first.argmax(0)
    return sign * second.gather(0, loser[None])[0]


CHANGES = torch.tensor([[-0.05, 0.02, -0.01], [0.01, -0.04, -0.03]], dtype=torch.float64)
AGAIN = torch.tensor([[-0.03, -0.02, 0.01], [-0.04, 0.01, -0.02]], dtype=torch.float64)
BOTH = torch.randn(2, 2, 6, generator=draws, dtype=torch.float64)

check_losses = Check(
    right=losses,
    cases=((CHANGES, AGAIN), tuple(BOTH)),
    axes=("pair",),
    wrong=(
        Wrong(
            partial(losses, named="after"),
            "the loser is named by the presentation in which its loss is measured",
            "name it by the first one, and measure in the second",
        ),
        Wrong(
            partial(losses, named="winner"),
            "this is the winner",
            "the loser has the smaller change: argmin",
        ),
        Wrong(
            partial(losses, sign=1),
            "a loss comes out below zero",
            "a loss is minus the change",
        ),
        Wrong(
            lambda first, second: -first.amin(0),
            "the loss is measured where the loser was named, so chance makes some of it",
            "name it by the first presentation, and measure in the second",
        ),
        Wrong(
            lambda first, second: -((first + second) / 2).amin(0),
            "both presentations are averaged, and the loser is named after the fact",
            "one presentation names, the other measures",
        ),
    ),
    praise="If nobody lost but by chance, its mean would be zero.",
)

# A receptive field


def receptive_field(layers):
    field, stride = 1, 1
    for kernel, own_stride in layers:
        field += (kernel - 1) * stride
        stride *= own_stride
    return field


def no_stride(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def own_stride_first(layers):
    field, stride = 1, 1
    for kernel, own_stride in layers:
        stride *= own_stride
        field += (kernel - 1) * stride
    return field


def own_stride_alone(layers):
    field, before = 1, 1
    for kernel, own_stride in layers:
        field += (kernel - 1) * before
        before = own_stride
    return field


def from_zero(layers):
    return receptive_field(layers) - 1


def whole_kernels(layers):
    field, stride = 1, 1
    for kernel, own_stride in layers:
        field += kernel * stride
        stride *= own_stride
    return field


def sum_of_kernels(layers):
    return sum(kernel for kernel, _ in layers)


def product_of_kernels(layers):
    field = 1
    for kernel, _ in layers:
        field *= kernel
    return field


def strides_at_the_end(layers):
    stride = 1
    for _, own_stride in layers:
        stride *= own_stride
    return no_stride(layers) * stride


def last_layer_first(layers):
    return receptive_field(layers[::-1])


check_receptive_field = Check(
    right=receptive_field,
    cases=(
        ([(3, 1)],),
        ([(3, 1), (3, 1)],),
        ([(3, 1), (2, 2), (3, 1)],),
        ([(3, 1), (2, 2), (3, 1), (2, 2), (3, 1)],),
        ([(7, 2), (3, 1), (2, 2), (5, 1)],),
    ),
    wrong=(
        Wrong(
            no_stride,
            "the strides are ignored",
            "after a stride of 2 places lie 2 pixels apart, so a kernel reaches twice as far",
        ),
        Wrong(
            own_stride_first,
            "a layer's own stride already widens its own kernel",
            "first widen the field, then multiply the stride",
        ),
        Wrong(
            own_stride_alone,
            "only the stride of the layer before counts",
            "the strides of all earlier layers multiply",
        ),
        Wrong(
            from_zero,
            "the field starts at 0",
            "without any layer a place sees itself, 1 pixel",
        ),
        Wrong(
            whole_kernels,
            "each kernel adds its whole width",
            "a kernel of 3 adds one place on each side, 3 − 1 in all",
        ),
        Wrong(
            sum_of_kernels,
            "the kernels are added up",
            "a kernel of k adds k − 1 places, and each of them is as wide as the strides before it",
        ),
        Wrong(
            product_of_kernels,
            "the kernels are multiplied",
            "a kernel adds its reach to the field; it does not multiply it",
        ),
        Wrong(
            strides_at_the_end,
            "all strides widen all kernels",
            "only the strides of earlier layers widen a kernel",
        ),
        Wrong(
            last_layer_first,
            "the layers are taken from the last to the first",
            "start at the input",
        ),
    ),
    praise="Padding does not change it: zeros take the place of pixels, but the reach is the same.",
)
