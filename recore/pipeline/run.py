"""The four steps: one training job, then preprocessing, batch transform and scoring, public and private side by side."""

import datetime
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path

from botocore.exceptions import ClientError

from recore.pipeline import requests
from recore.pipeline.data import Data
from recore.pipeline.jobs import Jobs, Services, Step, StepFailed, StepStopped
from recore.pipeline.requests import Settings
from recore.pipeline.scores import Score, read_score
from recore.pipeline.submission import Submission

SIDES = ("public", "private")


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
        self.score, self.hashes = score.read_bytes(), dict[str, str]()
        self.sides = [side for side in SIDES if side in data.files]
        steps = [Step("upload"), Step("train", "TrainingJob")]
        for side in self.sides:
            steps += [Step(f"{side} preprocess", "ProcessingJob"), Step(f"{side} predict", "TransformJob")]
            steps += [Step(f"{side} score", "ProcessingJob")] if self._is_scored(side) else []
        steps += [] if keep else [Step("clean up")]
        self.steps = {step.name: step for step in steps}
        self._jobs = Jobs(services, folder / "logs")
        self._s3 = services.s3
        self.started = datetime.datetime.now(datetime.UTC)
        self.seconds = 0.0

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
        self.started, began = datetime.datetime.now(datetime.UTC), time.monotonic()
        try:
            with ThreadPoolExecutor(len(self.sides)) as pool:
                try:
                    if self._all(pool, self._train):
                        self._all(pool, *(partial(self._side, side) for side in self.sides))
                except BaseException:
                    self._jobs.stopping.set()
                    raise
        finally:
            if not self.keep:
                self._clean_up()
            self.seconds = time.monotonic() - began

    def scores(self) -> dict[str, Score]:
        """The scores that there are, by side."""
        scored = [side for side in self.sides if self._is_scored(side) and self.steps[f"{side} score"].completed]
        return {side: read_score(self.folder / f"scores/{side}.json") for side in scored}

    def _all(self, pool: ThreadPoolExecutor, *work: Callable[[], None]) -> bool:
        """Do it side by side, to the end of each; whether all went well."""
        futures = [pool.submit(part) for part in work]
        wait(futures)
        errors = [error for future in futures if (error := future.exception())]
        for error in errors:
            if not isinstance(error, StepFailed | StepStopped):
                raise error
        return not errors

    def _train(self) -> None:
        settings = self.settings
        with self._jobs.step(self.steps["upload"]):
            self.hashes |= self.data.hashes()
            self._put(self.submission.archive, requests.SOURCE)
            self._put(self.submission.script, requests.PREPROCESS)
            self._put(self.score, requests.SCORE)
            for side in self.sides:
                self._upload(self.data.files[side], requests.given(side))
        with self._jobs.step(self.steps["train"]) as step:
            job = self._jobs.run(step, requests.training(settings))
            bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                trained, joined = Path(folder, "trained.tar.gz"), Path(folder, "joined.tar.gz")
                self._s3.download_file(bucket, key, str(trained))
                self.submission.join(trained, joined)
                model = joined.rename(self.folder / "model.tar.gz")
            self._upload(model, requests.MODEL)
            self._jobs.services.sagemaker.create_model(**requests.model(settings))

    def _side(self, side: str) -> None:
        settings = self.settings
        with self._jobs.step(self.steps[f"{side} preprocess"]) as step:
            self._jobs.run(step, requests.preprocessing(settings, side))
            size = self._size(requests.inputs(side), "preprocess.py left no")
        with self._jobs.step(self.steps[f"{side} predict"]) as step:
            if settings.transform.count == 1:
                self._jobs.run(step, requests.transform(settings, side, size))
                self._fetch(requests.predictions(side), f"predictions/{side}.csv.out")
            else:
                self._predict_in_parts(step, side, size)
        if self._is_scored(side):
            with self._jobs.step(self.steps[f"{side} score"]) as step:
                self._score(step, side)

    def _predict_in_parts(self, step: Step, side: str, size: int) -> None:
        """Batch Transform hands whole objects to its instances: so there are as many as instances, cut between lines."""
        count, (bucket, key) = self.settings.transform.count, (self.settings.bucket, self.settings.key)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            whole = Path(folder, "whole.csv")
            self._s3.download_file(bucket, key(*requests.inputs(side)), str(whole))
            with open(whole, "rb") as lines:
                for number in range(count):
                    part = Path(folder, f"{number:03}.csv")
                    with open(part, "wb") as file:
                        while lines.tell() < size * (number + 1) / count and (line := lines.readline()):
                            file.write(line)
                    self._upload(part, requests.part(side, number))
            self._jobs.run(step, requests.transform(self.settings, side, -(-size // count)))
            predictions = self.folder / f"predictions/{side}.csv.out"
            predictions.parent.mkdir(exist_ok=True)
            with open(predictions, "wb") as file:
                for number in range(count):
                    answer = self._s3.get_object(Bucket=bucket, Key=key(*requests.part_predictions(side, number)))
                    shutil.copyfileobj(answer["Body"], file)
        self._upload(predictions, requests.predictions(side))

    def _score(self, step: Step, side: str) -> None:
        if side == "private":
            self._upload(self.data.files["actual"], requests.assays(side))
        try:
            self._jobs.run(step, requests.scoring(self.settings, side))
        finally:
            if side == "private":
                self._s3.delete_object(Bucket=self.settings.bucket, Key=self.settings.key(*requests.assays(side)))
        for suffix in ("txt", "json"):
            self._fetch((side, "scores", f"{side}.{suffix}"), f"scores/{side}.{suffix}")
        read_score(self.folder / f"scores/{side}.json")

    def _clean_up(self) -> None:
        """Remove from S3 and from the models what this run put there. Jobs and their logs are not for removing."""
        try:
            with self._jobs.step(self.steps["clean up"]):
                if self.steps["train"].completed:
                    self._jobs.services.sagemaker.delete_model(ModelName=self.settings.name)
                prefix = {"Bucket": self.settings.bucket, "Prefix": self.settings.key() + "/"}
                for page in self._s3.get_paginator("list_objects_v2").paginate(**prefix):
                    if objects := [{"Key": item["Key"]} for item in page.get("Contents", [])]:
                        self._s3.delete_objects(Bucket=self.settings.bucket, Delete={"Objects": objects})
        except StepFailed:
            return  # the step says so

    def _is_scored(self, side: str) -> bool:
        return side == "public" or "actual" in self.data.files

    def _put(self, content: bytes, place: tuple[str, ...]) -> None:
        self._jobs.go_on()
        self._s3.put_object(Bucket=self.settings.bucket, Key=self.settings.key(*place), Body=content)

    def _upload(self, path: Path, place: tuple[str, ...]) -> None:
        self._jobs.go_on()
        self._s3.upload_file(str(path), self.settings.bucket, self.settings.key(*place))

    def _fetch(self, place: tuple[str, ...], name: str) -> None:
        self._size(place, "the job left no")
        target = self.folder / name
        target.parent.mkdir(exist_ok=True)
        self._s3.download_file(self.settings.bucket, self.settings.key(*place), str(target))

    def _size(self, place: tuple[str, ...], otherwise: str) -> int:
        """Bytes of an object that a job should have left. Raises StepFailed where it did not."""
        try:
            head = self._s3.head_object(Bucket=self.settings.bucket, Key=self.settings.key(*place))
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                raise StepFailed(f"{otherwise} {place[-1]}") from None
            raise
        return int(head["ContentLength"])
