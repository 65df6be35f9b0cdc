"""What `recore check` runs a submission with: data, a simulator of its own, and the host's targets and weights."""

import contextlib
import runpy
import tempfile
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recore import interrupts
from recore.cli.default_data import find_default_data
from recore.cli.destination import open_embedded
from recore.cli.progress import show_running
from recore.distribution import TEMPLATE
from recore.evaluation.jobs import Services
from recore.evaluation.requests import RunSettings
from recore.evaluation.submission import read_submission

if TYPE_CHECKING:
    from recore.check.experiments import Experiments

BUILD_IMAGE = "python:3.8-slim"  # of the Unearthed CLI's build
SAMPLE_ROWS, SAMPLE_HOLES = 800, 16  # of the data that are made where there are none


@contextlib.contextmanager
def open_experiments(
    submission: Path, public: Path | None, isolation: str, everything: bool, for_host: bool, builds: bool
) -> Iterator["Experiments"]:
    """Experiments with a submission on a simulator of their own, which ends with the context.

    public: data with assays; None: those in data/, or else a sample. everything: start all experiments at once, side
    by side, with those for hosts if for_host. builds: whether setup.py is to be run.
    """
    from recore.check.experiments import Experiments
    from recore.check.public_data import PublicData

    host: dict[str, Any] = runpy.run_path(str(TEMPLATE / "score.py"))
    weights = dict(zip(host["TARGETS"], map(float, host["WEIGHTS"]), strict=True))
    files = read_submission(submission)
    with contextlib.ExitStack() as stack:
        make_folder = partial(tempfile.TemporaryDirectory, prefix="recore-check-")
        folder = Path(stack.enter_context(interrupts.deferred_at_both_ends(make_folder)))
        results = folder / "results"
        results.mkdir()
        data = PublicData(_find_data(submission, public, folder), tuple(host["TARGETS"]))
        click.echo(f"check: data: {data.path}, rows: {data.rows:,}", err=True)
        destination = stack.enter_context(open_embedded("process", isolation, None))
        click.echo(f"check: on {destination.endpoint}, isolation: {destination.isolation}", err=True)
        name = f"recore-check-{uuid.uuid4().hex[:8]}"
        place = (destination.bucket, destination.role, destination.image)
        settings = RunSettings(name, *place, pass_paths=not destination.has_ml)
        watch = stack.enter_context(show_running("check"))
        builder = _find_builder(stack, name) if builds else None
        with Experiments(destination.services, settings, files, data, weights, results, watch, builder) as experiments:
            if everything:
                experiments.start_all(for_host)
            yield experiments


def _find_builder(stack: contextlib.ExitStack, name: str) -> tuple[Services, RunSettings] | None:
    """Where setup.py runs as in `unearthed build`: in Docker, if an engine answers that has the client's image."""
    try:
        from recore.simulator.isolation.containers import connected, exists

        with connected() as engine:
            if not exists(engine, BUILD_IMAGE):
                return None
    except (ModuleNotFoundError, OSError):
        return None
    destination = stack.enter_context(open_embedded("docker", "auto", BUILD_IMAGE))
    click.echo(f"check: setup.py runs in a container of {BUILD_IMAGE}, as in `unearthed build`", err=True)
    return destination.services, RunSettings(f"{name}-build", destination.bucket, destination.role, BUILD_IMAGE)


def _find_data(submission: Path, public: Path | None, folder: Path) -> Path:
    """The data to check with; a sample is made in the folder where there are none."""
    public = public or find_default_data(submission)["public"]
    if public.exists():
        return public
    from recore.dataset.sample_files import FILES, Plan, make_sample

    make_sample(folder / "sample", Plan(rows=SAMPLE_ROWS, holes=SAMPLE_HOLES))
    return folder / "sample" / FILES[0]
