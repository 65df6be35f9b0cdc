"""The algorithm of linear-learner images: its models, log lines and hyperparameters."""

import contextlib
import gzip
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stagemaker_support.linear_data import BIAS, SCALES, SHIFTS, WEIGHTS, csv_of, hyperparameters, table

from stagemaker.container.linear_learner_library.linear_learner import train as algorithm
from stagemaker.container.linear_learner_library.linear_learner.errors import CustomerError
from stagemaker.container.linear_learner_library.linear_learner.linear_hyperparameters import validate
from stagemaker.container.linear_learner_library.linear_learner.linear_model import LinearModel, load_model
from stagemaker.images.linear_learner import METRICS

SIZES = {"train": (300, 1), "validation": (100, 2), "test": (100, 3)}  # by channel: the number of rows and the seed
TRUE_WEIGHTS = WEIGHTS / SCALES
TRUE_BIAS = BIAS - TRUE_WEIGHTS @ SHIFTS

Train = Callable[..., LinearModel]


@pytest.fixture
def train(tmp_path: Path) -> Train:
    def run(
        kind: str, files: dict[str, str | bytes] | None = None, content_type: str | None = "text/csv", **settings: Any
    ) -> LinearModel:
        files = files or {name: csv_of(table(kind, *size)) for name, size in SIZES.items()}
        config = tmp_path / "input/config"
        config.mkdir(parents=True)
        (config / "hyperparameters.json").write_text(json.dumps(hyperparameters(kind, **settings)))
        members = {"ContentType": content_type} if content_type else {}
        (config / "inputdataconfig.json").write_text(json.dumps(dict.fromkeys(files, members)))
        for name, content in files.items():
            (tmp_path / "input/data" / name).mkdir(parents=True)
            data = content.encode() if isinstance(content, str) else content
            (tmp_path / "input/data" / name / "part-0").write_bytes(data)
        (tmp_path / "model").mkdir()
        algorithm.train(tmp_path)
        return load_model(tmp_path / "model")

    return run


@pytest.mark.parametrize("loss", ["auto", "absolute_loss", "huber_loss", "eps_insensitive_squared_loss"])
def test_a_regressor_finds_the_weights_of_features_with_different_scales(train: Train, loss: str) -> None:
    model = train("regressor", loss=loss, epochs=60)
    np.testing.assert_allclose(model.weights[0] * SCALES, WEIGHTS, atol=0.2)
    assert model.bias[0] == pytest.approx(TRUE_BIAS, abs=0.3)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("regressor", "mse absolute_loss"),
        ("binary_classifier", "binary_classification_accuracy binary_f_beta precision recall roc_auc_score"),
        (
            "multiclass_classifier",
            "multiclass_accuracy multiclass_top_k_accuracy dcg macro_recall macro_precision macro_f_beta",
        ),
    ],
)
def test_the_log_contains_the_metrics_that_sagemaker_documents(
    train: Train, caplog: pytest.LogCaptureFixture, kind: str, names: str
) -> None:
    with caplog.at_level(logging.INFO):
        model = train(kind, mini_batch_size=200)
    assert "Hyperparameters that have no effect here: mini_batch_size." in caplog.text
    matches = {name: strings for name, pattern in METRICS.items() if (strings := re.findall(pattern, caplog.text))}
    values = {name: float(strings[-1]) for name, strings in matches.items()}
    expected = {f"{data}:{name}" for data in ("validation", "test") for name in ["objective_loss", *names.split()]}
    expected |= {"train:objective_loss", "train:objective_loss:final", "validation:objective_loss:final"}
    assert expected <= values.keys()
    assert values["train:progress"] <= 100
    assert values["validation:objective_loss:final"] == min(map(float, matches["validation:objective_loss"]))
    rows = table(kind, *SIZES["test"])
    scores = model.scores(rows[:, 1:])
    if kind == "regressor":
        assert values["test:mse"] == pytest.approx(np.mean((scores - rows[:, 0]) ** 2))
        assert values["test:mse"] < 0.35  # the noise's variance alone is 0.25
    else:
        accuracy = values[f"test:{names.split()[0]}"]
        assert accuracy == np.mean(model.labels(scores) == rows[:, 0])
        assert accuracy > 0.85


def test_the_threshold_of_a_classifier_follows_the_selection_criteria(train: Train) -> None:
    criteria = "recall_at_target_precision"
    model = train("binary_classifier", binary_classifier_model_selection_criteria=criteria, target_precision=0.99)
    rows = table("binary_classifier", *SIZES["validation"])
    scores = model.scores(rows[:, 1:])
    predicted = model.labels(scores) == 1
    assert rows[predicted, 0].mean() >= 0.99
    lower_predicted = scores >= scores[~predicted].max()  # a lower threshold would miss the target
    assert rows[lower_predicted, 0].mean() < 0.99


@pytest.fixture
def fit() -> Callable[..., LinearModel]:
    def run(kind: str = "regressor", unit: float = 1, **settings: Any) -> LinearModel:
        rows = table(kind, *SIZES["train"])
        return algorithm.fit({"train": (rows[:, 1:], rows[:, 0] * unit)}, validate(hyperparameters(kind, **settings)))

    return run


def test_hyperparameters_change_the_model_as_documented(fit: Callable[..., LinearModel]) -> None:
    length = np.linalg.norm(fit().weights * SCALES)
    assert not fit(l1=10).weights.any()
    assert 0.1 * length < np.linalg.norm(fit(wd=1).weights * SCALES) < 0.9 * length
    assert np.linalg.norm(fit(learning_rate=1e-5).weights * SCALES) < 0.1 * length
    assert np.linalg.norm(fit(learning_rate=1).weights * SCALES) == pytest.approx(length, rel=0.1)
    assert fit(use_bias="False").bias[0] == 0
    assert fit(normalize_data="false", normalize_label="false", epochs=1).weights.any()


@pytest.mark.parametrize(
    ("loss", "name", "value"),
    [
        ("huber_loss", "huber_delta", 0.5),
        ("eps_insensitive_absolute_loss", "loss_insensitivity", 0.5),
        ("eps_insensitive_squared_loss", "loss_insensitivity", 0.5),
    ],
)
def test_the_settings_of_a_loss_are_in_the_units_of_the_label(
    fit: Callable[..., LinearModel], loss: str, name: str, value: float
) -> None:
    unit = 10_000
    model, scaled = fit(loss=loss, **{name: value}), fit(unit=unit, loss=loss, **{name: value * unit})
    np.testing.assert_allclose(scaled.weights, model.weights * unit, rtol=1e-6)
    np.testing.assert_allclose(model.weights[0] * SCALES, WEIGHTS, atol=0.4)
    assert not np.allclose(model.weights, fit(loss=loss, **{name: 20}).weights, rtol=0.01)


def test_labels_of_any_size_are_learned_with_the_default_huber_delta(fit: Callable[..., LinearModel]) -> None:
    unit = 10_000
    np.testing.assert_allclose(fit(unit=unit, loss="huber_loss").weights[0] * SCALES / unit, WEIGHTS, atol=0.4)


def test_num_classes_has_no_effect_unless_there_are_several_classes(fit: Callable[..., LinearModel]) -> None:
    for kind in ("regressor", "binary_classifier"):
        np.testing.assert_array_equal(fit(kind, num_classes=3).weights, fit(kind).weights)


def test_the_best_epoch_is_kept_if_a_later_one_diverges(
    fit: Callable[..., LinearModel], caplog: pytest.LogCaptureFixture
) -> None:
    logs = []
    for rate in 10 ** np.arange(140.5, 142.5, 0.1):
        caplog.clear()
        with caplog.at_level(logging.INFO), contextlib.suppress(CustomerError):
            fit(learning_rate=rate, early_stopping_patience=15)
            logs.append(caplog.text)
    assert any(re.search("Early stopping: training diverged in epoch [1-9]", log) for log in logs)


def test_early_stopping_keeps_the_best_epoch(train: Train, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        train("regressor", epochs=500, early_stopping_patience=4, early_stopping_tolerance=0.01)
    losses = [float(value) for value in re.findall(METRICS["validation:objective_loss"], caplog.text)]
    assert 5 <= len(losses) < 100
    assert "the validation loss has not improved in 4 epochs" in caplog.text
    [final] = re.findall(METRICS["validation:objective_loss:final"], caplog.text)
    assert float(final) == min(losses)


def test_weighted_classes_are_predicted_more_often(fit: Callable[..., LinearModel]) -> None:
    rows = table("binary_classifier", *SIZES["test"])[:, 1:]
    weights = (0.02, 1, 50)
    shares = [
        (fit("binary_classifier", positive_example_weight_mult=weight).scores(rows) > 0.5).mean() for weight in weights
    ]
    assert shares[0] < shares[1] < shares[2]
    rows = table("multiclass_classifier", *SIZES["test"])[:, 1:]
    rare_counts = [
        (np.argmax(fit("multiclass_classifier", balance_multiclass_weights=flag).scores(rows), axis=1) == 2).mean()
        for flag in ("false", "true")
    ]
    assert rare_counts[0] < rare_counts[1]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "No value(s) were specified for 'predictor_type' which are required hyperparameter(s)"),
        ({"predictor_type": "multiclass_classifier"}, "No value(s) were specified for 'num_classes' which are requ"),
        ({"predictor_type": "classifier"}, "predictor_type is 'classifier': it must be one of regressor, binary_"),
        ({"max_depth": "3"}, "Additional hyperparameters are not allowed ('max_depth' was unexpected): valid hyperpa"),
        ({"sagemaker_region": "us"}, "Additional hyperparameters are not allowed ('sagemaker_region' was unexpected)"),
        ({"epochs": "0"}, "epochs is '0': it must be an integer in [1, inf)"),
        ({"wd": "-1"}, "wd is '-1': it must be a number in [0, inf) or auto"),
        ({"learning_rate": "nan"}, "learning_rate is 'nan': it must be a number in (0, inf) or auto"),
        ({"use_bias": "yes"}, "use_bias is 'yes': it must be one of true, false"),
        ({"predictor_type": "regressor", "loss": "logistic"}, "loss is 'logistic': with the predictor_type regressor"),
        ({"predictor_type": "regressor", "loss": "quantile_loss"}, "loss quantile_loss is not simulated"),
        ({"predictor_type": "regressor", "optimizer": "sgd"}, "optimizer sgd is not simulated: remove it (its default"),
        ({"predictor_type": "regressor", "use_lr_scheduler": "false"}, "use_lr_scheduler false is not simulated"),
        ({"predictor_type": "binary_classifier", "margin": "2"}, "margin 2 is not simulated: remove it (its default i"),
        ({"f_beta": "1e200"}, "f_beta is '1e200': it must be a number in (0, 1e100]"),
    ],
)
def test_invalid_hyperparameters_are_reported(settings: dict[str, str], reason: str) -> None:
    with pytest.raises(CustomerError, match=f"^{re.escape(reason)}"):
        validate(settings)


def test_settings_of_the_optimiser_may_have_their_defaults() -> None:
    values = {"optimizer": "auto", "momentum": "auto", "margin": "1", "use_lr_scheduler": "True", "init_scale": "0.07"}
    validate(hyperparameters("regressor", **values))


RECORDIO = "application/x-recordio-protobuf"
ROW = "1,2,3\n"


@pytest.mark.parametrize(
    ("files", "settings", "reason"),
    [
        ({"validation": ROW}, {}, "the train channel is required"),
        ({"train": ROW, "code": ROW}, {}, "unknown channel code: valid channels are train, validation, test"),
        ({"train": ROW}, {"content_type": RECORDIO}, f"The train channel has the ContentType {RECORDIO}"),
        ({"train": b"\x0a\x23\xd7\xce"}, {"content_type": None}, f"part-0 contains {RECORDIO}"),
        ({"train": ROW}, {"content_type": "text/csv;label_size=0"}, "The train channel has the ContentType text/csv"),
        ({"train": "label,depth\n1,2\n"}, {}, "part-0 must be CSV with only numbers and no header line: could not"),
        ({"train": "1,2\n3,\n"}, {}, "part-0 must be CSV with only numbers and no header line: could not convert"),
        ({"train": "1,2\n3,4,5\n"}, {}, "part-0 must be CSV with only numbers and no header line: the number of"),
        ({"train": "1,2\n3,inf\n"}, {}, "part-0: column 2 of row 2 is not a finite 32-bit number"),
        ({"train": "1e39,2\n3,4\n"}, {}, "part-0: column 1 of row 1 is not a finite 32-bit number"),
        ({"train": gzip.compress(ROW.encode())}, {}, "part-0 is gzipped: send it uncompressed"),
        ({"train": "1\n2\n"}, {}, "The train channel has a label but no features"),
        ({"train": ""}, {}, "The train channel has no data"),
        ({"train": ROW}, {"feature_dim": 3}, "feature_dim is 3, but the train channel has 2 features"),
        ({"train": ROW, "test": "1,2\n"}, {}, "the test channel has 1 features, but the train channel has 2"),
        ({"train": ROW * 2 + "2,1,1\n"}, {"kind": "binary_classifier"}, "the labels of a binary_classifier must be"),
        (None, {"normalize_label": "false", "learning_rate": 1e300}, "training diverged in epoch 0: lower learning_"),
    ],
)
def test_unusable_data_is_reported(
    train: Train, files: dict[str, str | bytes] | None, settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(CustomerError, match=f"^{re.escape(reason)}"):
        train(**{"kind": "regressor", "files": files} | settings)


def test_large_numbers_and_a_byte_order_mark_are_read(train: Train) -> None:
    rows = table("regressor", *SIZES["train"])
    rows[:, 1] *= 1e38 / np.abs(rows[:, 1]).max()
    assert train("regressor", {"train": "\ufeff" + csv_of(rows)}).weights[0].all()


def test_a_channel_without_a_content_type_is_read_as_csv(train: Train, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        train("regressor", {"train": csv_of(table("regressor", 40, 1))}, None)
    assert "its data is read as CSV. AWS would read it as RecordIO." in caplog.text
