"""The PyTorch side of bench/src/turns.ts: reads work as JSON, one a line, and answers with its times in milliseconds."""
import json
import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[1]))
current, run = None, None


def prepare(setup, text):
    torch.manual_seed(0)
    names = {"torch": torch, "F": F}
    exec(setup, names)
    made = eval("lambda: " + text, names)
    made()
    return made


for line in sys.stdin:
    question = json.loads(line)
    work = (question["setup"], question["run"])
    try:
        if work != current:
            run = None
            run = prepare(*work)
            current = work
    except Exception as error:
        print(json.dumps(str(error).split("\n")[0]), flush=True)
        continue
    times = []
    start = time.perf_counter()
    run()
    batch = 20 if time.perf_counter() - start < 2e-5 else 1
    end = time.perf_counter() + question["milliseconds"] / 1e3
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(batch):
            run()
        times.append((time.perf_counter() - start) * 1e3 / batch)
    print(json.dumps(times), flush=True)
