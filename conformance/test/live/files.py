"""PyTorch's side of the tests of files: files.py COMMAND ARGUMENTS…, one line of JSON as the answer.

describe FILE       what the file holds, as conformance/src/describe.ts writes it; loaded with weights_only=True unless FULL is given
resave IN OUT       loads a file and saves it again
train FILE N [FROM] N steps of a training, from the start or from the state in FROM; saves the state, gives the losses
"""
import hashlib
import json
import math
import sys
from collections import Counter, OrderedDict, defaultdict

import torch

KEYS = {torch.float32: "f32", torch.float64: "f64", torch.float16: "f16", torch.bfloat16: "bf16", torch.int64: "i64", torch.int32: "i32",
        torch.int16: "i16", torch.int8: "i8", torch.uint8: "u8", torch.bool: "bool", torch.complex64: "c64", torch.complex128: "c128"}


def number(x):
    if math.isnan(x):
        return {"$f": "nan"}
    if math.isinf(x):
        return {"$f": "inf" if x > 0 else "-inf"}
    if x == 0 and math.copysign(1, x) < 0:
        return {"$f": "-0"}
    return {"$f": int(x)} if x == int(x) else x


def element(x):
    if isinstance(x, bool):
        return x
    if isinstance(x, complex):
        return [number(x.real), number(x.imag)]
    if isinstance(x, int):
        return x if abs(x) < 2**53 else {"$i": str(x)}
    return number(x)


class Describer:
    def __init__(self):
        self.storages = {}

    def tensor(self, x):
        storage = x.storage()
        key = self.storages.setdefault(storage._cdata if storage.data_ptr() == 0 else storage.data_ptr(), len(self.storages))
        flat = x.detach().contiguous().reshape(-1)
        raw = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
        out = {"type": "tensor", "dtype": KEYS[x.dtype], "shape": list(x.shape), "stride": list(x.stride()), "offset": x.storage_offset(),
               "storage": key, "storage_numel": len(storage), "requires_grad": x.requires_grad, "values": [element(v) for v in flat[:12].tolist()],
               "sha1": hashlib.sha1(raw).hexdigest()}
        if isinstance(x, torch.nn.Parameter):
            out["parameter"] = True
        return out

    def describe(self, x):
        if x is None:
            return {"type": "None"}
        if isinstance(x, bool):
            return {"type": "bool", "value": x}
        if isinstance(x, torch.Tensor):
            return self.tensor(x)
        if isinstance(x, int):
            return {"type": "int", "value": str(x)}
        if isinstance(x, float):
            return {"type": "float", "value": number(x)}
        if isinstance(x, str):
            return {"type": "str", "value": x}
        if isinstance(x, bytes):
            return {"type": "bytes", "hex": x.hex()}
        if isinstance(x, torch.Size):
            return {"type": "Size", "value": list(x)}
        if isinstance(x, (list, tuple, set, frozenset)):
            return {"type": type(x).__name__, "items": [self.describe(v) for v in x]}
        if isinstance(x, dict):
            return {"type": type(x).__name__, "items": [[self.describe(k), self.describe(v)] for k, v in x.items()]}
        if isinstance(x, complex):
            return {"type": "complex", "value": [number(x.real), number(x.imag)]}
        if isinstance(x, torch.dtype):
            return {"type": "dtype", "value": KEYS[x]}
        if isinstance(x, torch.device):
            return {"type": "device", "value": str(x)}
        return {"type": type(x).__name__}


def train(path, steps, start=None):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.Adam(
        [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.02}], lr=0.01, betas=(0.8, 0.99), weight_decay=0.01, amsgrad=True)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [4, 4, 9], gamma=0.5)
    if start is not None:
        state = torch.load(start)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
    index = torch.arange(30, dtype=torch.float64)
    x = torch.sin(index * 0.37).reshape(10, 3).float()
    y = torch.cos(index[:10] * 0.9).reshape(10, 1).float()
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, path)
    return losses


command, *arguments = sys.argv[1:]
if command == "describe":
    answer = Describer().describe(torch.load(arguments[0], weights_only=len(arguments) == 1))
elif command == "resave":
    torch.save(torch.load(arguments[0]), arguments[1])
    answer = True
else:
    answer = train(arguments[0], int(arguments[1]), *arguments[2:])
print(json.dumps(answer))
