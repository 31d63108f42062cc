"""PyTorch's side of the tests of files: files.py COMMAND ARGUMENTS…, one line of JSON as the answer.

describe FILE       what the file holds, as conformance/src/describe.ts writes it; loaded with weights_only=True unless FULL is given
resave IN OUT       loads a file and saves it again
kinds FOLDER        saves values of many kinds; gives by file what it holds, or null for what is to be refused
train FILE N [FROM] N steps of a training, from the start or from the state in FROM; saves the state, gives the losses
"""
import argparse
import collections
import datetime
import json
import random
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from describe import Describer  # noqa: E402


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


def optimizer_states():
    for name in ("ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD"):
        model = torch.nn.Linear(3, 1)
        optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.1)

        def closure():
            optimizer.zero_grad()
            loss = model(torch.ones(2, 3)).square().sum()
            loss.backward()
            return loss

        for _ in range(2):
            optimizer.step(closure)
        yield name, optimizer.state_dict()


def scheduler_states():
    schedulers = torch.optim.lr_scheduler
    made = {
        "LambdaLR": lambda o: schedulers.LambdaLR(o, lambda epoch: 0.9**epoch),
        "MultiStepLR": lambda o: schedulers.MultiStepLR(o, [1, 1, 2]),
        "ReduceLROnPlateau": lambda o: schedulers.ReduceLROnPlateau(o),
        "CosineAnnealingWarmRestarts": lambda o: schedulers.CosineAnnealingWarmRestarts(o, 5),
        "SequentialLR": lambda o: schedulers.SequentialLR(o, [schedulers.ConstantLR(o), schedulers.ExponentialLR(o, 0.9)], [3]),
        "OneCycleLR": lambda o: schedulers.OneCycleLR(o, 1.0, total_steps=10),
    }
    for name, make in made.items():
        optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1, momentum=0.9)
        state = make(optimizer).state_dict()
        yield name, {key: value for key, value in state.items() if key not in ("best", "anneal_func")}


def kinds(folder):
    matrix = torch.arange(12.0).reshape(3, 4)
    factories = (int, float, str, bool, bytes, complex, list, dict, set, frozenset, tuple, collections.OrderedDict, collections.Counter)
    loaded = {
        **{f"defaultdict {factory.__name__}": collections.defaultdict(factory, {"a": factory()}) for factory in factories},
        "views": [matrix.expand(2, 3, 4), matrix.t()[1:, 1:], torch.arange(10.0).unfold(0, 4, 2), torch.ones(1).expand(5), matrix],
        "special": [torch.zeros(2, 0), torch.zeros((1,) * 20), torch.ones(1, 3, 4, 4).to(memory_format=torch.channels_last)],
        "complex": [torch.ones(3, dtype=torch.complex64), torch.ones(3, dtype=torch.complex128)],
        "numbers": [10**300, -(1 << 4000), {1.5: 1, None: 2, (1, 2): 3, True: 4}, "a\ud800", "", b"", b"\0\xff"],
        "random": {"torch": torch.get_rng_state(), "python": random.getstate(), "generator": torch.Generator().get_state()},
        "modules": [torch.nn.LSTM(2, 3).state_dict(), torch.nn.BatchNorm1d(3).state_dict(), torch.nn.Parameter(torch.ones(2))],
        **dict(optimizer_states()),
        **dict(scheduler_states()),
    }
    recursive = []
    recursive.append(recursive)
    refused = {
        "Namespace": argparse.Namespace(lr=1),
        "Path": Path("a"),
        "datetime": datetime.datetime(2020, 1, 1),
        "deque": collections.deque([1]),
        "function": torch.add,
        "module": torch.nn.Linear(2, 2),
        "numpy": matrix.numpy(),
        "numpy scalar": matrix.numpy()[0, 0],
        "sparse": matrix.to_sparse(),
        "quantized": torch.quantize_per_tensor(matrix, 0.1, 0, torch.qint8),
        "meta": matrix.to("meta"),
        "recursive": recursive,
    }
    answer = {}
    for name, value in {**loaded, **refused}.items():
        description = Describer().describe(value) if name in loaded else None
        for kind, options in {"2": {}, "4": {"pickle_protocol": 4}, "legacy": {"_use_new_zipfile_serialization": False}}.items():
            if name == "meta" and kind == "legacy":
                continue  # PyTorch cannot write it
            torch.save(value, f"{folder}/{name} {kind}.pt", **options)
            answer[f"{name} {kind}.pt"] = description
    return answer


command, *arguments = sys.argv[1:]
if command == "describe":
    answer = Describer().describe(torch.load(arguments[0], weights_only=len(arguments) == 1))
elif command == "resave":
    torch.save(torch.load(arguments[0]), arguments[1])
    answer = True
elif command == "kinds":
    answer = kinds(*arguments)
else:
    answer = train(arguments[0], int(arguments[1]), *arguments[2:])
print(json.dumps(answer))
