"""The four steps: one training job, then preprocessing, batch transform and scoring, public and private side by side."""

import contextlib
import datetime
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

from recore.pipeline import requests
from recore.pipeline.data import Data
from recore.pipeline.jobs import Jobs, Services, Step, StepFailed, StepStopped
from recore.pipeline.requests import Settings
from recore.pipeline.scores import SIDES, Score, read_score
from recore.pipeline.storage import Storage
from recore.pipeline.submission import Submission

LOOK = 0.5  # seconds between looks for a signal


class Run:
    """A run: what it needs, its steps as they stand, and the folder that takes what it leaves.

    services: boto3 clients; where they lead, it runs. score: the host's score.py. folder: for model.tar.gz,
    predictions/, scores/ and logs/. keep: leave on S3 what was put there, but for the private assays, which are there
    while they are scored and no longer.
    """

    def __init__(
        self,
        services: Services,
        settings: Settings,
        submission: Submission,
        data: Data,
        score: Path,
        folder: Path,
        keep: bool = False,
    ):
        self.settings, self.submission, self.data, self.folder, self.keep = settings, submission, data, folder, keep
        self.score = score.read_bytes()
        self.sides = [side for side in SIDES if side in data.files]
        steps = [Step("upload"), Step("train", "TrainingJob")]
        for side in self.sides:
            steps += [Step(f"{side} preprocess", "ProcessingJob"), Step(f"{side} predict", "TransformJob")]
            steps += [Step(f"{side} score", "ProcessingJob")] if self._is_scored(side) else []
        self.steps = {step.name: step for step in [*steps, Step("clean up")]}
        self._jobs = Jobs(services, folder / "logs")
        self._storage = Storage(services.s3, settings, self._jobs.go_on)
        self.started = datetime.datetime.now(datetime.UTC)
        self.began = self.seconds = 0.0

    @property
    def state(self) -> str:
        """Completed, Failed or Stopped: what became of its steps."""
        if any(step.state == "Failed" for step in self.steps.values()):
            return "Failed"
        return "Completed" if all(step.completed for step in self.steps.values()) else "Stopped"

    def execute(self, watch: Callable[[Step], None] = lambda step: None) -> None:
        """Run all steps to their end. A failed step ends its own pipeline, or with training both; see `steps`.

        watch: called with each step when it changes.

        KeyboardInterrupt stops the jobs that run, cleans up, and is raised when they have ended.
        """
        self._jobs.watch = watch
        self.started, self.began = datetime.datetime.now(datetime.UTC), time.monotonic()
        try:
            with ThreadPoolExecutor(len(self.sides)) as pool:
                try:
                    if self._all(pool, self._train):
                        self._all(pool, *(partial(self._side, side) for side in self.sides))
                except BaseException:
                    self._jobs.stopping.set()
                    raise
        finally:
            self._clean_up()
            self.seconds = time.monotonic() - self.began

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of each data file that was used."""
        return self._storage.hashes

    def scores(self) -> dict[str, Score]:
        """The scores that there are, by side."""
        scored = [side for side in self.sides if self._is_scored(side) and self.steps[f"{side} score"].completed]
        return {side: read_score(self.folder / f"scores/{side}.json") for side in scored}

    def _all(self, pool: ThreadPoolExecutor, *work: Callable[[], None]) -> bool:
        """Do it side by side, to the end of each; whether all went well."""
        futures = [pool.submit(part) for part in work]
        while wait(futures, timeout=LOOK).not_done:  # a signal that another thread got interrupts no longer wait
            pass
        errors = [error for future in futures if (error := future.exception())]
        for error in errors:
            if not isinstance(error, StepFailed | StepStopped):
                raise error
        return not errors

    def _train(self) -> None:
        settings, files = self.settings, self.data.files
        with self._jobs.step(self.steps["upload"]):
            self._storage.put(self.submission.archive, requests.SOURCE)
            self._storage.put(self.submission.script, requests.PREPROCESS)
            self._storage.put(self.score, requests.SCORE)
            for side in self.sides:
                self._storage.upload_data(side, files[side], requests.given(side))
            if "actual" in files:
                self._storage.note("actual", files["actual"])
        with self._jobs.step(self.steps["train"]) as step:
            job = self._jobs.run(step, requests.training(settings))
            key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{settings.bucket}/")
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                trained, joined = Path(folder, "trained.tar.gz"), Path(folder, "joined.tar.gz")
                self._storage.download(key, trained)
                self.submission.join(trained, joined)
                model = joined.rename(self.folder / "model.tar.gz")
            self._storage.upload(model, requests.MODEL)
            self._jobs.services.sagemaker.create_model(**requests.model(settings))

    def _side(self, side: str) -> None:
        settings = self.settings
        with self._jobs.step(self.steps[f"{side} preprocess"]) as step:
            self._jobs.run(step, requests.preprocessing(settings, side))
            size = self._storage.size(requests.inputs(side), "preprocess.py left no")
        with self._jobs.step(self.steps[f"{side} predict"]) as step:
            if settings.transform.count == 1:
                self._jobs.run(step, requests.transform(settings, side, size))
                self._storage.fetch(requests.predictions(side), self.folder / f"predictions/{side}.csv.out")
            else:
                self._predict_in_parts(step, side, size)
        if self._is_scored(side):
            with self._jobs.step(self.steps[f"{side} score"]) as step:
                self._score(step, side)

    def _predict_in_parts(self, step: Step, side: str, size: int) -> None:
        """Batch Transform hands whole objects to its instances: so there are as many as instances, cut between lines."""
        count = self.settings.transform.count
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            whole = Path(folder, "whole.csv")
            self._storage.fetch(requests.inputs(side), whole)
            with open(whole, "rb") as lines:
                for number in range(count):
                    part = Path(folder, f"{number:03}.csv")
                    with open(part, "wb") as file:
                        while lines.tell() < size * (number + 1) / count and (line := lines.readline()):
                            file.write(line)
                    self._storage.upload(part, requests.part(side, number))
        self._jobs.run(step, requests.transform(self.settings, side, -(-size // count)))
        predictions = self.folder / f"predictions/{side}.csv.out"
        predictions.parent.mkdir(exist_ok=True)
        with open(predictions, "wb") as file:
            for number in range(count):
                shutil.copyfileobj(self._storage.open(requests.part_predictions(side, number)), file)
        self._storage.upload(predictions, requests.predictions(side))

    def _score(self, step: Step, side: str) -> None:
        lent: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if side == "private":
            lent = self._storage.lend("actual", self.data.files["actual"], requests.assays(side))
        with lent:
            self._jobs.run(step, requests.scoring(self.settings, side))
        for suffix in ("txt", "json"):
            self._storage.fetch((side, "scores", f"{side}.{suffix}"), self.folder / f"scores/{side}.{suffix}")
        read_score(self.folder / f"scores/{side}.json")

    def _clean_up(self) -> None:
        """Remove from S3 and from the models what this run put there. Jobs and their logs are not for removing."""
        with contextlib.suppress(StepFailed), self._jobs.step(self.steps["clean up"]):
            try:
                self._storage.clear(self.keep)
            finally:
                if self.steps["train"].completed and not self.keep:
                    self._jobs.services.sagemaker.delete_model(ModelName=self.settings.name)

    def _is_scored(self, side: str) -> bool:
        return side == "public" or "actual" in self.data.files
