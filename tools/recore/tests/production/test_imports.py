"""Read-only commands import few packages, because pandas, scipy and pyarrow take more than a second to import."""

import subprocess
import sys

import pytest
from recore_support.production import ProductionCommands
from support.checkout import environment

PROGRAM = """
import sys
from recore.cli import main
main(["production", *sys.argv[1:]], standalone_mode=False)
print(*{name.partition(".")[0] for name in sys.modules}, *(name for name in sys.modules if name.startswith("recore.")))
"""
LARGE = {"numpy", "pandas", "pyarrow", "scipy", "sklearn", "rich", "moto"}


@pytest.mark.parametrize("words", [["list"], ["approve", "1"]])
def test_a_command_that_only_reads_imports_little(commands: ProductionCommands, words: list[str]) -> None:
    sagemaker, group = commands.client.sagemaker, f"{commands.name}-{words[0]}"
    commands.configure(MODEL_PACKAGE_GROUP_NAME=group)
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    containers = [{"Image": "i", "ModelDataUrl": "s3://b/m.tar.gz"}]
    specification = {"Containers": containers, "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": []}
    members = {"InferenceSpecification": specification, "ModelApprovalStatus": "PendingManualApproval"}
    sagemaker.create_model_package(ModelPackageGroupName=group, **members)
    command = [sys.executable, "-c", PROGRAM, *words]
    variables = environment() | commands.client.simulator.variables()
    output = subprocess.check_output(command, cwd=commands.folder, env=variables, text=True)
    first, *_, last = output.splitlines()
    assert "version 1" in first
    imported = set(last.split())
    assert "botocore" in imported
    assert not LARGE & imported
    assert not {"recore.evaluation", "recore.failures", "recore.production.pipeline"} & imported
