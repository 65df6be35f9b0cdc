"""Translates a job's paths in text to paths on this machine, for jobs without a sandbox."""

import contextlib
import json
import os
import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import quote


def translated(text: str, paths: dict[str, Path]) -> str:
    """Replace a job's paths in a string with this machine's paths, quoted in URLs and escaped in JSON.

    A path that is only part of another path is not replaced.
    """
    if text.startswith(("{", "[", '"')) and any(inside in text for inside in paths):
        with contextlib.suppress(ValueError, RecursionError):  # it is not JSON, or is nested too deeply
            return json.dumps(_translated_strings(json.loads(text), paths))
    for inside, outside in paths.items():
        path = rf"{re.escape(inside)}(?![\w.-])"
        text = re.sub(rf"(?<=file://){path}", quote(os.fsencode(outside)), text)
        text = re.sub(rf"(?<![\w./-]){path}", str(outside).replace("\\", r"\\"), text)
    return text


def translated_in_shell(script: str, paths: dict[str, Path]) -> str:
    """Replace a job's paths in a shell script with this machine's paths, quoted as each context requires."""
    for inside, outside in paths.items():
        first, *parts = re.split(rf"(?<![\w.]){re.escape(inside)}(?![\w.-])", script)
        in_quotes, bare = re.sub(r'(["$`\\])', r"\\\1", str(outside)), shlex.quote(str(outside))
        before = script = first
        for part in parts:
            line = before.rpartition("\n")[2]
            script += (in_quotes if line.count('"') % 2 else bare) + part
            before += part
    return script


def _translated_strings(value: Any, paths: dict[str, Path]) -> Any:
    """Translate the strings in a JSON value."""
    if isinstance(value, str):
        return translated(value, paths)
    if isinstance(value, list):
        return [_translated_strings(item, paths) for item in value]
    if isinstance(value, dict):
        return {name: _translated_strings(item, paths) for name, item in value.items()}
    return value
