"""The smallest task: `python hello.py` here, `hello` on the machine of an agent."""

from elsewhere import Task

task = Task.init(project_name="examples", task_name="hello")
task.execute_remotely("default")

print("hello")
