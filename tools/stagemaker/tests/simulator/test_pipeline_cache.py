"""Step caching: if CacheConfig is enabled, an unchanged step is a cache hit, and any relevant change is a miss."""

import gzip
import io
import resource
import tarfile
from typing import Any

import pytest
from stagemaker_support.pipelines import Pipelines, definition, get, model, step
from stagemaker_support.simulator_client import HOOKS, IMAGE

from stagemaker.orchestration.pipelines import step_cache
from stagemaker.server import BUCKET, ROLE_ARN

CACHE_CONFIG = {"Enabled": True, "ExpireAfter": "P30D"}
OUT = "/opt/ml/processing/out"
COPY_SCRIPT = """
import os, shutil
shutil.copy(__file__, os.environ["OUT"])
"""
Step = dict[str, Any]


class CachedPipeline:
    """A pipeline whose definition can change. `hits` runs it and returns the names of the steps with cache hits."""

    def __init__(self, pipelines: Pipelines, *steps: Step):
        self.pipelines, self.name = pipelines, pipelines.create(*steps)
        self.first_execution = pipelines.start(self.name)
        pipelines.wait(self.first_execution)

    def hits(self, *steps: Step) -> set[str]:
        if steps:
            new_definition = definition(*steps)
            self.pipelines.sagemaker.update_pipeline(PipelineName=self.name, PipelineDefinition=new_definition)
        self.execution = self.pipelines.start(self.name)
        self.pipelines.wait(self.execution)
        steps_run = self.pipelines.steps(self.execution).items()
        self.sources = {name: item["CacheHitResult"] for name, item in steps_run if "CacheHitResult" in item}
        return set(self.sources)


def process(pipelines: Pipelines, script: str = COPY_SCRIPT, cache: Any = CACHE_CONFIG, **environment: str) -> Step:
    arguments = {"Environment": {"OUT": OUT} | environment}
    return pipelines.processing("P", script, outputs=["out"], Arguments=arguments, CacheConfig=cache)


def archive(content: str, time: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in (("job.py", content), ("__pycache__/job.pyc", str(time))):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), time
            tar.addfile(member, io.BytesIO(data.encode()))
    return buffer.getvalue()


@pytest.mark.slow
def test_a_processing_step_is_cached_until_its_result_is_changed_or_deleted(pipelines: Pipelines) -> None:
    uri = get("Steps.P.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")
    pipeline = CachedPipeline(pipelines, process(pipelines), model("M", A=uri))
    first_uri = pipelines.environment(pipeline.first_execution, "M")["A"]
    assert pipeline.hits(process(pipelines), model("M", A=uri)) == {"P"}
    assert pipeline.sources["P"] == {"SourcePipelineExecutionArn": pipeline.first_execution}
    assert pipelines.environment(pipeline.execution, "M")["A"] == first_uri  # M received the first result
    assert pipelines.client.keys(first_uri) == ["/job.py"]
    pipelines.client.put(f"{first_uri}/job.py".removeprefix(f"s3://{BUCKET}/"), "changed")
    assert pipeline.hits() == set()
    result = f"{pipelines.environment(pipeline.execution, 'M')['A']}/job.py".removeprefix(f"s3://{BUCKET}/")
    assert pipeline.hits() == {"P"}
    pipelines.client.s3.delete_object(Bucket=BUCKET, Key=result)
    assert pipeline.hits() == set()
    assert pipeline.hits(process(pipelines, cache={"Enabled": False})) == set()
    assert pipeline.hits(process(pipelines, COPY_SCRIPT + "# another script")) == set()
    assert pipeline.hits(process(pipelines, OTHER="1")) == set()
    assert pipeline.hits(process(pipelines, cache={"Enabled": True, "ExpireAfter": "P0D"})) == set()
    old_arn = pipeline.execution
    assert pipeline.hits(process(pipelines)) == {"P"}
    assert pipeline.sources["P"] == {"SourcePipelineExecutionArn": old_arn}  # a newer result replaced the expired one
    assert pipeline.hits(process(pipelines) | {"Name": "Q"}) == set()
    other_pipeline = CachedPipeline(pipelines, process(pipelines))
    assert "CacheHitResult" not in pipelines.steps(other_pipeline.first_execution)["P"]
    pipelines.sagemaker.delete_pipeline(PipelineName=other_pipeline.name)
    document = definition(process(pipelines))
    pipelines.sagemaker.create_pipeline(PipelineName=other_pipeline.name, PipelineDefinition=document, RoleArn=ROLE_ARN)
    assert other_pipeline.hits() == set()  # deleting the pipeline deleted its results


def test_a_result_is_not_reused_if_inputs_changed_while_the_job_waited_or_ran(pipelines: Pipelines) -> None:
    step = process(pipelines, "import time\ntime.sleep(1)")
    source = step["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"].removeprefix(f"s3://{BUCKET}/")
    name = pipelines.create(step)
    first_execution = pipelines.start(name)
    pipelines.wait_for(first_execution, "P")
    pipelines.client.put(source, "pass")
    pipelines.wait(first_execution)
    for script, is_hit in (("import time\ntime.sleep(1)", False), ("pass", False), ("pass", True)):
        pipelines.client.put(source, script)
        execution = pipelines.start(name)
        pipelines.wait(execution)
        assert ("CacheHitResult" in pipelines.steps(execution)["P"]) is is_hit, script


@pytest.mark.slow
def test_training_and_transform_steps_are_cached(pipelines: Pipelines) -> None:
    """Timestamps and bytecode in archives are ignored. A transform step depends on the model, not its training job.

    A cache hit in the training step makes a cache hit in the transform step possible.
    """
    client, numbers = pipelines.client, iter(range(100))
    script = "import os\nopen(os.environ['SM_MODEL_DIR'] + '/model.txt', 'w').write('model ')"
    serving_source = client.source(inference=HOOKS)
    client.put("pipelines/cached/lines.csv", "1\n")
    manifest = client.put("pipelines/manifest", f'[{{"prefix": "s3://{BUCKET}/pipelines/cached/"}}, "lines.csv"]')
    source = {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": manifest}}

    def steps(code: str = script, image: str = IMAGE, **settings: str) -> list[Step]:
        number = next(numbers)
        uri = client.put(f"pipelines/cached-{number}/source.tar.gz", archive(code, number))
        train = pipelines.training("T", script, CacheConfig=CACHE_CONFIG)
        arguments = train["Arguments"]
        arguments["HyperParameters"] |= {"sagemaker_submit_directory": f'"{uri}"', **settings}
        arguments["HyperParameters"]["sagemaker_job_name"] = f"job-{number}"
        arguments["AlgorithmSpecification"] = arguments["AlgorithmSpecification"] | {"TrainingImage": image}
        arguments["OutputDataConfig"] = {"S3OutputPath": f"s3://{BUCKET}/cached-{number}"}
        arguments["DebugHookConfig"] = {"S3OutputPath": f"s3://{BUCKET}/"}  # as version 2 of the SDK sends it
        environment = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": serving_source}
        container = {"Image": IMAGE, "ModelDataUrl": get("Steps.T.ModelArtifacts.S3ModelArtifacts")}
        container["Environment"] = environment | {"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
        create = step("M", "Model", {"ExecutionRoleArn": ROLE_ARN, "PrimaryContainer": container})
        arguments = {
            "ModelName": get("Steps.M.ModelName"),
            "TransformInput": {"DataSource": source, "ContentType": "text/csv"},
            "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/cached-out-{number}"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        }
        return [train, create, step("X", "Transform", arguments, CacheConfig=CACHE_CONFIG)]

    pipeline = CachedPipeline(pipelines, *steps())
    assert pipeline.hits(*steps()) == {"T", "X"}
    assert pipeline.hits(*steps(depth="3")) == {"X"}  # a different training job with the same model
    assert "T" not in pipeline.hits(*steps(f"{script}\n"))
    assert "T" not in pipeline.hits(*steps(image=f"{IMAGE}-other"))
    assert pipeline.hits(*steps()) == {"T", "X"}
    client.put("pipelines/cached/lines.csv", "2\n")
    assert pipeline.hits(*steps()) == {"T"}


def archive_with_large_header() -> bytes:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 8 << 30
    return gzip.compress(header.tobuf() + bytes(64 << 20), 1)


@pytest.mark.timing
def test_an_archive_bomb_uses_little_memory(pipelines: Pipelines) -> None:
    pipelines.client.put("pipelines/large-header/a.tar.gz", archive_with_large_header())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    uri = f"s3://{BUCKET}/pipelines/large-header/"
    assert step_cache.content_digests(pipelines.client.s3, uri, lambda: None) is not None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 32 << 10  # KiB


def test_an_archive_bomb_is_compared_by_its_bytes(pipelines: Pipelines) -> None:
    def digests(uri: str, *limits: Any) -> Any:
        return step_cache.content_digests(pipelines.client.s3, uri, lambda: None, *limits)

    for index in range(2):
        pipelines.client.put(f"pipelines/bomb-{index}/a.tar.gz", archive("x" * 5000, index))
    first, second = (f"s3://{BUCKET}/pipelines/bomb-{index}/" for index in range(2))
    assert digests(first) == digests(second)
    for limits in ((10, 5000, 9), (10**6, 4000, 9), (10**6, 5000, 0)):
        assert digests(first, limits) != digests(second, limits)
    for body in (archive_with_large_header(), b"not an archive"):
        pipelines.client.put("pipelines/bomb-0/a.tar.gz", body)
        assert digests(first) not in (None, digests(second))
    assert digests(f"s3://{BUCKET}/pipelines/nothing") is digests("s3://${bucket}/x y") is None
