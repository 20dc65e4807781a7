"""What a task leaves, as the page that describes `Task` says it: artifacts and models.

section of the page                 test
Logging Artifacts                   test_artifacts_are_what_they_were_to_another_program
Using Artifacts                     test_artifacts_are_what_they_were_to_another_program
Logging Models Manually             test_a_model_stays_where_it_is_saved
Updating Models Manually            test_an_updated_model_is_uploaded_with_what_is_said_of_it
Using Models                        test_an_updated_model_is_uploaded_with_what_is_said_of_it
                                    test_a_loaded_snapshot_points_to_the_task_that_made_it
Setting Upload Destination          test_all_models_of_a_task_go_to_its_destination
                                    test_a_destination_for_all_tasks_is_a_setting
"""

from __future__ import annotations

from pathlib import Path

from tests.sdk.scripts import Scripts

_OBJECTS = """
import numpy as np
import pandas as pd
from PIL import Image

person_dict = {'name': 'Erik', 'age': 30}
frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": ["x", "y"]})
array = np.arange(6, dtype="int64").reshape(2, 3)
image = Image.new("RGB", (4, 3), (255, 0, 0))

#: object, and the formats that the page lists, the default first
FORMATS = {
    "dict": (person_dict, [None, "json", ".yaml"]),
    "frame": (frame, [None, ".csv.gz", ".parquet", "feather", ".pickle"]),
    "array": (array, [None, ".npz", ".csv.gz"]),
    "image": (image, [None, ".png", ".bmp", ".jpg", ".gif", ".webp"]),
}
"""


def test_artifacts_are_what_they_were_to_another_program(scripts: Scripts) -> None:
    folder = scripts.folder
    (folder / "objects.py").write_text(_OBJECTS)
    (folder / "preprocess_data.csv").write_text("a,b\n1,2\n")
    (folder / "folder" / "inner").mkdir(parents=True)
    (folder / "folder" / "one.txt").write_text("one")
    (folder / "folder" / "inner" / "two.bin").write_bytes(b"\x00\xff")
    task_id = scripts.run("""
        from objects import FORMATS
        task = Task.init(project_name='examples', task_name='artifacts')
        task.upload_artifact(name='data', artifact_object='preprocess_data.csv')
        task.upload_artifact(name='folder', artifact_object='folder')
        person_dict = {'name': 'Erik', 'age': 30}

        # upload as JSON artifact
        task.upload_artifact(name='person dictionary json', artifact_object=person_dict)

        # upload as YAML artifact
        task.upload_artifact(
            name='person dictionary yaml',
            artifact_object=person_dict,
            extension_name="yaml"
        )
        for name, (thing, formats) in FORMATS.items():
            for number, extension in enumerate(formats):
                task.upload_artifact(f"{name} {number}", thing, extension_name=extension)
        print(json.dumps(task.id))
    """).said
    (folder / "preprocess_data.csv").unlink()
    found = scripts.run(
        f"""
        import numpy as np
        from objects import FORMATS, array, frame, image
        # get instance of task that created artifact, using task ID
        preprocess_task = Task.get_task(task_id='{task_id}')
        # access artifact
        local_csv = preprocess_task.artifacts['data'].get_local_copy()
        artifacts = preprocess_task.artifacts
        wrong, suffixes = [], {{}}
        for name, (thing, formats) in FORMATS.items():
            suffixes[name] = []
            for number in range(len(formats)):
                artifact = artifacts[f"{{name}} {{number}}"]
                suffixes[name].append("".join(Path(artifact.get_local_copy()).suffixes))
                got = artifact.get()
                if name == "frame":
                    is_same = got.equals(frame)
                elif name == "array":
                    is_same = got.tolist() == array.tolist()
                elif name == "image":
                    apart = np.asarray(got.convert("RGB"), int) - np.asarray(image, int)
                    is_same = got.size == (4, 3) and abs(apart).max() < 4
                else:
                    is_same = got == thing
                if not is_same:
                    wrong.append((artifact.name, repr(got)))
        copy = Path(artifacts['folder'].get_local_copy())
        print(json.dumps({{
            "wrong": wrong,
            "suffixes": suffixes,
            "csv": Path(local_csv).read_text(),
            "again": str(preprocess_task.artifacts['data'].get_local_copy()) == str(local_csv),
            "file": Path(artifacts['data'].get()).read_text(),
            "json": artifacts['person dictionary json'].get(),
            "yaml": artifacts['person dictionary yaml'].get(),
            "yaml text": Path(artifacts['person dictionary yaml'].get_local_copy()).read_text(),
            "zip": artifacts['folder'].url.rpartition(".")[2],
            "files": sorted(str(one.relative_to(copy)) for one in copy.rglob("*")),
            "two": (copy / "inner" / "two.bin").read_bytes().hex(),
        }}))
    """,
        name="using.py",
    ).said
    person = {"name": "Erik", "age": 30}
    assert found["wrong"] == []
    assert found["suffixes"] == {
        "dict": [".json", ".json", ".yaml"],
        "frame": [".csv.gz", ".csv.gz", ".parquet", ".feather", ".pickle"],
        "array": [".npz", ".npz", ".csv.gz"],
        "image": [".png", ".png", ".bmp", ".jpg", ".gif", ".webp"],
    }
    assert found["csv"] == found["file"] == "a,b\n1,2\n"
    assert found["again"], "it is kept for later use"
    assert found["json"] == found["yaml"] == person
    assert "name: Erik" in found["yaml text"]
    assert found["zip"] == "zip"
    assert found["files"] == ["inner", "inner/two.bin", "one.txt"]
    assert found["two"] == "00ff"


def test_a_model_stays_where_it_is_saved(scripts: Scripts) -> None:
    made = scripts.run("""
        from elsewhere import OutputModel, Task

        # Instantiate a Task
        task = Task.init(project_name="myProject", task_name="myTask")

        # Instantiate an OutputModel with a task object argument
        output_model = OutputModel(task=task, framework="PyTorch")
        Path("weights.pt").write_bytes(b"weights")
        output_model.update_weights("weights.pt")
        print(json.dumps({"task": task.id, "model": output_model.id}))
    """).said
    found = scripts.run(
        f"""
        task = Task.get_task(task_id='{made["task"]}')
        (model,) = task.models['output']
        print(json.dumps({{
            "id": model.id, "task": model.task, "framework": model.framework,
            "url": model.url, "copy": Path(model.get_local_copy()).read_bytes().decode(),
        }}))
    """,
        name="using.py",
    ).said
    assert (found["id"], found["task"]) == (made["model"], made["task"])
    assert found["framework"] == "PyTorch"
    assert found["url"] == (scripts.folder / "weights.pt").as_uri()
    assert found["copy"] == "weights"


_TRAINING = """
    task = Task.init(project_name='examples', task_name='training')
    for iteration in range(2):
        path = Path(f'snapshot-{iteration}.pt')
        path.write_bytes(b'weights %d' % iteration)
        task.update_output_model(
            model_path=str(path), model_name=f'model {iteration}', comment='well trained',
            iteration=iteration, tags=['best'],
        )
    Path('in a folder').mkdir()
    Path('in a folder', 'part.bin').write_bytes(b'a part')
    task.update_output_model(model_path='in a folder')
    Path('plain.pt').write_bytes(b'last weights')
    task.update_output_model(model_path='plain.pt')
    print(json.dumps(task.id))
"""


def test_an_updated_model_is_uploaded_with_what_is_said_of_it(scripts: Scripts) -> None:
    task_id = scripts.run(_TRAINING).said
    for path in scripts.folder.glob("*.pt"):
        path.unlink()
    found = scripts.run(
        f"""
        prev_task = Task.get_task(task_id='{task_id}')
        last_snapshot = prev_task.models['output'][-1]
        local_weights_path = last_snapshot.get_local_copy()
        first = prev_task.models['output'][0]
        whole = Path(prev_task.models['output'][-2].get_local_copy())
        print(json.dumps({{
            "last": Path(local_weights_path).read_text(),
            "last name": last_snapshot.name,
            "folder": [path.name for path in whole.iterdir()],
            "names": prev_task.models['output'].keys(),
            "by name": Path(prev_task.models['output']['snapshot-1'].get_local_copy()).read_text(),
            "first": [first.name, first.comment, first.tags, first.iteration, first.task],
            "input": len(prev_task.models['input']),
        }}))
    """,
        name="using.py",
    ).said
    assert (found["last"], found["by name"]) == ("last weights", "weights 1")
    assert found["last name"] == "training - plain"
    assert found["names"] == ["snapshot-0", "snapshot-1", "in a folder", "plain"]
    assert found["folder"] == ["part.bin"]
    name, comment, tags, iteration, made_by = found["first"]
    assert (name, tags, iteration, made_by) == ("model 0", ["best"], 0, task_id)
    assert comment.startswith("well trained")
    assert found["input"] == 0


def test_a_loaded_snapshot_points_to_the_task_that_made_it(scripts: Scripts) -> None:
    """Said as the hooks of frameworks say it, by the path that they are given."""
    task_id = scripts.run(_TRAINING).said
    found = scripts.run(
        f"""
        from elsewhere.models import loaded
        task = Task.init(project_name='examples', task_name='using')
        prev_task = Task.get_task(task_id='{task_id}')
        last_snapshot = prev_task.models['output'][-1]
        loaded(last_snapshot.get_local_copy(), task.access.run, "PyTorch")
        task.flush(wait_for_uploads=True)
        (used,) = task.models['input']
        print(json.dumps([used.id == last_snapshot.id, used.task]))
    """,
        name="using.py",
    ).said
    assert found == [True, task_id]


def test_all_models_of_a_task_go_to_its_destination(scripts: Scripts) -> None:
    from tests.object_store import serving_s3  # for its weight

    with serving_s3() as s3:
        found = scripts.run(
            """
            from elsewhere import OutputModel
            task = Task.init(
              project_name='examples',
              task_name='storing model',
              output_uri='s3://bucket/my_models/'
            )
            Path("weights.pt").write_bytes(b"weights")
            OutputModel(task=task).update_weights("weights.pt")
            task.upload_artifact("data", {"a": 1}, wait_on_upload=True)
            (model,) = task.models['output']
            print(json.dumps({
                "urls": [model.url, task.artifacts["data"].url],
                "weights": Path(model.get_local_copy()).read_text(),
            }))
        """,
            **s3.environment,
        ).said
        stored = s3.system.find("bucket/my_models/examples")
    assert [url.removeprefix("s3://") for url in sorted(found["urls"])] == sorted(stored)
    assert "/models/" in found["urls"][0]
    assert found["weights"] == "weights"


def test_a_destination_for_all_tasks_is_a_setting(scripts: Scripts, elsewhere_home: Path) -> None:
    place = scripts.folder / "all"
    (elsewhere_home / "config.toml").write_text(f'output_uri = "{place}"\n')
    url = scripts.run("""
        from elsewhere import OutputModel
        task = Task.init(project_name='examples', task_name='any task')
        Path("weights.pt").write_bytes(b"weights")
        OutputModel(task=task).update_weights("weights.pt")
        task.flush(wait_for_uploads=True)
        (model,) = task.models['output']
        print(json.dumps(model.url))
    """).said
    assert url.startswith(f"{place.as_uri()}/examples/")
    assert [path.read_bytes() for path in place.rglob("weights*")] == [b"weights"]
