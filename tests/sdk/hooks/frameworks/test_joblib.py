"""joblib and scikit-learn: which files are models, how it is switched, what of it is replaced."""

from __future__ import annotations

import pytest

from tests.sdk.hooks.frameworks.programs import Programs

JOBLIB = """
import inspect, joblib, pickle, traceback
from joblib import dump, load as read
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
net = LinearRegression()
"""


def test_estimators_are_models_and_data_is_not(programs: Programs) -> None:
    programs.run(
        """
        joblib.dump(make_pipeline(StandardScaler(), net), "pipeline.joblib")
        joblib.dump(StandardScaler(), "scaler.joblib", compress=3)
        joblib.dump({"model": net, "columns": ["a"]}, "bundle.joblib")
        joblib.dump(value=[net, net], filename="ensemble.joblib")
        joblib.dump([[1, 2], {"a": 3}], "data.joblib")
        joblib.dump({"a": 3}, "more.joblib")
        """,
        before=JOBLIB,
    )
    assert set(programs.files()) == {"pipeline", "scaler", "bundle", "ensemble"}
    (line,) = programs.warnings
    assert line.startswith("Elsewhere: data.joblib seems to hold no model")


def test_the_caches_of_joblib_are_no_models(programs: Programs) -> None:
    programs.run(
        """
        memory = joblib.Memory("cache", verbose=0)
        fit = memory.cache(lambda: LinearRegression().fit([[1], [2]], [1, 2]))
        assert fit().coef_ == fit().coef_
        joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(one) for one in range(4))
        """,
        before=JOBLIB,
    )
    assert (programs.outputs, programs.inputs) == ({}, {})
    assert list((programs.folder / "cache").rglob("output.pkl"))


def test_functions_that_were_imported_before_the_task_count(programs: Programs) -> None:
    programs.run(
        'dump(net, "net.pkl")\nread("other.pkl")', before=f"{JOBLIB}\ndump(net, 'other.pkl')"
    )
    assert (list(programs.files()), list(programs.inputs)) == (["net"], ["other"])


@pytest.mark.parametrize(
    ("frameworks", "names"),
    [
        (True, {"a", "b"}),
        (False, set()),
        ({"joblib": False}, set()),
        ({"scikit": False}, set()),
        ({"xgboost": False}, {"a", "b"}),
        ({"joblib": "*.pkl"}, {"a", "data"}),
        ({"scikit": ["models/*", "*.pkl"]}, {"a", "b", "data"}),
        ({"scikit": "models/*"}, {"b"}),
    ],
)
def test_it_is_switched_and_narrowed_by_name(
    programs: Programs, frameworks: object, names: set[str]
) -> None:
    programs.run(
        """
        joblib.dump(net, "a.pkl")
        Path("models/sub").mkdir(parents=True)
        joblib.dump(net, "models/sub/b.bin")
        joblib.dump([1], "data.pkl")
        joblib.dump([1], "data.bin")
        """,
        before=JOBLIB,
        frameworks=frameworks,
    )
    assert set(programs.outputs) == names


def test_the_functions_seem_and_fail_as_they_did(programs: Programs) -> None:
    programs.run(
        """
        def facts(function):
            try:
                function(net, "no/such/folder/net.pkl")
            except FileNotFoundError as error:
                frames = [one.name for one in traceback.extract_tb(error.__traceback__)
                          if "elsewhere" not in one.filename]
                failed = (str(error), error.__cause__, error.__context__, frames)
            return (
                inspect.signature(function), function.__doc__, function.__name__,
                function.__module__, failed, function(net, "net.pkl"),
            )

        assert joblib.dump is not kept[0] and joblib.dump is joblib.numpy_pickle.dump is dump
        assert pickle.loads(pickle.dumps(dump)) is dump
        assert facts(joblib.dump) == facts(kept[0]), (facts(joblib.dump), facts(kept[0]))
        try:
            joblib.dump()
        except TypeError as error:
            assert "dump() missing 2 required positional arguments" in str(error)
        task.close()
        assert joblib.dump is joblib.numpy_pickle.dump is dump is kept[0]
        """,
        before=f"{JOBLIB}\nkept = [joblib.dump]",
    )


def test_the_programs_own_patches_go_on_working(programs: Programs) -> None:
    programs.run(
        """
        ours = joblib.dump
        def later(value, filename, **named):
            calls.append("later")
            return ours(value, filename, **named)
        joblib.dump = later
        joblib.dump(net, "net.pkl")
        assert calls == ["later", "before"], calls
        task.close()
        assert joblib.dump is later, "it is the program's"
        joblib.dump(net, "after.pkl")
        assert calls == ["later", "before"] * 2, calls
        """,
        before=JOBLIB
        + """
calls, theirs = [], joblib.dump
def before(value, filename, **named):
    calls.append("before")
    return theirs(value, filename, **named)
joblib.dump = before
""",
    )
    assert list(programs.outputs) == ["net"]
