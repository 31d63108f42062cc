"""PyTorch's side of the tests of files: files.py COMMAND ARGUMENTS…, one line of JSON as the answer.

describe FILE       what the file holds, as conformance/src/describe.ts writes it; loaded with weights_only=True unless FULL is given
resave IN OUT       loads a file and saves it again
train FILE N [FROM] N steps of a training, from the start or from the state in FROM; saves the state, gives the losses
"""
import json
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


command, *arguments = sys.argv[1:]
if command == "describe":
    answer = Describer().describe(torch.load(arguments[0], weights_only=len(arguments) == 1))
elif command == "resave":
    torch.save(torch.load(arguments[0]), arguments[1])
    answer = True
else:
    answer = train(arguments[0], int(arguments[1]), *arguments[2:])
print(json.dumps(answer))
