"""Open experiments on a dedicated simulator, with the host's targets and weights."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from recore.backends import BackendSettings, Services, choose_isolation, open_embedded
from recore.challenge import challenge
from recore.check.experiments import Experiments
from recore.check.public_data import PublicData
from recore.evaluation import RunSettings, Step, find_data_files, read_submission
from stagemaker import locked

BUILD_IMAGE = "python:3.8-slim"  # the Unearthed CLI builds in this image
SAMPLE_ROWS, SAMPLE_HOLES = 800, 16  # size of the sample data that are generated if there are no other data

Show = Callable[[str], None]


@contextlib.contextmanager
def open_experiments(
    submission: Path,
    public: Path | None,
    isolation: str | None,
    parallel: bool,
    for_host: bool,
    run_setup_py: bool,
    show: Show,
    progress: contextlib.AbstractContextManager[Callable[[Step], None]],
    thorough: bool = False,
) -> Iterator[Experiments]:
    """Open a submission's experiments on a dedicated simulator, which stops when the context exits.

    public: data with assays; by default, the file in data/, or sample data if it is missing. parallel: whether to start
    all experiments at once, including those for hosts if `for_host` is set. run_setup_py: whether setup.py will run.
    show: called with lines about the data and the simulator. progress: a context manager, open during the experiments,
    that returns a function to call with each changed step. thorough: see Experiments.
    """
    weights = dict(challenge().weights)
    files = read_submission(submission)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(locked.temporary_folder("recore-check-")))
        results = folder / "results"
        results.mkdir()
        data = PublicData(_find_data(submission, public, folder), tuple(weights))
        show(f"check: data {data.path}, {data.rows:,} rows")
        isolation = choose_isolation(isolation, submission, for_host=for_host)
        backend = stack.enter_context(open_embedded(BackendSettings(isolation=isolation), show))
        show(f"check: on {backend.endpoint}, isolation: {backend.isolation}")
        settings = RunSettings.make(backend)
        watch = stack.enter_context(progress)
        builder = _open_builder(stack, show) if run_setup_py else None
        by_hand = None if for_host or data.path.is_relative_to(folder) else data.path  # a sample is deleted at the end
        options = (watch, builder, thorough, show, by_hand, for_host)
        with Experiments(backend.services, settings, files, data, weights, results, *options) as experiments:
            if parallel:
                experiments.start_all()
            yield experiments


def _open_builder(stack: contextlib.ExitStack, show: Show) -> tuple[Services, RunSettings] | None:
    """Open a backend that runs setup.py in the image of `unearthed build`, or return None if it is unavailable."""
    try:
        from stagemaker import docker_client, image_exists

        with docker_client() as engine:
            if not image_exists(engine, BUILD_IMAGE):
                return None
    except (ModuleNotFoundError, OSError):
        return None
    backend = stack.enter_context(open_embedded(BackendSettings("docker", image=BUILD_IMAGE), show))
    show(f"check: setup.py runs in a container of {BUILD_IMAGE}, as in `unearthed build`")
    return backend.services, RunSettings.make(backend)


def _find_data(submission: Path, public: Path | None, folder: Path) -> Path:
    public = public or find_data_files(submission).public
    if public.exists():
        return public
    from recore.dataset import SAMPLE_FILES, Plan, make_sample

    make_sample(folder / "sample", Plan(rows=SAMPLE_ROWS, holes=SAMPLE_HOLES))
    return folder / "sample" / SAMPLE_FILES[0]
