"""The loops, written in LLVM's language and compiled for this processor (a tenth of a second).

Each kernel is a function ``work(record)`` that any number of threads may run at once on the same
record: it takes the next block of neurons until none is left, and runs all steps of that block,
whose membranes stay in the processor's nearest memory meanwhile.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import llvmlite.binding as llvm
from llvmlite import ir

__all__ = ["KERNELS", "Compiled"]

INT, FLOAT, POINTER = ir.IntType(64), ir.FloatType(), ir.PointerType()
C_TYPES = {INT: ctypes.c_int64, POINTER: ctypes.c_void_p, FLOAT: ctypes.c_float}
ZERO, ONE = FLOAT(0.0), FLOAT(1.0)


class _Writer(ir.IRBuilder):
    """LLVM's builder, with loops and arrays of floats."""

    @contextmanager
    def loop(self, start: ir.Value, stop: ir.Value) -> Iterator[ir.Value]:
        before = self.block
        body, after = (self.append_basic_block(name) for name in ("body", "after"))
        self.cbranch(self.icmp_signed("<", start, stop), body, after)
        self.position_at_end(body)
        i = self.phi(INT)
        i.add_incoming(start, before)
        yield i
        following = self.add(i, INT(1))
        i.add_incoming(following, self.block)
        self.cbranch(self.icmp_signed("<", following, stop), body, after)
        self.position_at_end(after)

    def place(self, array: ir.Value, *parts: ir.Value) -> ir.Value:
        """Where the element parts[0] + parts[1] + ... lies."""
        index, *others = parts
        for other in others:
            index = self.add(index, other)
        return self.gep(array, [index], source_etype=FLOAT)

    def get(self, array: ir.Value, *parts: ir.Value) -> ir.Value:
        return self.load(self.place(array, *parts), typ=FLOAT)

    def put(self, value: ir.Value, array: ir.Value, *parts: ir.Value) -> None:
        self.store(value, self.place(array, *parts))

    def up_to(self, end: ir.Value, last: ir.Value) -> ir.Value:
        return self.select(self.icmp_signed("<", end, last), end, last)

    def call_of(self, name: str, *values: ir.Value) -> ir.Value:
        """One of LLVM's own functions of floats, e.g. llvm.fma."""
        return self.call(self.module.declare_intrinsic(name, [FLOAT]), values)

    def multiply_add(self, a: ir.Value, b: ir.Value, c: ir.Value, fused: bool) -> ir.Value:
        """a b + c, rounded once or twice."""
        return self.fma(a, b, c) if fused else self.fadd(self.fmul(a, b), c)


def lif(
    w: _Writer, block: ir.Value, p: SimpleNamespace, hard: bool, keeps: bool, fused: bool
) -> None:
    """Currents x -> spikes s, and the membranes u before the reset where they are kept; v moves."""
    first = w.mul(block, p.width)
    end = w.up_to(w.add(first, p.width), p.neurons)
    with w.loop(INT(0), p.steps) as t, w.loop(first, end) as i:
        row = w.mul(t, p.neurons)
        u = w.multiply_add(p.leak, w.get(p.v, i), w.get(p.x, row, i), fused)
        w.put(w.select(_fire(w, p, u, i, hard), ONE, ZERO), p.s, row, i)
        if keeps:
            w.put(u, p.u, row, i)


def _fire(w: _Writer, p: SimpleNamespace, u: ir.Value, i: ir.Value, hard: bool) -> ir.Value:
    """Whether neuron i fires; its membrane u is reset."""
    fires = w.fcmp_ordered(">", u, p.threshold)
    if hard:  # a product, as in the definition: infinite membranes become NaN
        v = w.fmul(u, w.select(fires, ZERO, ONE))
    else:
        v = w.select(fires, w.fsub(u, p.threshold), u)
    w.put(v, p.v, i)
    return fires


def lif_gradient(
    w: _Writer, block: ir.Value, p: SimpleNamespace, hard: bool, surrogate: str, fused: bool
) -> None:
    """From dL/ds and the membranes u to dL/dx; d is dL/dv, and moves from the end to the start."""
    first = w.mul(block, p.width)
    end = w.up_to(w.add(first, p.width), p.neurons)
    with w.loop(INT(0), p.steps) as r, w.loop(first, end) as i:
        row = w.mul(w.sub(w.sub(p.steps, INT(1)), r), p.neurons)
        w.put(_step_back(w, p, w.get(p.u, row, i), row, i, hard, surrogate, fused), p.dx, row, i)


def _step_back(w, p, u, row, i, hard, surrogate, fused) -> ir.Value:
    """dL/dx of neuron i at one step, from its membrane; d becomes dL/dv of the step before."""
    d = w.get(p.d, i)
    if hard:
        fires = w.fcmp_ordered(">", u, p.threshold)
        d = w.fmul(d, w.select(fires, ZERO, ONE))
    z = w.fmul(w.call_of("llvm.fabs", w.fsub(u, p.threshold)), p.narrow)
    slope = w.fmul(p.height, SLOPES[surrogate](w, z))
    d = w.multiply_add(w.get(p.ds, row, i), slope, d, fused)
    w.put(w.fmul(d, p.leak), p.d, i)
    return d


def normalised_lif(
    w: _Writer, block: ir.Value, p: SimpleNamespace, hard: bool, keeps: bool
) -> None:
    """As :func:`lif`, of the currents scale x + shift, whose rows [steps, row] repeat the numbers
    of all channels."""
    with _along(w, p, block) as (row, i, j):
        x = w.fma(w.get(p.x, row, i), w.get(p.scale, j), w.get(p.shift, j))
        u = w.fma(p.leak, w.get(p.v, i), x)
        w.put(w.select(_fire(w, p, u, i, hard), ONE, ZERO), p.s, row, i)
        if keeps:
            w.put(u, p.u, row, i)


def normalised_lif_gradient(
    w: _Writer, block: ir.Value, p: SimpleNamespace, hard: bool, surrogate: str, moves: bool
) -> None:
    """As :func:`lif_gradient`; where the statistics do not move with x, times both parts of scale.
    Adds up dL/d(scale x + shift), and its product with x - mean, for each step and channel: sums
    and products [blocks, steps, row]."""
    totals = w.mul(w.mul(block, p.steps), p.row)
    with _along(w, p, block, backwards=True) as (row, i, j):
        d = _step_back(w, p, w.get(p.u, row, i), row, i, hard, surrogate, True)
        scaled = d if moves else w.fmul(w.fmul(d, w.get(p.inverse, j)), w.get(p.weight, j))
        w.put(scaled, p.dx, row, i)
        w.put(w.fadd(w.get(p.sums, totals, j), d), p.sums, totals, j)
        away = w.fsub(w.get(p.x, row, i), w.get(p.mean, j))
        w.put(w.fma(d, away, w.get(p.products, totals, j)), p.products, totals, j)


def normalised_gradient(w: _Writer, block: ir.Value, p: SimpleNamespace) -> None:
    """From dL/d(scale x + shift) to dL/dx, in its place, where mean and variance are those of x."""
    with _along(w, p, block) as (row, i, j):
        away = w.fsub(w.get(p.x, row, i), w.get(p.mean, j))
        d = w.fsub(w.get(p.dx, row, i), w.get(p.level, j))
        d = w.fsub(d, w.fmul(away, w.get(p.slope, j)))
        w.put(w.fmul(d, w.get(p.scale, j)), p.dx, row, i)


@contextmanager
def _along(
    w: _Writer, p: SimpleNamespace, block: ir.Value, backwards: bool = False
) -> Iterator[tuple[ir.Value, ir.Value, ir.Value]]:
    """All steps of the neurons i of a block: where the step begins, i, and where the number of its
    channel is."""
    first, last = w.mul(block, p.width), w.sub(p.steps, INT(1))
    end = w.up_to(w.add(first, p.width), p.neurons)
    rows = w.sdiv(w.add(w.sub(end, first), w.sub(p.row, INT(1))), p.row)
    with w.loop(INT(0), p.steps) as r, w.loop(INT(0), rows) as k:
        t = w.sub(last, r) if backwards else r
        start = w.add(first, w.mul(k, p.row))
        with w.loop(INT(0), w.sub(w.up_to(w.add(start, p.row), end), start)) as j:
            yield w.mul(t, p.neurons), w.add(start, j), w.add(w.mul(t, p.row), j)


def _triangle(w: _Writer, z: ir.Value) -> ir.Value:
    left = w.fsub(ONE, z)
    return w.select(w.fcmp_ordered(">", left, ZERO), left, ZERO)


def _fast_sigmoid(w: _Writer, z: ir.Value) -> ir.Value:
    below = w.fadd(ONE, z)
    return w.fdiv(ONE, w.fmul(below, below))


def _arctan(w: _Writer, z: ir.Value) -> ir.Value:
    return w.fdiv(ONE, w.fadd(ONE, w.fmul(z, z)))


#: Of z, the distance from the threshold in units of the width: the surrogates, of height 1.
SLOPES = {"triangle": _triangle, "fast_sigmoid": _fast_sigmoid, "arctan": _arctan}


def halve(w: _Writer, block: ir.Value, p: SimpleNamespace, lanes: int, backwards: bool) -> None:
    """Means y of the squares of 2 by 2 pixels of x; backwards from dL/dy to dL/dx.  A block has
    ``width`` lines of y, and a line ``pixels``; ``lanes`` channels are taken at once, since the
    compiler would not do so in a loop over few."""
    kind = ir.VectorType(FLOAT, lanes)
    zero, quarter = (ir.Constant(kind, [number] * lanes) for number in (0.0, 0.25))
    first, twice = w.mul(block, p.width), w.mul(INT(2), p.channels)
    below, groups = w.mul(p.pixels, twice), w.sdiv(p.channels, INT(lanes))
    with w.loop(first, w.up_to(w.add(first, p.width), p.rows)) as row:
        line = w.mul(w.mul(INT(2), row), below)
        with w.loop(INT(0), p.pixels) as pixel, w.loop(INT(0), groups) as group:
            c = w.mul(group, INT(lanes))
            left = w.add(w.add(line, w.mul(pixel, twice)), c)
            square = [(left,), (left, p.channels), (left, below), (left, below, p.channels)]
            corners = [w.place(p.x, *corner) for corner in square]
            mean = w.place(p.y, w.mul(w.add(w.mul(row, p.pixels), pixel), p.channels), c)
            if backwards:
                d = w.fmul(w.load(mean, align=4, typ=kind), quarter)
                for corner in corners:
                    w.store(d, corner, align=4)
            else:
                total = zero  # from which PyTorch starts
                for corner in corners:
                    total = w.fadd(total, w.load(corner, align=4, typ=kind))
                w.store(w.fmul(total, quarter), mean, align=4)


def sam(w: _Writer, block: ir.Value, p: SimpleNamespace, channels_last: bool) -> None:
    """Spikes s -> maps, the trace n moves; ``others`` becomes 1 if any s is neither 0 nor 1."""
    seen = w.alloca(INT)
    w.store(INT(0), seen)

    def follow(place: ir.Value, where: ir.Value) -> ir.Value:
        s, n = w.get(p.s, place, where), w.get(p.n, where)
        strange = w.and_(w.fcmp_unordered("!=", s, ZERO), w.fcmp_unordered("!=", s, ONE))
        w.store(w.or_(w.load(seen, typ=INT), w.zext(strange, INT)), seen)
        w.put(w.fmul(w.fadd(n, s), p.decay), p.n, where)
        return w.fmul(n, s)

    (_pixel_by_pixel if channels_last else _channel_by_channel)(w, block, p, follow)
    w.atomic_rmw("or", p.others, w.load(seen, typ=INT), "monotonic")


def _pixel_by_pixel(w: _Writer, block: ir.Value, p: SimpleNamespace, follow: Callable) -> None:
    first, total = w.mul(block, p.width), w.alloca(FLOAT)
    end = w.up_to(w.add(first, p.width), p.rows)
    size = w.mul(p.rows, p.channels)
    with w.loop(INT(0), p.steps) as t, w.loop(first, end) as pixel:
        w.store(ZERO, total)
        with w.loop(INT(0), p.channels) as c:
            product = follow(w.mul(t, size), w.add(w.mul(pixel, p.channels), c))
            # In any order, so that many are added at once.
            w.store(w.fadd(w.load(total, typ=FLOAT), product, flags=["reassoc"]), total)
        w.put(w.load(total, typ=FLOAT), p.maps, w.mul(t, p.rows), pixel)


def _channel_by_channel(w: _Writer, block: ir.Value, p: SimpleNamespace, follow: Callable) -> None:
    """Of image ``row`` the pixels from ``first`` on."""
    row, part = w.sdiv(block, p.parts), w.srem(block, p.parts)
    first = w.mul(part, p.width)
    end = w.up_to(w.add(first, p.width), p.pixels)
    size = w.mul(w.mul(p.rows, p.channels), p.pixels)
    with w.loop(INT(0), p.steps) as t:
        map_ = w.mul(w.add(w.mul(t, p.rows), row), p.pixels)
        with w.loop(first, end) as i:
            w.put(ZERO, p.maps, map_, i)
        with w.loop(INT(0), p.channels) as c, w.loop(first, end) as i:
            where = w.add(w.mul(w.add(w.mul(row, p.channels), c), p.pixels), i)
            product = follow(w.mul(t, size), where)
            w.put(w.fadd(w.get(p.maps, map_, i), product), p.maps, map_, i)


def _fields(pointers: str, counts: str, numbers: str) -> dict[str, ir.Type]:
    kinds = ((pointers, POINTER), (counts, INT), (numbers, FLOAT))
    return {name: kind for names, kind in kinds for name in names.split()}


#: What each takes; a block has ``width`` neurons or pixels.
KERNELS: dict[str, tuple[Callable, dict[str, ir.Type]]] = {
    "lif": (lif, _fields("x s u v", "width steps neurons", "leak threshold")),
    "lif_gradient": (
        lif_gradient,
        _fields("u ds dx d", "width steps neurons", "leak threshold height narrow"),
    ),
    "normalised_lif": (
        normalised_lif,
        _fields("x s u v scale shift", "width steps neurons row", "leak threshold"),
    ),
    "normalised_lif_gradient": (
        normalised_lif_gradient,
        _fields(
            "x u ds dx d inverse weight mean sums products",
            "width steps neurons row",
            "leak threshold height narrow",
        ),
    ),
    "normalised_gradient": (
        normalised_gradient,
        _fields("x dx mean level slope scale", "width steps neurons row", ""),
    ),
    "halve": (halve, _fields("x y", "width rows pixels channels", "")),
    "sam": (sam, _fields("s n maps others", "width steps rows channels pixels parts", "decay")),
}


class Compiled:
    """A kernel with its options in machine code: ``work(record)``, its ``address``, and the type
    ``record``."""

    def __init__(self, name: str, **options: bool | int | str):
        kernel, taken = KERNELS[name]
        named = {"next": INT, "blocks": INT, **taken}
        fields = [(name, C_TYPES[kind]) for name, kind in named.items()]
        self.record = type("Record", (ctypes.Structure,), {"_fields_": fields})
        module = ir.Module()
        run = _block(module, kernel, taken, options)
        work = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), "work")
        _work(work, run, list(named.values()))
        self._engine = _compile(str(module))
        self.address = self._engine.get_function_address("work")
        self.work = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.address)


def _block(module: ir.Module, kernel: Callable, fields: dict, options: dict) -> ir.Function:
    """The kernel on one block; none of its arrays overlap, which the compiler may rely on."""
    kind = ir.FunctionType(ir.VoidType(), [INT, *fields.values()])
    function = ir.Function(module, kind, "block")
    function.linkage = "internal"
    block, *values = function.args
    for value in values:
        if value.type == POINTER:
            value.add_attribute("noalias")
    writer = _Writer(function.append_basic_block())
    kernel(writer, block, SimpleNamespace(**dict(zip(fields, values, strict=True))), **options)
    writer.ret_void()
    return function


def _work(work: ir.Function, run: ir.Function, kinds: list[ir.Type]) -> None:
    w, record = _Writer(work.append_basic_block()), ir.LiteralStructType(kinds)

    def place(k):
        index = [ir.IntType(32)(i) for i in (0, k)]
        return w.gep(work.args[0], index, source_etype=record)

    values = [w.load(place(k), typ=kind) for k, kind in enumerate(kinds)]
    take, run_it, done = (w.append_basic_block(name) for name in ("take", "run", "done"))
    w.branch(take)
    w.position_at_end(take)
    block = w.atomic_rmw("add", place(0), INT(1), "monotonic")
    w.cbranch(w.icmp_signed("<", block, values[1]), run_it, done)
    w.position_at_end(run_it)
    w.call(run, [block, *values[2:]])
    w.branch(take)
    w.position_at_end(done)
    w.ret_void()


def _compile(text: str) -> llvm.ExecutionEngine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        jit=True,
    )
    module = llvm.parse_assembly(text)
    module.verify()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(3))
    builder.getModulePassManager().run(module, builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine
