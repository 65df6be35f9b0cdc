"""With a state folder, the model registry survives even if the simulator is killed."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import botocore.exceptions
import pytest
from botocore.config import Config
from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.model_packages import Packages
from stagemaker_support.simulator_client import Client
from stagemaker_support.state import running


@pytest.mark.slow
def test_version_numbers_continue_after_a_kill(tmp_path: Path) -> None:
    acknowledged_arns: list[str] = []
    with running("--state", tmp_path) as simulator:
        packages = Packages(Client(simulator))
        packages.sagemaker = simulator.client("sagemaker", config=Config(retries={"max_attempts": 0}))
        group = packages.group()
        enough_registered = threading.Event()

        def register(_: int) -> None:
            try:
                acknowledged_arns.append(packages.version(group))
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
                return  # the simulator was killed
            if len(acknowledged_arns) >= 20:
                enough_registered.set()

        with ThreadPoolExecutor(32) as pool:
            for number in range(400):
                pool.submit(register, number)
            assert enough_registered.wait(120)
            simulator.kill()
            pool.shutdown(cancel_futures=True)
    with running("--state", tmp_path) as simulator:
        packages = Packages(Client(simulator))
        existing_arns = packages.listed(ModelPackageGroupName=group)
        assert [int(arn.rpartition("/")[2]) for arn in existing_arns] == list(range(len(existing_arns), 0, -1))
        assert {*acknowledged_arns} <= {*existing_arns}
        assert len(acknowledged_arns) == len({*acknowledged_arns})
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
        before = packages.describe(package)
        simulator.kill()
    with running("--state", tmp_path) as simulator:
        packages = Packages(Client(simulator))
        after = packages.describe(package)
        assert after | {"ResponseMetadata": None} == before | {"ResponseMetadata": None}
        assert packages.listed(ModelPackageGroupName=group) == [package]
        stored_policy = packages.sagemaker.get_model_package_group_policy(ModelPackageGroupName=group)
        assert stored_policy["ResourcePolicy"] == policy
        endpoints = Endpoints(packages.client)
        endpoint = endpoints.create(endpoints.config(variant("m")))
        assert json.loads(endpoints.invoke(endpoint)["Body"].read())[0] == "kept"
        endpoints.delete(endpoint)
        assert packages.version(group).endswith("/3")
