"""Write MODEL_CARD.md of a handover: the model's method, accuracy, domain and limits."""

import ast
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from recore.challenge import challenge
from recore.data_file import compress_csv
from recore.evaluation import SCORES, sha256_of
from recore.handover import hole_spread
from recore.handover.markdown import render
from recore.handover.packages import Package
from recore.handover.run_files import HandoverRun
from recore.handover.target_figures import QUANTILE, TargetFigures, read_held_out
from recore.listing import count
from recore.production.client_spectra import usual_outside
from recore.production.containers import domain
from recore.spectral_data import rows_by_group

LISTED_HOLES = 30
MAX_FIT_LINES = 120
LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice)[^.]*(\.(txt|md|rst))?", re.IGNORECASE)
WEIGHTS = (  # suffixes of files with a model's weights
    *(".bin", ".ckpt", ".gguf", ".h5", ".hdf5", ".joblib", ".keras", ".npy", ".npz", ".onnx", ".parquet", ".pickle"),
    *(".pkl", ".pt", ".pth", ".safetensors", ".tflite", ".ubj"),
)


@dataclass(frozen=True)
class ModelDomain:
    """The applicability domain. reference: None if spectra cannot be compared; `reason` then states why.

    inside: the fraction of training spectra inside a domain fitted without their holes. private: the numbers of private
    rows inside and in total, if known. holes: each hole's name and number of rows.
    """

    reference: dict[str, Any] | None
    reason: str
    inside: float
    private: tuple[int, int] | None
    holes: list[tuple[str, int]]


def write_card(
    run: HandoverRun,
    figures: Sequence[TargetFigures],
    model_domain: ModelDomain,
    packages: Sequence[Package],
    machine: dict[str, Any],
) -> str:
    """Return the text of MODEL_CARD.md. machine: the result of machine_info()."""
    files = run.submission.files
    recorded = run.raw.get("machine", {})
    is_recorded = {"processor", "cores", "memory_bytes", "system"} <= set(recorded)
    return render(
        "MODEL_CARD.md.jinja",
        run=run,
        scores={name: run.record.scores[name] for name in SCORES if name in run.record.scores},
        constants=_constants(files["preprocess.py"].decode("utf-8", "replace")),
        fit=_fit_source(files["train.py"].decode("utf-8", "replace")),
        figures=figures,
        predicted=np.isfinite(read_held_out(run)).any(axis=1).sum() if figures else 0,
        spread=hole_spread,
        quantile=QUANTILE,
        depth=run.data.depth[np.isfinite(run.data.depth)],
        domain=model_domain,
        listed_holes=LISTED_HOLES,
        limits=_limits(run, figures),
        machine=recorded if is_recorded else machine,
        is_recorded=is_recorded,
        model_sha256=sha256_of(run.model),
        licences=find_licences(files),
        packages=packages,
    )


def _limits(run: HandoverRun, figures: Sequence[TargetFigures]) -> dict[str, Any]:
    private = run.record.scores.get("private")
    failing = [name for name, r2 in private.r2.items() if r2 is not None and r2 <= 0] if private else []
    measured = {each.name for each in figures}
    r2_by_target = next(iter(run.record.scores.values())).r2 if run.record.scores else {}
    return {
        "weak": [each.name for each in figures if not each.r2.value > 0],
        "unsure": [each.name for each in figures if each.r2.value > 0 and each.r2.low <= 0],
        "failing": failing,
        "worse": [each.name for each in figures if each.is_refuted and each.name not in failing],
        "unmeasured": [name for name in r2_by_target if name not in measured],
        "min_holes": min((each.holes for each in figures if each.r2.has_interval), default=None),
    }


def _constants(source: str) -> str:
    lines = list(io.StringIO(source, newline=None))  # numbered like the parser's lines
    return "".join(
        lines[node.lineno - 1]
        for node in _parse(source)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id.isupper()
        and node.end_lineno == node.lineno
    )


def _fit_source(source: str) -> str | None:
    for node in _parse(source):
        if isinstance(node, ast.FunctionDef) and node.name == "fit":
            lines = (ast.get_source_segment(source, node) or "").splitlines()
            if len(lines) > MAX_FIT_LINES:
                lines[MAX_FIT_LINES:] = [f"# ... {count(len(lines) - MAX_FIT_LINES, 'more line')}"]
            return "\n".join(lines)
    return None


def _parse(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def find_licences(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the licence files, the first line of the first, and the files whose suffixes indicate model weights."""
    licences = [name for name in files if LICENCE_FILE.fullmatch(PurePosixPath(name).name)]
    lines = files[licences[0]].decode("utf-8", "replace").splitlines() if licences else []
    weights = [name for name in sorted(files) if PurePosixPath(name).suffix.lower() in WEIGHTS]
    return {
        "files": [f"submission/{name}" for name in licences],
        "first_line": next(filter(str.strip, lines), ""),
        "weights": [f"submission/{name}" for name in weights],
        "suffixes": WEIGHTS,
    }


def measure_domain(run: HandoverRun) -> ModelDomain:
    holes = [(str(name), len(rows)) for name, rows in rows_by_group(run.data.hole).items()]
    holes.sort(key=lambda each: -each[1])
    reference = run.trained.reference
    if not reference:
        return ModelDomain(None, run.trained.reasons["domain.json"], math.nan, None, holes)
    return ModelDomain(reference, "", 1 - usual_outside(reference), _count_private(run, reference), holes)


def _count_private(run: HandoverRun, reference: dict[str, Any]) -> tuple[int, int] | None:
    recorded, sha256 = run.record.data.get("private", ("", None))
    path = run.record.started_in / recorded
    if not recorded or not path.is_file() or sha256_of(path) != sha256:
        return None
    try:
        with compress_csv(path) as packed:
            wavenumbers, spectra, _ = domain.read_spectra(packed, challenge().group)
        results = domain.Domain(reference, np.asarray(wavenumbers).tolist()).describe(spectra)
    except domain.DomainError:
        return None
    return sum(1 for each in results if each and each["inside"]), len(results)
