"""MODEL_CARD.md: what the model is, how good it is, for which samples, and what is not known."""

import ast
import io
from collections.abc import Sequence
from typing import Any

from recore.evaluation import SCORES, sha256_of
from recore.handover.card_figures import cut_off_section, scores_section
from recore.handover.hole_spread import FEWEST_HOLES
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
        _limits(run, figures),
        _hardware(run, machine),
        _versions(run),
        licence_section(run, packages),
    ]
    return "\n".join(sections)


def _opening(run: HandedRun) -> str:
    recorded = run.record.scores
    scores = [
        (name, f"{score.value:.4f}", f"{score.weights_scored:g}", f"{score.rows:,}")
        for name in SCORES
        if (score := recorded.get(name))
    ]
    lines = [f"# Model card: {escape(run.folder.resolve().name)}\n"]
    lines.append(
        f"A model that predicts 49 drill-core assays from FTIR spectra. It was trained on "
        f"{run.record.started:%Y-%m-%d %H:%M} UTC. Every figure on this page is taken from the run or was measured "
        "when the page was written; [README.md](README.md) has the commands that repeat the run.\n"
    )
    if run.record.note:
        lines.append(f"Note of the run: {escape(run.record.note)}\n")
    lines.append(table(("score", "value", "best possible", "rows"), scores))
    lines.append(
        "The score is the sum of weight x R2 over the targets; *best possible* is the sum of the weights of those that "
        "could be scored. *held-out*: public rows, predicted during the training by models that were not trained on "
        "them; nobody has checked that. *private*: rows whose assays the submission never saw. *public*: the "
        "rows that the model was trained on, so this score is optimistic.\n"
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
    files = run.submission.files
    text = "## Method\n\nThe code is in `submission/`. `preprocess.py` makes the model's inputs from the spectra"
    constants = _constants(files["preprocess.py"].decode("utf-8", "replace"))
    text += f", with these constants:\n\n{fence(constants, 'python')}\n" if constants else ". "
    fit = _fit_source(files["train.py"].decode("utf-8", "replace"))
    if fit is None:
        return text + "`train.py` makes the model; it has no function `fit`, so read the whole file.\n"
    text += (
        "The training function `fit` in `train.py` makes the model. The run passed no hyperparameters, so it used the "
        "defaults in the first lines:\n\n"
    )
    lines = fit.splitlines()
    if len(lines) > LONGEST_METHOD:
        lines = [*lines[:LONGEST_METHOD], f"# ... {len(lines) - LONGEST_METHOD} more lines"]
    return text + fence("\n".join(lines), "python")


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
    for node in _parse(source):
        if isinstance(node, ast.FunctionDef) and node.name == "fit":
            return ast.get_source_segment(source, node)
    return None


def _parse(source: str) -> list[ast.stmt]:
    """The statements of a script; none if it is not valid Python."""
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


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
    reference, holes = model_domain.reference, model_domain.holes
    if reference is None:
        lines.append(f"Whether a spectrum is like these could not be measured: {escape(model_domain.reason)}.\n")
    else:
        lines.append(
            f"A spectrum is inside the domain if Hotelling's T2 is at most {reference['t2_limit']:.4g} and Q at most "
            f"{reference['q_limit']:.4g}. Both are computed from {len(reference['variances'])} principal components of "
            f"the SNV-treated spectra ({reference['rows']:,} training spectra in {len(reference['bins'])} bins); "
            "`domain.json` has the reference.\n"
        )
        if len(holes) > 1:
            lines.append(
                f"Of the training spectra, {model_domain.inside:.0%} are inside when their hole is held out.\n"
            )
        if model_domain.private:
            inside, rows = model_domain.private
            lines.append(f"Of the private spectra, {inside:,} of {rows:,} ({inside / rows:.0%}) are inside.\n")
        elif "private" in run.record.data:
            lines.append(
                "How many of the private spectra are inside is not known: the run's private file was not found, or "
                "could not be compared.\n"
            )
    listed = f", of which {LISTED_HOLES} are listed" if len(holes) > LISTED_HOLES else ""
    lines.append(f"The model has seen {len(holes)} drill holes{listed}:\n")
    counted = [(code(name, 60), f"{number:,}") for name, number in holes[:LISTED_HOLES]]
    lines.append(table(("drill hole", "rows"), counted))
    return "\n".join(lines)


def _limits(run: HandedRun, figures: Sequence[TargetFigures]) -> str:
    lines = ["## Limits\n"]
    weak = [each.name for each in figures if not each.r2.value > 0]
    unsure = [each.name for each in figures if each.r2.value > 0 and each.r2.low <= 0]
    private = run.record.scores.get("private")
    failing = [name for name, r2 in private.r2.items() if r2 is not None and r2 <= 0] if private else []
    worse = [each.name for each in figures if each.fails and each.name not in failing]
    if weak:
        lines.append(
            f"- No use: on held-out drill holes the mean of all assays is at least as good for {', '.join(weak)}."
        )
    if unsure:
        lines.append(f"- Not shown to be of use, because the interval of R2 includes 0: {', '.join(unsure)}.")
    if failing:
        lines.append(
            f"- No use on the private rows, where the mean of their assays is at least as good: {', '.join(failing)}."
        )
    if worse:
        lines.append(f"- Worse on the private rows than the interval of their R2 says: {', '.join(worse)}.")
    measured = {each.name for each in figures}
    score = next(iter(run.record.scores.values()), None)
    missing = [name for name in (score.r2 if score else {}) if name not in measured]
    if figures and missing:
        lines.append(f"- Not measured, for too few or constant held-out assays: {', '.join(missing)}.")
    if not figures:
        lines.append("- How good the model is on other drill holes was not measured.")
    elif with_interval := [each.holes for each in figures if each.r2.low == each.r2.low]:
        lines.append(
            f"- The intervals come from {min(with_interval)} drill holes or more. They say how much the figures vary "
            "with the choice of holes like these."
        )
    else:
        lines.append(
            f"- The held-out rows are of fewer than {FEWEST_HOLES} drill holes, so how much the figures vary with the "
            "holes is not known."
        )
    lines.append("- Another deposit, instrument or laboratory can be worse by more.")
    lines.append("- The model states no error for a single sample, and also answers for spectra outside its domain.")
    if not run.ran_here:
        lines.append(
            "- The jobs ran in an image or on another machine; the versions below are those installed on the machine "
            "that started the run."
        )
    if run.record.version.endswith("-dirty"):
        lines.append("- The run used a changed recore that was not committed: that code cannot be obtained.")
    return "\n".join(lines) + "\n"


def _hardware(run: HandedRun, machine: dict[str, Any]) -> str:
    recorded = run.raw.get("machine", {})
    known = {"processor", "cores", "memory_bytes", "system"} <= set(recorded)
    shown: dict[str, Any] = recorded if known else machine
    text = "## Hardware, times and memory\n\n"
    if not known:
        text += (
            "run.json does not name the machine of the run; this is the one that wrote this page. The run's system was "
            f"{escape(run.versions['platform'])}."
        )
    elif run.ran_here:
        text += "The machine that made the run:"
    else:
        text += "The machine that started the run; the jobs ran on the instances below."
    text += "\n\n" + table(
        ("", ""),
        [
            ("processor", escape(shown["processor"])),
            ("cores", escape(shown["cores"])),
            ("memory", f"{shown['memory_bytes'] / GIB:.1f} GiB"),
            ("system", escape(shown["system"])),
            ("jobs ran on", escape(run.record.endpoint)),
            ("isolation of jobs", escape(run.record.isolation)),
            *((f"{job} instances", escape(instances)) for job, instances in run.record.instances.items()),
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
        f"\nThe run took {run.record.seconds:.1f} s. Memory is the highest share of the memory of the step's instance "
        "that the platform reported.\n\n" + table(("step", "time", "memory, of the instance"), rows)
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
        + "\n`requirements.txt` has the versions of all packages, `SHA256SUMS` the hash of every file here.\n\n"
        + table(("", "SHA-256"), hashes, left=2)
    )
