"""The receptive field of a stack of layers."""

from checks import Check, Wrong


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
