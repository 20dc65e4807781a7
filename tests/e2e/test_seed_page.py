"""What a script is as a task, as the page that describes `Task` says it.

    section of the page                 test
    Task Creation                       test_init_makes_the_script_a_task
                                        test_one_process_is_one_task_after_the_other
    Automatic Logging                   test_what_is_logged_by_itself_is_chosen_by_name
    Task Reuse                          test_a_task_is_used_again_unless_something_came_of_it
    Continuing Task Execution           test_a_task_goes_on_with_the_iteration_behind_its_last
    Empty Task Creation                 test_a_task_is_made_without_running_its_code
    Tracking Task Progress              test_progress_is_read_back_and_stays_with_what_failed
    Cloning & Executing Tasks           test_a_clone_is_a_draft_with_the_names_that_are_given
    Setting Random Seed                 test_a_seed_is_set_before_the_task_is

The rest of the page is in test_seed_page_finding.py (accessing and searching), _results.py
(artifacts, models), _parameters.py (configuration), _offline.py, and _elsewhere.py (on an agent).
"""

from __future__ import annotations

import random

import pytest

from elsewhere.core.choices import Status
from elsewhere.store.redis.store import RedisStore
from tests.e2e.world import Repository
from tests.sdk.scripts import Scripts

_INIT = """
    import argparse, yaml
    sys.argv += ["--epochs", "5"]
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.parse_args()
    task = Task.init(
        project_name='example',    # project name of at least 3 characters
        task_name='task template', # task name of at least 3 characters
        task_type=None,
        tags=None,
        reuse_last_task_id=True,
        continue_last_task=False,
        output_uri=None,
        auto_connect_arg_parser=True,
        auto_connect_frameworks=True,
        auto_resource_monitoring=True,
        auto_connect_streams=True,
    )
    assert Task.current_task() is task
    print("a line of output")
    print(json.dumps({"id": task.id}))
"""


def test_init_makes_the_script_a_task(scripts: Scripts, store: RedisStore) -> None:
    repository = Repository(scripts.folder)
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.commit({"train.py": "", "helper.py": "A = 1\n"})
    task_id = scripts.run(_INIT).said["id"]

    record = store.read(task_id)
    assert (record.project, record.name, record.type) == ("example", "task template", "training")
    assert record.source.commit == repository.git("rev-parse", "HEAD").strip()
    assert (record.source.branch, record.source.entry_point) == ("main", "train.py")
    assert record.source.patch, "what was not committed goes along"
    assert [line.partition("==")[0] for line in record.environment.packages or ()] == ["pyyaml"]
    assert {name: one.value for name, one in record.parameters.items()} == {
        "Args/epochs": 5,
        "Args/lr": 0.1,
    }
    assert store.state(task_id).status is Status.COMPLETED
    assert b"a line of output\n" in store.output(task_id).data
    assert any(one.title.startswith(":monitor:") for one in store.series(task_id))


def test_one_process_is_one_task_after_the_other(scripts: Scripts, store: RedisStore) -> None:
    """Outside git the contents of the script are kept."""
    ran = scripts.run("""
        refused = []
        for project, name in (("ab", "test"), ("examples", "ab")):
            try:
                Task.init(project_name=project, task_name=name)
            except ValueError as error:
                refused.append(str(error))
        first = Task.init(project_name='main_project/sub_project', task_name='test')
        first.close()
        none = Task.current_task()
        project = 'main_project/sub_project/sub_sub_project'
        second = Task.init(project_name=project, task_name='test')
        print(json.dumps({"ids": [first.id, second.id], "none": none, "refused": refused,
                          "projects": sorted(one.name for one in Task.get_projects())}))
    """)
    printed = ran.said
    first, second = printed["ids"]
    assert first != second
    assert printed["none"] is None
    assert len(printed["refused"]) == 2
    assert all("has 2 characters, and 3 to" in one for one in printed["refused"])
    nested = "main_project/sub_project"
    assert [store.read(one).project for one in (first, second)] == [
        nested,
        f"{nested}/sub_sub_project",
    ]
    assert {nested, f"{nested}/sub_sub_project"} <= set(printed["projects"])
    source = store.read(second).source
    assert (source.repository, source.commit, source.missing) == ("", "", "")
    assert source.patch


def test_what_is_logged_by_itself_is_chosen_by_name(scripts: Scripts, store: RedisStore) -> None:
    ran = scripts.run("""
        from absl import flags
        flags.DEFINE_integer("rate", 3, "a flag")
        flags.FLAGS(["train.py", "--rate=4"])
        ids = []
        for name, auto_connect_frameworks in (
            ("all", True),
            ("a table", {
                'matplotlib': True, 'tensorflow': False, 'tensorboard': False, 'pytorch': True,
                'xgboost': False, 'scikit': True, 'fastai': True, 'lightgbm': False,
                'hydra': True, 'detect_repository': True, 'tfdefines': True, 'joblib': True,
                'megengine': True, 'jsonargparse': True, 'catboost': True
            }),
            ("wildcards", {'pytorch' : '*.pt'}),
            ("options", {'tensorboard': {'report_hparams': False}}),
            ("one off", {'tfdefines': False}),
            ("none", False),
        ):
            task = Task.init(
                'examples', name, auto_connect_frameworks=auto_connect_frameworks
            )
            ids.append(task.id)
            task.close()
        try:
            Task.init('examples', 'unknown', auto_connect_frameworks={'pytorhc': True})
        except ValueError as error:
            print(json.dumps({"ids": ids, "refused": str(error)}))
    """)
    printed = ran.said
    ids: list[str] = printed["ids"]
    flags = [{n: p.value for n, p in store.read(one).parameters.items()} for one in ids]
    assert flags == [{"TF_DEFINE/rate": 4}] * 4 + [{}] * 2
    assert "pytorch" in str(printed["refused"])


def test_a_task_is_used_again_unless_something_came_of_it(
    scripts: Scripts, store: RedisStore
) -> None:
    def again(more: str = "", arguments: str = "", **environment: str) -> str:
        script = f"""
            task = Task.init(project_name="examples", task_name="again"{arguments})
            task.get_logger().report_scalar("loss", "train", 1.0, len(sys.argv))
            {more}
            print(json.dumps({{"id": task.id}}))
        """
        task_id: str = scripts.run(script, **environment).said["id"]
        return task_id

    first = again()
    assert again() == first
    assert len(store.points(first, "loss", "train")) == 1, "it began anew"
    new = again(arguments=", reuse_last_task_id=False")
    assert new != first
    late = again(ELSEWHERE_REUSE_WITHIN_H="0.0000001")
    assert late not in (first, new)
    assert again("task.upload_artifact('kept', {'a': 1})") == late
    assert again() not in (first, new, late)
    assert set(store.artifacts(late)) == {"kept"}


def test_a_task_goes_on_with_the_iteration_behind_its_last(
    scripts: Scripts, store: RedisStore
) -> None:
    def report(iteration: int, arguments: str = "", more: str = "") -> str:
        script = f"""
            task = Task.init(project_name="examples", task_name="continued"{arguments})
            task.get_logger().report_scalar("train", "loss", 0.5, {iteration})
            print("reported {iteration}{arguments.replace('"', "'")}")
            {more}
            print(json.dumps({{"id": task.id}}))
        """
        task_id: str = scripts.run(script).said["id"]
        return task_id

    task_id = report(100, more="task.upload_artifact('data', {'a': 1})")
    assert report(0, ", continue_last_task=True") == task_id
    assert report(0, f', continue_last_task="{task_id}"') == task_id
    assert report(5, ", continue_last_task=500") == task_id
    assert report(7, f', continue_last_task=0, reuse_last_task_id="{task_id}"') == task_id
    iterations = [iteration for iteration, _, _ in store.points(task_id, "train", "loss")]
    assert sorted(iterations) == [7, 100, 101, 102, 505]
    assert set(store.artifacts(task_id)) == {"data"}
    outputs = [store.output(task_id, attempt=number).data for number in range(1, 6)]
    assert [b"reported " in output for output in outputs] == [True] * 5
    assert report(0, ", continue_last_task=False") != task_id, "it has an artifact"


def test_a_task_is_made_without_running_its_code(scripts: Scripts, store: RedisStore) -> None:
    ran = scripts.run("""
        task = Task.create(
            project_name='example',
            task_name='task template',
            repo='https://example.org/examples.git',
            branch='master',
            script='examples/reporting/html_reporting.py',
            working_directory='.',
            docker=None,
        )
        print(json.dumps({"id": task.id, "current": Task.current_task()}))
    """)
    printed = ran.said
    task_id = str(printed["id"])
    assert printed["current"] is None
    assert store.state(task_id).status is Status.CREATED
    record = store.read(task_id)
    source = record.source
    assert (record.project, record.name) == ("example", "task template")
    assert (source.repository, source.branch) == ("https://example.org/examples.git", "master")
    assert (source.working_dir, source.entry_point) == (
        ".",
        "examples/reporting/html_reporting.py",
    )
    assert record.environment.image == ""


def test_progress_is_read_back_and_stays_with_what_failed(
    scripts: Scripts, store: RedisStore
) -> None:
    script = """
        task = Task.init(project_name="examples", task_name="Track experiment progress")
        task.set_progress(0)
        # task doing stuff
        task.set_progress(50)
        print(task.get_progress())
        Path("id").write_text(task.id)
        {more}
        task.set_progress(100)
    """
    ran = scripts.run(script.format(more="# task doing more stuff"))
    assert (ran.status, [float(line) for line in ran.lines]) == (0, [50.0]), ran.errors
    task_id = (scripts.folder / "id").read_text()
    assert (store.state(task_id).progress, store.state(task_id).status) == (100.0, "completed")
    failed = scripts.run(script.format(more="raise RuntimeError('too bad')"))
    assert failed.status == 1
    task_id = (scripts.folder / "id").read_text()
    assert (store.state(task_id).progress, store.state(task_id).status) == (50.0, "failed")


def test_a_clone_is_a_draft_with_the_names_that_are_given(
    scripts: Scripts, store: RedisStore
) -> None:
    ran = scripts.run("""
        task = Task.init(project_name='examples', task_name='original task',)
        task.connect({"rate": 0.5})
        cloned = Task.clone(
            source_task=task,  # type: Optional[Union[Task, str]]
            # override default name
            name='newly created task',  # type: Optional[str]
            comment=None,  # type: Optional[str]
            # insert cloned task into a different project
            project=None,  # type: Optional[str]
        )
        plain = Task.clone(task.id)
        other = Task.clone(task, comment="a copy", project="others/copies")
        cloned.set_parameter("rate", 0.25)
        Task.enqueue(
            task=cloned,  # type: Union[Task, str]
            queue_name='default',  # type: Optional[str]
            queue_id=None  # type: Optional[str]
        )
        try:
            cloned.set_parameter("rate", 1.5)
        except Exception as error:
            print(type(error).__name__)
        print(json.dumps({"task": task.id, "clones": [one.id for one in (cloned, plain, other)]}))
    """)
    printed = ran.said
    assert ran.lines[0] == "TransitionError"
    cloned, plain, other = (store.read(one) for one in printed["clones"])
    assert [one.name for one in (cloned, plain, other)] == [
        "newly created task",
        "Clone Of original task",
        "Clone Of original task",
    ]
    assert [one.project for one in (cloned, plain, other)] == [
        *("examples", "examples", "others/copies")
    ]
    assert other.comment == "a copy"
    assert {one.parent for one in (cloned, plain, other)} == {printed["task"]}
    assert [one.parameters["General/rate"].value for one in (cloned, plain)] == [0.25, 0.5]
    assert store.state(cloned.id).status is Status.QUEUED
    assert store.state(plain.id).status is Status.CREATED


@pytest.mark.parametrize(
    ("before", "seed"),
    [("", 1337), ("Task.set_random_seed(42)", 42), ("Task.set_random_seed(None)", None)],
)
def test_a_seed_is_set_before_the_task_is(
    scripts: Scripts, store: RedisStore, before: str, seed: int | None
) -> None:
    ran = scripts.run(f"""
        {before}
        random.seed(7)
        task = Task.init("examples", "seeded")
        print(json.dumps({{"id": task.id, "drawn": random.random()}}))
    """)
    printed = ran.said
    assert store.read(str(printed["id"])).seed == seed
    assert printed["drawn"] == random.Random(7 if seed is None else seed).random()
