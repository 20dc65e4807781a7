"""Fits a polynomial to the points in points.bin, by stochastic gradient descent.

`python train.py` sends it to the queue `default`, and an agent runs it.
"""

import argparse
import hashlib
import random
import struct
import time
from pathlib import Path

from polynomial import improved, mean_squared_error, written
from schedule import learning_rate
from settings import DEGREE
from tabulate import tabulate

from elsewhere import Task

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=30)
parser.add_argument("--lr", type=float, default=0.05, help="the learning rate of the first epoch")
options = parser.parse_args()

task = Task.init(project_name="examples", task_name="train")
task.execute_remotely("default")  # the script ends here; on an agent it runs on

config = task.connect({"batch": 10, "decay": 0.97})
logger = task.get_logger()

data = Path(__file__).with_name("points.bin").read_bytes()
points = list(struct.iter_unpack("<dd", data))
print(f"data: {len(points)} points, sha256 {hashlib.sha256(data).hexdigest()[:16]}")
print(f"random numbers: {random.random():.9f} {random.random():.9f}")
print(f"degree {DEGREE}, lr {options.lr}, batch {config['batch']}")

coefficients = [random.gauss(0, 1) for _ in range(DEGREE + 1)]
loss = mean_squared_error(coefficients, points)
for epoch in range(1, options.epochs + 1):
    rate = learning_rate(options.lr, config["decay"], epoch)
    random.shuffle(points)
    for start in range(0, len(points), config["batch"]):
        coefficients = improved(coefficients, points[start : start + config["batch"]], rate)
    loss = mean_squared_error(coefficients, points)
    logger.report_scalar("loss", "train", loss, iteration=epoch)
    task.set_progress(100 * epoch / options.epochs)
    bar = "#" * (20 * epoch // options.epochs)
    print(f"\repoch {epoch}/{options.epochs} [{bar:20}] loss {loss:.5f}", end="", flush=True)
    time.sleep(0.05)  # so that there is something to watch
print()

print(f"y = {written(coefficients)}")
print(tabulate(list(enumerate(coefficients)), headers=["power", "coefficient"]))
task.upload_artifact("weights", {"coefficients": coefficients, "loss": loss})
