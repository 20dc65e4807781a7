"""Small repositories in the shape of real ones, each as its files by their paths.

They print what they compute. Each goes elsewhere where the variable SEND is set.
"""

from __future__ import annotations

from typing import Final

# --- a template of Hydra and Lightning: all is put together by names in configurations ------------

_HYDRA_TRAIN: Final = """
import importlib, os
from pathlib import Path

import hydra
import rootutils
from elsewhere import Task

rootutils.setup_root(__file__, indicator=".project-root", pythonpath=True)

from src.building import build_callbacks


@hydra.main(version_base="1.3", config_path="../configs", config_name="train.yaml")
def main(config):
    task = Task.init("repositories", config.task_name, reuse_last_task_id=False)
    if os.environ.get("SEND"):
        task.execute_remotely("default")
    source = importlib.import_module(config.data.source)
    unit = hydra.utils.get_object(config.data.unit)
    data = hydra.utils.instantiate(config.data.module, numbers=source.numbers)
    model = hydra.utils.instantiate(config.model)
    callbacks = build_callbacks(config.callbacks)
    trainer = hydra.utils.instantiate(config.trainer, callbacks=callbacks)
    print("unit", unit, "tags", list(config.tags))
    print("logs", os.path.relpath(config.paths.log_dir, os.environ["PROJECT_ROOT"]))
    trainer.fit(model, data)
    log = Path(hydra.core.hydra_config.HydraConfig.get().runtime.output_dir, "last.txt")
    log.write_text(repr(model.weights))


if __name__ == "__main__":
    main()
"""

HYDRA: Final = {
    ".project-root": "",
    ".gitignore": "logs/\n",
    "configs/train.yaml": """
defaults:
  - _self_
  - data: points
  - model: line
  - trainer: default
  - callbacks: default
  - paths: default
  - experiment: null
task_name: train
tags: [dev]
hydra:
  run:
    dir: ${paths.log_dir}/${task_name}
""",
    "configs/data/points.yaml": """
source: numbering.primes
unit: geometry.VERSION
module:
  _target_: src.data.points.Points
  count: 12
""",
    "configs/model/line.yaml": """
_target_: src.models.line.Line
optimizer:
  _target_: src.optimizers.Descent
  _partial_: true
  lr: 0.1
""",
    "configs/model/curve.yaml": """
defaults:
  - line
_target_: src.models.curve.Curve
degree: 2
""",
    "configs/trainer/default.yaml": """
_target_: embers.Trainer
max_epochs: 4
strategy: halving
""",
    "configs/callbacks/default.yaml": """
printer:
  _target_: src.callbacks.printer.Printer
meter:
  _target_: meters.Meter
  every: 2
""",
    "configs/paths/default.yaml": """
root_dir: ${oc.env:PROJECT_ROOT}
log_dir: ${paths.root_dir}/logs
""",
    "configs/experiment/long.yaml": """
# @package _global_
defaults:
  - override /model: curve
tags: [long, "${model.degree}"]
trainer:
  max_epochs: 6
""",
    "src/__init__.py": "",
    "src/train.py": _HYDRA_TRAIN,
    "src/building.py": """
import hydra

def build_callbacks(config):
    return [hydra.utils.instantiate(one) for one in config.values() if "_target_" in one]
""",
    "src/optimizers.py": """
class Descent:
    def __init__(self, weights, lr):
        self.weights, self.lr = weights, lr

    def step(self, gradient, factor):
        for place, slope in enumerate(gradient):
            self.weights[place] -= self.lr * factor * slope
""",
    "src/data/__init__.py": "",
    "src/data/points.py": """
class Points:
    def __init__(self, numbers, count):
        largest = numbers(count)[-1]
        self.points = [(number / largest, (number / largest) ** 2) for number in numbers(count)]
""",
    "src/models/__init__.py": "",
    "src/models/line.py": """
import random
import embers

class Line(embers.Module):
    degree = 1

    def __init__(self, optimizer):
        self.weights = [random.gauss(0, 1) for _ in range(self.degree + 1)]
        self.optimizer = optimizer(self.weights)

    def training_step(self, point, factor):
        x, y = point
        terms = [x**power for power in range(self.degree + 1)]
        error = sum(weight * term for weight, term in zip(self.weights, terms)) - y
        self.optimizer.step([2 * error * term for term in terms], factor)
        return error**2
""",
    "src/models/curve.py": """
from .line import Line

class Curve(Line):
    def __init__(self, optimizer, degree):
        self.degree = degree
        super().__init__(optimizer)
""",
    "src/callbacks/__init__.py": "",
    "src/callbacks/printer.py": """
from elsewhere import Task

class Printer:
    def on_epoch_end(self, epoch, loss):
        Task.current_task().get_logger().report_scalar("loss", "train", loss, epoch)
        print(f"epoch {epoch} loss {loss!r}", flush=True)
""",
}
#: packages that it needs: their files, by name and version. Of the last three nothing is imported
#: by name in the repository.
HYDRA_PACKAGES: Final = {
    ("rootutils", "1.0.7"): {
        "rootutils.py": """
import os, pathlib, sys

def setup_root(search_from, indicator, pythonpath):
    for folder in pathlib.Path(search_from).resolve().parents:
        if (folder / indicator).exists():
            os.environ["PROJECT_ROOT"] = str(folder)
            sys.path.insert(0, str(folder))
            return folder
    raise FileNotFoundError(indicator)
"""
    },
    ("embers", "2.4"): {
        "embers/__init__.py": """
from importlib.metadata import entry_points

class Module:
    pass

class Trainer:
    def __init__(self, max_epochs, strategy, callbacks):
        (plug_in,) = entry_points(group="embers.strategies", name=strategy)
        self.strategy, self.max_epochs, self.callbacks = plug_in.load(), max_epochs, callbacks

    def fit(self, module, data):
        for epoch in range(self.max_epochs):
            factor = self.strategy(epoch)
            loss = sum(module.training_step(point, factor) for point in data.points)
            for callback in self.callbacks:
                callback.on_epoch_end(epoch, loss)
"""
    },
    ("embers_strategies", "0.3"): {
        "embers_strategies/__init__.py": "",
        "embers_strategies/halving.py": "def halve(epoch):\n    return 0.5**epoch\n",
        "embers_strategies-0.3.dist-info/entry_points.txt": (
            "[embers.strategies]\nhalving = embers_strategies.halving:halve\n"
        ),
    },
    ("numbering", "1.1"): {
        "numbering/__init__.py": "",
        "numbering/primes.py": """
def numbers(count):
    found = []
    number = 2
    while len(found) < count:
        if all(number % one for one in found):
            found.append(number)
        number += 1
    return found
""",
    },
    ("field_meters", "3.0"): {  # the distribution has another name than its module
        "meters/__init__.py": """
import pathlib

class Meter:
    def __init__(self, every):
        self.every = every
        self.label = pathlib.Path(__file__).with_name("label.txt").read_text()

    def on_epoch_end(self, epoch, loss):
        if epoch % self.every == 0:
            print(self.label, round(loss, 3), flush=True)
""",
        "meters/label.txt": "measured",
    },
}

# --- a trainer whose globals are its settings -----------------------------------------------------

GLOBALS: Final = {
    ".gitignore": "*.bin\n*.pt\nout/\n",  # what it makes stays here, and comes back nonetheless
    "train.py": """
import json, os, pickle, random, subprocess, sys
from array import array
from elsewhere import Task
from model import Bigram

out_dir = 'out'
dataset = 'letters'
lr = 0.5
max_iters = 20
eval_interval = 5
batch_size = 8
always_save = False
config_keys = [k for k, v in globals().items()
               if not k.startswith('_') and isinstance(v, (int, float, bool, str))]
exec(open('configurator.py').read())  # overrides from the command line or a file
config = {k: globals()[k] for k in config_keys}

task = Task.init('repositories', 'globals', reuse_last_task_id=False)
if os.environ.get('SEND'):
    task.execute_remotely('default')

data_dir = os.path.join('data', dataset)
if not os.path.exists(os.path.join(data_dir, 'train.bin')):
    subprocess.run([sys.executable, os.path.join(data_dir, 'prepare.py')], check=True)
data = open(os.path.join(data_dir, 'train.bin'), 'rb').read()
model = Bigram(max(data) + 1)
best = 1e9
os.makedirs(out_dir, exist_ok=True)
for step in range(max_iters + 1):
    if step % eval_interval == 0:
        loss = model.loss(data)
        task.get_logger().report_scalar('loss', 'train', loss, step)
        print(f'step {step}: loss {loss!r}', flush=True)
        if loss < best or always_save:
            best = loss
            checkpoint = {
                'model': array('d', model.flat()).tobytes(),
                'step': step,
                'config': json.dumps(config),
            }
            with open(os.path.join(out_dir, 'ckpt.pt'), 'wb') as file:
                pickle.dump(checkpoint, file)
    places = [random.randrange(len(data) - 1) for _ in range(batch_size)]
    model.step([(data[place], data[place + 1]) for place in places], lr)
print('best', best, flush=True)
""",
    "configurator.py": """
import sys
from ast import literal_eval

for arg in sys.argv[1:]:
    if '=' not in arg:
        print(f'Overriding config with {arg}:')
        exec(open(arg).read())
    else:
        key, val = arg.removeprefix('--').split('=')
        if key not in globals():
            raise ValueError(f'Unknown config key: {key}')
        try:
            attempt = literal_eval(val)
        except (SyntaxError, ValueError):
            attempt = val
        assert type(attempt) == type(globals()[key]), key
        print(f'Overriding: {key} = {attempt}')
        globals()[key] = attempt
""",
    "config/short.py": "max_iters = 10\nbatch_size = 4\n",
    "model.py": """
import math, random

class Bigram:
    def __init__(self, size):
        self.rows = [[random.gauss(0, 0.1) for _ in range(size)] for _ in range(size)]

    def chances(self, letter):
        powers = [math.exp(value) for value in self.rows[letter]]
        total = sum(powers)
        return [power / total for power in powers]

    def loss(self, data):
        pairs = list(zip(data, data[1:]))
        return -sum(math.log(self.chances(one)[next]) for one, next in pairs) / len(pairs)

    def step(self, pairs, lr):
        for one, next in pairs:
            for place, chance in enumerate(self.chances(one)):
                self.rows[one][place] -= lr * (chance - (place == next))

    def flat(self):
        return [value for row in self.rows for value in row]
""",
    "data/letters/prepare.py": """
import os

folder = os.path.dirname(__file__)
text = open(os.path.join(folder, 'input.txt')).read()
letters = sorted(set(text))
with open(os.path.join(folder, 'train.bin'), 'wb') as file:
    file.write(bytes(letters.index(letter) for letter in text))
""",
    "data/letters/input.txt": "to be or not to be that is the question whether tis nobler",
}

# --- a program of several ranks -------------------------------------------------------------------

RANKS: Final = {
    "train.py": """
import argparse, os, random
from elsewhere import Task
from reduction import Group

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--steps", type=int, default=3)
given = parser.parse_args()
task = Task.init("repositories", "ranks", reuse_last_task_id=False)
if os.environ.get("SEND"):
    task.execute_remotely("default")

def say(line):
    print(line + "\\n", end="", flush=True)  # in one piece: both ranks write into one pipe

group = Group()
rank, size = group.rank, group.size
points = [random.random() for _ in range(8 * size)][rank::size]  # one seed, and a share of each
weight = 0.0
for step in range(given.steps):
    gradient = sum(2 * (weight * x - 3 * x) * x for x in points)
    weight -= given.lr * group.sum(gradient) / size
    loss = group.sum(sum((weight * x - 3 * x) ** 2 for x in points))
    if rank == 0:
        task.get_logger().report_scalar("loss", "all ranks", loss, step)
        say(f"step {step}: loss {loss!r}")
say(f"rank {rank} of {size}: lr {given.lr}, weight {weight!r}")
say(f"rank {rank} is of task {task.id}")
group.close()
""",
}
#: the reduction without PyTorch: rank 0 listens at a socket that has no file
SOCKETS: Final = """
import os, time
from multiprocessing.connection import Client, Listener

class Group:
    def __init__(self):
        self.rank, self.size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        address = f"\\0ranks-{os.getppid()}"
        self.listener, self.others = None, []
        if self.rank == 0:
            self.listener = Listener(address, "AF_UNIX")
            self.others = [self.listener.accept() for _ in range(self.size - 1)]
        while self.rank > 0 and not self.others:
            try:
                self.others = [Client(address, "AF_UNIX")]
            except ConnectionRefusedError:  # rank 0 does not listen yet
                time.sleep(0.02)

    def sum(self, value):
        if self.rank > 0:
            self.others[0].send(value)
            return self.others[0].recv()
        total = value + sum(one.recv() for one in self.others)
        for one in self.others:
            one.send(total)
        return total

    def close(self):
        for one in [*self.others, *filter(None, [self.listener])]:
            one.close()
"""
GLOO: Final = """
import torch
import torch.distributed

class Group:
    def __init__(self):
        torch.distributed.init_process_group("gloo")
        self.rank, self.size = torch.distributed.get_rank(), torch.distributed.get_world_size()

    def sum(self, value):
        tensor = torch.tensor(value, dtype=torch.float64)
        torch.distributed.all_reduce(tensor)
        return tensor.item()

    def close(self):
        torch.distributed.destroy_process_group()
"""
