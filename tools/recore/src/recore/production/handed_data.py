"""Reads and checks the facts about the training file in an untrusted hand-over or archive of a version.

An error about an invalid file gives the file and the field, before a job uses it.
"""

import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

from recore.production.containers.domain import Reference
from recore.production.handed_files import MAX_BYTES
from recore.production.project import ProductionError, ProductionProject
from recore.production.versions import Version
from recore.schema import TARGETS
from recore.untrusted_archives import read_files
from recore.untrusted_json import get, get_number, get_numbers, parse_object, prefix_errors, read_object
from stagemaker import locked

CURVES = ("predicted", "error", "low", "high")


def read_features_files(project: ProductionProject, version: Version, names: Collection[str]) -> dict[str, bytes]:
    """The files with these names in the archive of a version's features. Raises ProductionError if it is invalid."""
    uri = version.archives[0]
    with locked.temporary_folder("recore-features-") as folder:
        archive = Path(folder, "features.tar.gz")
        archive.write_bytes(project.read(uri))
        try:
            return read_files(archive, names, MAX_BYTES, f"version {version.number}, {uri}: it could not be read")
        except ValueError as error:
            raise ProductionError(str(error)) from None


def parse_columns(content: bytes, source: object) -> list[str]:
    """The names of columns in a channels.json. Raises ValueError, with the source, if there are none."""
    with prefix_errors(source):
        return _get_strings(parse_object(content), "columns")


def read_reference(path: Path) -> Reference:
    """The reference of the training spectra, from a domain.json. Raises ValueError if it is invalid."""
    with prefix_errors(path):
        return check_reference(read_object(path, MAX_BYTES))


def check_reference(reference: Reference) -> Reference:
    """Return the reference. Raises ValueError, which names the field, if one is missing or has the wrong form."""
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
    """The basis of expected errors, from an expected_error.json. Raises ValueError if it is invalid."""
    with prefix_errors(path):
        errors = read_object(path, MAX_BYTES)
        get_number(errors, "coverage")
        for name in TARGETS:
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
