"""MODEL_CARD.md: what the model is, how good it is, for which samples, and what is not known."""

import ast
from collections.abc import Sequence
from typing import Any

from recore.evaluation import SCORES, sha256_of
from recore.handover.card_figures import cut_off_section, scores_section
from recore.handover.licences import licence_section
from recore.handover.markdown import code, escape, fence, table
from recore.handover.model_domain import ModelDomain
from recore.handover.packages import Package
from recore.handover.run_files import HandedRun
from recore.handover.target_figures import TargetFigures

LISTED_HOLES = 30
LONGEST_METHOD = 120  # lines of fit()
GIB = 1 << 30


def write_card(
    run: HandedRun,
    figures: Sequence[TargetFigures],
    model_domain: ModelDomain,
    packages: Sequence[Package],
    machine: dict[str, Any],
) -> str:
    """The page. machine: what describe_machine() says of the machine that writes it."""
    sections = [
        _opening(run),
        _data(run),
        _method(run),
        scores_section(run, figures),
        cut_off_section(figures),
        _domain(run, model_domain),
        _limits(run, figures, model_domain),
        _hardware(run, machine),
        _versions(run),
        licence_section(run, packages),
    ]
    return "\n".join(sections)


def _opening(run: HandedRun) -> str:
    recorded = run.record.scores
    scores = [(name, f"{recorded[name].value:.4f}", f"{recorded[name].rows:,}") for name in SCORES if name in recorded]
    lines = [f"# Model card: {escape(run.folder.resolve().name)}\n"]
    lines.append(
        f"A model that predicts 49 drill-core assays from FTIR spectra. It was trained on "
        f"{run.record.started:%Y-%m-%d %H:%M} UTC. Every figure on this page is taken from the run or was measured "
        "when the page was written; [README.md](README.md) has the commands that repeat the run.\n"
    )
    if run.record.note:
        lines.append(f"Note of the run: {escape(run.record.note)}\n")
    lines.append(table(("score", "value", "rows"), scores))
    lines.append(
        "The score is the sum of weight x R2 over the targets. *held-out*: each row is predicted by a model that has "
        "not seen its drill hole. *private*: rows whose assays the submission never saw. *public*: the rows that the "
        "model was trained on, so this score is optimistic.\n"
    )
    return "\n".join(lines)


def _data(run: HandedRun) -> str:
    rows = []
    for name, (path, sha256) in run.record.data.items():
        place = run.public if name == "public" else run.record.started_in / path
        size = "-"
        if name == "public":
            size = f"{run.data.rows:,} rows, {len(run.data.wavenumbers):,} channels, {run.data.assays.shape[1]} assays"
        elif "private" in run.record.scores:
            size = f"{run.record.scores['private'].rows:,} rows"
        rows.append((name, code(place.name), size, code(sha256 or "not read", 64)))
    text = (
        "## Data\n\nThe data files are the host's and are not in this folder. *public* is what the model was trained "
        "on.\n\n" + table(("data", "file", "size", "SHA-256"), rows, left=4)
    )
    if run.data.problems:
        text += "\nProblems of the public file:\n\n" + "".join(f"- {escape(each)}\n" for each in run.data.problems)
    return text


def _method(run: HandedRun) -> str:
    text = "## Method\n\nThe code is in `submission/`. "
    source = run.submission.files["train.py"].decode("utf-8", "replace")
    fit = _fit_source(source)
    if fit is None:
        return text + "`train.py` has no function `fit`: read the whole file.\n"
    text += (
        "The model is what `fit` in `submission/train.py` returns. The run passed no hyperparameters, so the defaults "
        "in its first lines are those that were used:\n\n"
    )
    lines = fit.splitlines()
    if len(lines) > LONGEST_METHOD:
        lines = [*lines[:LONGEST_METHOD], f"# ... {len(lines) - LONGEST_METHOD} more lines"]
    return text + fence("\n".join(lines), "python")


def _fit_source(source: str) -> str | None:
    try:
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and node.name == "fit":
                return ast.get_source_segment(source, node)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    return None


def _domain(run: HandedRun, model_domain: ModelDomain) -> str:
    lines = ["## Domain\n", "The figures above hold for samples that are like those of the training:\n"]
    wavenumbers = run.data.wavenumbers
    lines.append(
        f"- spectra with the same {len(wavenumbers):,} channels, {wavenumbers.max():g} to {wavenumbers.min():g} cm-1, "
        "of the same kind of instrument and the same preparation"
    )
    depth = run.data.depth
    if (depth == depth).any():
        lines.append(f"- depths from {min(depth[depth == depth]):,.0f} to {max(depth[depth == depth]):,.0f} m")
    lines.append("- assays within the range of the training, in the table of scores; beyond it nothing was tested\n")
    reference = model_domain.reference
    if reference is None:
        lines.append(f"Whether a spectrum is like these could not be measured: {escape(model_domain.reason)}.\n")
    else:
        lines.append(
            f"A spectrum is inside the domain if Hotelling's T2 is at most {reference['t2_limit']:.4g} and Q at most "
            f"{reference['q_limit']:.4g}, which hold for 99 % of good rows. Both are of "
            f"{len(reference['variances'])} principal components of the SNV of {reference['rows']:,} training spectra "
            f"in {len(reference['bins'])} bins; `domain.json` has the reference. "
            "`recore production register` makes a version of the run that says it for each sample.\n"
        )
        if model_domain.private:
            inside, rows = model_domain.private
            lines.append(f"Of the private spectra, {inside:,} of {rows:,} ({inside / rows:.0%}) are inside.\n")
    holes = model_domain.holes
    listed = f", of which {LISTED_HOLES} are listed" if len(holes) > LISTED_HOLES else ""
    lines.append(f"The model has seen {len(holes)} drill holes{listed}:\n")
    counted = [(code(name, 60), f"{number:,}") for name, number in holes[:LISTED_HOLES]]
    lines.append(table(("drill hole", "rows"), counted))
    return "\n".join(lines)


def _limits(run: HandedRun, figures: Sequence[TargetFigures], model_domain: ModelDomain) -> str:
    lines = ["## Limits\n"]
    weak = [each.name for each in figures if not each.r2.value > 0]
    unsure = [each.name for each in figures if each.r2.value > 0 and each.r2.low <= 0]
    if weak:
        lines.append(
            f"- No use: on held-out drill holes the mean of all assays is at least as good for {', '.join(weak)}."
        )
    if unsure:
        lines.append(f"- Not shown to be of use, because the interval of R2 includes 0: {', '.join(unsure)}.")
    measured = {each.name for each in figures}
    score = next(iter(run.record.scores.values()), None)
    missing = [name for name in (score.r2 if score else {}) if name not in measured]
    if figures and missing:
        lines.append(f"- Not measured, for too few or constant held-out assays: {', '.join(missing)}.")
    few = min((each.holes for each in figures), default=len(model_domain.holes))
    lines.append(
        f"- The intervals come from {few} drill holes or more. They say how much the figures vary with the choice of "
        "holes like these; another deposit, instrument or laboratory can be worse by more."
    )
    lines.append("- The model states no error for a single sample, and answers for spectra outside its domain, too.")
    if run.raw.get("arguments", {}).get("engine") != "process":
        lines.append("- The jobs ran in an image; the versions below are those of the machine that started the run.")
    return "\n".join(lines) + "\n"


def _hardware(run: HandedRun, machine: dict[str, Any]) -> str:
    recorded = run.raw.get("machine")
    known = isinstance(recorded, dict) and {"processor", "cores", "memory_bytes", "system"} <= set(recorded)
    shown: dict[str, Any] = recorded if known and recorded else machine
    memory = shown["memory_bytes"]
    gib = f"{memory / GIB:.1f} GiB" if isinstance(memory, int | float) else escape(memory)
    text = "## Hardware, times and memory\n\n"
    text += (
        "The machine that made the run:"
        if known
        else (
            "run.json does not name the machine of the run; this is the one that wrote this page. The run's system was "
            f"{escape(run.versions['platform'])}."
        )
    )
    text += "\n\n" + table(
        ("", ""),
        [
            ("processor", escape(shown["processor"])),
            ("cores", escape(shown["cores"])),
            ("memory", gib),
            ("system", escape(shown["system"])),
            ("jobs ran on", escape(run.record.endpoint)),
            ("isolation of jobs", escape(run.record.isolation)),
        ],
        left=2,
    )
    rows = [
        (
            escape(step.name),
            "-" if step.seconds is None else f"{step.seconds:.1f} s",
            "-" if step.memory is None else f"{step.memory:.1f} %",
        )
        for step in run.record.steps
    ]
    text += (
        f"\nThe run took {run.record.seconds:.1f} s. Memory is the highest share of the instance's memory that the "
        "platform reported.\n\n" + table(("step", "time", "memory"), rows)
    )
    return text


def _versions(run: HandedRun) -> str:
    rows = [(escape(name), code(version)) for name, version in run.versions.items()]
    rows += [(f"seed {escape(name)}", code(value)) for name, value in dict(run.raw.get("seeds", {})).items()]
    hashes = [
        ("the submission", code(run.record.submission_sha256, 64)),
        ("`model.tar.gz`", code(sha256_of(run.model), 64)),
        ("`score.py`", code(run.record.score_sha256, 64)),
    ]
    return (
        "## Versions and hashes\n\n"
        + table(("", "version"), rows, left=2)
        + "\n`requirements.txt` has the exact versions of all packages, `SHA256SUMS` the hash of every file here.\n\n"
        + table(("", "SHA-256"), hashes, left=2)
    )
