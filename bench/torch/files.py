"""PyTorch's side of bench/src/files.ts: files.py save|load PATH MEBIBYTES. Prints the seconds, and the peak of memory beyond the start in tensors' bytes."""
import os
import resource
import sys
import time

import torch


def state(mebibytes):
    rows = mebibytes // 64
    return {f"layers.{i}.weight": torch.full((rows, 1024 * 1024), i + 0.5) for i in range(16)}


command, path, mebibytes = sys.argv[1], sys.argv[2], int(sys.argv[3])
if command == "save":
    tensors = state(mebibytes)
    start = time.perf_counter()
    torch.save(tensors, path)
    if os.environ.get("SYNC") == "1":
        fd = os.open(path, os.O_RDWR)
        os.fsync(fd)
        os.close(fd)
else:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    tensors = torch.load(path)
seconds = time.perf_counter() - start
total = sum(t.numel() * t.element_size() for t in tensors.values())
peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / total if command == "load" else 0
print(seconds, peak)
