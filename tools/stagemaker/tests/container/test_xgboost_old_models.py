"""Models of XGBoost's versions in AWS's older images, written by old_models/write.py, predict as they did there."""

import base64
import contextlib
import copy
import json
import pickle
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost as xgb
from stagemaker_support.fuzzing import TIMES, generator

from stagemaker.container.xgboost_hooks import load_booster, predict
from stagemaker.container.xgboost_library.sagemaker_xgboost_container.old_models import to_json

DATA = Path(__file__).parent / "old_models"
VERSIONS = sorted(path.stem for path in DATA.glob("*.json"))


@pytest.fixture(autouse=True)
def without_warnings() -> Iterator[None]:
    with xgb.config_context(verbosity=0):
        yield


def read(version: str) -> tuple[xgb.DMatrix, dict[str, dict[str, Any]]]:
    """Return the rows of the predictions, and for each model its predictions and its contents by their form."""
    content = json.loads((DATA / f"{version}.json").read_text())
    for model in content["models"].values():
        for form in {"file", "pickle"} & model.keys():
            model[form] = zlib.decompress(base64.b64decode(model[form]))
    return xgb.DMatrix(np.array(content["rows"], np.float32)), content["models"]


@pytest.mark.parametrize("version", VERSIONS)
def test_models_of_older_versions_predict_the_same(tmp_path: Path, version: str) -> None:
    matrix, models = read(version)
    path = tmp_path / "xgboost-model"
    for name, model in models.items():
        for form in {"file", "pickle"} & model.keys():
            if (name, form) == ("forest", "file") and version < "1.5":
                continue  # the file does not contain the number of trees per round
            path.write_bytes(model[form])
            predictions = predict(load_booster(path), matrix, "csv")
            np.testing.assert_allclose(predictions, model["predictions"], 2e-6, 2e-6, err_msg=f"{name}, {form}")
    assert len(models) == 8


@pytest.mark.parametrize("version", ["0.72", "0.90"])
@pytest.mark.parametrize("first", [b"{", b"\x80"])
def test_any_base_score_is_read(tmp_path: Path, version: str, first: bytes) -> None:
    matrix, models = read(version)
    path = tmp_path / "xgboost-model"
    path.write_bytes(first + models["linear"]["file"][1:])
    for booster in (load_booster(path), xgb.Booster(model_file=path)):
        np.testing.assert_allclose(predict(booster, matrix, "csv"), models["linear"]["predictions"], 1e-3)


def test_current_formats_are_read(tmp_path: Path) -> None:
    matrix, models = read("3.0")
    path = tmp_path / "model"
    path.write_bytes(models["linear"]["file"])
    booster = load_booster(path)
    document = json.dumps(json.loads(booster.save_raw("json")), indent=1)
    for content in (document.encode(), booster.save_raw("json"), booster.save_raw("ubj")):
        path.write_bytes(content)
        np.testing.assert_array_equal(xgb.Booster(model_file=path).predict(matrix), booster.predict(matrix))


@pytest.mark.parametrize("version", ["0.72", "0.90", "1.2", "1.5"])
def test_a_forest_of_an_unknown_number_of_trees_has_a_warning(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name, model in read(version)[1].items():
        to_json(model["file"])
        has_warning = "trained with num_parallel_tree" in capsys.readouterr().err
        assert has_warning == (version < "1.5" and name == "forest")


def test_a_script_reads_old_models_as_before(tmp_path: Path) -> None:
    matrix, models = read("1.2")
    model = models["logistic"]
    (tmp_path / "model").write_bytes(model["file"])
    state = pickle.loads(model["pickle"].replace(b"X\x02\x00\x00\x00f0", b"X\x02\x00\x00\x00Si"))
    assert state.feature_names == ["Si", "f1", "f2"]
    state.feature_names = None
    files = (tmp_path / "model", bytearray(model["file"]))
    for booster in (state, *(xgb.Booster(model_file=file) for file in files)):
        np.testing.assert_allclose(booster.predict(matrix), model["predictions"], 2e-6)
        copy = pickle.loads(pickle.dumps(booster))
        np.testing.assert_array_equal(copy.predict(matrix), booster.predict(matrix))


@pytest.mark.parametrize(
    ("version", "writer"),
    [
        ("0.90", "XGBoost 1.7.6 (pip install xgboost==1.7.6; the model is from before 1.0, as in images 0.72 and 0.90"),
        ("1.2", "XGBoost 1.2, which wrote it and is in image 1.2-1 (pip install 'xgboost==1.2.*')"),
    ],
)
def test_a_damaged_model_is_rejected(version: str, writer: str) -> None:
    content = read(version)[1]["logistic"]["file"]
    prefixes = [content[:size] for size in range(1, len(content), 7)]
    for variant in (*prefixes, content + b"0", content.replace(b"gb", b"GB")):
        with pytest.raises(ValueError, match=r", and save it with save_model\(\"xgboost-model.json\"\)$") as failure:
            to_json(variant)
        has_names = b"gbtree" in variant  # which is necessary to recognise a binary model
        assert f" with {writer if has_names else 'the version of XGBoost that wrote it,'}" in str(failure.value)


@pytest.mark.parametrize(
    "content", [b'{"Model":' * 100_000, b'{"Model":{"version":[1,3,3],"learner":[]}}'], ids=["nested", "no learner"]
)
def test_damaged_json_is_rejected(content: bytes) -> None:
    writer = "XGBoost 1.3, which wrote it" if b"version" in content else "the version of XGBoost that wrote it"
    with pytest.raises(ValueError, match=f"load it with {writer}"):
        to_json(content)


def test_an_impossible_base_score_is_rejected() -> None:
    content = read("1.2")[1]["logitraw"]["file"]
    with pytest.raises(ValueError, match="division by zero"):
        to_json(content.replace(np.float32(0.4).tobytes(), np.float32(1).tobytes(), 1))


@pytest.mark.parametrize("links", [(-1, 10**6, 2), (-1, -5, 2), (-1, 0, 2), (-1, 2, 2), (-1, 1, 2**31 - 1), (1, 1, 2)])
def test_a_link_that_leads_elsewhere_is_rejected(links: tuple[int, int, int]) -> None:
    """XGBoost would follow it and crash. links: the root's parent and children."""
    content = read("0.90")[1]["logistic"]["file"]
    root = struct.pack("<3i", -1, 1, 2)
    assert root in content
    with pytest.raises(ValueError, match=r"the nodes of tree [0-9]+ are not a tree of 3 features"):
        to_json(content.replace(root, struct.pack("<3i", *links)))


def json_of_a_pickle(version: str) -> dict[str, Any]:
    content = read(version)[1]["logistic"]["pickle"]
    start = content.index(b'{"Config"')
    handle: dict[str, Any] = json.JSONDecoder().raw_decode(content[start:].decode("latin1"))[0]
    return handle


DELETED_SPLIT = struct.pack("<I", 2**32 - 1)


@pytest.mark.parametrize("deleted_count", [0, 1])
@pytest.mark.parametrize("child", [10**6, -1])
def test_a_tree_that_leads_to_a_deleted_node_is_rejected(deleted_count: int, child: int) -> None:
    content = bytearray(read("0.90")[1]["logistic"]["file"])
    leaf = content.index(struct.pack("<3i", -1, 1, 2)) + 20
    content[leaf + 4 : leaf + 16] = struct.pack("<2i", child, child) + DELETED_SPLIT
    tree = leaf - 20 - 37 * 4
    content[tree + 8 : tree + 12] = struct.pack("<i", deleted_count)
    with pytest.raises(ValueError, match="refers to deleted nodes"):
        to_json(content)


@pytest.mark.parametrize(
    ("key", "value"), [("left_children", 10**6), ("parents", 7), ("split_indices", 3), ("split_indices", 2**31 - 1)]
)
def test_a_link_in_json_that_leads_elsewhere_is_rejected(key: str, value: int) -> None:
    model = json_of_a_pickle("1.5")
    assert to_json(json.dumps(model, separators=(",", ":")).encode())
    trees = model["Model"]["learner"]["gradient_booster"]["model"]["trees"]
    tree = next(tree for tree in trees if len(tree["parents"]) > 1)
    tree[key][0] = value
    tree["default_left"][0] = True
    with pytest.raises(ValueError, match=r"the nodes of tree|refers to deleted nodes"):
        to_json(json.dumps(model, separators=(",", ":")).encode())


PREDICT_SCRIPT = """
import pickle, sys
import numpy as np, xgboost as xgb
for content in pickle.load(sys.stdin.buffer):
    xgb.Booster(model_file=bytearray(content)).predict(xgb.DMatrix(np.ones((2, 3))))
"""


@pytest.mark.fuzz
@pytest.mark.parametrize("version", ["0.90", "1.5"])
def test_mutated_trees_are_rejected_or_predict(version: str) -> None:
    random = generator(f"trees {version}")
    model = to_json(read("0.90")[1]["logistic"]["file"]) if version == "0.90" else b""
    handle = json.loads(model) if model else json_of_a_pickle(version)["Model"]
    accepted = []
    for _ in range(500 * TIMES):
        mutated = copy.deepcopy(handle)
        tree = random.choice(mutated["learner"]["gradient_booster"]["model"]["trees"])
        for _ in range(random.randint(1, 3)):
            key = random.choice(["left_children", "right_children", "parents", "split_indices"])
            node = random.randrange(len(tree[key]))
            tree[key][node] = random.choice([-1, 0, 1, 2, 3, 10**6, 2**31 - 1, random.randrange(len(tree[key]))])
            tree["default_left"][node] = random.random() < 0.5
        tree["tree_param"]["num_deleted"] = str(random.choice([0, 0, 1]))
        with contextlib.suppress(ValueError):
            accepted.append(to_json(json.dumps({"Model": mutated}).encode()))
    assert accepted
    result = subprocess.run([sys.executable, "-c", PREDICT_SCRIPT], input=pickle.dumps(accepted), capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
