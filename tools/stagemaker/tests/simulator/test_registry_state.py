"""With a state folder, the model registry and objects in S3 survive even if the simulator is killed."""

import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import botocore.exceptions
import pytest
from botocore.config import Config
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.fuzzing import TIMES, generator
from stagemaker_support.model_packages import Packages
from stagemaker_support.simulator_client import Client
from stagemaker_support.state import objects_of, running

from stagemaker.server import BUCKET


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("kill", range(max(1, TIMES // 4)))
def test_changes_acknowledged_under_load_survive_a_kill_and_version_numbers_continue(kill: int, tmp_path: Path) -> None:
    objects: dict[str, bytes | None] = {}  # stored and deleted objects; the key is a version's ARN
    count = generator(f"kill {kill}").randint(1, 60)
    with running("--state", tmp_path) as simulator:
        packages = Packages(Client(simulator))
        packages.sagemaker, s3 = (
            simulator.client(name, config=Config(retries={"max_attempts": 0})) for name in ("sagemaker", "s3")
        )
        group = packages.group()
        has_versions = threading.Event()

        def register(number: int) -> None:
            with contextlib.suppress(botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):  # by the kill
                arn = packages.version(group)
                body = arn.encode() * (1 if number % 2 else 3000)
                s3.put_object(Bucket=BUCKET, Key=arn, Body=body)
                if number % 3:
                    objects[arn] = body
                else:
                    s3.delete_object(Bucket=BUCKET, Key=arn)
                    objects[arn] = None
                if len(objects) >= count:
                    has_versions.set()

        with ThreadPoolExecutor(32) as pool:
            for number in range(400):
                pool.submit(register, number)
            assert has_versions.wait(120)
            simulator.kill()
            pool.shutdown(cancel_futures=True)
    with running("--state", tmp_path) as simulator:
        packages = Packages(Client(simulator))
        existing_arns = packages.listed(ModelPackageGroupName=group)
        assert [int(arn.rpartition("/")[2]) for arn in existing_arns] == list(range(len(existing_arns), 0, -1))
        bodies = objects_of(packages.client.s3).get(BUCKET, {})
        assert objects == {arn: bodies.get(arn) for arn in objects}
        assert bodies.keys() | objects.keys() <= {*existing_arns}
        assert packages.version(group).endswith(f"/{len(existing_arns) + 1}")


@pytest.mark.slow
def test_a_registry_keeps_its_contents_after_a_kill(tmp_path: Path) -> None:
    policy, token = json.dumps({"Statement": []}), "token"
    with running("--state", tmp_path) as simulator:
        packages = Packages(Client(simulator))
        group = packages.group()
        packages.sagemaker.put_model_package_group_policy(ModelPackageGroupName=group, ResourcePolicy=policy)
        package = packages.named(group, "kept", ClientToken=token, CustomerMetadataProperties={"time": "now"})
        deleted_package = packages.version(group)
        packages.sagemaker.delete_model_package(ModelPackageName=deleted_package)
        packages.approve(package, ApprovalDescription="good")
        packages.sagemaker.create_model(ModelName="m", PrimaryContainer={"ModelPackageName": package})
        old_package = packages.describe(package)
        simulator.kill()
    with running("--state", tmp_path) as simulator:
        packages = Packages(Client(simulator))
        new_package = packages.describe(package)
        assert new_package | {"ResponseMetadata": None} == old_package | {"ResponseMetadata": None}
        assert packages.listed(ModelPackageGroupName=group) == [package]
        stored_policy = packages.sagemaker.get_model_package_group_policy(ModelPackageGroupName=group)
        assert stored_policy["ResourcePolicy"] == policy
        endpoints = Endpoints(packages.client)
        endpoint = endpoints.create(endpoints.config(variant("m")))
        assert json.loads(endpoints.invoke(endpoint)["Body"].read())[0] == "kept"
        endpoints.delete(endpoint)
        assert packages.version(group).endswith("/3")
