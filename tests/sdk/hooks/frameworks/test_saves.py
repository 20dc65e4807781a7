"""What a program saves with any framework, here joblib: which models its task has then."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from elsewhere.core.errors import UsageError
from elsewhere.models import WeightsFileHandler
from elsewhere.storage import local_path
from elsewhere.store.redis.store import RedisStore
from tests.sdk.hooks.frameworks.programs import Programs
from tests.sdk.models.runs import Agents
from tests.sdk.scripts import Scripts

JOBLIB = """
import io, joblib, multiprocessing, shutil
from sklearn.linear_model import LinearRegression
net = LinearRegression()
"""


def test_the_same_path_again_is_the_same_model_with_its_iteration(programs: Programs) -> None:
    programs.run(
        """
        for step in range(3):
            task.get_logger().report_scalar("loss", "train", 1.0, 10 * step)
            joblib.dump(net, "net.pkl")
            time.sleep(0.4)
        """,
        before=JOBLIB,
    )
    (model,) = programs.outputs.values()
    assert (model.name, model.framework, model.iteration) == ("train net - net", "scikit-learn", 20)
    assert programs.files() == {"net": programs.folder / "net.pkl"}
    assert model.size_bytes == (programs.folder / "net.pkl").stat().st_size
    assert model.digest == "", "nothing is uploaded without a place"


@pytest.mark.parametrize("pause_s", [0, 0.6])
def test_a_file_that_is_renamed_has_its_last_name(programs: Programs, pause_s: float) -> None:
    programs.run(
        f"""
        for step in range(3):
            joblib.dump(net, ".net.tmp")
            time.sleep({pause_s})
            os.replace(".net.tmp", "net.pkl")
        Path("tmp-5").mkdir()
        joblib.dump(net, "tmp-5/weights.pkl")
        time.sleep({pause_s})
        os.rename("tmp-5", "checkpoint-5")
        """,
        before=JOBLIB,
    )
    files = programs.files()
    assert files["net"] == programs.folder / "net.pkl"
    assert files["weights"] == programs.folder / "checkpoint-5" / "weights.pkl"
    assert len(files) == 2


def test_one_temporary_name_for_many_files_loses_none(programs: Programs) -> None:
    programs.run(
        """
        for name in "abc":
            joblib.dump(net, "part")
            os.replace("part", f"{name}.pkl")
        """,
        before=JOBLIB,
    )
    assert list(programs.files()) == ["a", "b", "c"]


@pytest.mark.parametrize("place", ["", "place"])
def test_as_many_checkpoints_are_models_as_the_program_keeps(
    programs: Programs, place: str
) -> None:
    programs.run(
        """
        for step in range(6):
            joblib.dump({"net": net, "step": step}, f"epoch={step}-loss={step / 10}.pkl")
            if step > 1:
                os.remove(f"epoch={step - 2}-loss={(step - 2) / 10}.pkl")
            time.sleep(0.6)
        joblib.dump(net, "best.pkl")
        """,
        before=JOBLIB,
        place=str(programs.folder / place) if place else "",
    )
    names = ["epoch=4-loss=0.4", "epoch=5-loss=0.5", "best"]
    assert sorted(programs.files()) == sorted(names)
    quoted = {name.replace("=", "=3D") if place else name for name in names}
    assert {path.stem for path in programs.files().values()} == quoted
    uploaded = {path for path in (programs.folder / "place").rglob("*") if path.is_file()}
    assert uploaded == (set(programs.files().values()) if place else set())


def test_files_of_one_name_in_several_folders_are_models_of_their_own(programs: Programs) -> None:
    programs.run(
        """
        from elsewhere import OutputModel
        mine = OutputModel(name="net")
        for step in range(2):
            Path(f"step{step}").mkdir()
            joblib.dump(net, f"step{step}/net.pkl")
        """,
        before=JOBLIB,
    )
    assert set(programs.outputs) == {"net", "step0/net", "step1/net"}
    assert programs.outputs["net"].url == "", "the program's own model keeps its name"


def test_what_is_no_file_of_this_machine_is_no_model(programs: Programs) -> None:
    programs.run(
        """
        joblib.dump(net, io.BytesIO())
        joblib.dump(net, "/dev/null")
        with open(os.devnull, "wb") as file:
            joblib.dump(net, file)
        with open("given.pkl", "wb") as file:
            joblib.dump(net, file)
        import tempfile
        with tempfile.TemporaryFile() as file:
            joblib.dump(net, file)
        """,
        before=JOBLIB,
    )
    assert list(programs.files()) == ["given"]
    assert programs.warnings == []


def test_only_the_process_that_is_the_task_records(programs: Programs) -> None:
    programs.run(
        """
        for way in ("fork", "spawn") if __name__ == "__main__" else ():
            context = multiprocessing.get_context(way)
            process = context.Process(target=joblib.dump, args=(net, f"{way}.pkl"))
            process.start()
            process.join(30)
            assert process.exitcode == 0 and Path(f"{way}.pkl").exists(), way
        if __name__ == "__main__":
            joblib.dump(net, "own.pkl")
        """,
        before=JOBLIB,
    )
    assert list(programs.files()) == ["own"]


# uploads


def test_the_bytes_are_uploaded_even_if_the_program_deletes_them_at_once(
    programs: Programs,
) -> None:
    programs.run(
        """
        joblib.dump(net, "net.pkl")
        os.remove("net.pkl")
        joblib.dump(net, "kept.pkl")
        """,
        before=JOBLIB,
        place=str(programs.folder / "place"),
    )
    whole = (programs.folder / "kept.pkl").read_bytes()
    assert programs.files()["net"].read_bytes() == whole
    assert programs.outputs["net"].digest == hashlib.sha256(whole).hexdigest()
    assert programs.files()["kept"].is_relative_to(programs.folder / "place")
    assert (programs.folder / "kept.pkl").exists(), "the program's own file stays"


def test_no_file_stays_open_once_it_is_copied(programs: Programs) -> None:
    programs.run(
        """
        def are_open():
            found = os.listdir("/proc/self/fd")
            return sum(os.path.realpath(f"/proc/self/fd/{one}").endswith(".pkl") for one in found)
        for name in "abc":
            joblib.dump(net, f"{name}.pkl")
        assert are_open() == 3, are_open()
        until = time.monotonic() + 30
        while are_open() and time.monotonic() < until:
            time.sleep(0.05)
        assert are_open() == 0
        """,
        before=JOBLIB,
        place=str(programs.folder / "place"),
    )
    assert len(programs.files()) == 3


def test_a_file_that_is_written_over_all_the_time_is_uploaded_whole(programs: Programs) -> None:
    programs.run(
        """
        import numpy
        until = time.monotonic() + 2
        step = 0
        while time.monotonic() < until:
            net.coef_ = numpy.full(200_000, step)
            joblib.dump(net, "net.pkl")
            step += 1
        """,
        before=JOBLIB,
        place=str(programs.folder / "place"),
    )
    file = programs.folder / "net.pkl"
    assert programs.files()["net"].read_bytes() == file.read_bytes()
    assert programs.outputs["net"].digest == hashlib.sha256(file.read_bytes()).hexdigest()
    assert programs.warnings == []


def test_an_agents_run_uploads_its_models_the_last_of_many_saves_alone(
    scripts: Scripts, store: RedisStore, redis_url: str, tmp_path: Path
) -> None:
    agents = Agents(scripts, store, redis_url, tmp_path / "place")
    delivered = agents.deliver
    copies: list[Path] = []

    def deliver() -> None:
        copies.extend(path for path in agents.folder.files.rglob("*") if path.is_file())
        delivered()

    agents.deliver = deliver  # type: ignore[method-assign]
    task_id = agents.run(
        "import time\ntask = Task.init('examples', 'train net')\n"
        + JOBLIB
        + "for step in range(8):\n    joblib.dump({'net': net, 'step': step}, 'net.pkl')\n"
        + "    time.sleep(0.3)\n"
    )
    (use,) = store.task_models(task_id)
    model = store.model(use.model)
    assert model.url.startswith(f"file://{tmp_path}/place/")
    assert model.digest == hashlib.sha256((tmp_path / "net.pkl").read_bytes()).hexdigest()
    assert 1 <= len(copies) <= 2, "a copy that is not uploaded yet is not followed by more"


def test_an_offline_session_has_its_models(scripts: Scripts, store: RedisStore) -> None:
    ran = scripts.run(
        "import time\nTask.set_offline(True)\ntask = Task.init('examples', 'train net')\n"
        + JOBLIB
        + "for step in range(3):\n    joblib.dump({'net': net, 'step': step}, 'net.pkl')\n"
        + "    time.sleep(0.6)\n"
        + "folder = task.get_offline_mode_folder()\ntask.close()\n"
        + "Task.set_offline(False)\nprint(Task.import_offline_session(folder))\n"
    )
    assert ran.status == 0, ran.errors
    (use,) = store.task_models(ran.lines[-1])
    model = store.model(use.model)
    whole = (scripts.folder / "net.pkl").read_bytes()
    assert (use.name, model.framework) == ("net", "scikit-learn")
    assert model.digest == hashlib.sha256(whole).hexdigest()
    assert local_path(model.url).read_bytes() == whole


def test_a_program_that_makes_the_model_itself_has_it_once(programs: Programs) -> None:
    programs.run(
        """
        from elsewhere import OutputModel
        joblib.dump(net, "net.pkl")
        OutputModel(name="mine").update_weights("net.pkl")
        joblib.dump(net, "kept.pkl")
        other = OutputModel(name="other")
        other.update_weights("kept.pkl", auto_delete_file=False)
        joblib.dump(net, "kept.pkl")
        """,
        before=JOBLIB,
        place=str(programs.folder / "place"),
    )
    assert set(programs.files()) == {"mine", "other"}


def test_a_path_without_a_file_is_no_model_at_the_end(programs: Programs) -> None:
    programs.run(
        """
        joblib.dump(net, "net.pkl")
        print(list(task.models["output"].keys()))
        os.remove("net.pkl")
        """,
        before=JOBLIB,
    )
    assert "['net']" in programs.ran.lines
    assert programs.outputs == {}


# callbacks

CALLED = """
from elsewhere import WeightsFileHandler

def rename(kind, info):
    assert kind == "save" and kind is WeightsFileHandler.CallbackType.save
    if info.local_model_path.endswith("secret.pkl"):
        return None
    info.upload_filename = f"renamed-{info.upload_filename}"
    return info

def fail(kind, info):
    raise ValueError("the program's own error")

def tag(kind, info):
    info.model.tags = ["seen", info.task.name]

handle = WeightsFileHandler.add_pre_callback(rename)
assert WeightsFileHandler.add_pre_callback(rename) == handle
WeightsFileHandler.add_pre_callback(fail)
WeightsFileHandler.add_post_callback(tag)
"""


def test_callbacks_rename_leave_out_and_see_what_is_recorded(programs: Programs) -> None:
    programs.run(
        """
        joblib.dump(net, "net.pkl")
        joblib.dump(net, "secret.pkl")
        assert WeightsFileHandler.remove_pre_callback(handle)
        assert not WeightsFileHandler.remove_pre_callback(handle)
        joblib.dump(net, "plain.pkl")
        """,
        before=JOBLIB + CALLED,
        place=str(programs.folder / "place"),
    )
    files = programs.files()
    assert {name: path.name for name, path in files.items()} == {
        "net": "renamed-net.pkl",
        "plain": "plain.pkl",
    }
    assert programs.outputs["net"].tags == ("seen", "train net")
    assert "ValueError: the program's own error" in programs.ran.errors


def test_a_callback_must_be_a_function() -> None:
    with pytest.raises(UsageError, match="must be a function of the type and the ModelInfo"):
        WeightsFileHandler.add_pre_callback("save")  # type: ignore[arg-type]
