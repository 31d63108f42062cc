"""Records small cases from real PyTorch, in the format of the README beside this file.

usage: python3 conformance/record.py [--seed N] [--out DIR]      (needs python3-torch)

Without arguments it writes conformance/recorded, which is checked in and which `npm test` runs. The lane that compares live records a fresh folder with another
seed every time.
"""
import argparse
import itertools
import json
import math
import os
import struct

import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded"))
options = parser.parse_args()
torch.manual_seed(options.seed)
torch.set_num_threads(1)

KINDS = {
    torch.float32: "f32", torch.float64: "f64", torch.float16: "f16", torch.bfloat16: "bf16", torch.int64: "i64", torch.int32: "i32",
    torch.int16: "i16", torch.int8: "i8", torch.uint8: "u8", torch.bool: "bool",
}
HEADER = {"f32": "F32", "f64": "F64", "f16": "F16", "bf16": "BF16", "i64": "I64", "i32": "I32", "i16": "I16", "i8": "I8", "u8": "U8", "bool": "BOOL"}
FLOATS = (torch.float32, torch.float64)
INTS = (torch.int64, torch.int32, torch.uint8)


class File:
    """One .jsonl with its .safetensors of pools."""

    def __init__(self, name):
        self.name, self.lines, self.pools, self.known, self.counts = name, [], {}, {}, {}

    def put(self, tensor):
        """Appends the elements of a contiguous tensor to its pool (once if the same bytes are there) and gives their position."""
        if tensor._is_zerotensor():
            tensor = torch.zeros(tensor.shape, dtype=tensor.dtype)
        kind = KINDS[tensor.dtype]
        flat = tensor.detach().contiguous().reshape(-1)
        raw = bytes(flat.view(torch.uint8).tolist()) if flat.dtype not in (torch.bool, torch.uint8) else bytes(flat.to(torch.uint8).tolist())
        pool = self.pools.setdefault(kind, bytearray())
        key = (kind, raw)
        if raw and key not in self.known:
            self.known[key] = len(pool) // tensor.element_size()
            pool.extend(raw)
        return self.known.get(key, 0)

    def case(self):
        return Recorder(self)

    def write(self):
        os.makedirs(options.out, exist_ok=True)
        with open(os.path.join(options.out, self.name + ".jsonl"), "w") as f:
            f.write("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in self.lines))
        header, data = {}, bytearray()
        for kind, pool in self.pools.items():
            header[kind] = {"dtype": HEADER[kind], "shape": [len(pool) // {"64": 8, "32": 4, "16": 2}.get(kind[-2:], 1)], "data_offsets": [len(data), len(data) + len(pool)]}
            data.extend(pool)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(os.path.join(options.out, self.name + ".safetensors"), "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text + data)
        return len(self.lines)


class Recorder:
    """The tensors of one case."""

    def __init__(self, file):
        self.file, self.entries, self.index = file, [], {}

    def tensor(self, t, result=False):
        if id(t) in self.index and not result:
            return self.index[id(t)][0]
        entry = {"d": KINDS[t.dtype], "s": list(t.shape)}
        if result or t.is_contiguous():
            entry["p"] = self.file.put(t)
        else:
            span = 1 + sum((size - 1) * stride for size, stride in zip(t.shape, t.stride())) if t.numel() else 0
            base = t.detach().as_strided((span,), (1,), t.storage_offset())
            entry.update(p=self.file.put(base), st=list(t.stride()), o=0, n=span)
        if t.requires_grad:
            entry["g"] = 1
        self.entries.append(entry)
        i = len(self.entries) - 1
        if not result:
            self.index[id(t)] = (i, t)  # the tensor is kept, so that its id stays its own
        return i

    def value(self, v, result=False):
        if isinstance(v, torch.Tensor):
            return {"$t": self.tensor(v, result)}
        if isinstance(v, torch.dtype):
            return {"$dtype": KINDS[v]}
        if isinstance(v, bool) or v is None or isinstance(v, str):
            return v
        if isinstance(v, float):
            if math.isnan(v) or math.isinf(v):
                return {"$f": "nan" if math.isnan(v) else "inf" if v > 0 else "-inf"}
            return {"$f": int(v)} if v == int(v) else v
        if isinstance(v, int):
            return v if abs(v) < 2**53 else {"$i": str(v)}
        if isinstance(v, slice):
            return {"$slice": [v.start, v.stop, v.step]}
        if v is Ellipsis:
            return {"$ellipsis": 1}
        if isinstance(v, tuple):
            out = {"$tuple": [self.value(x, result) for x in v]}
            names = [n for n in dir(type(v)) if not n.startswith("_") and n not in ("count", "index", "n_fields", "n_sequence_fields", "n_unnamed_fields")]
            if names and result:
                order = {id(getattr(v, n)): n for n in names}
                out["names"] = [order.get(id(x), "") for x in v]
            return out
        if isinstance(v, list):
            return [self.value(x, result) for x in v]
        if isinstance(v, dict):
            return {k: self.value(x, result) for k, x in v.items()}
        raise TypeError(type(v))


def tensors_of(v):
    if isinstance(v, torch.Tensor):
        return [v]
    if isinstance(v, (list, tuple)):
        return [t for x in v for t in tensors_of(x)]
    if isinstance(v, dict):
        return [t for x in v.values() for t in tensors_of(x)]
    return []


TOLERANCE = {torch.float32: [1.3e-6, 1e-5], torch.float64: [1e-7, 1e-7], torch.float16: [1e-3, 1e-3], torch.bfloat16: [1.6e-2, 1e-5]}
ops = File("ops")


def record(op, fn, *args, check=None, exact=False, **kwargs):
    """One case of ops.jsonl: the call, its result and, where inputs require grad, their gradients and (float64) second derivatives."""
    number = ops.counts[op] = ops.counts.get(op, -1) + 1
    r = ops.case()
    line = {"id": f"{op}/{number}", "op": op, "args": [r.value(a) for a in args], "kwargs": {k: r.value(v) for k, v in kwargs.items()}}
    inputs = [t for t in tensors_of(args) + tensors_of(kwargs) if t.requires_grad]
    out = fn(*args, **kwargs)
    outputs = tensors_of(out)
    firsts = {}
    line["out"] = r.value(out, True)
    at = len(r.entries) - len(outputs)
    dtypes = {t.dtype for t in outputs}
    tolerance = [max(TOLERANCE[d][i] for d in dtypes if d in TOLERANCE) for i in (0, 1)] if dtypes & set(TOLERANCE) else None
    if tolerance and not exact:
        line["tol"] = tolerance
    if check:
        line["check"] = check
    differentiable = [(at + i, t) for i, t in enumerate(outputs) if t.requires_grad]
    if inputs and differentiable:
        double = all(t.dtype == torch.float64 for t in inputs)
        cot = [(i, cotangent(t)) for i, t in differentiable]
        line["cot"] = [[i, r.tensor(c)] for i, c in cot]
        grads = torch.autograd.grad([t for _, t in differentiable], inputs, [c for _, c in cot], create_graph=double, allow_unused=True)
        line["grads"] = [[r.tensor(t), None if g is None else r.tensor(g.detach())] for t, g in zip(inputs, grads)]
        line["gtol"] = [10 * x for x in TOLERANCE[inputs[0].dtype]] if inputs[0].dtype == torch.float32 else TOLERANCE[inputs[0].dtype]
        again = [(t, g) for t, g in zip(inputs, grads) if g is not None and g.requires_grad]
        if double and again:
            cot2 = [(t, cotangent(g)) for t, g in again]
            try:
                second = torch.autograd.grad([g for _, g in again], inputs, [c for _, c in cot2], allow_unused=True)
            except RuntimeError as e:
                if "is not implemented" not in str(e):
                    raise
                second = None  # PyTorch has no second derivative here
            if second is not None:
                line["gg"] = {
                    "cot": [[r.tensor(t), r.tensor(c)] for t, c in cot2],
                    "grads": [[r.tensor(t), None if g is None else r.tensor(g)] for t, g in zip(inputs, second)],
                }
    line["T"] = r.entries
    ops.lines.append(line)


drawn = {}


def reused(key, draw):
    """Draws at most three different tensors of a kind and then gives them again in turn: equal elements are stored once."""
    kept, turn = drawn.setdefault(key, ([], [0]))
    if len(kept) < 3:
        kept.append(draw())
    turn[0] += 1
    return kept[(turn[0] - 1) % 3 if len(kept) == 3 else -1].clone()


def floats(*shape, dtype=torch.float32, low=-2.0, high=2.0, grad=True):
    draw = lambda: (torch.rand(list(shape), dtype=torch.float64) * (high - low) + low).to(dtype)
    return reused((shape, dtype, low, high), draw).requires_grad_(grad)


def cotangent(t):
    return reused((tuple(t.shape), t.dtype), lambda: torch.randn(t.shape, dtype=t.dtype))


def ints(*shape, dtype=torch.int64, low=None, high=9):
    return torch.randint(low if low is not None else (0 if dtype == torch.uint8 else -9), high, shape, dtype=dtype)


def bools(*shape):
    return torch.rand(shape) < 0.5


def layouts(make, dtype):
    """Tensors in the layouts that a kernel meets, shared out between the two dtypes."""
    if dtype == torch.float32:
        yield make(17, dtype=dtype)
        yield make(dtype=dtype)
        yield make(0, 3, dtype=dtype)
        yield leaf(make(6, 8, dtype=dtype).detach()[::2, 1::3])
    else:
        yield make(3, 5, dtype=dtype)
        yield leaf(make(4, 3, 2, dtype=dtype).detach().permute(2, 0, 1))
        yield leaf(make(1, 4, dtype=dtype).detach().expand(3, 4))


def leaf(t):
    """A leaf with the strides of t; floating leaves require grad."""
    return t.requires_grad_(t.is_floating_point())


SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1e-7, -1e-7, 1e-30, 20.0, -20.0, 90.0, -90.0, 1e10, -1e10, math.inf, -math.inf, math.nan]


def unary(name, low=-2.0, high=2.0, integers=True, fn=None, special=True, **kwargs):
    fn = fn or eval("torch." + name if "." not in name else "torch." + name)
    for dtype in FLOATS:
        for x in layouts(lambda *s, dtype: floats(*s, dtype=dtype, low=low, high=high), dtype):
            record(name, fn, x, **kwargs)
        if special:
            record(name, fn, torch.tensor(SPECIAL, dtype=dtype), **kwargs)
    if integers:
        for dtype in (torch.int64, torch.uint8):
            record(name, fn, ints(7, dtype=dtype, low=1, high=3), **kwargs)
        record(name, fn, bools(5), **kwargs)
    half = floats(9, dtype=torch.bfloat16, low=low, high=high, grad=False)
    if not refuses(fn, half, **kwargs):
        # PyTorch rounds the intermediate results of some bfloat16 functions: where that costs more than the tolerance it is no oracle
        rtol, atol = TOLERANCE[torch.bfloat16]
        if torch.allclose(fn(half, **kwargs).double(), fn(half.double(), **kwargs).double(), rtol, atol, equal_nan=True):
            record(name, fn, half, **kwargs)


def refuses(fn, *args, **kwargs):
    try:
        fn(*args, **kwargs)
    except (RuntimeError, TypeError):
        return True
    return False


for name in ("exp", "sin", "cos", "tanh", "sigmoid", "erf", "expm1", "sinh", "cosh", "atan", "asinh", "square", "exp2", "erfc"):
    unary(name)
for name, low, high in (("log", 0.1, 4), ("sqrt", 0.1, 4), ("rsqrt", 0.1, 4), ("log1p", -0.9, 4), ("log2", 0.1, 4), ("log10", 0.1, 4), ("reciprocal", 0.2, 3), ("asin", -0.9, 0.9), ("acos", -0.9, 0.9), ("atanh", -0.9, 0.9), ("acosh", 1.1, 4), ("tan", -1.2, 1.2)):
    unary(name, low, high)
for name in ("abs", "neg", "floor", "ceil", "round", "trunc", "sign", "isnan", "isfinite", "isinf", "logical_not", "frac"):
    unary(name, integers=False)
for name in ("abs", "neg", "sign", "logical_not"):
    for dtype in (torch.int64, torch.int32, torch.int8):
        record(name, getattr(torch, name), ints(7, dtype=dtype))
record("logical_not", torch.logical_not, bools(7))
for dtype in INTS:
    record("bitwise_not", torch.bitwise_not, ints(7, dtype=dtype))
record("bitwise_not", torch.bitwise_not, bools(7))
for name, kwargs in (("relu", {}), ("gelu", {}), ("gelu", {"approximate": "tanh"}), ("silu", {}), ("mish", {}), ("elu", {"alpha": 0.7}), ("selu", {}), ("celu", {"alpha": 1.3}),
                     ("leaky_relu", {"negative_slope": 0.2}), ("hardtanh", {"min_val": -0.5, "max_val": 0.75}), ("relu6", {}), ("hardswish", {}), ("hardsigmoid", {}), ("softplus", {"beta": 2, "threshold": 10}),
                     ("logsigmoid", {}), ("softsign", {}), ("tanhshrink", {}), ("hardshrink", {"lambd": 0.4}), ("softshrink", {"lambd": 0.4}), ("threshold", {"threshold": 0.1, "value": 20.0})):
    unary("nn.functional." + name, -3, 3, integers=False, special=name in ("relu", "gelu", "silu", "elu", "softplus", "hardtanh"), **kwargs)

# binary: broadcasting, layouts, mixed dtypes, numbers
for name, low in (("add", -2), ("sub", -2), ("mul", -2), ("div", 0.3), ("pow", 0.3), ("maximum", -2), ("minimum", -2), ("atan2", 0.3), ("fmod", 0.3), ("remainder", 0.3), ("hypot", 0.3), ("xlogy", 0.3), ("copysign", 0.3)):
    fn = getattr(torch, name)
    for dtype in FLOATS:
        for a, b in (((4, 3), (4, 3)), ((4, 3), (3,)), ((2, 1, 3), (4, 1)), ((), (5,)), ((0, 2), (1, 2)), ((9,), ())):
            record(name, fn, floats(*a, dtype=dtype, low=low), floats(*b, dtype=dtype, low=low))
        record(name, fn, leaf(floats(5, 4, dtype=dtype, low=low).detach().t()), leaf(floats(4, 10, dtype=dtype, low=low).detach()[:, ::2]))
    if name not in ("atan2", "hypot", "maximum", "minimum"):
        record(name, fn, floats(5, low=low), 2.0)
        record(name, fn, floats(5, low=low), 3)
    mixed = [(ints(5, low=1), floats(5, low=low, grad=False)), (ints(5, dtype=torch.int32, low=1), ints(5, low=1)), (ints(5, dtype=torch.uint8, low=1), ints(5, dtype=torch.int8, low=1)),
             (bools(5), ints(5, low=1)), (floats(3, low=low, grad=False), floats(dtype=torch.float64, low=low, grad=False)), (floats(3, dtype=torch.float16, low=low, grad=False), floats(3, dtype=torch.bfloat16, low=low, grad=False))]
    for a, b in mixed:
        if not refuses(fn, a, b):
            record(name, fn, a, b)
    for number in (2, 2.0):
        if name not in ("atan2", "hypot", "maximum", "minimum", "copysign") and not refuses(fn, ints(5, low=1), number):
            record(name, fn, ints(5, low=1), number)
record("add", torch.add, floats(4), floats(4), alpha=0.3)
record("sub", torch.sub, ints(4), ints(4), alpha=3)
record("rsub", torch.rsub, floats(4), 1.5)
record("pow", torch.pow, 2, floats(4))
for mode in ("floor", "trunc"):
    record("div", torch.div, floats(9, low=-9, high=9), floats(9, low=0.5, high=3), rounding_mode=mode)
    record("div", torch.div, ints(9), ints(9, low=1), rounding_mode=mode)
record("floor_divide", torch.floor_divide, ints(9), ints(9, low=1))
for name in ("eq", "ne", "lt", "le", "gt", "ge"):
    fn = getattr(torch, name)
    record(name, fn, ints(4, 3, high=3), ints(3, high=3))
    record(name, fn, floats(5, grad=False), ints(5))
    record(name, fn, torch.tensor([math.nan, 1.0, math.inf]), torch.tensor([math.nan, 1.0, -math.inf]))
    record(name, fn, ints(6, dtype=torch.uint8), 3)
    record(name, fn, floats(6, dtype=torch.float64, grad=False), 0.25)
for name in ("logical_and", "logical_or", "logical_xor"):
    record(name, getattr(torch, name), bools(4, 3), bools(3))
    record(name, getattr(torch, name), ints(5, high=2), floats(5, grad=False))
for name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
    for dtype in INTS:
        record(name, getattr(torch, name), ints(4, 3, dtype=dtype), ints(3, dtype=dtype))
    record(name, getattr(torch, name), bools(5), bools(5))
for name in ("bitwise_left_shift", "bitwise_right_shift"):
    record(name, getattr(torch, name), ints(5, low=0), ints(5, low=0, high=5))
for x in (floats(4, 3), floats(7, dtype=torch.float64)):
    record("clamp", torch.clamp, x, min=-0.5, max=0.5)
    record("clamp", torch.clamp, x, max=0.3)
record("clamp", torch.clamp, ints(9), min=-3, max=4)
record("lerp", torch.lerp, floats(4, 3), floats(3), 0.3)
record("lerp", torch.lerp, floats(4, dtype=torch.float64), floats(4, dtype=torch.float64), floats(4, dtype=torch.float64))
record("addcmul", torch.addcmul, floats(4, 3), floats(3), floats(4, 1), value=0.5)
record("addcdiv", torch.addcdiv, floats(4, 3), floats(3), floats(4, 1, low=0.5), value=0.5)
record("nan_to_num", torch.nan_to_num, torch.tensor([math.nan, math.inf, -math.inf, 1.0]), nan=0.5)

# reductions
for dtype in FLOATS:
    for name in ("sum", "mean", "prod", "amax", "amin", "var", "std", "logsumexp", "norm", "all", "any", "argmax", "argmin", "nansum", "count_nonzero"):
        fn = getattr(torch, name)
        x = lambda *s: floats(*s, dtype=dtype, low=0.3)
        strided = lambda: leaf(floats(3, 4, 5, dtype=dtype, low=0.3).detach().permute(2, 0, 1))
        if name != "logsumexp":
            record(name, fn, x(4, 5))
            record(name, fn, x(67))
            record(name, fn, strided())
        if name == "norm":
            for p in (1, 2, 3, math.inf, "fro"):
                record(name, fn, x(4, 5), p=p, dim=1, keepdim=True)
            continue
        if name == "count_nonzero":
            record(name, fn, ints(4, 5, high=2), dim=1)
            continue
        for dim in (0, -1):
            record(name, fn, x(4, 5), dim)
            record(name, fn, strided(), dim, keepdim=True) if name not in ("var", "std") else record(name, fn, strided(), dim, unbiased=False, keepdim=True)
        record(name, fn, x(2, 130), 1)
        record(name, fn, x(130, 2), 0)
        if name in ("sum", "mean", "amax", "amin", "var", "std", "logsumexp", "nansum"):
            record(name, fn, x(3, 4, 5), (0, 2))
            record(name, fn, x(3, 4, 5), [1, 2], keepdim=True)
    for name in ("max", "min", "median"):
        record(name, getattr(torch, name), floats(4, 5, dtype=dtype))
        record(name, getattr(torch, name), floats(4, 5, dtype=dtype), 1)
        record(name, getattr(torch, name), leaf(floats(5, 4, dtype=dtype).detach().t()), 0, keepdim=True)
    for name in ("cumsum", "cumprod"):
        record(name, getattr(torch, name), floats(4, 5, dtype=dtype, low=0.3), 0)
        record(name, getattr(torch, name), leaf(floats(5, 4, dtype=dtype, low=0.3).detach().t()), -1)
for name in ("sum", "prod", "amax", "amin", "argmax", "all", "any"):
    record(name, getattr(torch, name), ints(4, 5, dtype=torch.int32, high=3), 1)
    record(name, getattr(torch, name), ints(4, 5, dtype=torch.uint8, high=3), 0)
for name in ("all", "any", "sum", "prod", "cumsum"):
    record(name, getattr(torch, name), bools(4, 5), 1)
record("sum", torch.sum, floats(0, 3), 0)
record("sum", torch.sum, floats(5, dtype=torch.bfloat16, grad=False))
record("sum", torch.sum, ints(5, dtype=torch.int16), dtype=torch.float64)
record("mean", torch.mean, ints(5), dtype=torch.float32)
record("max", torch.max, torch.tensor([1.0, math.nan, 2.0]))
record("argmax", torch.argmax, torch.tensor([1.0, math.nan, 2.0]))
record("amax", torch.amax, torch.tensor([[1.0, math.nan], [3.0, 2.0]]), 1)
record("max", torch.max, floats(4), floats(4))
record("var_mean", torch.var_mean, floats(4, 5), 1)
record("std_mean", torch.std_mean, floats(4, 5), 0)
record("diff", torch.diff, floats(7))
record("cummax", torch.cummax, floats(4, 5), 1)

# matrix products
for dtype in FLOATS:
    m = lambda *s: floats(*s, dtype=dtype)
    record("mm", torch.mm, m(3, 4), m(4, 5))
    record("mm", torch.mm, leaf(m(4, 3).detach().t()), leaf(m(5, 4).detach().t()))
    record("mm", torch.mm, m(3, 0), m(0, 5))
    record("mm", torch.mm, m(17, 33), m(33, 19))
    record("bmm", torch.bmm, m(2, 3, 4), m(2, 4, 5))
    record("bmm", torch.bmm, leaf(m(2, 4, 3).detach().mT), m(2, 4, 5))
    record("mv", torch.mv, m(3, 4), m(4))
    record("dot", torch.dot, m(7), m(7))
    record("outer", torch.outer, m(3), m(4))
    record("addmm", torch.addmm, m(5), m(3, 4), m(4, 5), beta=0.5, alpha=2.0)
    record("addmv", torch.addmv, m(3), m(3, 4), m(4))
    record("baddbmm", torch.baddbmm, m(2, 3, 5), m(2, 3, 4), m(2, 4, 5), beta=0.3, alpha=0.7)
    for a, b in (((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 5)), ((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 1, 3, 4), (3, 4, 5)), ((2, 3, 4), (4,)), ((4,), (2, 4, 3))):
        record("matmul", torch.matmul, m(*a), m(*b))
    record("nn.functional.linear", F.linear, m(2, 3, 4), m(5, 4), m(5))
    record("nn.functional.linear", F.linear, m(3, 4), m(5, 4))
    record("einsum", lambda operands, equation: torch.einsum(equation, *operands), [m(3, 4), m(4, 5)], "ij,jk->ik")
    record("einsum", lambda operands, equation: torch.einsum(equation, *operands), [m(2, 3, 4), m(2, 5, 4)], "bij,bkj->bik")
record("mm", torch.mm, ints(3, 4), ints(4, 5))
record("matmul", torch.matmul, ints(3, 4, dtype=torch.int32), ints(4, dtype=torch.int32))

# views and shapes
base = lambda: floats(2, 3, 4)
for name, args, kwargs in (
    ("reshape", ([4, 6],), {}), ("reshape", ([-1],), {}), ("view", ([6, -1],), {}), ("flatten", (), {}), ("flatten", (), {"start_dim": 1}), ("permute", ((2, 0, 1),), {}), ("transpose", (0, 2), {}),
    ("unsqueeze", (1,), {}), ("unsqueeze", (-1,), {}), ("expand", ([5, 2, 3, 4],), {}), ("narrow", (2, 1, 2), {}), ("select", (1, -1), {}), ("flip", ([0, 2],), {}), ("roll", (1,), {"dims": 1}), ("roll", ([1, 2],), {"dims": [0, 2]}),
    ("repeat", ([2, 1, 3],), {}), ("tile", ([2, 2],), {}), ("movedim", (0, 2), {}), ("unfold", (2, 2, 1), {}), ("diagonal", (), {"dim1": 0, "dim2": 2}), ("tril", (), {}), ("triu", (), {"diagonal": 1}), ("rot90", (), {}), ("swapaxes", (0, 1), {}), ("contiguous", (), {}),
    ("unflatten", (2, [2, 2]), {}), ("clone", (), {}),
):
    fn = getattr(torch.Tensor, name)
    record(name, fn, base(), *args, **kwargs)
    record(name, fn, ints(2, 3, 4), *args, **kwargs)
record("t", torch.t, floats(3, 4))
record("squeeze", torch.squeeze, floats(1, 3, 1, 2))
record("squeeze", torch.squeeze, floats(1, 3, 1, 2), 2)
record("expand_as", torch.Tensor.expand_as, floats(3, 1), floats(3, 4, grad=False))
record("diag", torch.diag, floats(4))
record("diag", torch.diag, floats(4, 4), diagonal=1)
record("broadcast_to", torch.broadcast_to, floats(3, 1), [2, 3, 4])
record("as_strided", torch.as_strided, floats(12), [3, 2], [2, 1], storage_offset=1)
for name in ("cat", "stack", "hstack", "vstack"):
    kwargs = {"dim": 1} if name in ("cat", "stack") else {}
    record(name, getattr(torch, name), [floats(2, 3), floats(2, 3), floats(2, 3)], **kwargs)
    record(name, getattr(torch, name), [floats(2, 3, dtype=torch.float64), leaf(floats(3, 2, dtype=torch.float64).detach().t())])
record("cat", torch.cat, [floats(2, 3), floats(0), floats(1, 3)])
record("cat", torch.cat, [ints(3), floats(2, grad=False)])
for args in ((2,), (3, 1)):
    record("split", torch.split, floats(4, 6), *args)
    record("chunk", torch.chunk, floats(4, 6), args[0], dim=args[1] if len(args) > 1 else 0)
record("split", torch.split, floats(4, 6), [1, 2, 3], 1)
record("unbind", torch.unbind, floats(3, 4), dim=1)

# indexing
for index in (1, -1, (slice(None), 2), (slice(0, 3, 2),), (Ellipsis, 1), (None, 0), (slice(1, None), None, slice(None, -1)), torch.tensor([2, 0, 2]), (torch.tensor([0, 1]), torch.tensor([2, 3])), (slice(None), torch.tensor([[0, 3], [1, 1]])),
              bools(4, 5), (torch.tensor([0, 2]), slice(1, 4)), (slice(None), slice(None, None, 2), 0)):
    for dtype in FLOATS:
        record("__getitem__", lambda x, i: x[i], floats(4, 5, 3, dtype=dtype), index)
for dtype in FLOATS:
    x = lambda: floats(4, 5, dtype=dtype)
    record("index_select", torch.index_select, x(), 1, torch.tensor([4, 0, 4]))
    record("gather", torch.gather, x(), 1, ints(4, 3, low=0, high=5))
    record("gather", torch.gather, leaf(floats(5, 4, dtype=dtype).detach().t()), 0, ints(2, 5, low=0, high=4))
    record("scatter", torch.scatter, x(), 1, torch.tensor([[0, 2], [1, 3], [4, 0], [2, 1]]), floats(4, 2, dtype=dtype))
    record("scatter", torch.scatter, x(), 1, torch.tensor([[0, 2]]), 1.5)
    record("scatter_add", torch.scatter_add, x(), 1, ints(4, 3, low=0, high=5), floats(4, 3, dtype=dtype))
    record("index_add", torch.index_add, x(), 0, torch.tensor([1, 3, 1]), floats(3, 5, dtype=dtype), alpha=0.5)
    record("index_copy", torch.index_copy, x(), 0, torch.tensor([1, 3]), floats(2, 5, dtype=dtype))
    record("index_fill", torch.index_fill, x(), 1, torch.tensor([0, 2]), 1.5)
    record("masked_fill", torch.masked_fill, x(), bools(5), -math.inf)
    record("masked_fill", torch.masked_fill, x(), bools(4, 1), floats(dtype=dtype))
    record("masked_select", torch.masked_select, x(), bools(4, 5))
    record("where", lambda a, c, b: torch.where(c, a, b), x(), bools(4, 1), floats(5, dtype=dtype))
    record("take", torch.take, x(), torch.tensor([[0, 19], [-1, 3]]))
    record("sort", torch.sort, x(), dim=0, descending=True)
    record("topk", torch.topk, x(), 3)
    record("topk", torch.topk, x(), 2, dim=0, largest=False)
    record("take_along_dim", torch.take_along_dim, x(), ints(4, 2, low=0, high=5), dim=1)
record("argsort", torch.argsort, floats(17, grad=False))
record("sort", torch.sort, torch.tensor([3.0, math.nan, 1.0, -math.inf]))
record("nonzero", torch.nonzero, ints(4, 5, high=2, low=0))
record("where", lambda a, c, b: torch.where(c, a, b), ints(5), bools(5), floats(5, grad=False))
record("index_put", torch.index_put, floats(4, 5), (torch.tensor([0, 2]), torch.tensor([1, 1])), floats(2), accumulate=True)

# convolution, pooling, normalisation
table_first = lambda weight, index, **kwargs: F.embedding(index, weight, **kwargs)  # the order of PyTorch's own samples
for dtype in FLOATS:
    m = lambda *s: floats(*s, dtype=dtype)
    for kwargs in ({}, {"padding": 1}, {"stride": 2, "padding": 1}, {"padding": 2, "dilation": 2}):
        record("nn.functional.conv2d", F.conv2d, m(2, 3, 7, 6), m(4, 3, 3, 3), bias=m(4), **kwargs)
    record("nn.functional.conv2d", F.conv2d, m(2, 4, 5, 5), m(4, 2, 3, 3), groups=2)
    record("nn.functional.conv2d", F.conv2d, m(1, 4, 5, 5), m(4, 1, 3, 3), groups=4, padding="same")
    record("nn.functional.conv2d", F.conv2d, m(3, 5, 5), m(2, 3, 1, 1))
    record("nn.functional.conv1d", F.conv1d, m(2, 3, 9), m(4, 3, 3), bias=m(4), stride=2, padding=1)
    for name in ("max_pool2d", "avg_pool2d"):
        record("nn.functional." + name, getattr(F, name), m(2, 3, 6, 7), 2)
        record("nn.functional." + name, getattr(F, name), m(2, 3, 6, 7), kernel_size=3, stride=2, padding=1)
        record("nn.functional." + name, getattr(F, name), m(1, 2, 5, 5), kernel_size=2, ceil_mode=True)
    record("nn.functional.max_pool1d", F.max_pool1d, m(2, 3, 9), 3)
    record("nn.functional.avg_pool1d", F.avg_pool1d, m(2, 3, 9), 3)
    record("nn.functional.adaptive_avg_pool2d", F.adaptive_avg_pool2d, m(2, 3, 6, 7), [2, 3])
    record("nn.functional.pad", F.pad, m(2, 3), [1, 2, 0, 1], value=0.5)
    record("nn.functional.layer_norm", F.layer_norm, m(3, 4, 5), [5], weight=m(5), bias=m(5))
    record("nn.functional.layer_norm", F.layer_norm, m(3, 4, 5), [4, 5])
    record("nn.functional.group_norm", F.group_norm, m(2, 6, 3), 3, weight=m(6), bias=m(6))
    record("nn.functional.instance_norm", F.instance_norm, m(2, 3, 7))
    record("nn.functional.batch_norm", F.batch_norm, m(4, 3, 5), floats(3, dtype=dtype, grad=False), floats(3, dtype=dtype, low=0.5, grad=False), weight=m(3), bias=m(3))
    record("nn.functional.normalize", F.normalize, m(4, 5))
    for name in ("softmax", "log_softmax"):
        record(name, getattr(torch, name), m(4, 5), 1)
        record(name, getattr(torch, name), leaf(floats(5, 3, 4, dtype=dtype).detach().permute(1, 2, 0)), 0)
        record(name, getattr(torch, name), m(2, 130), -1)
    record("nn.functional.softmin", F.softmin, m(4, 5), dim=1)
    record("nn.functional.embedding", table_first, m(6, 5), ints(3, 4, low=0, high=6))
    record("nn.functional.embedding", table_first, m(6, 5), ints(7, low=0, high=6), padding_idx=2)
    target = ints(4, low=0, high=5)
    for kwargs in ({}, {"reduction": "sum"}, {"reduction": "none"}, {"label_smoothing": 0.1}, {"ignore_index": int(target[0])}, {"weight": floats(5, dtype=dtype, low=0.3, grad=False)}):
        record("nn.functional.cross_entropy", F.cross_entropy, m(4, 5), target, **kwargs)
        if "label_smoothing" not in kwargs:
            record("nn.functional.nll_loss", F.nll_loss, m(4, 5), target, **kwargs)
    record("nn.functional.cross_entropy", F.cross_entropy, m(2, 5, 3), ints(2, 3, low=0, high=5))
    record("nn.functional.cross_entropy", F.cross_entropy, m(4, 5), floats(4, 5, dtype=dtype, low=0.1, grad=False))
    for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
        for reduction in ("mean", "sum", "none"):
            record("nn.functional." + name, getattr(F, name), m(4, 5), m(4, 5), reduction=reduction)
    probability = lambda: floats(4, 5, dtype=dtype, low=0.1, high=0.9)
    record("nn.functional.binary_cross_entropy", F.binary_cross_entropy, probability(), floats(4, 5, dtype=dtype, low=0, high=1, grad=False))
    record("nn.functional.binary_cross_entropy_with_logits", F.binary_cross_entropy_with_logits, m(4, 5), floats(4, 5, dtype=dtype, low=0, high=1, grad=False))
    record("nn.functional.kl_div", F.kl_div, m(4, 5), probability().detach(), reduction="batchmean")
    record("nn.functional.dropout", F.dropout, m(4, 5), p=0.0)
    record("nn.functional.dropout", F.dropout, m(4, 5), p=0.5, training=False)
    record("nn.functional.cosine_similarity", F.cosine_similarity, m(4, 5), m(4, 5), dim=1)
record("nn.functional.dropout", F.dropout, floats(4, 5, grad=False), p=0.5, check="shape")
record("nn.functional.one_hot", F.one_hot, ints(4, low=0, high=5), num_classes=5)

# factories and casts
for args, kwargs in (((5,), {}), ((2, 7), {}), ((1.0, 3.0, 0.5), {}), ((5,), {"dtype": torch.float64}), ((10, 0, -3), {})):
    record("arange", torch.arange, *args, **kwargs)
record("linspace", torch.linspace, 0, 1, 7)
record("eye", torch.eye, 3)
record("eye", torch.eye, 2, 4)
record("zeros", torch.zeros, [2, 3])
record("ones", torch.ones, [2, 3], dtype=torch.int64)
record("full", torch.full, [2, 3], 1.5)
for name in ("zeros_like", "ones_like"):
    record(name, getattr(torch, name), floats(2, 3, grad=False))
    record(name, getattr(torch, name), ints(2, 3), dtype=torch.float64)
record("full_like", torch.full_like, floats(2, 3, grad=False), 2.5)
record("empty_like", torch.empty_like, floats(2, 3, grad=False), check="shape")
record("tril_indices", torch.tril_indices, 3, 4)
for name, dtype in (("float", torch.float32), ("double", torch.float64), ("long", torch.int64), ("int", torch.int32), ("short", torch.int16), ("char", torch.int8), ("bool", torch.bool), ("half", torch.float16), ("bfloat16", torch.bfloat16)):
    fn = getattr(torch.Tensor, name)
    for source in (floats(6, low=-100, high=100), floats(6, dtype=torch.float64, low=-100, high=100), ints(6), bools(6), ints(6, dtype=torch.uint8), floats(6, dtype=torch.bfloat16, grad=False)):
        record(name, fn, source, exact=True)
record("byte", torch.Tensor.byte, ints(6, low=0), exact=True)

# errors
errors = File("ops-errors")


def refuse(op, fn, regex, *args, **kwargs):
    number = errors.counts[op] = errors.counts.get(op, -1) + 1
    r = errors.case()
    line = {"id": f"{op}/err/{number}", "op": op, "args": [r.value(a) for a in args], "kwargs": {k: r.value(v) for k, v in kwargs.items()}}
    try:
        fn(*args, **kwargs)
    except Exception as e:
        import re
        assert re.search(regex, str(e)), (op, str(e))
        line.update(error=type(e).__name__, message=str(e).split("\n")[0], regex=regex, T=r.entries)
        errors.lines.append(line)
        return
    raise AssertionError(f"{op} did not throw")


f = lambda *s: floats(*s, grad=False)
refuse("add", torch.add, "The size of tensor a \\(3\\) must match the size of tensor b \\(4\\) at non-singleton dimension 1", f(2, 3), f(2, 4))
refuse("mm", torch.mm, "mat1 and mat2 shapes cannot be multiplied \\(2x3 and 4x5\\)", f(2, 3), f(4, 5))
refuse("matmul", torch.matmul, "mat1 and mat2 shapes cannot be multiplied \\(2x3 and 4x5\\)", f(2, 3), f(4, 5))
refuse("sum", torch.sum, "Dimension out of range \\(expected to be in range of \\[-2, 1\\], but got 2\\)", f(2, 3), 2)
refuse("softmax", torch.softmax, "Dimension out of range", f(2, 3), 5)
refuse("cat", torch.cat, "Sizes of tensors must match except in dimension", [f(2, 3), f(2, 4)])
refuse("stack", torch.stack, "stack expects each tensor to be equal size", [f(2, 3), f(2, 4)])
refuse("view", torch.Tensor.view, "shape '\\[4, 5\\]' is invalid for input of size 6", f(2, 3), [4, 5])
refuse("reshape", torch.reshape, "shape '\\[4, 5\\]' is invalid for input of size 6", f(2, 3), [4, 5])
refuse("index_select", torch.index_select, "index out of range", f(2, 3), 0, torch.tensor([5]))
refuse("bmm", torch.bmm, "[Ee]xpected size for first two dimensions of batch2 tensor", f(2, 3, 4), f(2, 5, 4))
refuse("permute", torch.permute, "input.dim\\(\\) = 2 is not equal to len\\(dims\\) = 1", f(2, 3), (0,))
refuse("squeeze", torch.squeeze, "Dimension out of range", f(2, 3), 4)
refuse("expand", torch.Tensor.expand, "must match the existing size", f(2, 3), [2, 4])
refuse("mean", torch.mean, "could not infer output dtype|Input dtype must be either a floating point or complex dtype", ints(3))
refuse("nn.functional.conv2d", F.conv2d, "to have 3 channels, but got 2 channels", f(1, 2, 5, 5), f(4, 3, 3, 3))
refuse("nn.functional.linear", F.linear, "mat1 and mat2 shapes cannot be multiplied", f(2, 3), f(5, 4))
refuse("nn.functional.cross_entropy", F.cross_entropy, "Expected input batch_size \\(4\\) to match target batch_size \\(3\\)", f(4, 5), ints(3, low=0, high=5))
refuse("nn.functional.embedding", table_first, "index out of range", f(6, 5), torch.tensor([7]))
refuse("bitwise_and", torch.bitwise_and, "not implemented for|not supported", f(3), f(3))
refuse("gather", torch.gather, "Index tensor must have the same number of dimensions as input tensor", f(2, 3), 1, torch.tensor([0]))

modules = File("modules")


def module(name, cls, cargs, ckwargs, *args, training=True, dtype=torch.float32):
    number = modules.counts[name] = modules.counts.get(name, -1) + 1
    r = modules.case()
    m = cls(*cargs, **ckwargs).to(dtype).train(training)
    with torch.no_grad():
        for p in m.parameters():
            p.copy_(torch.randn_like(p) * 0.5)
        for key, b in m.named_buffers():
            if b.is_floating_point():
                b.copy_(torch.rand_like(b) + 0.5)
    line = {"id": f"{name}/{number}", "module": name, "dtype": KINDS[dtype], "training": training, "cargs": [r.value(a) for a in cargs], "ckwargs": {k: r.value(v) for k, v in ckwargs.items()}}
    before = {k: v.detach().clone() for k, v in m.state_dict().items()}
    line["state"] = {k: r.tensor(v) for k, v in before.items()}
    line["args"], line["kwargs"] = [r.value(a) for a in args], {}
    out = m(*args)
    outputs = tensors_of(out)
    line["out"] = r.value(out, True)
    at = len(r.entries) - len(outputs)
    changed = {k: v for k, v in m.state_dict().items() if not torch.equal(v, before[k])}
    if changed:
        line["state_after"] = {k: r.tensor(v.detach().clone()) for k, v in changed.items()}
    cot = [(at + i, cotangent(t)) for i, t in enumerate(outputs) if t.requires_grad]
    line["cot"] = [[i, r.tensor(c)] for i, c in cot]
    inputs = [t for t in tensors_of(args) if t.requires_grad]
    parameters = dict(m.named_parameters())
    grads = torch.autograd.grad([t for t in outputs if t.requires_grad], inputs + list(parameters.values()), [c for _, c in cot], allow_unused=True)
    line["grads"] = [[r.tensor(t), None if g is None else r.tensor(g)] for t, g in zip(inputs, grads)]
    line["pgrads"] = {k: None if g is None else r.tensor(g) for k, g in zip(parameters, grads[len(inputs):])}
    line["tol"] = TOLERANCE[dtype]
    line["gtol"] = [10 * x for x in TOLERANCE[dtype]]
    line["T"] = r.entries
    modules.lines.append(line)


for dtype in FLOATS:
    m = lambda *s: floats(*s, dtype=dtype)
    kw = {"dtype": dtype}
    module("nn.Linear", nn.Linear, [4, 3], {}, m(2, 4), **kw)
    module("nn.Linear", nn.Linear, [4, 3], {"bias": False}, m(2, 5, 4), **kw)
    module("nn.Conv2d", nn.Conv2d, [3, 4, 3], {"stride": 2, "padding": 1}, m(2, 3, 6, 6), **kw)
    module("nn.Conv1d", nn.Conv1d, [3, 4, 3], {}, m(2, 3, 8), **kw)
    module("nn.BatchNorm2d", nn.BatchNorm2d, [3], {}, m(2, 3, 4, 4), **kw)
    module("nn.BatchNorm2d", nn.BatchNorm2d, [3], {}, m(2, 3, 4, 4), training=False, **kw)
    module("nn.BatchNorm1d", nn.BatchNorm1d, [3], {"momentum": 0.3}, m(5, 3), **kw)
    module("nn.LayerNorm", nn.LayerNorm, [5], {}, m(2, 3, 5), **kw)
    module("nn.GroupNorm", nn.GroupNorm, [2, 4], {}, m(2, 4, 3), **kw)
    module("nn.Embedding", nn.Embedding, [6, 4], {"padding_idx": 1}, ints(3, 2, low=0, high=6), **kw)
    module("nn.LSTM", nn.LSTM, [3, 4], {"batch_first": True}, m(2, 5, 3), **kw)
    module("nn.GRU", nn.GRU, [3, 4], {"num_layers": 2}, m(5, 2, 3), **kw)
    module("nn.MultiheadAttention", nn.MultiheadAttention, [6, 2], {"batch_first": True}, m(2, 3, 6), m(2, 3, 6), m(2, 3, 6), **kw)
    module("nn.PReLU", nn.PReLU, [], {}, m(3, 4), **kw)
    module("nn.MaxPool2d", nn.MaxPool2d, [2], {}, m(2, 3, 6, 6), **kw)
    module("nn.CrossEntropyLoss", nn.CrossEntropyLoss, [], {}, m(4, 5), ints(4, low=0, high=5), **kw)

optim = File("optim")


def optimizer(name, **kwargs):
    for dtype in FLOATS:
        number = optim.counts[name] = optim.counts.get(name, -1) + 1
        r = optim.case()
        p = floats(4, 3, dtype=dtype)
        line = {"id": f"{name}/{number}", "optimizer": name, "problem": "quadratic", "dtype": KINDS[dtype], "kwargs": {k: r.value(v) for k, v in kwargs.items()}, "groups": [{"params": ["x"]}], "data": {}}
        line["p0"] = {"x": r.tensor(p.detach().clone())}
        o = getattr(torch.optim, name)([p], **kwargs)
        line["grads"], line["params"] = [], []
        for step in range(10):
            p.grad = None if step == 5 else floats(4, 3, dtype=dtype, grad=False)
            line["grads"].append({"x": None if p.grad is None else r.tensor(p.grad)})
            o.step()
            line["params"].append({"x": r.tensor(p.detach().clone())})
        line["losses"] = []
        line["state_after"] = {"x": {k: r.value(v) for k, v in o.state[p].items()}}
        line["tol"] = [1e-5, 1e-6] if dtype == torch.float32 else [1e-9, 1e-10]
        line["T"] = r.entries
        optim.lines.append(line)


optimizer("SGD", lr=0.1)
optimizer("SGD", lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True)
optimizer("Adam", lr=0.01)
optimizer("Adam", lr=0.01, betas=(0.8, 0.99), weight_decay=0.1, amsgrad=True)
optimizer("AdamW", lr=0.01, weight_decay=0.1)
optimizer("RMSprop", lr=0.01, momentum=0.5, centered=True)
optimizer("Adagrad", lr=0.1)

# special functions, factorisations, masks, histograms
for name in "bessel_j0 bessel_j1 bessel_y0 bessel_y1 modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 spherical_bessel_j0 airy_ai".split():
    for dtype in FLOATS:
        # outside of this PyTorch's bessel_j0, bessel_y1 (above 5) and airy_ai (beyond 2.09) are off by up to 2e-5
        high = 2.0 if name == "airy_ai" else 4.5
        record(f"special.{name}", getattr(torch.special, name), floats(9, dtype=dtype, low=-high, high=high, grad=False))
for name in "chebyshev_polynomial_t chebyshev_polynomial_w hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p".split():
    record(f"special.{name}", getattr(torch.special, name), floats(5, 1, grad=False), torch.arange(4.0))
for dtype in FLOATS:
    m = lambda *s: floats(*s, dtype=dtype)
    for shape in ((4, 4), (5, 3), (2, 3, 4)):
        record("linalg.lu", lambda a: torch.linalg.lu(a), m(*shape))
        record("linalg.lu_factor", torch.linalg.lu_factor, m(*shape))
    record("linalg.lstsq", torch.linalg.lstsq, m(5, 3), m(5, 2), driver="gelsd")
    record("matrix_exp", torch.matrix_exp, m(2, 3, 3))
    record("linalg.solve_ex", torch.linalg.solve_ex, m(3, 3), m(3, 2))
    record("linalg.tensorsolve", torch.linalg.tensorsolve, m(2, 3, 6), m(2, 3))
    record("linalg.householder_product", torch.linalg.householder_product, *(leaf(x) for x in torch.geqrf(m(5, 3).detach())))
    for name in ("sum", "mean", "amax", "logsumexp", "var"):
        record(f"masked.{name}", getattr(torch.masked, name), m(4, 5), 1, mask=torch.tensor([True, False, True, True, False]))
    record("masked.softmax", torch.masked.softmax, m(4, 5), 0, mask=torch.tensor([[True], [False], [True], [True]]))
    record("segment_reduce", torch.segment_reduce, m(6, 2), "max", lengths=torch.tensor([2, 3, 1]))
    record("histogram", torch.histogram, floats(20, dtype=dtype, grad=False), 4)
record("linalg.ldl_factor", torch.linalg.ldl_factor, (lambda a: a + a.mT)(floats(5, 5, dtype=torch.float64, grad=False)))
record("histogramdd", torch.histogramdd, floats(20, 2, grad=False), [2, 3], density=True)
record("fft.fftshift", torch.fft.fftshift, floats(4, 5), 1)
record("constant_pad_nd", torch.constant_pad_nd, floats(2, 3), [1, 2], 0.5)

counts = {f.name: f.write() for f in (ops, errors, modules, optim)}
size = sum(os.path.getsize(os.path.join(options.out, n)) for n in os.listdir(options.out))
print(f"{sum(counts.values())} cases ({', '.join(f'{v} {k}' for k, v in counts.items())}), {size} bytes in {options.out}")
