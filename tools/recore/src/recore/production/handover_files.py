"""Read the files of a handover, and check them against SHA256SUMS. The check detects damage, but does not authenticate
the author, who also wrote the hashes.
"""

import math
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from recore.challenge import challenge
from recore.evaluation import sha256_of
from recore.production.containers.domain import Reference
from recore.production.project import ProductionError, ProductionProject
from recore.production.versions import Version
from recore.untrusted_archives import MAX_BYTES as MAX_ARCHIVE_BYTES
from recore.untrusted_archives import read_files
from recore.untrusted_json import get, get_number, get_numbers, parse_object, prefix_errors, read_object
from stagemaker import locked

CONTENTS, SUMS, ARCHIVE = "handover.json", "SHA256SUMS", "model.tar.gz"
CHANNELS, REFERENCE, ERRORS = "channels.json", "domain.json", "expected_error.json"
REQUIRED, OPTIONAL = (CONTENTS, ARCHIVE, "run.json", CHANNELS), (REFERENCE, ERRORS)
MAX_BYTES = 256 << 20  # for each file except an archive
MAX_SUMS_BYTES = 16 << 20
SUM = re.compile(r"\\?([0-9a-f]{64})  (.+)")
COPY_FIX = "copy the handover again from its source"
CURVES = ("predicted", "error", "low", "high")


def list_verified_files(folder: Path) -> set[str]:
    """Check files that recore reads against SHA256SUMS; return the names in it. Raises ProductionError or OSError."""
    sums = _read_sums(folder / SUMS)
    for name in (*REQUIRED, *OPTIONAL):
        path = folder / name
        if name in sums:
            _require_file(path, MAX_ARCHIVE_BYTES if name == ARCHIVE else MAX_BYTES)
            if sha256_of(path) != sums[name]:
                problem = f"is not the file that was handed over: {SUMS} lists a different hash"
                raise ProductionError(f"{path} {problem}; {COPY_FIX}")
        elif name in REQUIRED or os.path.lexists(path):
            raise ProductionError(f"{path} may be damaged: it is not listed in {SUMS}; {COPY_FIX}")
    return set(sums)


def _require_file(path: Path, limit: int) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: this file of the handover is missing or not a regular file; {COPY_FIX}")
    if path.stat().st_size > limit:
        raise ProductionError(f"{path} is larger than {limit >> 20} MB")


def _read_sums(path: Path) -> dict[str, str]:
    _require_file(path, MAX_SUMS_BYTES)
    sums: dict[str, str] = {}
    for number, line in enumerate(path.read_text("utf-8", "replace").rstrip("\n").split("\n"), 1):
        match = SUM.fullmatch(line)
        if not match or match[2] in sums:
            problem = "repeats an earlier file" if match else "does not consist of a SHA-256, two spaces and a name"
            raise ProductionError(f"{path}: line {number} {problem}; {COPY_FIX}")
        sums[match[2]] = match[1]
    return sums


def read_features_files(project: ProductionProject, version: Version, names: Collection[str]) -> dict[str, bytes]:
    """Return files, by name, from the archive of a version's features container. Raises ProductionError."""
    uri = version.archives[0]
    with locked.temporary_folder("recore-features-") as folder:
        archive = Path(folder, "features.tar.gz")
        archive.write_bytes(project.read(uri))
        try:
            return read_files(archive, names, MAX_BYTES, f"version {version.number}, {uri}: could not be read")
        except ValueError as error:
            raise ProductionError(str(error)) from None


def parse_columns(content: bytes, source: object) -> list[str]:
    """Return the column names in a channels.json. Raises ValueError, with the source in its message, if invalid."""
    with prefix_errors(source):
        return _get_strings(parse_object(content), "columns")


def read_reference(path: Path) -> Reference:
    with prefix_errors(path):
        return parse_reference(read_object(path, MAX_BYTES))


def parse_reference(reference: Reference) -> Reference:
    """Return the reference unchanged. Raises ValueError, naming the field, if a field is missing or invalid."""
    get_numbers(reference, "channels")
    bins = (len(get_numbers(reference, "bins")),)
    components = (len(get_numbers(reference, "variances")),)
    statistics = (len(_get_strings(reference, "statistics")),)
    holes, hole_names = get_numbers(reference, "holes"), get(reference, "hole_names", list)
    rows = (len(holes),)
    for name in ("mean", "shape_limits", "residual_limits"):
        get_numbers(reference, name, bins)
    get_numbers(reference, "loadings", components + bins)
    get_numbers(reference, "scores", rows + components)
    get_numbers(reference, "values", rows + statistics)
    for name in ("t2_limit", "q_limit"):
        if get_number(reference, name) <= 0:
            raise ValueError(f"`{name}` is not a positive number")
    get(reference, "rows", int)
    if hole_names:
        _get_strings(reference, "hole_names")
    limit = len(hole_names) or math.inf
    if not all(isinstance(hole, int) and 0 <= hole < limit for hole in holes):
        raise ValueError("`holes` is not a list of positions in `hole_names`")
    return reference


def read_errors(path: Path) -> dict[str, Any]:
    with prefix_errors(path):
        errors = read_object(path, MAX_BYTES)
        get_number(errors, "coverage")
        for name in challenge().targets:
            if get(errors, f"targets.{name}.range", list, type(None)) is not None:
                get_numbers(errors, f"targets.{name}.range", (2,))
            if get(errors, f"targets.{name}.curves", dict, type(None)) is not None:
                points = (len(get_numbers(errors, f"targets.{name}.curves.predicted")),)
                for curve in CURVES:
                    get_numbers(errors, f"targets.{name}.curves.{curve}", points)
        return errors


def _get_strings(content: Any, path: str) -> list[str]:
    strings: list[str] = get(content, path, list)
    if not strings or not all(isinstance(each, str) for each in strings):
        raise ValueError(f"`{path}` is not a list of strings")
    return strings
