"""A function task: one function of this script runs elsewhere, with arguments of its own.

`python evaluate.py --training ID` takes the weights that a task of train.py has kept.
"""

import argparse
import random

from polynomial import mean_squared_error
from tabulate import tabulate

from elsewhere import Task

parser = argparse.ArgumentParser()
parser.add_argument("--training", required=True, metavar="ID", help="a task of train.py")
options = parser.parse_args()


def evaluate(training, samples):
    weights = Task.get_task(training).artifacts["weights"].get()
    numbers = [random.uniform(-1, 1) for _ in range(samples)]
    points = [(x, 0.5 - x + 2 * x**3) for x in numbers]
    error = mean_squared_error(weights["coefficients"], points)
    print(tabulate([["fresh points", samples], ["mean squared error", error]]))
    task = Task.current_task()
    task.get_logger().report_scalar("error", "fresh points", error, iteration=samples)
    task.set_progress(100)


task = Task.init(project_name="examples", task_name="evaluate")
draft = task.create_function_task(evaluate, training=options.training, samples=1000)
Task.enqueue(draft, "default")
print(f"task {draft.id} will call evaluate(training, samples=1000)")
