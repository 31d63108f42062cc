"""What PyTorch does, for programs.test.ts: prints JSON.

usage: python3 programs.py print SEED | modules FOLDER SEED | optimizers SEED        (needs python3-torch)
"""
import json
import math
import os
import random
import sys
import warnings

import torch

warnings.filterwarnings("ignore")
KINDS = {"f32": torch.float32, "f64": torch.float64, "f16": torch.float16, "bf16": torch.bfloat16}


def elements(x):
    if x.dtype.is_floating_point:
        return [v if math.isfinite(v) else str(v) for v in x.double().reshape(-1).tolist()]
    return [str(int(v)) for v in x.reshape(-1).tolist()]


def content(dtype, shape):
    """Values of one of the kinds that are printed differently: small, large, of mixed sizes, integral, with NaN and infinities, zero."""
    if dtype == torch.bool:
        return torch.rand(shape) < 0.5
    if not dtype.is_floating_point:
        small = dtype in (torch.uint8, torch.int8, torch.int16)
        high = random.choice([2, 10, 100] + ([] if small else [1000, 100000]) + ([10**12, 2**62] if dtype == torch.int64 else []))
        return torch.randint(0 if dtype == torch.uint8 else -high, high, shape).to(dtype)
    x = torch.randn(shape, dtype=torch.float64)
    some = torch.rand(shape) < 0.2
    odd = lambda name, base: torch.where(some, torch.tensor(float(name), dtype=torch.float64), base)
    return random.choice([
        lambda: x, lambda: x * 10 ** random.randint(-12, 12), lambda: x.round(), lambda: (x * 1000).round(), lambda: x.abs() * 1e5,
        lambda: x * torch.pow(10.0, torch.randint(-6, 7, shape).double()), lambda: odd("nan", x), lambda: odd("inf", x.round()),
        lambda: odd("-inf", x), lambda: x * 0, lambda: x.round() * 1e8, lambda: odd("nan", x * 0),
    ])().to(dtype)


SHAPES = [(), (1,), (0,), (3,), (7,), (25,), (2, 3), (4, 4), (0, 3), (2, 0, 3), (2, 3, 4), (1, 1, 1), (2, 2, 2, 3), (12,), (5, 17), (1100,), (2, 1001)]
OPTIONS = [{}] * 12 + [{"precision": 2}, {"sci_mode": True}, {"sci_mode": False}, {"threshold": 5}, {"linewidth": 40}, {"edgeitems": 2, "threshold": 10},
                       {"precision": 8}, {"profile": "short"}, {"profile": "full"}]
DTYPES = "float32 float32 float64 float16 bfloat16 int64 int32 uint8 bool int8".split()


def printed():
    out = []
    for _ in range(400):
        name = random.choice(DTYPES)
        x = content(getattr(torch, name), random.choice(SHAPES))
        grad = x.is_floating_point() and random.random() < 0.2
        y = x.clone().requires_grad_() if grad else x
        turned = y.dim() == 2 and random.random() < 0.2
        options = random.choice(OPTIONS)
        torch.set_printoptions(profile="default")
        torch._tensor_str.PRINT_OPTS.sci_mode = None
        torch.set_printoptions(**options)
        out.append({"dtype": name, "shape": list(x.shape), "values": elements(x), "grad": grad, "turned": turned, "options": options,
                    "text": repr(y.t() if turned else y)})
    return out


def decode(v):
    if isinstance(v, list):
        return [decode(x) for x in v]
    if not isinstance(v, dict):
        return v
    if "$f" in v:
        return float(v["$f"])
    if "$tuple" in v:
        return tuple(decode(x) for x in v["$tuple"])
    if "$dtype" in v:
        return KINDS[v["$dtype"]]
    if "$module" in v:
        m = v["$module"]
        return getattr(torch.nn, m["name"].split(".")[-1])(*decode(m["args"]), **{k: decode(x) for k, x in m["kwargs"].items()})
    if "$dict" in v:
        return {k: decode(x) for k, x in v["$dict"]}
    fn = torch
    for part in v["$fn"].split("."):
        fn = getattr(fn, part)
    return fn


def modules(folder, seed):
    seen, out = set(), []
    for line in open(os.path.join(folder, "modules.jsonl")):
        c = json.loads(line)
        key = json.dumps([c["module"], c["cargs"], c["ckwargs"]])
        if key in seen or "$t" in key:
            continue
        seen.add(key)
        torch.manual_seed(seed + len(out))
        m = getattr(torch.nn, c["module"].split(".")[-1])(*decode(c["cargs"]), **{k: decode(v) for k, v in c["ckwargs"].items()})
        lazy = any(isinstance(p, torch.nn.parameter.UninitializedTensorMixin) for p in m.state_dict().values())
        out.append({"module": c["module"], "cargs": c["cargs"], "ckwargs": c["ckwargs"], "seed": seed + len(out), "text": repr(m),
                    "parameters": [k for k, _ in m.named_parameters()], "buffers": [k for k, _ in m.named_buffers()],
                    "modules": [k for k, _ in m.named_modules()], "keys": list(m.state_dict()),
                    "state": {} if lazy else {k: [str(v.dtype)[6:], list(v.shape), elements(v)] for k, v in m.state_dict().items()}})
    return out


SMALL = {"betas": [(0.9, 0.999), (0.5, 0.6)], "weight_decay": [0, 0.1], "maximize": [False, True]}
OPTIMIZERS = {
    "SGD": {"lr": [0.1, 0.01], "momentum": [0, 0.9], "weight_decay": [0, 0.1], "nesterov": [False, True], "dampening": [0, 0.1], "maximize": [False, True]},
    "Adam": {"lr": [0.1, 0.001], "eps": [1e-8, 1e-3], "amsgrad": [False, True], **SMALL},
    "AdamW": {"lr": [0.1, 0.001], "eps": [1e-8, 1e-3], "amsgrad": [False, True], **SMALL},
    "NAdam": {"lr": [0.1, 0.002], "betas": SMALL["betas"], "weight_decay": [0, 0.1], "momentum_decay": [0.004, 0.1]},
    "RAdam": {"lr": [0.1, 0.002], "betas": SMALL["betas"], "weight_decay": [0, 0.1]},
    "Adamax": {"lr": [0.1, 0.002], **SMALL},
    "Adagrad": {"lr": [0.1, 0.01], "lr_decay": [0, 0.1], "weight_decay": [0, 0.1], "initial_accumulator_value": [0, 0.5], "maximize": [False, True]},
    "Adadelta": {"lr": [1.0, 0.1], "rho": [0.9, 0.5], "weight_decay": [0, 0.1], "maximize": [False, True]},
    "RMSprop": {"lr": [0.1, 0.01], "alpha": [0.99, 0.5], "weight_decay": [0, 0.1], "momentum": [0, 0.9], "centered": [False, True], "maximize": [False, True]},
    "Rprop": {"lr": [0.1, 0.01], "etas": [(0.5, 1.2), (0.3, 1.5)], "step_sizes": [(1e-6, 50), (1e-2, 1)], "maximize": [False, True]},
    "ASGD": {"lr": [0.1, 0.01], "lambd": [1e-4, 0.1], "alpha": [0.75, 0.5], "t0": [1e6, 3], "weight_decay": [0, 0.1], "maximize": [False, True]},
}
# what has no default goes by position
SCHEDULERS = [
    ("StepLR", lambda: ([random.randint(1, 5)], {"gamma": 0.5})), ("MultiStepLR", lambda: ([sorted(random.sample(range(1, 20), 3))], {"gamma": 0.3})),
    ("ExponentialLR", lambda: ([0.9], {})), ("CosineAnnealingLR", lambda: ([random.randint(3, 12)], {"eta_min": 0.01})),
    ("CosineAnnealingWarmRestarts", lambda: ([random.randint(2, 6)], {"T_mult": random.choice([1, 2])})),
    ("LinearLR", lambda: ([], {"start_factor": 0.3, "total_iters": random.randint(2, 10)})),
    ("ConstantLR", lambda: ([], {"factor": 0.3, "total_iters": random.randint(2, 8)})),
    ("PolynomialLR", lambda: ([], {"total_iters": random.randint(3, 15), "power": random.choice([1, 2])})),
    ("OneCycleLR", lambda: ([0.5], {"total_steps": 25, "anneal_strategy": random.choice(["cos", "linear"]), "three_phase": random.choice([False, True]), "cycle_momentum": False})),
    ("CyclicLR", lambda: ([0.01, 0.2], {"step_size_up": random.randint(2, 6), "mode": random.choice(["triangular", "triangular2", "exp_range"]),
                                         "gamma": 0.95, "cycle_momentum": False})),
]


def optimizers():
    """20 steps with given gradients, of a model with two groups of which the second misses one gradient."""
    out = []
    for name, table in OPTIMIZERS.items():
        for _ in range(8):
            options = {k: random.choice(v) for k, v in table.items() if k == "lr" or random.random() < 0.6}
            dtype = random.choice(["float32", "float64"])
            start = [torch.randn(3, 4).to(getattr(torch, dtype)), torch.randn(5).to(getattr(torch, dtype))]
            gradients = [[torch.randn(3, 4), torch.randn(5)] for _ in range(20)]
            schedule = random.choice(SCHEDULERS + [None] * 5)
            args = None if schedule is None else schedule[1]()
            case = {"optimizer": name, "options": options, "dtype": dtype, "start": [x.tolist() for x in start], "scheduler": schedule and [schedule[0], *args],
                    "gradients": [[a.tolist(), b.tolist()] for a, b in gradients]}
            parameters = [x.clone().requires_grad_() for x in start]
            try:
                optimizer = getattr(torch.optim, name)([{"params": [parameters[0]]}, {"params": [parameters[1]], "lr": 0.05}], **options)
            except ValueError as error:
                out.append({**case, "error": str(error)})
                continue
            case["text"] = repr(optimizer)
            scheduler = schedule and getattr(torch.optim.lr_scheduler, schedule[0])(optimizer, *args[0], **args[1])
            rates = []
            for i, pair in enumerate(gradients):
                for j, x in enumerate(parameters):
                    x.grad = None if i == 3 and j == 1 else pair[j].to(x.dtype)
                optimizer.step()
                if scheduler:
                    scheduler.step()
                rates.append([float(g["lr"]) for g in optimizer.param_groups])
            state = optimizer.state_dict()
            out.append({**case, "end": [x.detach().double().tolist() for x in parameters], "rates": rates,
                        "state": [sorted(s) for s in state["state"].values()], "groups": [sorted(g) for g in state["param_groups"]]})
    return out


what, *rest = sys.argv[1:]
seed = int(rest[-1])
random.seed(seed)
torch.manual_seed(seed)
print(json.dumps(printed() if what == "print" else modules(rest[0], seed) if what == "modules" else optimizers()))
