"""The four steps: training, then preprocessing, batch transform and scoring of public and private data in parallel."""

import contextlib
import datetime
import io
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from functools import partial
from pathlib import Path

from recore.backends import Services, SimulatorGoneError, is_third_party
from recore.challenge import challenge, parse_challenge
from recore.evaluation import held_out, job_requests
from recore.evaluation.csv_columns import MAX_HEADER_BYTES, find_columns, remove_columns
from recore.evaluation.data import DataFiles
from recore.evaluation.job_requests import KeyParts, RunSettings
from recore.evaluation.job_runner import JobRunner, StepFailed, StepStopped
from recore.evaluation.scores import HELD_OUT, SCORES, SPLITS, Score, compare_weights, read_score
from recore.evaluation.step import Step
from recore.evaluation.storage import Storage
from recore.evaluation.submission import SubmissionFiles
from recore.listing import count
from recore.thread_pool import ThreadPool
from stagemaker import format_size, interrupts

POLL_SECONDS = 0.5  # seconds between checks for a signal


class EvaluationRun:
    """A run: its inputs, the current state of its steps, and the folder for its results.

    services: boto3 clients. score_script: the host's score.py. folder: the folder for model.tar.gz, predictions/,
    scores/ and logs/. keep: whether to keep the run's objects on S3 (except private assays). wheels: paths of packages
    to add to the model, by name. Raises ValueError if score.py defines no valid challenge.
    """

    def __init__(
        self,
        services: Services,
        settings: RunSettings,
        submission: SubmissionFiles,
        data: DataFiles,
        score_script: Path,
        folder: Path,
        keep: bool = False,
        wheels: Mapping[str, Path] = {},
    ):
        self.settings, self.submission, self.data, self.folder, self.keep = settings, submission, data, folder, keep
        self.score_script, self._wheels = score_script.read_bytes(), wheels
        self._weights = parse_challenge(self.score_script, score_script).weights
        self.splits = [split for split in SPLITS if split in data.files]
        self.is_third_party = is_third_party(submission.path, data.actual)
        by_hand = {} if self.is_third_party else data.files
        steps = [Step("upload"), Step("train", "TrainingJob", data=by_hand.get("public"))]
        for split in self.splits:
            steps.append(Step(f"{split} preprocess", "ProcessingJob", data=by_hand.get(split)))
            steps.append(Step(f"{split} predict", "TransformJob"))
            if self._is_scored(split):
                steps.append(Step(f"{split} score", "ProcessingJob"))
        steps += [Step(f"{HELD_OUT} score", "ProcessingJob"), Step("clean up")]
        self.steps = {step.name: step for step in steps}
        self._jobs = JobRunner(services, folder / "logs")
        self.storage = Storage(services.s3, settings, self._jobs.raise_if_stopping)
        self.started = datetime.datetime.now(datetime.UTC)
        self.start_time = self.seconds = 0.0

    @property
    def simulator_error(self) -> SimulatorGoneError | None:
        """The error that shows that the simulator stopped, or None."""
        return self._jobs.gone_error

    @property
    def state(self) -> str:
        """The state of the run: Completed, Failed or Stopped."""
        if any(step.state == "Failed" for step in self.steps.values()):
            return "Failed"
        return "Completed" if all(step.completed for step in self.steps.values()) else "Stopped"

    def execute(self, watch: Callable[[Step], None] = lambda step: None) -> None:
        """Run all steps, and keep their states in `steps`.

        After a failure, the remaining steps for the same data are skipped; a failed training job ends the run. watch: a
        function called with each step that changes. On KeyboardInterrupt, stop the jobs, clean up, and raise it again.
        """
        self._jobs.watch = watch
        self.started, self.start_time = datetime.datetime.now(datetime.UTC), time.monotonic()
        try:
            with ThreadPool(len(self.splits) + 1) as pool:
                try:
                    if self._run_all(pool, self._train):
                        splits = (partial(self._process, split) for split in self.splits)
                        self._run_all(pool, *splits, self._score_held_out)
                except BaseException:
                    self._jobs.stopping.set()
                    raise
        finally:
            self._clean_up()
            self.seconds = time.monotonic() - self.start_time

    def stop(self) -> None:
        """Tell `execute`, which runs in another thread, to stop."""
        self._jobs.stopping.set()

    def read_scores(self) -> dict[str, Score]:
        """Return the scores of completed steps, by name."""
        steps = {name: self.steps.get(f"{name} score") for name in SCORES}
        scored_steps = [name for name, step in steps.items() if step and step.completed and not step.reason]
        return {name: read_score(self.folder / f"scores/{name}.json") for name in scored_steps}

    def _run_all(self, pool: ThreadPool, *tasks: Callable[[], None]) -> bool:
        futures = [pool.submit(task) for task in tasks]
        while wait(futures, timeout=POLL_SECONDS).not_done:
            interrupts.check()
        errors = [error for future in futures if (error := future.exception())]
        for error in errors:
            if not isinstance(error, StepFailed | StepStopped):
                raise error
        return not errors

    def _train(self) -> None:
        settings, files = self.settings, self.data.files
        with self._jobs.step(self.steps["upload"]):
            self.storage.put(self.submission.archive, job_requests.SOURCE)
            self.storage.put(self.submission.script, job_requests.PREPROCESS)
            self.storage.upload_hashed(io.BytesIO(self.score_script), job_requests.SCORE)
            if self.settings.observed:
                self.storage.put(job_requests.AUDIT_HOOK.read_bytes(), job_requests.AUDIT)
            for split in self.splits:
                self.storage.upload_data(split, files[split], job_requests.data_key(split))
            if "actual" in files:
                self.storage.hash("actual", files["actual"])
        with self._jobs.step(self.steps["train"]) as step:
            job = self._jobs.run(step, job_requests.training_request(settings))
            key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{settings.bucket}/")
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                model_path, joined_path = Path(folder, "trained.tar.gz"), Path(folder, "joined.tar.gz")
                step.activity = "downloading the model"
                self.storage.download(key, model_path)
                step.activity = f"adding the submission to the model, {format_size(model_path.stat().st_size)}"
                self.submission.join(model_path, joined_path, self._wheels)
                model = joined_path.rename(self.folder / "model.tar.gz")
            step.activity = f"uploading the model, {format_size(model.stat().st_size)}"
            self.storage.upload(model, job_requests.MODEL)
            self._jobs.services.sagemaker.create_model(**job_requests.model_request(settings))

    def _process(self, split: str) -> None:
        settings = self.settings
        with self._jobs.step(self.steps[f"{split} preprocess"]) as step:
            self._jobs.run(step, job_requests.preprocessing_request(settings, split))
            key, message = job_requests.inputs_key(split), "preprocess.py did not write"
            size = self.storage.copy(job_requests.preprocessed_key(split), key, message)
            if split == "public" and (names := remove_targets_from_object(self.storage, key, self.folder)):
                wrote = f"preprocess.py wrote the assays of {count(len(names), 'target')}"
                step.note = f"{wrote}; they were removed from the request to the model"
                size = self.storage.size(key, message)
        predictions = self.folder / f"predictions/{split}.csv.out"
        with self._jobs.step(self.steps[f"{split} predict"]) as step:
            if settings.transform.count == 1:
                self._jobs.run(step, job_requests.transform_request(settings, split, size))
                self.storage.fetch(job_requests.predictions_key(split), predictions)
            else:
                self._predict_in_parts(step, split, size, predictions)
        if self._is_scored(split):
            with self._jobs.step(self.steps[f"{split} score"]) as step, contextlib.ExitStack() as stack:
                if split == "private":
                    key = job_requests.assays_key(split)
                    stack.enter_context(self.storage.upload_private_assays(self.data.files["actual"], key))
                self._score(step, split, predictions)

    def _predict_in_parts(self, step: Step, split: str, size: int, predictions: Path) -> None:
        """Predict one part of the inputs per instance: Batch Transform does not divide an object among instances."""
        count = self.settings.transform.count
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            inputs = Path(folder, "inputs.csv")
            self.storage.fetch(job_requests.inputs_key(split), inputs)
            with open(inputs, "rb") as lines:
                for number in range(count):
                    part = Path(folder, f"{number:03}.csv")
                    with open(part, "wb") as file:
                        while lines.tell() < size * (number + 1) / count and (line := lines.readline()):
                            file.write(line)
                    self.storage.upload(part, job_requests.part_key(split, number))
        self._jobs.run(step, job_requests.transform_request(self.settings, split, math.ceil(size / count)))
        predictions.parent.mkdir(exist_ok=True)
        with open(predictions, "wb") as file:
            for number in range(count):
                shutil.copyfileobj(self.storage.open(job_requests.part_predictions_key(split, number)), file)

    def _score(self, step: Step, name: str, predictions: Path) -> None:
        """Score the predictions in a local file, which no job of a submission can change."""
        with open(predictions, "rb") as content:
            self.storage.upload_hashed(content, job_requests.scored_key(name))
        try:
            self._jobs.run(step, job_requests.scoring_request(self.settings, name, self.storage.uploaded))
        except StepFailed as error:
            step.outside = step.outside or str(error).startswith(job_requests.CHANGED)
            raise
        for suffix in ("txt", "json"):
            self.storage.fetch(job_requests.scores_key(name, suffix), self.folder / f"scores/{name}.{suffix}")
        score = read_score(self.folder / f"scores/{name}.json")
        if difference := compare_weights(score, self._weights):
            step.outside = True  # score.py is the host's
            raise StepFailed(f"score.py: {difference}; assign the final weights")

    def _score_held_out(self) -> None:
        with self._jobs.step(self.steps[f"{HELD_OUT} score"]) as step:
            predictions = self.folder / f"predictions/{HELD_OUT}.csv"
            try:
                held_out.extract_held_out(self.folder / "model.tar.gz", predictions)
                with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                    held_out.write_scored(predictions, self.data.files["public"], Path(folder))
                    with open(Path(folder, held_out.ACTUAL), "rb") as actual:
                        self.storage.upload_hashed(actual, job_requests.assays_key(HELD_OUT))
                    self._score(step, HELD_OUT, Path(folder, held_out.PREDICTED))
            except (held_out.NoHeldOutScoreError, StepFailed) as error:
                if step.outside:
                    raise
                step.reason = f"{held_out.HELD_OUT_NAME}: {error}" if isinstance(error, StepFailed) else str(error)

    def _clean_up(self) -> None:
        with contextlib.suppress(StepFailed), self._jobs.step(self.steps["clean up"]):
            try:
                self.storage.clear(self.keep)
            finally:
                if self.steps["train"].completed and not self.keep:
                    self._jobs.services.sagemaker.delete_model(ModelName=self.settings.name)

    def _is_scored(self, split: str) -> bool:
        return split == "public" or "actual" in self.data.files


def remove_targets_from_object(storage: Storage, key: KeyParts, folder: Path) -> list[str]:
    """Remove the target columns from a CSV object and return their names. folder: a folder for temporary files.

    In the challenge, the public file in step 2 probably had no targets: the scored submissions do not expect any.
    """
    with contextlib.closing(storage.open(key)) as body:
        if not find_columns(body.read(MAX_HEADER_BYTES).partition(b"\n")[0], challenge().targets):
            return []
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        path = Path(temporary, key[-1])
        storage.fetch(key, path)
        names = remove_targets(path)
        storage.upload(path, key)
    return names


def remove_targets(path: Path) -> list[str]:
    """Remove the target columns from a CSV file and return their names."""
    return remove_columns(path, challenge().targets)
