"""What a cached step does, as one text: equal texts have equal results."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

Contents = Callable[[str], Any]  # of an address on S3: what stands for its content, or None where nothing is there


def cache_key(request: dict[str, Any], uncached: tuple[str, ...], contents: Contents) -> str:
    """A digest of a request without the members that do not change what it does.

    uncached: their paths. A text that is an address on S3, also as JSON in a hyperparameter, counts by the content.
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
