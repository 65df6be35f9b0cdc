"""Run a submission's steps and other experiments as jobs. Each runs at most once, when a rule first requests it.

All of the submission's code runs in jobs and endpoints, which are created with the same requests as in `recore run`, on
the clients' backend. The steps run as in `recore run`, and so does preprocess.py with each variation of the data. An
endpoint receives requests that Batch Transform would not send. The other jobs run the programs in programs/: load.py
loads the model with an audit hook; hold_out.py trains without some drill holes; by_hand.py runs predict.py; build.py
runs setup.py; observe.py runs all steps for a host. Most of these programs run in training jobs, because processing
jobs do not install requirements.txt. Rules only read the results. A job's output is untrusted: it is read with size
limits and never unpickled.
"""

import contextlib
import datetime
import inspect
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from recore.backends import Services
from recore.check.experiment_jobs import ExperimentJobs, Files
from recore.check.failures import ExperimentError, failure_of
from recore.check.held_out_file import HeldOut, parse_held_out, read_folds, read_held_out, score
from recore.check.inputs import effect_of_assays, find_differences
from recore.check.job_results import (
    BuildResult,
    LoadRecord,
    Observation,
    ScriptResult,
    ServedResponse,
    TrainingResult,
    Variation,
    read_observations,
)
from recore.check.predictions import Floats, read_predictions
from recore.check.public_data import PublicData, pick_subset
from recore.check.rule import Level
from recore.check.script import Scripts
from recore.check.served_requests import Request, plan_requests, read_lines
from recore.check.shared_results import SharedResults, experiment
from recore.check.submission_tree import pack_project
from recore.check.training_plan import TrainingPlan
from recore.evaluation import (
    AUDIT_HOOK,
    RunSettings,
    Step,
    SubmissionFiles,
    job_requests,
    read_utilization,
    remove_columns,
    remove_targets,
)
from stagemaker import CONTAINER

# a submission may have its own serving.py
SERVING_FILES = {"recore_serving.py": (CONTAINER / "serving.py").read_bytes()}
MAX_OBSERVED_SECONDS = 900  # a longer training run is observed with part of the data
VARIATIONS = ("private", "some", "reversed", "single")


class Experiments(SharedResults):
    """The experiments on one submission. On exit, this context manager stops their jobs and deletes their objects.

    services: boto3 clients, which determine the backend. settings: the settings for requests; each job gets a different
    name. submission: the submission's files. data: public data. weights: the targets' weights in the score. folder: an
    existing empty folder for results and logs, which the caller removes. watch: called with each changed step. builder:
    the clients and settings for the job that runs setup.py, if its backend is different. thorough: whether to repeat
    training with many rows. show: called with a line about the time required. by_hand: the data file with which the
    user can run the scripts without a sandbox, if any. for_host: whether the user did not write the submission.

    Each method waits for its experiment and raises ExperimentError if this experiment, or one that it needs, failed.
    Methods may be called from several threads.
    """

    def __init__(
        self,
        services: Services,
        settings: RunSettings,
        submission: SubmissionFiles,
        data: PublicData,
        weights: dict[str, float],
        folder: Path,
        watch: Callable[[Step], None] = lambda step: None,
        builder: tuple[Services, RunSettings] | None = None,
        thorough: bool = False,
        show: Callable[[str], None] = lambda line: None,
        by_hand: Path | None = None,
        for_host: bool = False,
    ):
        super().__init__()
        self.submission, self.data, self.weights, self.folder = submission, data, weights, folder
        self.settings, self._show, self._by_hand, self.for_host = settings, show, by_hand, for_host
        train = submission.files["train.py"].decode("utf-8", "replace")
        self.plan = TrainingPlan(data, train, thorough)
        self.targets_written: list[str] = []  # written by preprocess.py; set when `preprocessing` has finished
        self._jobs = ExperimentJobs(services, settings, submission, folder, watch)
        self._builder = ExperimentJobs(*builder, submission, folder, watch) if builder else self._jobs
        self._training = threading.Lock()

    def __enter__(self) -> "Experiments":
        return self

    def __exit__(self, *_: object) -> None:
        for jobs in (self._jobs, self._builder):
            jobs.stop()
        self._pool.shutdown(cancel_futures=True)
        for jobs in (self._jobs, self._builder):
            jobs.clear()

    def start_all(self) -> None:
        """Start all experiments in parallel. Without this call, each starts when a rule requests it."""
        starting: list[Callable[[], object]] = [self.training, self.preprocessing, self.variations, self.serving]
        starting += [self.loading, self._first_part, self._second_part, self.predictions, self.held_out]
        if self.project:
            starting.append(self.build)
        if self.has_predict_script:
            starting.append(self.by_hand)
        if self.for_host:
            starting.append(self.observations)
        for method in starting:
            self._start(method)

    @property
    def project(self) -> Path | None:
        """The submission's folder, or None if the submission is an archive."""
        return self.submission.path if self.submission.path.is_dir() else None

    @property
    def has_predict_script(self) -> bool:
        """Whether the submission's folder contains a predict.py, which is not uploaded."""
        return self.project is not None and (self.project / "predict.py").is_file()

    @cached_property
    def scripts(self) -> Scripts:
        """The submission's scripts, in which findings are located."""
        return Scripts(self.submission.files)

    def failures(self) -> dict[str, ExperimentError]:
        """Return the failures of train, preprocess and predict by step, except failures that an earlier step caused."""
        failed: dict[str, ExperimentError] = {}
        steps = {"train": self.training, "preprocess": self.preprocessing, "predict": self.predictions}
        for name, method in steps.items():
            if (error := failure_of(method)) and str(error) not in map(str, failed.values()):
                failed[name] = error
        return failed

    @experiment
    def training(self) -> TrainingResult:
        """Run step 1 with all data."""
        result = self._train_with("full", self.data.path, range(self.data.rows), variables={})
        self._show(f"check: trained in {result.seconds:.0f} s; about {self.plan.estimate(result):.0f} s remaining")
        return result

    def part_trainings(self) -> tuple[TrainingResult, TrainingResult]:
        """Run step 1 twice with the same part of the data."""
        self._start(self._second_part)
        return self._first_part(), self._second_part()

    @experiment
    def _first_part(self) -> TrainingResult:
        self.training()  # reports its failure first
        return self._train_with("first", self._write_part(), self.plan.part, self.plan.variables)

    @experiment
    def _second_part(self) -> TrainingResult:
        self._first_part()
        return self._train_with("second", self._write_part(), self.plan.part, self.plan.variables)

    def _train_with(self, name: str, data: Path, rows: Sequence[int], variables: Mapping[str, str]) -> TrainingResult:
        settings, storage = self._jobs.allocate()
        # One at a time, because the threads of parallel training jobs would waste CPU time waiting for each other.
        by_hand = self._by_hand if name == "full" else None
        with self._training, self._jobs.step(f"{name} train", "TrainingJob", by_hand) as step:
            started = datetime.datetime.now(datetime.UTC)
            storage.put(self.submission.archive, job_requests.SOURCE)
            storage.upload_data("public", data, job_requests.TRAINING)
            request = job_requests.training_request(settings)
            request["Environment"] = request["Environment"] | variables
            job = self._jobs.run(step, request)
            archive, joined = self.folder / f"{name}.tar.gz", self.folder / f"{name}-joined.tar.gz"
            self._jobs.download_model(job, storage, archive)
            self.submission.join(archive, joined)
        worked = [each for each in job.get("SecondaryStatusTransitions", []) if each["Status"] == "Training"]
        seconds = sum((each["EndTime"] - each["StartTime"]).total_seconds() for each in worked)
        utilization = read_utilization(
            self._jobs.services.cloudwatch, "TrainingJob", str(step.job), started, "CPUUtilization"
        )
        cpu_seconds = None if utilization is None else utilization / 100 * seconds
        return TrainingResult(archive, joined, len(rows), seconds, cpu_seconds, step.memory)

    @experiment
    def preprocessing(self) -> Path:
        """Run step 2 with all data. Return the CSV without targets, which is sent to the model."""
        output = self._preprocess("full", "public", self.data.path, self._by_hand)
        self.targets_written = remove_targets(output)
        return output

    @experiment
    def variations(self) -> dict[str, Variation]:
        """Run step 2 for each variation of the data, in separate jobs. Return the results by name."""
        started = {name: self._pool.submit(self._run_variation, name) for name in VARIATIONS}
        return {name: variation.result() for name, variation in started.items()}

    def _run_variation(self, name: str) -> Variation:
        split = "public" if name == "some" else "private"
        try:
            output = self._preprocess(name, split, self._write_variations() / f"{name}.csv.gz")
        except ExperimentError as failed:
            if failed.outside:
                raise
            return Variation(None, str(failed))
        if split == "public":
            remove_targets(output)
        return Variation(output)

    @experiment
    def differences(self) -> dict[str, str]:
        """Return how each variation's inputs differ from the inputs of the public file; see find_differences."""
        self._start(self.variations)
        rows = (self.data.subset, self.plan.private_rows)
        differences = find_differences(self.preprocessing(), self.variations(), *rows)
        if differences["private"] and differences["reversed"]:  # because of assays or of the order
            variations = self.variations() | {"untargeted": self._run_variation("untargeted")}
            differences = find_differences(self.preprocessing(), variations, *rows)
        return differences

    def _preprocess(self, name: str, split: str, data: Path, by_hand: Path | None = None) -> Path:
        settings, storage = self._jobs.allocate()
        with self._jobs.step(f"{name} preprocess", "ProcessingJob", by_hand) as step:
            storage.put(self.submission.script, job_requests.PREPROCESS)
            storage.upload_data(split, data, job_requests.data_key(split))
            self._jobs.run(step, job_requests.preprocessing_request(settings, split))
            key, output = job_requests.preprocessed_key(split), self.folder / f"{name}-inputs.csv"
            storage.size(key, "preprocess.py did not write")
            storage.fetch(key, output)
        return output

    @experiment
    def predictions(self) -> Path:
        """Run step 3, a Batch Transform job with step 2's CSV, and return the file of predictions."""
        self._start(self.preprocessing)
        training, inputs = self.training(), self.preprocessing()
        settings, storage = self._jobs.allocate()
        with self._jobs.step("full predict", "TransformJob") as step:
            storage.upload(training.joined, job_requests.MODEL)
            storage.upload(inputs, job_requests.inputs_key("public"))
            self._jobs.create("Model", job_requests.model_request(settings))
            self._jobs.run(step, job_requests.transform_request(settings, "public", inputs.stat().st_size))
            predictions = self.folder / "predictions.csv"
            storage.fetch(job_requests.predictions_key("public"), predictions)
        return predictions

    def predicted(self) -> Floats:
        """Return step 3's predictions (rows, targets). Raises InvalidPredictions if the file is invalid."""
        return read_predictions(self.predictions())

    def score(self, predicted: Floats) -> float:
        """Return the score of predictions (rows, targets) for all rows."""
        return score(predicted, self.data.measured, self.weights, self.data.targets)

    @experiment
    def serving(self) -> dict[str, ServedResponse]:
        """Return an endpoint's responses to the requests of served_requests.py.

        If the inputs depend on the drill holes in the data, add a request `private` with inputs for other holes.
        """
        self._start(self.preprocessing)
        self._start(self.variations)
        trained, inputs = self.training(), self.preprocessing()
        requests = plan_requests(inputs, self.data.subset)
        with contextlib.suppress(ExperimentError):  # RC503 reports failures of the variations
            private, differences = self.variations()["private"].output, self.differences()
            if private and differences["private"] and not effect_of_assays(differences):
                requests.append(
                    Request("private", b"".join(read_lines(private, pick_subset(range(len(self.plan.private_rows))))))
                )
        return self._jobs.serve("serve", trained.joined, requests)

    @experiment
    def loading(self) -> LoadRecord:
        """Load the model once more, with an audit hook, and return the record."""
        channels: dict[str, Files] = {"models": {"full.tar.gz": self.training().joined}}
        results = self._jobs.train("load", "load.py", channels, SERVING_FILES)
        return self._jobs.read_report(results / "load.json", LoadRecord.read)

    def loaded(self) -> LoadRecord:
        """Return the record of `loading`, or an empty record if the job failed, which RC404 reports."""
        return LoadRecord([], [], [], "") if failure_of(self.loading) else self.loading()

    @property
    def host_level(self) -> Level:
        """The level of findings about actions that only the author can explain: errors for a host."""
        return Level.ERROR if self.for_host else Level.WARNING

    @experiment
    def unverified_held_out(self) -> Floats | None:
        """Return the unverified held-out predictions, or None if they are missing or invalid."""
        return read_held_out(self.training().archive, self.data.targets)

    @experiment
    def held_out(self) -> HeldOut | None:
        """Return the unverified and the recomputed held-out predictions, or None if either is unavailable."""
        unverified = self.unverified_held_out()
        return None if unverified is None else self.recompute_held_out(unverified)

    def recompute_held_out(self, unverified: Floats | None = None) -> HeldOut | None:
        """Predict each held-out drill hole with a model trained on the others. Return None if there are no folds.

        Models are trained as in step 1 and predict as in step 3, but all in one job. If `thorough` is set, each fold
        has a separate job, because train.py can read all of its job's data. unverified: the values in held_out.csv.
        """
        if not self.plan.folds:
            return None
        thorough, recomputed, failed = self.plan.thorough, np.full(self.data.measured.shape, np.nan), []
        for number, folds in enumerate([[fold] for fold in self.plan.folds] if thorough else [self.plan.folds]):
            results = self._hold_out(f"hold-out-{number}", folds)
            failed += read_folds(results, [rows for _, rows in folds], recomputed)
        if not thorough:
            path = results / "own.csv.out"
            unverified = parse_held_out(path.read_bytes(), self.data.targets) if path.is_file() else None
        return HeldOut(unverified, recomputed[self.plan.held_out], failed)

    def _hold_out(self, name: str, folds: list[tuple[list[int], list[int]]]) -> Path:
        """For each fold, train without its rows and predict them. Return the folder with the results."""
        folder = self.folder / name
        folder.mkdir()
        if not self.plan.thorough:  # the unverified predictions then use the same few rows
            self.data.write_rows(folder / "own.csv.gz", self.plan.held_out)
        for number, (training, held_out) in enumerate(folds):
            self.data.write_rows(folder / f"{number}.csv.gz", training)
            (folder / f"{number}.csv").write_bytes(b"".join(read_lines(self.preprocessing(), held_out)))
        channels: dict[str, Files] = {
            "submission": {"submission.tar.gz": self.submission.archive},
            "folds": {path.name: path for path in folder.iterdir()},
        }
        settings = {key: getattr(self.plan, key) for key in ("arguments", "variables", "seconds")}
        files = SERVING_FILES | {"recore_settings.json": json.dumps(settings).encode()}
        return self._jobs.train(name, "hold_out.py", channels, files)

    @experiment
    def repeated(self) -> tuple[dict[str, ServedResponse], dict[str, ServedResponse]]:
        """Send the same few rows to both models that were trained on part of the data, and return their responses."""
        first, second = self.part_trainings()
        requests = plan_requests(self.preprocessing(), self.data.subset)[:1]
        served = self._jobs.serve("repeat-first", first.joined, requests)
        return served, self._jobs.serve("repeat-second", second.joined, requests)

    @experiment
    def build(self) -> BuildResult:
        """Run setup.py to build the archive of the submission's folder."""
        results = self._builder.process("build.py", {"project": {"project.tar.gz": self._pack()}})
        return self._builder.read_report(results / "build.json", partial(BuildResult.read, results / "build.log"))

    @experiment
    def by_hand(self) -> ScriptResult:
        """Run predict.py with a few rows."""
        folder = self._write_variations()
        channels: dict[str, Files] = {
            "models": {"full.tar.gz": self.training().joined},
            "training": {"public.csv.gz": folder / "some.csv.gz"},
            "project": {"project.tar.gz": self._pack()},
        }
        results = self._jobs.train("by-hand", "by_hand.py", channels, {})
        return self._jobs.read_report(results / "results.json", partial(ScriptResult.read, results / "public.csv.out"))

    @experiment
    def observations(self) -> dict[str, Observation]:
        """Run preprocess, train and predict once more. Return the observations by step.

        The steps use all data, as in a run, unless training takes a long time.
        """
        public = self._write_part()
        with contextlib.suppress(ExperimentError):
            if self.training().seconds < MAX_OBSERVED_SECONDS:
                public = self.folder / "observed.csv.gz"
                self.data.write_rows(public, range(self.data.rows))
        channels: dict[str, Files] = {
            "submission": {"submission.tar.gz": self.submission.archive},
            "training": {"public.csv.gz": public},
            "private": {"public.csv.gz": self._write_variations() / "private.csv.gz"},
        }
        files = SERVING_FILES | {
            "recore_columns.py": Path(inspect.getfile(remove_columns)).read_bytes(),
            "recore_targets.json": json.dumps(self.data.targets).encode(),
            # a sitecustomize.py; under that name, Python would also import it in observe.py
            "recore_hook.py": AUDIT_HOOK.read_bytes(),
        }
        results = self._jobs.train("observe", "observe.py", channels, files)
        return self._jobs.read_report(results / "results.json", read_observations)

    @experiment
    def _write_part(self) -> Path:
        path = self.folder / "part.csv.gz"
        self.data.write_rows(path, self.plan.part)
        return path

    @experiment
    def _write_variations(self) -> Path:
        folder = self.folder / "variations"
        folder.mkdir()
        self.data.write_variations(folder, self.plan.private_rows)
        return folder

    @experiment
    def _pack(self) -> bytes:
        assert self.project is not None  # noqa: S101 - rules request it only if there is a folder
        try:
            return pack_project(self.project)
        except (OSError, ValueError) as error:
            raise ExperimentError(str(error), "Remove the files that do not belong to the submission") from None
