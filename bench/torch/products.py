"""The PyTorch side of bench/src/products.ts: reads one case a line as JSON, answers with its times in milliseconds."""
import json
import sys
import time

import torch

torch.set_num_threads(int(sys.argv[1]))
made = {}


def make(case):
    if case["kind"] == "matmul":
        a, b = torch.randn(case["a"]), torch.randn(case["b"])
        a = a.mT if case["aT"] else a
        b = b.mT if case["bT"] else b
        return lambda: a @ b
    x, w = torch.randn(case["x"]), torch.randn(case["w"])
    stride, padding, groups = case["stride"], case["padding"], case["groups"]
    forward = lambda: torch.nn.functional.conv2d(x, w, None, stride, padding, 1, groups)
    if case["kind"] == "forward":
        return forward
    g = torch.randn_like(forward())
    mask = [case["kind"] == "input", case["kind"] == "weight", False]
    two = lambda n: [n, n]
    return lambda: torch.ops.aten.convolution_backward(
        g, x, w, None, two(stride), two(padding), [1, 1], False, [0, 0], groups, mask
    )


for line in sys.stdin:
    question = json.loads(line)
    key = json.dumps(question["case"])
    with torch.no_grad():
        if key not in made:
            made[key] = make(question["case"])
            made[key]()
        run, times = made[key], []
        end = time.perf_counter() + question["milliseconds"] / 1e3
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            run()
            times.append((time.perf_counter() - start) * 1e3)
    print(json.dumps(times), flush=True)
