from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.fuzzing import examples

from recore.model.hyperparameter_encoding import HyperParameterEncodingError, decode, encode

NESTED = {"fit": {"alpha": 0.1, "deep": {"on": True}}, "names": ["a", "b"], "text": "t", "nothing": None, "empty": {}}
FLAT = {
    "fit.alpha": "0.1",
    "fit.deep.on": "true",
    "names": '["a", "b"]',
    "text": '"t"',
    "nothing": "null",
    "empty": "{}",
}


def test_hyperparameters_are_encoded_and_decoded() -> None:
    assert encode(NESTED) == FLAT
    assert decode(FLAT) == NESTED
    assert encode({}) == decode({}) == {}


keys = st.text(st.characters(exclude_characters=".", codec="utf-8"), max_size=5)
values = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9) | st.just([1, "a"])
)
nested = st.recursive(values, lambda inner: st.dictionaries(keys, inner, max_size=2), max_leaves=4)


@examples(20)
@given(st.dictionaries(keys, nested, max_size=4))
def test_encoded_values_can_be_decoded(hyperparameters: dict[str, Any]) -> None:
    assert decode(encode(hyperparameters)) == hyperparameters


@pytest.mark.parametrize(
    ("hyperparameters", "reason"),
    [
        ({"a.b": 1}, r"^Key 'a\.b' must be a string without dots \('\.'\)$"),
        ({1: 1}, "^Key 1 must be a string without dots"),
        ({"a" * 257: 1}, r"^Key 'a+' must be at most 256 characters\.$"),
        ({"a" * 200: {"b" * 56: 1}}, r"^Key 'a+\.b+' must be at most 256 characters\.$"),
        ({"a": "b" * 255}, "for key 'a' must have length at most 256"),
        ({str(n): n for n in range(101)}, "^SageMaker allows at most 100 hyperparameters but 101 were specified"),
        ({"a": {1, 2}}, "^The value for key 'a' cannot be written as JSON"),
    ],
)
def test_values_that_cannot_be_encoded_are_rejected(hyperparameters: dict[Any, Any], reason: str) -> None:
    with pytest.raises(HyperParameterEncodingError, match=reason):
        encode(hyperparameters)


def test_limits_are_inclusive() -> None:
    assert len(encode({"a" * 256: "b" * 254})) == 1
    assert len(encode({str(n): n for n in range(100)})) == 100


@pytest.mark.parametrize(
    ("hyperparameters", "reason"),
    [
        ({"a": "text"}, "^Value 'text' for key 'a' is not valid JSON"),
        ({"a": "[" * 100_000}, "is not valid JSON"),
        ({"a": "1", "a.b": "2"}, r"^Key 'a\.b' conflicts"),
        ({"a.b": "1", "a": "2"}, "^Key 'a' conflicts"),
    ],
    ids=["text", "deep", "value first", "value last"],
)
def test_values_that_cannot_be_decoded_are_rejected(hyperparameters: dict[str, str], reason: str) -> None:
    with pytest.raises(HyperParameterEncodingError, match=reason):
        decode(hyperparameters)
