"""What PyTorch does with bad calls: reads calls, writes what became of each.

usage: python3 conformance/badCalls.py CALLS.jsonl OUTCOMES.jsonl        (needs python3-torch)

Each call runs in a worker process with limited memory and time, which is started again when a call ends it.
"""
import json
import os
import re
import resource
import signal
import subprocess
import sys
import warnings

DTYPES = "f32 float32 f64 float64 f16 float16 bf16 bfloat16 i64 int64 i32 int32 i16 int16 i8 int8 u8 uint8 bool bool".split()
RANDOM = re.compile("rand|normal|uniform|dropout|bernoulli|multinomial|poisson|exponential|geometric|cauchy|rrelu|gumbel|^empty|new_empty|resize|fractional")
NAMES = dict(zip(DTYPES[::2], DTYPES[1::2]))


def worker(calls_file, out_file, start):
    warnings.filterwarnings("ignore")
    import torch
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    kinds = {getattr(torch, v): k for k, v in NAMES.items()}

    def number(x):
        return float(x) if isinstance(x, str) else x

    def make(entry, tensors):
        if "of" in entry:
            x = torch.as_strided(tensors[entry["of"]], entry["s"], entry["st"], entry.get("o", 0))
        else:
            x = torch.tensor([number(v) for v in entry["v"]], dtype=getattr(torch, NAMES[entry["d"]]))
            x = torch.empty(0, dtype=x.dtype).set_(x.storage(), entry.get("o", 0), entry["s"], entry["st"]) if "st" in entry else x.reshape(entry["s"]).clone()
        return x.requires_grad_() if entry.get("g") else x

    def decode(value, tensors):
        if isinstance(value, list):
            return [decode(v, tensors) for v in value]
        if not isinstance(value, dict):
            return value
        if "$t" in value:
            return tensors[value["$t"]]
        if "$f" in value:
            return float(value["$f"])
        if "$tuple" in value:
            return tuple(decode(v, tensors) for v in value["$tuple"])
        if "$dtype" in value:
            return getattr(torch, NAMES[value["$dtype"]])
        if "$i" in value:
            return int(value["$i"])
        if "$dict" in value:
            return {k: decode(v, tensors) for k, v in value["$dict"]}
        if "$slice" in value:
            return slice(*value["$slice"])
        if "$ellipsis" in value:
            return ...
        return {k: decode(v, tensors) for k, v in value.items()}

    def tensors_of(value, out, depth=0):
        if isinstance(value, torch.Tensor):
            out.append(value)
        elif isinstance(value, (list, tuple)):
            for v in value[:8]:
                tensors_of(v, out, depth + 1)
        elif isinstance(value, dict) and depth < 2:
            for v in value.values():
                tensors_of(v, out, depth + 1)
        return out

    def elements(x, digits="%.5g"):
        out = []
        for v in x.detach().reshape(-1).tolist():
            v = float(v)
            out.append("nan" if v != v else "inf" if v == float("inf") else "-inf" if v == -float("inf") else float(digits % v))
        return out

    def describe(call, x, name=None):
        out = {"d": kinds.get(x.dtype, str(x.dtype)), "s": list(x.shape), "st": list(x.stride()) if not x.is_sparse else [], "g": x.requires_grad,
               "fn": type(x.grad_fn).__name__ if x.grad_fn is not None else None}
        if name is not None:
            out["name"] = name
        if x.numel() <= 400 and not x.is_complex() and not x.is_sparse and not x.is_quantized:
            out["v"] = [v if isinstance(v, str) else float("%.9g" % v) for v in elements(x, "%.9g")]
        return out

    def details(call, tensors, results):
        out = [describe(call, x) for x in results]
        differentiable = [x for x in results if x.requires_grad and x.is_floating_point()]
        if not differentiable or call["form"] in ("inplace", "module") or RANDOM.search(call["op"]):
            return out
        loss = 0
        for x in differentiable:
            w = torch.tensor([((k * 37) % 11 - 5) / 4 for k in range(x.numel())], dtype=x.dtype).reshape(x.shape)
            loss = loss + (x * w).sum()
        loss.backward()
        for i, x in enumerate(tensors):
            if x.requires_grad and x.is_leaf and x.grad is not None:
                out.append({**describe(call, x.grad, f"grad {i}"), "g": False, "fn": None})
        return out

    def run(call):
        tensors = []
        for entry in call["T"]:
            tensors.append(make(entry, tensors))
        args = [decode(v, tensors) for v in call["args"]]
        kwargs = {k: decode(v, tensors) for k, v in call["kwargs"].items()}
        torch.manual_seed(42)
        path = call["op"].split(".")
        form = call["form"]
        if form in ("method", "inplace"):
            result = getattr(args[0], path[0] + ("_" if form == "inplace" else ""))(*args[1:], **kwargs)
        else:
            fn = torch
            for part in path:
                if part == call["op"] and not hasattr(torch, part):
                    fn = getattr(torch.Tensor, part)
                else:
                    fn = getattr(fn, part)
            result = fn(*args, **kwargs)
            if form == "module":
                result = result(*[decode(v, tensors) for v in call["forward"]])
            if form == "optim":
                for x in tensors:
                    if x.requires_grad and x.is_floating_point():
                        x.grad = torch.ones_like(x)
                result.step(lambda: torch.tensor(1.0))
                return {"tensors": []}
        found = tensors_of(result, [])
        if call.get("detail"):
            return {"details": details(call, tensors, found)}
        return {"tensors": [[kinds.get(x.dtype, str(x.dtype)), list(x.shape)] + ([elements(x)] if x.numel() <= 24 and form != "module" and not x.is_complex() and not x.is_sparse and not x.is_quantized else []) for x in found if True]}

    with open(calls_file) as f, open(out_file, "a", buffering=1) as out:
        for i, line in enumerate(f):
            if i < start:
                continue
            call = json.loads(line)
            signal.alarm(20)
            try:
                outcome = run(call)
            except BaseException as e:
                outcome = {"error": type(e).__name__, "message": str(e).split("\nException raised from")[0][:400]}
            out.write(json.dumps({"i": i, **outcome}) + "\n")


def main(calls_file, out_file):
    open(out_file, "w").close()
    total = sum(1 for line in open(calls_file) if line.strip())
    while True:
        done = sum(1 for _ in open(out_file))
        if done >= total:
            break
        code = subprocess.run([sys.executable, __file__, "--worker", calls_file, out_file, str(done)], stderr=subprocess.DEVNULL).returncode
        after = sum(1 for _ in open(out_file))
        if after < total:
            with open(out_file, "a") as f:
                f.write(json.dumps({"i": after, "error": "crash", "message": f"the process ended with {code}"}) + "\n")


if sys.argv[1] == "--worker":
    worker(sys.argv[2], sys.argv[3], int(sys.argv[4]))
else:
    main(sys.argv[1], sys.argv[2])
