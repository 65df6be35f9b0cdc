import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import score
from preprocess import preprocess
from recore_support.validations import ALPHA, IDS, TARGETS, WEIGHTS, item
from scipy.stats import linregress
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from support.checkout import ROOT

from recore.report.validate.submission_report import validate_submission
from recore.validation import ValidationSettings

HOLES, ROWS = "held-out drill holes", "held-out rows"


def test_scores_match_the_predictions(csv_dir: Path, small_file: Path) -> None:
    predicted = pd.read_csv(csv_dir / "predicted.csv", float_precision="round_trip")
    data = pd.read_csv(small_file, index_col=0, float_precision="round_trip")
    assert predicted["index"].astype(int).tolist() == data.index.tolist()
    for name in TARGETS:
        np.testing.assert_array_equal(predicted[f"{name} measured"], data[name])
    repeats = pd.read_csv(csv_dir / "repeats.csv")
    table = pd.read_csv(csv_dir / "comparison-scores.csv").set_index(["method", "held out"])
    for split, name in (("holes", HOLES), ("rows", ROWS)):
        expected = score.score(data, predicted[[f"{target} predicted {split}" for target in TARGETS]])[0]
        assert table["score"]["this submission", name] == pytest.approx(expected, abs=1e-12)
        scores = repeats[repeats["held out"] == name]["score"]
        assert scores.iloc[0] == pytest.approx(expected, abs=1e-12)
        assert table["sd over folds"]["this submission", name] == pytest.approx(scores.std(), nan_ok=True)
    findings = {
        finding["name"]: finding["values"]
        for finding in json.loads((csv_dir / "contents.json").read_text())["findings"]
    }
    by_hole = repeats[repeats["held out"] == HOLES]["score"]
    assert findings["score"]["scores"] == pytest.approx(by_hole.tolist())


def test_errors_match_the_predictions(csv_dir: Path) -> None:
    predicted = pd.read_csv(csv_dir / "predicted.csv", float_precision="round_trip")
    for split in ("rows", "holes"):
        table = pd.read_csv(csv_dir / f"errors-{split}.csv", float_precision="round_trip").set_index("target")
        assert table["unit"][["CuPPM", "FePCT", "TePPB"]].tolist() == ["ppm", "%", "ppb"]
        for target in TARGETS:
            pairs = predicted[[f"{target} measured", f"{target} predicted {split}"]].dropna()
            measured, estimate = pairs.iloc[:, 0], pairs.iloc[:, 1]
            rmse = math.sqrt(sum((estimate - measured) ** 2) / len(pairs))
            line = linregress(estimate, measured)
            expected = {
                "rows": len(pairs),
                "R2": r2_score(measured, estimate),
                "RMSE": rmse,
                "bias": sum(estimate - measured) / len(pairs),
                "slope": line.slope,
                "intercept": line.intercept,
                "RPD": measured.std(ddof=1) / rmse,
                "RPIQ": (measured.quantile(0.75) - measured.quantile(0.25)) / rmse,
            }
            row = table.loc[target, list(expected)]
            np.testing.assert_allclose(row.astype(float), list(expected.values()), rtol=1e-8, atol=1e-9 * rmse)
    contents = json.loads((csv_dir / "contents.json").read_text())
    finding = next(entry for entry in contents["findings"] if entry["name"] == "errors")
    assert set(finding["values"]["targets"]) == set(TARGETS)
    for target, errors in finding["values"]["targets"].items():
        assert errors == table.loc[target, list(expected)].to_dict()
    assert f"RMSE {table.loc['CuPPM', 'RMSE']:.4g} ppm" in finding["text"]


@pytest.mark.slow
def test_the_templates_predictions_are_for_held_out_holes(small_file: Path) -> None:
    import train

    page = validate_submission(ROOT, small_file, ValidationSettings(repeats=2, time_limit=0))
    predicted = item(page, "predicted")[[f"{name} predicted holes" for name in TARGETS]].to_numpy()
    inputs, targets, holes = train.read(str(small_file))
    training, held_out = next(iter(GroupKFold(5).split(inputs, groups=holes.astype(str))))
    assert not set(holes[training]) & set(holes[held_out])
    model = train.fit(inputs.iloc[training], targets.iloc[training], holes[training])
    np.testing.assert_allclose(predicted[held_out], model.predict(inputs.iloc[held_out]), rtol=1e-6, atol=1e-6)
    message = next(finding.text for finding in page.findings if finding.name == "time")
    assert "within --time-limit 0" in message
    assert "values of a hyperparameter" in message
    assert len(item(page, "repeats")) == 2
    assert {section.name for section in page.sections if not section.items} == {"curve", "learning"}


def test_contributions_add_up_to_the_score(csv_dir: Path) -> None:
    table = pd.read_csv(csv_dir / "targets.csv").set_index("target")
    assert sorted(table.index) == sorted(TARGETS)
    np.testing.assert_allclose(table["weight"][TARGETS], WEIGHTS)
    np.testing.assert_allclose(table["contribution"], table["weight"] * table["R2 holes"])
    np.testing.assert_allclose(table["possible gain"], table["weight"] * (1 - table["R2 holes"]))
    np.testing.assert_allclose(table["R2 gap"], table["R2 rows"] - table["R2 holes"])
    assert table["possible gain"].is_monotonic_decreasing
    scores = pd.read_csv(csv_dir / "comparison-scores.csv").set_index(["method", "held out"])["score"]
    assert table["contribution"].sum() == pytest.approx(scores["this submission", HOLES])
    figure = pd.read_csv(csv_dir / "contributions.csv")
    np.testing.assert_allclose(figure["contribution"] + figure["possible gain"], figure["weight"])


def test_residuals_match_the_predictions(csv_dir: Path) -> None:
    predicted = pd.read_csv(csv_dir / "predicted.csv")
    measured = predicted["CuPPM measured"]
    residuals = (predicted["CuPPM predicted holes"] - measured) / measured.std(ddof=0)
    table = pd.read_csv(csv_dir / "residuals-by-hole.csv")
    by_hole = table[table["target"] == "CuPPM"].set_index("SiteID")["mean residual"]
    expected = residuals.groupby(predicted["SiteID"], sort=False).mean()
    pd.testing.assert_series_equal(by_hole, expected, check_names=False)
    by_depth = pd.read_csv(csv_dir / "residuals-by-depth.csv")
    order = ((predicted["DepthFrom"] + predicted["DepthTo"]) / 2).argsort(kind="stable")
    first = order[: by_depth["rows"].iloc[0]]
    assert by_depth["CuPPM"].iloc[0] == pytest.approx(residuals.iloc[first].median())
    assert by_depth["rows"].sum() == len(predicted)


def test_baselines_use_the_same_folds(csv_dir: Path, small_file: Path) -> None:
    data = pd.read_csv(small_file, index_col=0, float_precision="round_trip")
    spectra = data.drop(columns=[*TARGETS, *IDS]).to_numpy()
    normalised = spectra / spectra[:, : 147 - round(147 * 300 / 1700)].max(axis=1, keepdims=True)
    bins = normalised.reshape(len(normalised), 21, 7).mean(axis=2)
    folds = list(GroupKFold(5).split(bins, groups=data["SiteID"].astype(str)))
    mean, band = (pd.DataFrame(np.nan, data.index, TARGETS) for _ in range(2))
    for training, held_out in folds:
        for name in TARGETS:
            measured = data[name].iloc[training].notna().to_numpy()
            x, y = bins[training][measured], data[name].iloc[training][measured].to_numpy()
            mean.loc[data.index[held_out], name] = y.mean()
            best = np.argmax([np.corrcoef(x[:, index], y)[0, 1] ** 2 for index in range(21)])
            band.loc[data.index[held_out], name] = np.polyval(np.polyfit(x[:, best], y, 1), bins[held_out, best])
    scores = pd.read_csv(csv_dir / "comparison-scores.csv").set_index(["method", "held out"])["score"]
    for method, predicted in (("mean", mean), ("one band", band)):
        expected = score.score(data, predicted)[0]
        assert scores[method, HOLES] == pytest.approx(expected, rel=1e-6), method


def test_alpha_curves_match_ridge_models(csv_dir: Path, small_file: Path) -> None:
    table = pd.read_csv(csv_dir / "curve-by-target.csv").set_index(["held out", "alpha"])
    assert len(table) == 22
    np.testing.assert_allclose(table[TARGETS].fillna(0) @ WEIGHTS, table["score"])
    inputs, targets = preprocess(small_file)
    holes = pd.read_csv(small_file, usecols=["SiteID"], dtype=str)["SiteID"]
    for alpha, r2 in table.loc[HOLES]["KPPM"].iloc[[0, 5, 10]].items():
        folds = GroupKFold(5)
        predicted = cross_val_predict(Ridge(alpha), inputs, targets["KPPM"], groups=holes, cv=folds)
        assert r2 == pytest.approx(r2_score(targets["KPPM"], predicted), rel=1e-6)


def test_the_learning_curve_ends_at_the_score(csv_dir: Path) -> None:
    table = pd.read_csv(csv_dir / "learning.csv")
    assert table["holes"].is_monotonic_increasing
    assert len(table) >= 3
    np.testing.assert_allclose(table[TARGETS].fillna(0) @ WEIGHTS, table["score"])
    scores = pd.read_csv(csv_dir / "comparison-scores.csv").set_index(["method", "held out"])["score"]
    assert table["score"].iloc[-1] == pytest.approx(scores["this submission", HOLES])


def test_the_sensitivity_of_a_linear_model_is_its_coefficients(
    csv_dir: Path, small_file: Path, linear_submission: Path
) -> None:
    inputs, targets = preprocess(small_file)
    inputs = inputs.iloc[:, ::-1]  # the report lists bins by descending wavenumber
    model = Ridge(ALPHA).fit(inputs, targets.fillna(targets.mean()))
    expected = model.coef_ * inputs.std(ddof=0).to_numpy()
    quick_page = validate_submission(linear_submission, small_file, ValidationSettings(repeats=1, time_limit=0))
    for table in (pd.read_csv(csv_dir / "sensitivity.csv"), item(quick_page, "sensitivity")):
        assert table["input"].tolist() == inputs.columns.tolist()
        for index in (0, 7, 36):
            row = expected[index]
            np.testing.assert_allclose(table[TARGETS[index]], row, rtol=1e-4, atol=1e-6 * abs(row).max())
        limits = [float(limit) for limit in inputs.columns[0].split("_")[1:]]
        assert table["wavenumber"].iloc[0] == pytest.approx(np.mean(limits))
    note = next(section.note for section in quick_page.sections if section.name == "bands")
    assert "at 5 rows" in note
    assert "up to 100" in note


def test_patterns_are_correlations_of_predictions_and_inputs(csv_dir: Path, small_file: Path) -> None:
    inputs = preprocess(small_file)[0].iloc[:, ::-1]  # the report lists bins by descending wavenumber
    predicted = pd.read_csv(csv_dir / "predicted.csv")["CuPPM predicted holes"].to_numpy()
    columns = [0, inputs.shape[1] // 2, inputs.shape[1] - 1]
    expected = [np.corrcoef(predicted, inputs.iloc[:, index])[0, 1] for index in columns]
    np.testing.assert_allclose(pd.read_csv(csv_dir / "patterns.csv")["CuPPM"].iloc[columns], expected, rtol=1e-6)
