"""Translate a job's paths in strings to the host's paths, for jobs without a sandbox."""

import contextlib
import json
import os
import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import quote


def translate_paths(string: str, paths: dict[str, Path]) -> str:
    """Replace a job's paths in a string with the host's, percent-encoded in URLs and escaped in JSON.

    A path that is only part of another path is not replaced.
    """
    if string.startswith(("{", "[", '"')) and any(job_path in string for job_path in paths):
        with contextlib.suppress(ValueError, RecursionError):  # it is not JSON, or is nested too deeply
            return json.dumps(_translate_strings(json.loads(string), paths))
    for job_path, host_path in paths.items():
        path = rf"{re.escape(job_path)}(?![\w.-])"
        string = re.sub(rf"(?<=file://){path}", quote(os.fsencode(host_path)), string)
        string = re.sub(rf"(?<![\w./-]){path}", str(host_path).replace("\\", r"\\"), string)
    return string


def translate_paths_in_shell(script: str, paths: dict[str, Path]) -> str:
    """Replace a job's paths in a shell script with the host's, quoted as each context requires."""
    for job_path, host_path in paths.items():
        first_part, *parts = re.split(rf"(?<![\w.]){re.escape(job_path)}(?![\w.-])", script)
        in_double_quotes, outside_quotes = re.sub(r'(["$`\\])', r"\\\1", str(host_path)), shlex.quote(str(host_path))
        script_before = script = first_part
        for part in parts:
            line = script_before.rpartition("\n")[2]
            script += (in_double_quotes if line.count('"') % 2 else outside_quotes) + part
            script_before += part
    return script


def _translate_strings(value: Any, paths: dict[str, Path]) -> Any:
    if isinstance(value, str):
        return translate_paths(value, paths)
    if isinstance(value, list):
        return [_translate_strings(item, paths) for item in value]
    if isinstance(value, dict):
        return {name: _translate_strings(item, paths) for name, item in value.items()}
    return value
