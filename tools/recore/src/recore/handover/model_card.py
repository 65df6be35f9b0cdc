"""MODEL_CARD.md: what the model is, how good it is, for which samples, and what is not known."""

import ast
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from recore.evaluation import SCORES, sha256_of
from recore.handover import hole_spread
from recore.handover.cut_offs import QUANTILE
from recore.handover.licences import find_licences
from recore.handover.markdown import render
from recore.handover.model_domain import ModelDomain
from recore.handover.packages import Package
from recore.handover.run_files import HandedRun
from recore.handover.target_figures import TargetFigures, read_held_out

LISTED_HOLES = 30
LONGEST_METHOD = 120  # lines of fit()


def write_card(
    run: HandedRun,
    figures: Sequence[TargetFigures],
    model_domain: ModelDomain,
    packages: Sequence[Package],
    machine: dict[str, Any],
) -> str:
    """The page. machine: what describe_machine() says of the machine that writes it."""
    files = run.submission.files
    recorded = run.raw.get("machine", {})
    machine_known = {"processor", "cores", "memory_bytes", "system"} <= set(recorded)
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
        machine=recorded if machine_known else machine,
        machine_known=machine_known,
        model_sha256=sha256_of(run.model),
        licences=find_licences(files),
        packages=packages,
    )


def _limits(run: HandedRun, figures: Sequence[TargetFigures]) -> dict[str, Any]:
    """Names of targets by what is wrong with their figures, and the fewest drill holes of an interval."""
    private = run.record.scores.get("private")
    failing = [name for name, r2 in private.r2.items() if r2 is not None and r2 <= 0] if private else []
    measured = {each.name for each in figures}
    scored = next(iter(run.record.scores.values())).r2 if run.record.scores else {}
    return {
        "weak": [each.name for each in figures if not each.r2.value > 0],
        "unsure": [each.name for each in figures if each.r2.value > 0 and each.r2.low <= 0],
        "failing": failing,
        "worse": [each.name for each in figures if each.fails and each.name not in failing],
        "unmeasured": [name for name in scored if name not in measured],
        "fewest_holes": min((each.holes for each in figures if each.r2.has_interval), default=None),
    }


def _constants(source: str) -> str:
    """The lines of a script that give a name in capitals a number or a text."""
    lines = list(io.StringIO(source, newline=None))  # as the parser counts them
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
    """The function fit() of a script, shortened if it is long."""
    for node in _parse(source):
        if isinstance(node, ast.FunctionDef) and node.name == "fit":
            lines = (ast.get_source_segment(source, node) or "").splitlines()
            if len(lines) > LONGEST_METHOD:
                lines[LONGEST_METHOD:] = [f"# ... {len(lines) - LONGEST_METHOD} more lines"]
            return "\n".join(lines)
    return None


def _parse(source: str) -> list[ast.stmt]:
    """The statements of a script; none if it is not valid Python."""
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
