"""Records small files of PyTorch, and what is in them: python3 conformance/recordCheckpoints.py. Beside files that torch.save writes there are others made of them
that must load too, and such as must be refused. Nothing here is ever run: the hostile pickles are only written."""
import io
import json
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path

import torch
from describe import Describer

warnings.simplefilter("ignore")
FOLDER = Path(__file__).parent / "recorded" / "checkpoints"
INDEX = []


def keep(name, data, expect, note, value=None):
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / name).write_bytes(data)
    entry = {"file": name, "expect": expect, "note": note}
    if expect == "load":
        entry["description"] = f"{name}.json"
        root = Describer().describe(value if value is not None else torch.load(io.BytesIO(data)))
        (FOLDER / entry["description"]).write_text(json.dumps({"file": name, "root": root}, separators=(",", ":")) + "\n")
    INDEX.append(entry)


def saved(value, **options):
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def records(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def packed(entries, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in entries if isinstance(entries, list) else entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()


def with_pickle(text, data=b"\0" * 16):
    """An archive with a pickle written by hand and one storage of 16 bytes."""
    return packed({"archive/data.pkl": text, "archive/data/0": data, "archive/version": b"3\n"})


def tensor_pickle(size=(4,), stride=(1,), offset=0, key="0", numel=4, kind=b"FloatStorage", location="cpu"):
    """{'w': a tensor}, by the opcodes of protocol 2."""
    def integers(values):
        return b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", v) for v in values) + b"t"
    def text(value):
        return b"X" + struct.pack("<I", len(value)) + value.encode()
    storage = b"(" + text("storage") + b"ctorch\n" + kind + b"\n" + text(key) + text(location) + b"\x8a\x08" + struct.pack("<q", numel) + b"tQ"
    tensor = (b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"\x8a\x08" + struct.pack("<q", offset) + integers(size) + integers(stride)
              + b"\x89ccollections\nOrderedDict\n)RtR")
    return b"\x80\x02}" + text("w") + tensor + b"s."


torch.manual_seed(7)
base = torch.randn(4, 6)
views = {"base": base, "row": base[2], "column": base[:, 3], "t": base.t(), "part": base[1:3, 2:5], "expanded": base[:1].expand(3, 6),
         "copy": base.clone(), "empty": torch.zeros(2, 0), "scalar": torch.tensor(2.5), "parameter": torch.nn.Parameter(base[0])}
special = torch.tensor([float("nan"), float("inf"), -0.0, 1e-45, 1.5])
dtypes = OrderedDict([(str(t), torch.randn(2, 3).mul(20).to(t)) for t in (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8,
                      torch.int16, torch.int32, torch.int64, torch.bool, torch.complex64, torch.complex128)])
dtypes["uint8"] = torch.arange(6, dtype=torch.uint8)
dtypes["special"] = special
dtypes["wide"] = torch.tensor([2**63 - 1, -(2**63), 2**53 + 1])
lists = defaultdict(list)
lists["k"].append(1)
nested = {"none": None, "bools": [True, False], "ints": [0, 255, 256, 65536, -1, 2**31, -(2**63), 2**80, -(2**2050)], "floats": [1.5, -0.0, 1e300, float("-inf")],
          "text": ["", "h\u00e9llo \U0001f600", "x" * 300, "\ud800"], "bytes": [b"", b"\0\xff", bytes(range(256))], "tuple": (1, (2,), (), (1, 2, 3, 4)),
          "set": {3}, "frozen": frozenset(["a"]), "ordered": OrderedDict([("b", 1), ("a", torch.ones(2))]), 3: "int", (1, 2): "tuple", None: "none",
          "counter": Counter(["a", "a", "b"]), "default": lists, "size": torch.Size([2, 3]), "dtype": torch.bfloat16, "device": torch.device("cuda", 1),
          "complex": 1 - 2j, "__proto__": {"polluted": True}, "long": list(range(1100)), "bytearray": base[0]}
model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 5])
for _ in range(3):
    optimizer.zero_grad()
    model(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    scheduler.step()
training = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}

for name, value in (("views", views), ("dtypes", dtypes), ("nested", nested), ("training", training)):
    keep(f"{name}.pt", saved(value), "load", "zip")
    keep(f"{name}_legacy.pt", saved(value, _use_new_zipfile_serialization=False), "load", "legacy")
for protocol in (3, 4, 5):
    keep(f"nested_protocol{protocol}.pt", saved(nested, pickle_protocol=protocol), "load", f"pickle protocol {protocol}")
keep("storage.pt", saved(base.storage()), "load", "a bare storage is a tensor of its elements", base.reshape(-1))
keep("bare.pt", saved(base.t()), "load", "a bare tensor")

plain = {"w": base, "i": torch.arange(5), "h": base.half(), "z": torch.view_as_complex(torch.randn(3, 2)), "b": torch.tensor([True, False])}
parts = records(saved(plain))
root = next(iter(parts)).split("/")[0]
swapped = dict(parts)
widths = {i: w for i, w in enumerate([4, 8, 2, 4, 1])}
for i, width in widths.items():
    raw = parts[f"{root}/data/{i}"]
    swapped[f"{root}/data/{i}"] = b"".join(raw[k:k + width][::-1] for k in range(0, len(raw), width))
keep("big_endian.pt", packed({**swapped, f"{root}/byteorder": b"big"}), "load", "marked big-endian, the elements turned around", plain)
keep("newer.pt", packed({**parts, f"{root}/byteorder": b"little", f"{root}/.format_version": b"1", f"{root}/.storage_alignment": b"64",
                         f"{root}/.data/serialization_id": b"1" * 40}), "load", "records of PyTorch 2", plain)
keep("deflated.pt", packed(parts, zipfile.ZIP_DEFLATED), "load", "packed again by a zip program", plain)
keep("other_folder.pt", packed({name.replace(root, "some model", 1): content for name, content in parts.items()}), "load", "another folder", plain)
keep("cuda.pt", with_pickle(tensor_pickle(location="cuda:3")), "load", "saved on a GPU", {"w": torch.zeros(4)})
v3 = (b"\x80\x02ctorch._utils\n_rebuild_tensor_v3\n((X\x07\0\0\0storagectorch.storage\nUntypedStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x10tQK\x01K\x03\x85K\x01\x85\x89"
      b"ccollections\nOrderedDict\n)Rctorch\nfloat32\ntR.")
keep("untyped.pt", with_pickle(v3, struct.pack("<4f", 1, 2, 3, 4)), "load", "an untyped storage with a dtype (PyTorch 2)", torch.tensor([1.0, 2, 3, 4])[1:])
text_protocol = b"(dp0\nS'a'\np1\nI7\nsS'b'\n(lp2\nI01\naF1.5\naL99L\naV\\u20ac\nas."
keep("protocol0.pt", with_pickle(text_protocol), "load", "pickle protocol 0", {"a": 7, "b": [True, 1.5, 99, "\u20ac"]})


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(2, 2)


def call(module, name, argument=b"X\x04\0\0\0true"):
    return b"\x80\x02c" + module + b"\n" + name + b"\n" + argument + b"\x85R."


def legacy(text):
    return b"".join(pickle.dumps(v, 2) for v in (torch.serialization.MAGIC_NUMBER, 1001, {"little_endian": True})) + text + pickle.dumps([], 2)


refused = {
    "evil_system": with_pickle(call(b"posix", b"system")),
    "evil_system_legacy": legacy(call(b"posix", b"system")),
    "evil_eval": with_pickle(call(b"__builtin__", b"eval")),
    "evil_getattr": with_pickle(b"\x80\x02c__builtin__\ngetattr\nccollections\nOrderedDict\nX\x08\0\0\0fromkeys\x86R."),
    "evil_inst": with_pickle(b"(X\x04\0\0\0trueiposix\nsystem\n."),
    "evil_obj": with_pickle(b"\x80\x02(cposix\nsystem\nX\x04\0\0\0trueo."),
    "evil_stack_global": with_pickle(b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R."),
    "evil_dotted": with_pickle(b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93)R."),
    "evil_extension": with_pickle(b"\x80\x02\x82\x01."),
    "evil_factory": with_pickle(b"\x80\x02ccollections\ndefaultdict\nctorch\nFloatStorage\n\x85R."),
    "evil_build": with_pickle(b"\x80\x02]}X\x09\0\0\0__class__K\x01sb."),
    "evil_reduce_list": with_pickle(b"\x80\x02](K\x01K\x02eR."),
    "whole_module": saved(Net()),
    "whole_module_legacy": saved(torch.nn.Linear(2, 2), _use_new_zipfile_serialization=False),
    "sparse": saved({"s": torch.eye(3).to_sparse()}),
    "quantized": saved(torch.quantize_per_tensor(base, 0.1, 0, torch.qint8)),
    "contains_itself": with_pickle(b"\x80\x02]q\0h\0a."),
    "too_deep": with_pickle(b"\x80\x02" + b"]" * 3000 + b"a" * 2999 + b"."),
    "too_deep_tuples": with_pickle(b"\x80\x02)" + b"\x85" * 5000 + b"."),
    "laughs": with_pickle(b"\x80\x02]q\0" + b"".join(b"](" + b"h" + bytes([i]) + (b"h" + bytes([i])) * 9 + b"eq" + bytes([i + 1]) for i in range(12)) + b"."),
    "deep_by_sharing": with_pickle(b"\x80\x02(" + b"".join((b"]" + (b"h" + bytes([i - 1]) + b"a" if i else b"") + b"q" + bytes([200])
                                   + b"".join(b"]h\xc8aq\xc8" for _ in range(600)) + b"q" + bytes([i])) for i in range(4)) + b"l."),
    "unhashable": with_pickle(b"\x80\x02}]K\x01s."),
    "long_int": with_pickle(b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"\1."),
    "long_text": with_pickle(b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"x."),
    "long_frame": with_pickle(b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"N."),
    "protocol6": with_pickle(b"\x80\x06N."),
    "no_stop": with_pickle(b"\x80\x02N"),
    "no_mark": with_pickle(b"\x80\x02t."),
    "empty_stack": with_pickle(b"\x80\x02."),
    "memo_missing": with_pickle(b"\x80\x02h\x05."),
    "not_utf8": with_pickle(b"\x80\x02X\x02\0\0\0\xff\xfe."),
    "persistent_text": with_pickle(b"Pstorage\n."),
    "out_of_bounds": with_pickle(tensor_pickle(size=(5,))),
    "out_of_bounds_offset": with_pickle(tensor_pickle(offset=1)),
    "out_of_bounds_stride": with_pickle(tensor_pickle(size=(2, 2), stride=(3, 1))),
    "negative_size": with_pickle(tensor_pickle(size=(-4,))),
    "negative_stride": with_pickle(tensor_pickle(stride=(-1,))),
    "negative_offset": with_pickle(tensor_pickle(offset=-1)),
    "huge_size": with_pickle(tensor_pickle(size=(2**40, 2**40), stride=(2**40, 1))),
    "huge_expand": with_pickle(tensor_pickle(size=(2**40, 2**40), stride=(0, 0))),
    "huge_storage": with_pickle(tensor_pickle(numel=2**40)),
    "huge_storage_legacy": legacy(tensor_pickle(numel=2**40)),
    "rank_mismatch": with_pickle(tensor_pickle(size=(2, 2), stride=(1,))),
    "traversal": with_pickle(tensor_pickle(key="../../etc/passwd")),
    "missing_record": with_pickle(tensor_pickle(key="1")),
    "storage_type": with_pickle(tensor_pickle(kind=b"Size")),
    "no_pickle": packed({"archive/version": b"3\n"}),
    "two_roots": packed({"a/data.pkl": b"\x80\x02N.", "b/data.pkl": b"\x80\x02N."}),
    "two_pickles": packed([("a/data.pkl", b"\x80\x02N."), ("a/data.pkl", b"\x80\x02K\x01.")]),
    "empty": b"",
    "short": b"PK",
    "truncated": saved(plain)[:-40],
    "truncated_legacy": saved(plain, _use_new_zipfile_serialization=False)[:-8],
    "text": b"This is no checkpoint.\n",
    "page": b"<!DOCTYPE html><html></html>",
    "pickle_only": pickle.dumps({"a": 1}, 2),
    "safetensors": struct.pack("<Q", 2) + b"{}      ",
}
buffer = io.BytesIO()
with tarfile.open(fileobj=buffer, mode="w") as tar:
    for name in ("storages", "tensors", "pickle"):
        tar.addfile(tarfile.TarInfo(name))
refused["tar"] = buffer.getvalue()
good = bytearray(packed(parts))
at = good.index(parts[f"{root}/data/0"])
flipped = bytearray(good)
flipped[at] ^= 1
refused["crc"] = bytes(flipped)
central = good.index(b"PK\x01\x02")
second = good.index(b"PK\x01\x02", central + 1)
overlap = bytearray(good)
overlap[second + 42:second + 46] = overlap[central + 42:central + 46]
refused["overlap"] = bytes(overlap)
past = bytearray(good)
past[second + 42:second + 46] = struct.pack("<I", len(good))
refused["past_end"] = bytes(past)
bomb = bytearray(packed({"archive/data.pkl": b"\x80\x02N.", "archive/data/0": b"\0" * 500_000}, zipfile.ZIP_DEFLATED))
entry = bomb.index(b"PK\x01\x02", bomb.index(b"PK\x01\x02") + 1)
bomb[entry + 24:entry + 28] = struct.pack("<I", 2**32 - 2)
refused["bomb"] = bytes(bomb)
lying = bytearray(packed({"archive/data.pkl": b"\x80\x02N." + b"\0" * 3000}, zipfile.ZIP_DEFLATED))
entry = lying.index(b"PK\x01\x02")
lying[entry + 24:entry + 28] = struct.pack("<I", 100)
local = lying.index(b"PK\x03\x04")
lying[local + 22:local + 26] = struct.pack("<I", 100)
refused["longer_than_declared"] = bytes(lying)
encrypted = bytearray(good)
encrypted[central + 8] |= 1
refused["encrypted"] = bytes(encrypted)
names = bytearray(good)
local = names.index(b"PK\x03\x04")
names[local + 30] ^= 1
refused["two_names"] = bytes(names)
for name, data in refused.items():
    keep(f"{name}.pt", data, "refuse", "must be refused")

(FOLDER / "index.json").write_text(json.dumps(INDEX, indent=0) + "\n")
print(f"{len(INDEX)} files, {sum(f.stat().st_size for f in FOLDER.iterdir())} bytes")
