"""The workloads of bench/src/workloads in real PyTorch, under the same names.

usage: python3 bench/torch/bench.py [names...]      prints one JSON line each: {"name", "ms" (median), "min"}
"""
import json
import os
import sys

# a pinned OpenBLAS core type halves PyTorch's speed: start again without it
PINNED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
if any(name in os.environ for name in PINNED):
    for name in PINNED:
        os.environ.pop(name, None)
    os.execv(sys.executable, [sys.executable] + sys.argv)

import time

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
torch.set_num_threads(len(os.sched_getaffinity(0)))
WORKLOADS = {}


def workload(setup):
    WORKLOADS[setup.__name__] = setup
    return setup


def median_and_min(run, seconds=1.0):
    run()
    run()
    samples = []
    start = time.perf_counter()
    while time.perf_counter() - start < seconds or len(samples) < 5:
        t = time.perf_counter()
        run()
        samples.append(time.perf_counter() - t)
    samples.sort()
    return samples[len(samples) // 2] * 1e3, samples[0] * 1e3


def product(a, b):
    return lambda: a @ b


def train(model, loss, optimizer, x, y):
    def step():
        optimizer.zero_grad()
        value = loss(model(x), y)
        value.backward()
        optimizer.step()

    return step


@workload
def matmul_1024():
    return product(torch.randn(1024, 1024), torch.randn(1024, 1024))


@workload
def matmul_2048():
    return product(torch.randn(2048, 2048), torch.randn(2048, 2048))


@workload
def bmm_attention_96x256x64():
    return product(torch.randn(96, 256, 64), torch.randn(96, 64, 256))


@workload
def add_10():
    a, b = torch.randn(10), torch.randn(10)

    def run():
        for _ in range(1000):
            a + b

    return run


@workload
def add_16M():
    a, b = torch.randn(2**24), torch.randn(2**24)
    return lambda: a + b


@workload
def gelu_chain_4M():
    x, y, z = (torch.randn(2**22) for _ in range(3))
    return lambda: F.gelu(x + y) * z


@workload
def softmax_4096x1024():
    x = torch.randn(4096, 1024)
    return lambda: F.softmax(x, -1)


@workload
def layernorm_4096x1024():
    x, weight, bias = torch.randn(4096, 1024), torch.randn(1024), torch.randn(1024)
    return lambda: F.layer_norm(x, (1024,), weight, bias)


@workload
def sum_dim0_4096x1024():
    x = torch.randn(4096, 1024)
    return lambda: x.sum(0)


@workload
def transpose_copy_2048():
    x = torch.randn(2048, 2048)
    return lambda: x.t().contiguous()


@workload
def sort_1M():
    x = torch.randn(2**20)
    return lambda: torch.sort(x)


@workload
def conv3x3_16x64x56():
    x, weight = torch.randn(16, 64, 56, 56), torch.randn(64, 64, 3, 3)
    return lambda: F.conv2d(x, weight, padding=1)


@workload
def conv3x3_16x64x56_fwd_bwd():
    x, weight = torch.randn(16, 64, 56, 56, requires_grad=True), torch.randn(64, 64, 3, 3, requires_grad=True)
    gradient = torch.randn(16, 64, 56, 56)
    return lambda: torch.autograd.grad(F.conv2d(x, weight, padding=1), (x, weight), gradient)


@workload
def train_mlp_b64():
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    return train(model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters()), torch.randn(64, 784), torch.randint(0, 10, (64,)))


@workload
def train_tiny_mlp_b16():
    model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 2))
    return train(model, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9), torch.randn(16, 8), torch.randn(16, 2))


@workload
def train_cnn_mnist_b64():
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
    )
    return train(model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters()), torch.randn(64, 1, 28, 28), torch.randint(0, 10, (64,)))


class BasicBlock(nn.Module):
    def __init__(self, in_planes, planes, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = None
        if stride != 1 or in_planes != planes:
            self.downsample = nn.Sequential(nn.Conv2d(in_planes, planes, 1, stride=stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + identity)


class ResNet18(nn.Module):
    def __init__(self, num_classes=1000):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layers = nn.Sequential(*[
            BasicBlock(i, o, s) for i, o, s in
            ((64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1))
        ])
        self.fc = nn.Linear(512, num_classes)

    def forward(self, x):
        h = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, stride=2, padding=1)
        return self.fc(F.adaptive_avg_pool2d(self.layers(h), 1).flatten(1))


@workload
def train_resnet18_cifar_b16():
    model = ResNet18(10)
    return train(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9), torch.randn(16, 3, 32, 32), torch.randint(0, 10, (16,)))


@workload
def train_resnet18_64_b8():
    model = ResNet18()
    return train(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9), torch.randn(8, 3, 64, 64), torch.randint(0, 1000, (8,)))


def infer(model, x):
    model.eval()

    def run():
        with torch.no_grad():
            model(x)

    return run


@workload
def infer_resnet18_224_b1():
    return infer(ResNet18(), torch.randn(1, 3, 224, 224))


@workload
def infer_resnet18_64_b8():
    return infer(ResNet18(), torch.randn(8, 3, 64, 64))


@workload
def infer_mobilenet_v2_224_b1():
    from torchvision.models import mobilenet_v2

    return infer(mobilenet_v2(), torch.randn(1, 3, 224, 224))


@workload
def infer_squeezenet_224_b1():
    from torchvision.models import squeezenet1_1

    return infer(squeezenet1_1(), torch.randn(1, 3, 224, 224))


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(64, 128, batch_first=True)
        self.fc = nn.Linear(128, 10)

    def forward(self, x):
        return self.fc(self.lstm(x)[0][:, -1])


@workload
def train_lstm_b32_t50_h128():
    model = Classifier()
    return train(model, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters()), torch.randn(32, 50, 64), torch.randint(0, 10, (32,)))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln1, self.qkv, self.o = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.ln2, self.up, self.dn = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (z.view(b, t, self.heads, d // self.heads).transpose(1, 2) for z in self.qkv(self.ln1(x)).split(d, 2))
        future = torch.ones(t, t, dtype=torch.bool).tril().logical_not()
        attention = ((q @ k.transpose(-2, -1)) * (d // self.heads) ** -0.5).masked_fill(future, float("-inf")).softmax(-1)
        y = x + self.o((attention @ v).transpose(1, 2).reshape(b, t, d))
        return y + self.dn(F.gelu(self.up(self.ln2(y))))


class GPT(nn.Module):
    def __init__(self, vocabulary=65, width=192, heads=6, layers=4, context=128):
        super().__init__()
        self.te, self.pe = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.b = nn.Sequential(*[Block(width, heads) for _ in range(layers)])
        self.ln, self.hd = nn.LayerNorm(width), nn.Linear(width, vocabulary)

    def forward(self, ids):
        return self.hd(self.ln(self.b(self.te(ids) + self.pe(torch.arange(ids.shape[1])))))


@workload
def train_gpt_4x192_b8_t128():
    model = GPT()
    loss = lambda output, target: F.cross_entropy(output.flatten(0, 1), target.flatten())
    return train(model, loss, torch.optim.AdamW(model.parameters()), torch.randint(0, 65, (8, 128)), torch.randint(0, 65, (8, 128)))


@workload
def deep_graph_100k():
    def run():
        x = torch.ones(1, requires_grad=True)
        y = x
        for _ in range(100_000):
            y = y + 1
        y.backward()

    return run


for name in sys.argv[1:] or WORKLOADS:
    if name in WORKLOADS:
        median, minimum = median_and_min(WORKLOADS[name]())
        print(json.dumps({"name": name, "ms": round(median, 4), "min": round(minimum, 4)}), flush=True)
