"""What a program loads with any framework, here joblib: the models that its task begins from."""

from __future__ import annotations

from tests.sdk.hooks.frameworks.programs import Programs

JOBLIB = """
import joblib, shutil
from sklearn.linear_model import LinearRegression
net = LinearRegression()
"""


def test_a_loaded_file_is_the_model_of_the_task_that_made_it(programs: Programs) -> None:
    made = programs.run('joblib.dump(net, "net.pkl")', before=JOBLIB).outputs["net"]
    programs.run('joblib.load(filename="net.pkl")\njoblib.load(Path("net.pkl"))', before=JOBLIB)
    assert list(programs.inputs) == ["net"]
    assert programs.inputs["net"].id == made.id
    assert programs.inputs["net"].task == made.task
    assert programs.outputs == {}


def test_a_local_copy_of_an_uploaded_model_is_that_model(programs: Programs) -> None:
    place = str(programs.folder / "place")
    made = programs.run('joblib.dump(net, "net.pkl")', before=JOBLIB, place=place).outputs["net"]
    programs.run(
        f"""
        from elsewhere import Model
        joblib.load(Model({made.id!r}).get_local_copy())
        """,
        before=JOBLIB,
    )
    assert [model.id for model in programs.inputs.values()] == [made.id]


def test_unknown_weights_are_imported_and_may_be_written_over(programs: Programs) -> None:
    programs.run(
        """
        joblib.load("foreign.pkl")
        joblib.dump(net, "foreign.pkl")
        joblib.load("foreign.pkl")
        """,
        before=f"{JOBLIB}\njoblib.dump(net, 'foreign.pkl')",
    )
    given, made = programs.inputs["foreign"], programs.outputs["foreign"]
    assert (given.task, given.framework) == ("", "scikit-learn")
    assert made.task == programs.task_id
    assert given.id != made.id


def test_what_the_program_has_saved_itself_is_no_input(programs: Programs) -> None:
    programs.run('joblib.dump(net, "net.pkl")\njoblib.load("net.pkl")', before=JOBLIB)
    assert list(programs.outputs) == ["net"]
    assert programs.inputs == {}


def test_a_callback_leaves_a_load_out(programs: Programs) -> None:
    programs.run(
        """
        from elsewhere import WeightsFileHandler
        seen = []
        WeightsFileHandler.add_pre_callback(lambda kind, info: "other" in info.upload_filename)
        WeightsFileHandler.add_pre_callback(
            lambda kind, info: info if "net" in info.local_model_path else None
        )
        WeightsFileHandler.add_post_callback(lambda kind, info: seen.append((kind, info.task)))
        joblib.load("net.pkl")
        joblib.load("other.pkl")
        assert seen == [("load", task)], seen
        """,
        before=f"{JOBLIB}\njoblib.dump(net, 'net.pkl')\njoblib.dump(net, 'other.pkl')",
    )
    assert list(programs.inputs) == ["net"]
    assert "return the ModelInfo, or None" in programs.ran.errors
