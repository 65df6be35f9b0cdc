"""The cache key of a step: a digest of its request, in which files on S3 count by their contents."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

Contents = Callable[[str], Any]  # returns the digests of the objects below an S3 URI, or None if there are none


def cache_key(request: dict[str, Any], uncached: tuple[str, ...], contents: Contents) -> str:
    """Return a digest of a request without the members that do not affect its result.

    uncached: the paths of these members. An S3 URI, also as JSON in a hyperparameter, counts by its content.
    """
    kept = request
    for path in uncached:
        kept = _without(kept, path.split("."))
    text = json.dumps(_by_content(kept, contents), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _without(value: Any, path: list[str]) -> Any:
    if isinstance(value, list):
        return [_without(item, path) for item in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    others = {name: item for name, item in value.items() if name != path[0]}
    return others if len(path) == 1 else others | {path[0]: _without(value[path[0]], path[1:])}


def _by_content(value: Any, contents: Contents) -> Any:
    if isinstance(value, dict):
        return {name: _by_content(item, contents) for name, item in value.items()}
    if isinstance(value, list):
        return [_by_content(item, contents) for item in value]
    if isinstance(value, str) and (address := value.strip('"')).startswith("s3://"):
        content = contents(address)
        return value if content is None else {"content": content}
    return value
