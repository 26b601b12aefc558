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
        fires = w.fcmp_ordered(">", u, p.threshold)
        w.put(w.select(fires, ONE, ZERO), p.s, row, i)
        if keeps:
            w.put(u, p.u, row, i)
        if hard:  # a product, as in the definition: infinite membranes become NaN
            v = w.fmul(u, w.select(fires, ZERO, ONE))
        else:
            v = w.select(fires, w.fsub(u, p.threshold), u)
        w.put(v, p.v, i)


def lif_gradient(
    w: _Writer, block: ir.Value, p: SimpleNamespace, hard: bool, surrogate: str, fused: bool
) -> None:
    """From dL/ds and the membranes u to dL/dx; d is dL/dv, and moves from the end to the start."""
    first = w.mul(block, p.width)
    end = w.up_to(w.add(first, p.width), p.neurons)
    with w.loop(INT(0), p.steps) as r, w.loop(first, end) as i:
        row = w.mul(w.sub(w.sub(p.steps, INT(1)), r), p.neurons)
        u, d = w.get(p.u, row, i), w.get(p.d, i)
        if hard:
            fires = w.fcmp_ordered(">", u, p.threshold)
            d = w.fmul(d, w.select(fires, ZERO, ONE))
        z = w.fmul(w.call_of("llvm.fabs", w.fsub(u, p.threshold)), p.narrow)
        slope = w.fmul(p.height, SLOPES[surrogate](w, z))
        d = w.multiply_add(w.get(p.ds, row, i), slope, d, fused)
        w.put(d, p.dx, row, i)
        w.put(w.fmul(d, p.leak), p.d, i)


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
    "sam": (sam, _fields("s n maps others", "width steps rows channels pixels parts", "decay")),
}


class Compiled:
    """A kernel with its options in machine code: ``work(record)``, its ``address``, and the type
    ``record``."""

    def __init__(self, name: str, **options: bool | str):
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
