"""Models in the binary format that XGBoost wrote before version 3.1, and Boosters pickled before version 1.6.

The installed XGBoost reads neither. The binary format is final: little-endian numbers, and strings and lists that begin
with their length in 64 bits. It contains the learner's parameters, the names of the objective and the booster, the
booster (trees or linear weights), and attributes. It is converted to XGBoost's JSON.
"""

import json
import math
import os
import re
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb

SIGNATURE = b"binf"  # some versions write this before the model
CONFIG_HEADER = b"CONFIG-offset:"  # before the model in Boosters pickled by versions 1.0 to 1.2; then 8 bytes
OLD_JSON = b'{"'  # Boosters pickled by versions 1.3 to 1.5 are JSON; later ones are UBJSON
# The beginning of JSON and UBJSON. Without a signature, the binary format begins with any four bytes, the base score.
CURRENT_FORMATS = re.compile(rb'\{["\sL]')
JSON_VERSION = [1, 7, 6]  # a version of XGBoost that writes the same JSON
LOW_BITS = (1 << 31) - 1  # the index of a parent or split, without the flag in the highest bit; also the root's parent
DELETED_SPLIT = (1 << 32) - 1  # the split of a node that was pruned
MAX_OUTPUTS = 100_000
NODE = np.dtype([("parent", "<i4"), ("left", "<i4"), ("right", "<i4"), ("split", "<u4"), ("value", "<f4")])
STATISTICS = np.dtype([("gain", "<f4"), ("hessian", "<f4"), ("weight", "<f4"), ("leaf_children", "<i4")])
# The inverse link functions of the objectives that have one. Versions before 1.0 save the base score as a margin.
INVERSE_LINKS = dict.fromkeys(
    ("reg:logistic", "binary:logistic"), lambda margin: 1 / (1 + math.exp(-margin))
) | dict.fromkeys(("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox"), math.exp)
RENAMED_OBJECTIVES = {"reg:linear": "reg:squarederror"}


def read_old_models() -> None:
    """Make xgboost.Booster also load and unpickle models of older versions, in this process."""
    load_model, set_state = xgb.Booster.load_model, xgb.Booster.__setstate__

    def load_any_model(self: xgb.Booster, fname: Any) -> None:
        is_file = isinstance(fname, str | os.PathLike) and os.path.isfile(fname)
        first_bytes = fname
        if is_file:
            with open(fname, "rb") as file:
                first_bytes = file.read(2)
        if isinstance(first_bytes, bytes | bytearray) and first_bytes and not CURRENT_FORMATS.match(first_bytes):
            fname = bytearray(to_json(Path(fname).read_bytes() if is_file else fname))
        load_model(self, fname)

    def set_any_state(self: xgb.Booster, state: dict[str, Any]) -> None:
        content, names = bytes(state["handle"] or b""), state.get("feature_names")
        if content.startswith(OLD_JSON) or (content and not CURRENT_FORMATS.match(content)):
            booster = xgb.Booster()
            load_model(booster, bytearray(to_json(content, state)))
            if names and names != [f"f{index}" for index in range(len(names))]:  # old names of unnamed features
                booster.feature_names = names
            state = booster.__getstate__()
        set_state(self, state)

    xgb.Booster.load_model = load_any_model  # type: ignore[method-assign]
    xgb.Booster.__setstate__ = set_any_state  # type: ignore[method-assign]


def to_json(content: bytes | bytearray, state: Mapping[str, Any] | None = None) -> bytes:
    """Return an old model in XGBoost's JSON. Raises ValueError if it is damaged or not a model.

    content: a saved model, or a pickled Booster's handle. state: the pickle's other members.
    """
    try:
        is_json = content.startswith(OLD_JSON)
        model = json.loads(content)["Model"] if is_json else read_model(Reader(content))
        if is_json:
            check_trees(model["learner"])
        add_rounds(model["learner"], state or {}, read_version(content))
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ValueError(
            f"it is damaged or not in a known XGBoost format ({error}): load it with "
            f'{version_advice(read_version(content))}, and save it with save_model("xgboost-model.json")'
        ) from None
    return json.dumps(model).encode()


def read_version(content: bytes | bytearray) -> tuple[int, int] | None:
    """Return the version that wrote a model, (0, 0) before 1.0, or None if it is unknown."""
    if content.startswith(OLD_JSON):
        match = re.search(rb'"version":\[(\d{1,3}),(\d{1,3}),', content)
        return (int(match[1]), int(match[2])) if match else None
    try:
        (*_, major, minor, _), *_ = read_header(Reader(content))
    except ValueError:
        return None
    return major, minor


def version_advice(version: tuple[int, int] | None) -> str:
    """Return a phrase that says which version of XGBoost can save the model again."""
    if version is None:
        return "the version of XGBoost that wrote it"
    if version == (0, 0):  # these versions themselves do not save JSON
        return "XGBoost 1.7.6 (pip install xgboost==1.7.6; the model is from before 1.0, as in images 0.72 and 0.90-1)"
    release = "{}.{}".format(*version)
    return f"XGBoost {release}, which wrote it and is in image {release}-1 (pip install 'xgboost=={release}.*')"


class Reader:
    """Reads a binary model from beginning to end. Raises ValueError if the model ends too early or too late."""

    def __init__(self, content: bytes | bytearray) -> None:
        self._is_followed = content.startswith(CONFIG_HEADER)  # other data may follow the model
        self._content, self._position = content, len(CONFIG_HEADER) + 8 if self._is_followed else 0
        if content.startswith(SIGNATURE, self._position):
            self._position += len(SIGNATURE)

    def end(self) -> None:
        if not self._is_followed and self._position < len(self._content):
            raise ValueError("other data follow it")

    def bytes(self, size: int) -> bytes | bytearray:
        content = self._content[self._position : self._position + size]
        if len(content) < size:
            raise ValueError("it is truncated")
        self._position += size
        return content

    def unpack(self, kinds: str) -> tuple[Any, ...]:
        return struct.unpack(f"<{kinds}", self.bytes(struct.calcsize(f"<{kinds}")))

    def array(self, kind: str | np.dtype[Any], count: int) -> Any:
        return np.frombuffer(self.bytes(np.dtype(kind).itemsize * max(count, 0)), kind)

    def read_floats(self) -> list[float]:
        return list(map(float, self.array("<f4", self.unpack("Q")[0])))

    def string(self) -> str:
        return self.bytes(self.unpack("Q")[0]).decode()


def add_rounds(learner: dict[str, Any], state: Mapping[str, Any], version: tuple[int, int] | None) -> None:
    """Add the number of trees per round, which was not saved before 1.6. Warn if it is unknown and could matter."""
    booster = learner["gradient_booster"]
    if booster["name"] == "gblinear":
        booster["model"].setdefault("boosted_rounds", 1)  # with 0, the installed version predicts other values
        return
    values = {**learner["attributes"], **state}
    rounds, trees = int(values.get("best_iteration", -1)) + 1, int(values.get("best_ntree_limit", 0))
    model = booster.get("gbtree", booster)["model"]
    if rounds and trees > rounds:  # each round has trained a random forest
        model["gbtree_model_param"]["num_parallel_tree"] = str(trees // rounds)
    # the rounds of a forest up to the best one have at least two trees per output
    may_be_forest = len(model["trees"]) >= 2 * rounds * len(set(model["tree_info"]))
    if rounds and not trees and may_be_forest and version and version < (1, 5):
        sys.stderr.write(
            "Warning: training stopped early for this model, which does not record the number of trees in each round. "
            "If it was trained with num_parallel_tree, its predictions are wrong. To correct them, load it with its "
            "XGBoost, set its attribute best_ntree_limit to (best_iteration + 1) * num_parallel_tree, and save it.\n"
        )


def read_header(reader: Reader) -> tuple[tuple[Any, ...], str, str]:
    """Return the learner's parameters, and the names of the objective and the booster."""
    parameters = reader.unpack("fI3i2II")
    reader.bytes(26 * 4)
    objective, booster = reader.string(), reader.string()
    if booster not in ("gbtree", "dart", "gblinear"):
        raise ValueError(f"its booster is {booster!r:.40}")
    return parameters, objective, booster


def read_model(reader: Reader) -> dict[str, Any]:
    parameters, objective, booster = read_header(reader)
    base_score, n_features, classes, has_attributes, has_metrics, major, minor, targets = parameters
    outputs = max(classes, targets, 1)
    if not (0 < n_features <= LOW_BITS and classes >= 0 and outputs <= MAX_OUTPUTS and math.isfinite(base_score)):
        raise ValueError(f"it has {n_features} features, {outputs} outputs and the base score {base_score}")
    read = read_linear if booster == "gblinear" else read_trees
    model = read(reader, booster, n_features, outputs)
    attributes = {reader.string(): reader.string() for _ in range(reader.unpack("Q")[0])} if has_attributes else {}
    if objective == "count:poisson" and major == 0:
        reader.string()  # max_delta_step
    if has_metrics and major == 0:  # later versions save the metrics as an attribute
        for _ in range(reader.unpack("Q")[0]):
            reader.string()
    reader.end()
    saved_objective = attributes.pop("objective", None)
    attributes.pop("metrics", None)
    if major == 0:
        base_score = INVERSE_LINKS.get(objective.removeprefix("gpu:"), float)(base_score)
    elif objective == "binary:logitraw" and (major, minor) < (1, 3):  # since 1.3, its base score is a margin
        base_score = math.log(base_score / (1 - base_score))
    return {
        "version": JSON_VERSION,
        "learner": {
            "attributes": attributes,
            "feature_names": [],
            "feature_types": [],
            "gradient_booster": model,
            "learner_model_param": {
                "base_score": repr(base_score),
                "num_class": str(classes),
                "num_feature": str(n_features),
                "num_target": str(max(targets, 1)),
            },
            "objective": json.loads(saved_objective) if saved_objective else make_objective(objective, classes),
        },
    }


def make_objective(name: str, classes: int) -> dict[str, Any]:
    """Return the JSON of an objective saved before 1.0. Predictions need no other parameters."""
    name = name.removeprefix("gpu:")
    return {
        "name": RENAMED_OBJECTIVES.get(name, name),
        "softmax_multiclass_param": {"num_class": str(classes)},
        "poisson_regression_param": {},
        "tweedie_regression_param": {},
    }


def read_linear(reader: Reader, booster: str, n_features: int, outputs: int) -> dict[str, Any]:
    reader.bytes(34 * 4)
    weights = reader.read_floats()
    if len(weights) != (n_features + 1) * outputs:
        raise ValueError(f"it has {len(weights)} weights")
    return {"name": booster, "model": {"weights": weights}}


def read_trees(reader: Reader, booster: str, n_features: int, outputs: int) -> dict[str, Any]:
    count, trees_per_round = reader.unpack("2i")
    reader.bytes(38 * 4)
    trees = [read_tree(reader, number, n_features) for number in range(count)]
    output_of_trees = reader.array("<i4", count)
    if ((output_of_trees < 0) | (output_of_trees >= outputs)).any():
        raise ValueError("a tree belongs to no output")
    model = {
        "gbtree_model_param": {"num_trees": str(count), "num_parallel_tree": str(max(trees_per_round, 1))},
        "tree_info": output_of_trees.tolist(),
        "trees": trees,
    }
    gbtree = {"name": "gbtree", "model": model}
    if booster == "gbtree":
        return gbtree
    weights = reader.read_floats() if trees else []
    if len(weights) != len(trees):
        raise ValueError(f"it has {len(weights)} weights for {len(trees)} trees")
    return {"name": "dart", "gbtree": gbtree, "weight_drop": weights}


def read_tree(reader: Reader, number: int, n_features: int) -> dict[str, Any]:
    _, count, n_deleted, _, tree_features, leaf_size = reader.unpack("6i")
    if leaf_size > 1 or count < 1:
        raise ValueError(f"tree {number} has {count} nodes and leaves of {leaf_size} numbers")
    reader.bytes(31 * 4)
    nodes, statistics = reader.array(NODE, count), reader.array(STATISTICS, count)
    check_tree(nodes, number, n_features, n_deleted)
    return {
        "id": number,
        "tree_param": {
            "num_nodes": str(count),
            "num_deleted": str(n_deleted),
            "num_feature": str(tree_features),
            "size_leaf_vector": "1",
        },
        "parents": (nodes["parent"] & LOW_BITS).tolist(),
        "left_children": nodes["left"].tolist(),
        "right_children": nodes["right"].tolist(),
        "split_indices": (nodes["split"] & LOW_BITS).tolist(),
        "split_conditions": nodes["value"].tolist(),
        "default_left": (nodes["split"] >> 31).tolist(),
        "loss_changes": statistics["gain"].tolist(),
        "sum_hessian": statistics["hessian"].tolist(),
        "base_weights": statistics["weight"].tolist(),
    }


def check_trees(learner: dict[str, Any]) -> None:
    """Raise ValueError, LookupError or TypeError if a tree of a JSON model is invalid."""
    booster = learner["gradient_booster"]
    if booster["name"] == "gblinear":
        return
    n_features = int(learner["learner_model_param"]["num_feature"])
    for number, tree in enumerate(booster.get("gbtree", booster)["model"]["trees"]):
        if min(tree["parents"]) < 0:
            raise ValueError(f"tree {number} has a node without a parent")
        columns = [tree[key] for key in ("parents", "left_children", "right_children", "split_indices", "default_left")]
        rows = zip(range(int(tree["tree_param"]["num_nodes"])), *columns, strict=True)
        nodes = np.array(
            [(parent, left, right, split | is_left << 31, 0) for _, parent, left, right, split, is_left in rows], NODE
        )
        check_tree(nodes, number, n_features, int(tree["tree_param"]["num_deleted"]))


def check_tree(nodes: Any, number: int, n_features: int, n_deleted: int) -> None:
    """Raise ValueError unless the nodes form a tree, because XGBoost follows their links without checks."""
    parents, indices = nodes["parent"] & LOW_BITS, np.arange(len(nodes))
    is_deleted = nodes["split"] == DELETED_SPLIT
    is_inner = (nodes["left"] != -1) & ~is_deleted
    links = np.array([nodes["left"][is_inner], nodes["right"][is_inner]])
    splits = nodes["split"][is_inner] & LOW_BITS
    is_outside = ((links <= 0) | (links >= len(nodes)) | (links[0] == links[1])).any() or (splits >= n_features).any()
    is_outside |= parents[0] != LOW_BITS or (parents[1:] >= len(nodes)).any()
    if is_outside or (parents[links] != indices[is_inner]).any():
        raise ValueError(f"the nodes of tree {number} are not a tree of {n_features} features")
    if is_deleted[0] or is_deleted[links].any() or is_deleted.sum() != n_deleted:
        raise ValueError(f"tree {number} refers to deleted nodes, or does not have {n_deleted} of them")
