"""What a loaded file holds, as JSON: Python's types, every tensor with its place in its storage. conformance/src/describe.ts does the same."""
import hashlib
import math

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
