"""Writes signatures.json: how PyTorch's functions, methods, modules and optimizers take their arguments.

usage: py conformance/signatures.py        (py runs PyTorch 2.14, the version that is meant; the result is checked in)

Every entry is a list of overloads, each one string of parameters: `input:t,dim:i[]?,keepdim:b=,*,dtype:d?=`. The letter is the type (t tensor, s scalar,
i int, f float, b bool, S string, d dtype, a anything), `?` allows None, `[]` is a list, a final `=` says that there is a default, and after `*` come keyword-only
parameters. `*name` takes all remaining positional arguments, `**name` all other keyword ones. Keys: `add` for torch.add and Tensor.add, `nn.functional.pad`, `linalg.norm`, `nn.Conv2d` (the
constructor), `nn.Conv2d.forward`, `optim.Adam`.
"""
import inspect
import json
import operator
import os

import torch
import torch.nn.functional as F
import torch.nn.utils.parametrizations
import torch.nn.utils.prune

LETTERS = {"Tensor": "t", "number": "s", "Scalar": "s", "int": "i", "float": "f", "bool": "b", "str": "S", "ScalarType": "d", "SymInt": "i"}
ATEN = {}
for schema in torch._C._jit_get_all_schemas():
    if schema.name.startswith("aten::"):
        ATEN.setdefault(schema.name[6:], []).append(schema)


FACTORIES = ("eye", "linspace", "logspace", "full", "randint", "randperm", "tril_indices", "triu_indices", "empty_strided", "normal", "arange")


def letter(kind, name):
    text = str(kind)
    if name in ("dtype", "out_dtype"):
        return "d?" if name == "dtype" else "d"
    optional = text.startswith("Optional[")
    if optional:
        text = text[9:-1]
    if text.startswith("List[") or text.endswith("[]"):
        inner = text[5:-1] if text.startswith("List[") else text[:-2]
        inner = inner[9:-1] if inner.startswith("Optional[") else inner.rstrip("?")
        return LETTERS.get(inner, "a") + "[]" + ("?" if optional else "")
    return LETTERS.get(text, "a") + ("?" if optional else "")


def of_schema(schema):
    out, keyword_only = [], False
    factory = any(a.name == "pin_memory" for a in schema.arguments)
    for a in schema.arguments:
        if factory and a.name in ("layout", "pin_memory"):
            continue
        if a.is_out:
            continue
        if a.kwarg_only and not keyword_only:
            keyword_only = True
            out.append("*")
        name = "input" if a.name == "self" else a.name
        out.append(f"{name}:{letter(a.type, name)}{'=' if a.has_default_value() else ''}")
    if factory:
        out.append("requires_grad:b=")
    return ",".join(out)


def aten(name):
    seen = []
    for schema in ATEN.get(name, []):
        if any(a.is_out for a in schema.arguments) or any(str(a.type) in ("Dimname", "Optional[List[str]]") or a.name in ("names", "dimname") for a in schema.arguments):
            continue
        if "dimname" in schema.overload_name or schema.overload_name in ("complex", "float", "int_int", "t", "str", "Tensor_indices"):
            continue
        text = of_schema(schema)
        if "S[]" in text or "dim:S" in text or (name not in FACTORIES and ":t" not in text):
            continue  # named dimensions, and the schemas of plain numbers and lists
        if text not in seen:
            seen.append(text)
    return seen


SKIP = ("self", "_stacklevel", "_allow_closed", "_weight", "_freeze", "_use_new_zipfile_serialization", "_disable_byteorder_record")
ANNOTATIONS = {"Tensor": "t", "int": "i", "float": "f", "bool": "b", "str": "S"}


def of_python(fn):
    out, keyword_only = [], False
    for p in inspect.signature(fn).parameters.values():
        if p.name in SKIP:
            continue
        if p.kind == p.VAR_KEYWORD:
            out.append("**" + p.name)
            continue
        if p.kind == p.VAR_POSITIONAL:
            out.append("*" + p.name)
            keyword_only = True
            continue
        if p.kind == p.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            out.append("*")
        note = getattr(p.annotation, "__name__", str(p.annotation))
        out.append(f"{p.name}:{ANNOTATIONS.get(note, 'a')}{'=' if p.default is not p.empty else ''}")
    return ",".join(out)


def python(fn):
    try:
        return [of_python(fn)]
    except (TypeError, ValueError):
        return []


result = {}


def add(key, overloads):
    if overloads:
        result[key] = overloads


# torch and torch.Tensor: the compiled schemas, and Python's signature where the function is Python's own
for name in sorted(set(dir(torch)) | set(dir(torch.Tensor))):
    if name.startswith("_") or name[0].isupper():
        continue
    fn = getattr(torch, name, None) or getattr(torch.Tensor, name, None)
    if not callable(fn) or isinstance(fn, type):
        continue
    overloads = python(fn) if inspect.isfunction(fn) else []
    overloads = [o for o in overloads if "*args" not in o] or aten(name) or overloads
    add(name, overloads)
# the functions whose Python signature says less than their documentation
add("norm", ["input:t,p:a=,dim:i[]?=,keepdim:b=,dtype:d?="])
add("split", ["tensor:t,split_size_or_sections:a,dim:i="])
add("unique", ["input:t,sorted:b=,return_inverse:b=,return_counts:b=,dim:i?="])
add("unique_consecutive", ["input:t,return_inverse:b=,return_counts:b=,dim:i?="])
add("meshgrid", ["*tensors,indexing:S?="])
add("einsum", ["equation:S,*operands"])
add("tensordot", ["a:t,b:t,dims:a="])
add("lu", ["A:t,pivot:b=,get_infos:b="])
add("to", ["input:t,device:S,dtype:d,non_blocking:b=,copy:b=,*,memory_format:a=", "input:t,other:t,non_blocking:b=,copy:b=,*,memory_format:a=", "input:t,dtype:d,non_blocking:b=,copy:b=,*,memory_format:a="])
add("arange", ["end:s,*,dtype:d?=,device:a=,requires_grad:b=", "start:s,end:s,*,dtype:d?=,device:a=,requires_grad:b=", "start:s,end:s,step:s,*,dtype:d?=,device:a=,requires_grad:b="])
for cast in ("bfloat16", "bool", "byte", "char", "double", "float", "half", "int", "long", "short"):
    add(cast, ["input:t,memory_format:a="])
for name in ("zeros", "ones", "empty", "rand", "randn"):
    add(name, ["size:i[],*,dtype:d?=,device:a=,requires_grad:b="])
for name in ("new_zeros", "new_ones", "new_empty"):
    add(name, ["input:t,size:i[],*,dtype:d?=,device:a=,requires_grad:b="])
for name in ("contiguous", "clone"):
    add(name, ["input:t,*,memory_format:a="])
add("unflatten", ["input:t,dim:i,sizes:i[]"])
add("uniform", ["input:t,from:f=,to:f="])
add("resize_", ["input:t,size:i[],*,memory_format:a="])
add("slice", aten("slice"))
add("histogramdd", ["input:t,bins:a,*,range:a=,weight:t?=,density:b="])
add("nonzero", ["input:t,*,as_tuple:b="])
add("masked.logaddexp", ["input:t,other:t,*,dtype:a=,input_mask:a=,other_mask:a="])
add("rsub", ["input:t,other:a,*,alpha:s="])
add("fill", ["input:t,value:a"])

for name in sorted(dir(F)):
    fn = getattr(F, name)
    if not callable(fn) or isinstance(fn, type) or (name.startswith("_") and name != "_scaled_dot_product_attention"):
        continue
    if name.split("_with_indices")[0] + "_with_indices" in dir(F) and "pool" in name:
        fn = getattr(F, name.split("_with_indices")[0] + "_with_indices")
    overloads = [o for o in python(fn) if "*args" not in o] if inspect.isfunction(fn) else []
    add("nn.functional." + name, overloads or aten({"logsigmoid": "log_sigmoid"}.get(name, name)))
for module, prefix in (("linalg", "linalg_"), ("fft", "fft_"), ("special", "special_")):
    for name in sorted(dir(getattr(torch, module))):
        if not name.startswith("_") and callable(getattr(getattr(torch, module), name)) and name[0].islower():
            add(f"{module}.{name}", aten(prefix + name) or aten(name))
import torch.masked._ops as masked
for name in masked.__all__ if hasattr(masked, "__all__") else dir(masked):
    fn = getattr(masked, name)
    if inspect.isfunction(fn) and not name.startswith("_"):
        add("masked." + name, python(fn))

for name in sorted(dir(torch.nn)):
    cls = getattr(torch.nn, name)
    if isinstance(cls, type) and issubclass(cls, torch.nn.Module):
        add("nn." + name, [""] if cls.__init__ is torch.nn.Module.__init__ else python(cls.__init__))
        add(f"nn.{name}.forward", python(cls.forward))
rnn = "num_layers:i=,bias:b=,batch_first:b=,dropout:f=,bidirectional:b="
add("nn.RNN", [f"input_size:i,hidden_size:i,num_layers:i=,nonlinearity:S=,bias:b=,batch_first:b=,dropout:f=,bidirectional:b="])
add("nn.LSTM", [f"input_size:i,hidden_size:i,{rnn},proj_size:i="])
add("nn.GRU", [f"input_size:i,hidden_size:i,{rnn}"])
for name in sorted(dir(torch.optim)):
    cls = getattr(torch.optim, name)
    if isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer) and cls is not torch.optim.Optimizer:
        add("optim." + name, python(cls.__init__))
for name in sorted(dir(torch.optim.lr_scheduler)):
    cls = getattr(torch.optim.lr_scheduler, name)
    if isinstance(cls, type) and not name.startswith("_") and cls.__module__ == "torch.optim.lr_scheduler" and name not in ("Counter", "Optimizer"):
        add("optim.lr_scheduler." + name, python(cls.__init__))
from torch.optim.swa_utils import SWALR
add("optim.swa_utils.SWALR", python(SWALR.__init__))
for name in sorted(dir(torch.nn.init)):
    fn = getattr(torch.nn.init, name)
    if inspect.isfunction(fn) and not name.startswith("_"):
        add("nn.init." + name, python(fn))
for prefix in ("nn.utils", "nn.utils.rnn", "nn.utils.parametrizations", "nn.utils.prune"):
    module = operator.attrgetter(prefix)(torch)
    for name in sorted(dir(module)):
        fn = getattr(module, name)
        if inspect.isfunction(fn) and not name.startswith("_") and fn.__module__.startswith("torch.nn.utils"):
            add(f"{prefix}.{name}", python(fn))

target = os.path.join(os.path.dirname(os.path.abspath(__file__)), "signatures.json")
with open(target, "w") as f:
    f.write("{\n" + ",\n".join(f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in sorted(result.items())) + "\n}\n")
print(f"{len(result)} entries, {os.path.getsize(target)} bytes")
