"""XGBoost, LightGBM and CatBoost: models and metrics, also in the manner of scikit-learn."""

from __future__ import annotations

import pytest

from tests.sdk.hooks.frameworks.programs import Programs

DATA = """
import numpy
x = numpy.random.default_rng(0).normal(size=(200, 3))
y = (x[:, 0] > 0).astype(int)
"""
XGBOOST = f"{DATA}\nimport xgboost\nfrom xgboost import XGBClassifier, train"
LIGHTGBM = f"{DATA}\nimport lightgbm\nfrom lightgbm import LGBMClassifier, train"


def test_xgboost_reports_its_models_and_metrics(programs: Programs) -> None:
    programs.run(
        """
        data = xgboost.DMatrix(x, y)
        stop = xgboost.callback.EarlyStopping(50)
        result = {}
        given = {"objective": "binary:logistic", "eval_metric": ["logloss", "error"]}
        model = train(given, data, 3, evals=[(data, "train"), (data, "valid")], verbose_eval=False,
                      evals_result=result, callbacks=[stop])
        assert len(result["train"]["logloss"]) == 3
        model.save_model("net.ubj")
        model.save_model(Path("net.json"))
        again = xgboost.Booster(model_file="given.json")
        train({}, data, 1, xgb_model="given.json")
        """,
        before=f"""{XGBOOST}
train({{"max_depth": 2}}, xgboost.DMatrix(x, y), 1).save_model("given.json")""",
    )
    assert set(programs.files()) == {"net", f"{programs.folder.name}/net"}
    assert list(programs.inputs) == ["given"]
    assert {model.framework for model in programs.outputs.values()} == {"XGBoost"}
    scalars = programs.scalars()
    assert set(scalars) == {
        (metric, data) for metric in ("logloss", "error") for data in ("train", "valid")
    }
    assert [iteration for iteration, _ in scalars["logloss", "valid"]] == [0, 1, 2]
    assert {model.iteration for model in programs.outputs.values()} == {2}


def test_xgboost_like_scikit_learn_reports_them_too(programs: Programs) -> None:
    programs.run(
        """
        import joblib
        model = XGBClassifier(n_estimators=4, eval_metric="logloss")
        model.fit(x, y, eval_set=[(x, y)], verbose=False)
        model.save_model("net.json")
        joblib.dump(model, "whole.joblib")
        XGBClassifier().load_model("net.json")
        """,
        before=XGBOOST,
    )
    assert set(programs.files()) == {"net", "whole"}
    assert len(programs.scalars()["logloss", "validation_0"]) == 4
    assert programs.inputs == {}


def test_lightgbm_reports_its_models_and_metrics(programs: Programs) -> None:
    programs.run(
        """
        data = lightgbm.Dataset(x, y)
        valid = lightgbm.Dataset(x, y, reference=data)
        mine = [lightgbm.early_stopping(2, verbose=False)]
        model = train({"objective": "binary", "verbose": -1}, data, 3, [valid], callbacks=mine)
        assert len(mine) == 1
        model.save_model("net.txt")
        lightgbm.Booster(model_file="given.txt")
        train({"verbose": -1}, lightgbm.Dataset(x, y), 1, init_model="given.txt")
        """,
        before=f"""{LIGHTGBM}
train({{"verbose": -1}}, lightgbm.Dataset(x, y), 1).save_model("given.txt")""",
    )
    assert list(programs.files()) == ["net"]
    assert list(programs.inputs) == ["given"]
    assert programs.outputs["net"].framework == "LightGBM"
    assert [at for at, _ in programs.scalars()["binary_logloss", "valid_0"]] == [0, 1, 2]


def test_lightgbm_like_scikit_learn_reports_them_too(programs: Programs) -> None:
    programs.run(
        """
        model = LGBMClassifier(n_estimators=4, verbose=-1)
        model.fit(x, y, eval_set=[(x + 1, y)], eval_metric="auc")
        model.booster_.save_model(Path("net.txt"))
        """,
        before=LIGHTGBM,
    )
    assert list(programs.files()) == ["net"]
    assert set(programs.scalars()) == {("auc", "valid_0"), ("binary_logloss", "valid_0")}


def test_catboost_reports_its_models_and_metrics(programs: Programs) -> None:
    pytest.importorskip("catboost")
    programs.run(
        """
        model = CatBoostClassifier(iterations=6, verbose=False, metric_period=2,
                                   custom_metric=["AUC"], allow_writing_files=False)
        model.fit(x, y, eval_set=(x + 1, y))
        model.save_model("net.cbm")
        model.save_model("net.json", format="json")
        CatBoostClassifier().load_model("given.cbm")
        CatBoostClassifier().load_model("net.cbm")
        """,
        before=f"""{DATA}
from catboost import CatBoostClassifier
first = CatBoostClassifier(iterations=1, verbose=False, allow_writing_files=False).fit(x, y)
first.save_model("given.cbm")""",
    )
    assert set(programs.files()) == {"net", f"{programs.folder.name}/net"}
    assert list(programs.inputs) == ["given"]
    scalars = programs.scalars()
    assert set(scalars) == {("Logloss", "learn"), ("Logloss", "validation"), ("AUC", "validation")}
    assert {tuple(at for at, _ in points) for points in scalars.values()} == {(0, 2, 4, 5)}


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_a_wrong_call_is_refused_as_it_was(programs: Programs, library: str) -> None:
    programs.run(
        f"""
        try:
            {library}.train()
        except TypeError as error:
            assert "train() missing 2 required positional arguments" in str(error), error
        """,
        before=f"import {library}",
    )


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_it_is_switched_off_by_name(programs: Programs, library: str) -> None:
    programs.run(
        f"assert {library}.train is kept[0]",
        before=f"import {library}\nkept = [{library}.train]",
        frameworks={library: False},
    )
