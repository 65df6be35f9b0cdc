"""What the rules that run a submission need: data, a simulator, and the host's targets and weights."""

import contextlib
import runpy
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from recore import interrupts
from recore.check.experiments import Experiments
from recore.check.public_data import PublicData
from recore.distribution import TEMPLATE
from recore.evaluation.data import find_default_data
from recore.evaluation.requests import RunSettings
from recore.evaluation.step import Step
from recore.evaluation.submission import read_submission
from recore.places import Services

Watch = Callable[[Step], None]

BUILD_IMAGE = "python:3.8-slim"  # of the Unearthed CLI's build
SAMPLE_ROWS, SAMPLE_HOLES = 800, 16  # of the data that are made where there are none


@contextlib.contextmanager
def open_experiments(
    submission: Path,
    public: Path | None,
    isolation: str,
    everything: bool,
    for_host: bool,
    builds: bool,
    show_progress: Callable[[], AbstractContextManager[Watch]],
    report: Callable[[str], None],
) -> Iterator[Experiments]:
    """Experiments with a submission on a simulator of their own, which ends with the context.

    public: data with assays; None: those in data/, or else a sample. isolation: of its jobs. everything: start all
    experiments at once, side by side, with those for hosts if for_host. builds: whether setup.py is to be run.
    show_progress: opens what is called with each step that changes. report: called with lines about data and place.
    """
    from recore.places.embedded import open_embedded

    host: dict[str, Any] = runpy.run_path(str(TEMPLATE / "score.py"))
    weights = dict(zip(host["TARGETS"], map(float, host["WEIGHTS"]), strict=True))
    files = read_submission(submission)
    with contextlib.ExitStack() as stack:
        make_folder = partial(tempfile.TemporaryDirectory, prefix="recore-check-")
        folder = Path(stack.enter_context(interrupts.deferred_at_both_ends(make_folder)))
        results = folder / "results"
        results.mkdir()
        data = PublicData(_find_data(submission, public, folder), tuple(host["TARGETS"]))
        report(f"data: {data.path}, rows: {data.rows:,}")
        opened = stack.enter_context(open_embedded("process", isolation, None))
        report(f"on {opened.endpoint}, isolation: {opened.isolation}")
        name = f"recore-check-{uuid.uuid4().hex[:8]}"
        settings = RunSettings(name, opened.bucket, opened.role, opened.image, pass_paths=not opened.has_ml)
        watch = stack.enter_context(show_progress())
        builder = _find_builder(stack, name, report) if builds else None
        with Experiments(opened.services, settings, files, data, weights, results, watch, builder) as experiments:
            if everything:
                experiments.start_all(for_host)
            yield experiments


def _find_builder(
    stack: contextlib.ExitStack, name: str, report: Callable[[str], None]
) -> tuple[Services, RunSettings] | None:
    """Where setup.py runs as in `unearthed build`: in Docker, if an engine answers that has the client's image."""
    from recore.places.embedded import image_exists, open_embedded

    if not image_exists(BUILD_IMAGE):
        return None
    place = stack.enter_context(open_embedded("docker", "auto", BUILD_IMAGE))
    report(f"setup.py runs in a container of {BUILD_IMAGE}, as in `unearthed build`")
    return place.services, RunSettings(f"{name}-build", place.bucket, place.role, BUILD_IMAGE)


def _find_data(submission: Path, public: Path | None, folder: Path) -> Path:
    """The data to check with; a sample is made in the folder where there are none."""
    public = public or find_default_data(submission)["public"]
    if public.exists():
        return public
    from recore.dataset.sample_files import FILES, Plan, make_sample

    make_sample(folder / "sample", Plan(rows=SAMPLE_ROWS, holes=SAMPLE_HOLES))
    return folder / "sample" / FILES[0]
