"""Hypothesis strategies for requests: valid requests, generated from a service model's shapes, and modified copies."""

import re
from functools import cache
from typing import Any

import regex
from botocore.model import Shape
from hypothesis import strategies as st

PRINTABLE_ASCII = st.characters(min_codepoint=32, max_codepoint=126)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["", "a" * 3000, "\x00", "\u2028", "é", "😀", 2**70, -1, 1e300, 10**400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
REQUIRED_ONLY_DEPTH = 4  # from this depth on, only required members are generated


@cache
def valid_values(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Generate JSON values that the shape allows."""
    bounds = shape.metadata
    if shape.type_name == "structure":
        return st.deferred(lambda: _structures(shape, depth))
    if shape.type_name == "list":
        low = bounds.get("min", 0)
        high = min(bounds.get("max", 3), low + (2 if depth < REQUIRED_ONLY_DEPTH else 0))
        return st.deferred(lambda: st.lists(valid_values(shape.member, depth + 1), min_size=low, max_size=high))
    if shape.type_name == "map":
        low = bounds.get("min", 0)
        high = min(bounds.get("max", 3), low + (2 if depth < REQUIRED_ONLY_DEPTH else 0))
        keys, values = valid_values(shape.key, depth + 1), valid_values(shape.value, depth + 1)
        return st.dictionaries(keys, values, min_size=low, max_size=high)
    if shape.type_name == "string":
        return _strings(bounds)
    if shape.type_name in ("integer", "long"):
        bits = 31 if shape.type_name == "integer" else 63
        return st.integers(bounds.get("min", -(2**bits) + 1), bounds.get("max", 2**bits - 1))
    if shape.type_name in ("float", "double"):
        return st.floats(bounds.get("min"), bounds.get("max"), allow_nan=False, allow_infinity=False)
    if shape.type_name == "timestamp":
        return st.integers(0, 4_000_000_000) | st.floats(0, 4e9)
    return st.booleans()


def _structures(shape: Shape, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    members = {name: valid_values(member, depth + 1) for name, member in shape.members.items()}
    if shape.is_tagged_union:
        return st.one_of(st.fixed_dictionaries({name: member}) for name, member in members.items())
    required = {name: members[name] for name in shape.required_members}
    optional = {name: member for name, member in members.items() if name not in required}
    few_members = (
        st.lists(st.sampled_from(sorted(optional)), max_size=4, unique=True)
        if optional and depth < REQUIRED_ONLY_DEPTH
        else st.just([])
    )
    return few_members.flatmap(lambda names: st.fixed_dictionaries(required | {name: optional[name] for name in names}))


@cache
def _matching_strings(pattern: str, low: int, high: int) -> st.SearchStrategy[str]:
    """Generate strings that match a pattern. Some have the minimum or maximum length if the pattern allows it."""
    pattern = pattern.replace(r"\p{Alnum}", "a-zA-Z0-9").replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    matcher = regex.compile(pattern, regex.ASCII if r"\p" not in pattern else 0)

    def fits(string: str) -> bool:
        return low <= len(string) <= high and matcher.fullmatch(string, timeout=5) is not None

    def lengthen(pair: tuple[str, int]) -> str:
        text, length = pair
        candidates = (text + "a" * (length - len(text)), text + "0" * (length - len(text)))
        return next((candidate for candidate in candidates if fits(candidate)), text)

    known_strings = [text for text in KNOWN_STRINGS if fits(text)]
    lengths = st.sampled_from([0, low, min(high, 1024)])
    strings = st.sampled_from(known_strings) if known_strings else st.nothing()
    if r"\u" not in pattern.lower() and r"\p" not in pattern and "${" not in pattern and "(?=" not in pattern:
        strings |= st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True, alphabet=PRINTABLE_ASCII)
    strings = st.tuples(strings, lengths).map(lengthen)
    return strings.filter(fits)


KNOWN_STRINGS = [
    "", "a", "a1", "abc-1", "A", "1", "1.0", "1.2.3", "0.1", "/a", "/opt/ml/x", "s3://bucket/key", "https://host/path",
    "a/b", "d-abc123", "arn:aws:sagemaker:us-east-1:123456789012:model/m", "arn:aws:iam::123456789012:role/r", "sg-1",
    "subnet-1",
    "ml.m5.large", "123456789012", "abcdefghijkl", "a" * 20, "a" * 36, "vol-12345678", "1M", "Mon:01:00", "None",
    "arn:aws:cloudformation:us-east-1:123456789012:stack/s/1",
]  # fmt: skip


def _strings(bounds: dict[str, Any]) -> st.SearchStrategy[str]:
    low, high = bounds.get("min", 0), bounds.get("max", 10_000)
    if bounds.get("enum"):
        return st.sampled_from(bounds["enum"])
    if bounds.get("pattern"):
        return _matching_strings(bounds["pattern"], low, high)
    return st.text(st.characters(exclude_categories=["Cs"]), min_size=low, max_size=min(high, low + 20))


def modified_documents(document: Any) -> st.SearchStrategy[Any]:
    """Generate copies of a document with one change: a value is replaced or removed, or an unknown member is added."""
    paths = list(_paths(document, ()))
    return st.tuples(st.sampled_from(paths), ANYTHING, st.sampled_from(["put", "drop", "add"])).map(
        lambda change: _apply_change(document, *change)
    )


def _paths(value: Any, path: tuple[Any, ...]) -> Any:
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from _paths(value[key], (*path, key))


def _apply_change(value: Any, path: tuple[Any, ...], replacement: Any, change: str) -> Any:
    if not path:
        return value | {"Unknown": replacement} if change == "add" and isinstance(value, dict) else replacement
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and change == "drop":
        del copy[path[0]]
    else:
        copy[path[0]] = _apply_change(value[path[0]], path[1:], replacement, change)
    return copy
