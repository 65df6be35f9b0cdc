"""A simulator is killed at a random moment under load: everything that it acknowledged exists after the next start.

The moment differs from run to run even with the same seed.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import botocore.config
import botocore.exceptions
import pytest
from stagemaker_support.fuzzing import TIMES, generator
from stagemaker_support.simulator_client import IMAGE
from stagemaker_support.state import SimulatorProcess, objects_of, running

from stagemaker.server import BUCKET, ROLE_ARN

KILLS = max(10, TIMES)
OBJECT, MODEL, JOB = "object", "model", "job"
Key = tuple[str, str]
KILL_ERRORS = (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError)
NO_RETRIES = botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=30)


class Load:
    def __init__(self, number: int):
        self.number = number
        self.random = generator(f"load {number}")
        self.possible_values: dict[Key, set[bytes | None]] = {}
        self.acknowledged_count = 0
        self.job_count = 0

    def run(self, simulator: SimulatorProcess) -> None:
        self.s3, self.sagemaker = (simulator.client(service, config=NO_RETRIES) for service in ("s3", "sagemaker"))
        self.remaining_jobs = 2
        with contextlib.suppress(*KILL_ERRORS):
            while True:
                self._step()

    def check(self, contents: dict[Key, bytes | None]) -> None:
        """Check that each resource has one of its possible values after a restart."""
        for key, values in self.possible_values.items():
            assert contents.get(key) in values, f"{key} is {contents.get(key)!r:.60}, not one of {values!r:.200}"
        own_keys = {key for key in contents if key[1].startswith(f"{self.number}-")}
        assert own_keys <= self.possible_values.keys()
        self.possible_values = {key: {contents.get(key)} for key in self.possible_values}

    def _step(self) -> None:
        name, step = f"{self.number}-{self.random.randrange(12)}", self.random.random()
        if step < 0.5:
            body = f"{name} {self.random.random()} ".encode() * self.random.choice([1, 1, 1, 10_000])
            with self._change({(OBJECT, name): body}):
                self.s3.put_object(Bucket=BUCKET, Key=name, Body=body)
        elif step < 0.6:
            with self._change({(OBJECT, name): None}):
                self.s3.delete_object(Bucket=BUCKET, Key=name)
        elif step < 0.7:
            names = [f"{self.number}-{number}" for number in range(3)]
            with self._change({(OBJECT, name): None for name in names}):
                self.s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": name} for name in names]})
        elif step < 0.95:
            self._create_or_delete_a_model(name)
        elif self.remaining_jobs:
            self._create_a_job()

    def _create_or_delete_a_model(self, name: str) -> None:
        if self.possible_values.get((MODEL, name), {None}) == {None}:
            container = {"Image": IMAGE, "Environment": {"value": str(self.random.random())}}
            with self._change({(MODEL, name): container["Environment"]["value"].encode()}):
                self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE_ARN, PrimaryContainer=container)
        else:
            with self._change({(MODEL, name): None}):
                self.sagemaker.delete_model(ModelName=name)

    def _create_a_job(self) -> None:
        self.job_count, self.remaining_jobs = self.job_count + 1, self.remaining_jobs - 1
        name = f"{self.number}-job-{self.job_count}"
        cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        with self._change({(JOB, name): b""}):
            self.sagemaker.create_processing_job(
                ProcessingJobName=name,
                RoleArn=ROLE_ARN,
                AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["sleep", "0.2"]},
                ProcessingResources={"ClusterConfig": cluster},
            )

    @contextlib.contextmanager
    def _change(self, changes: dict[Key, bytes | None]) -> Iterator[None]:
        for key, value in changes.items():
            self.possible_values[key] = self.possible_values.get(key, {None}) | {value}
        yield
        self.possible_values |= {key: {value} for key, value in changes.items()}
        self.acknowledged_count += 1


def stored_resources(simulator: SimulatorProcess) -> dict[Key, bytes | None]:
    sagemaker = simulator.client("sagemaker")
    contents: dict[Key, bytes | None] = {}
    for page in sagemaker.get_paginator("list_models").paginate():
        for name in [model["ModelName"] for model in page["Models"]]:
            model = sagemaker.describe_model(ModelName=name)
            contents[MODEL, name] = model["PrimaryContainer"]["Environment"]["value"].encode()
    for page in sagemaker.get_paginator("list_processing_jobs").paginate():
        for job in page["ProcessingJobSummaries"]:
            assert job["ProcessingJobStatus"] in ("Completed", "Failed")
            contents[JOB, job["ProcessingJobName"]] = b""
    return contents


@pytest.mark.fuzz
def test_acknowledged_changes_survive_kills(tmp_path: Path) -> None:
    loads, random = [Load(number) for number in range(4)], generator("moments")
    for kills in range(KILLS + 1):
        with running("--state", tmp_path) as simulator, ThreadPoolExecutor(len(loads)) as pool:
            objects = objects_of(simulator.client("s3")).get(BUCKET, {})
            contents = stored_resources(simulator) | {(OBJECT, key): body for key, body in objects.items()}
            for load in loads:
                load.check(contents)
            if kills == KILLS:
                break
            threading.Timer(random.uniform(0.1, 1.0), simulator.kill).start()
            for work in [pool.submit(load.run, simulator) for load in loads]:
                work.result()
    assert sum(load.acknowledged_count for load in loads) > 100


@pytest.mark.timing
def test_a_simulator_with_ten_thousand_objects_starts_quickly(tmp_path: Path) -> None:
    with running("--state", tmp_path) as simulator, ThreadPoolExecutor(4) as pool:
        put = partial(simulator.client("s3").put_object, Bucket=BUCKET)
        list(pool.map(lambda number: put(Key=f"{number}", Body=f"{number} ".encode() * 100), range(10_000)))
    start = time.monotonic()
    with running("--state", tmp_path):
        assert time.monotonic() - start < 20
