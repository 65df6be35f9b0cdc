"""Pipelines defined with the SDK's classes: all simulated step types, conditions and functions."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stagemaker_support.sdk_executions import statuses, steps_of, wait_for_end

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
BUCKET = "sagemaker-us-east-1-123456789012"
OUT = "/opt/ml/processing/out"
DEPTH = {"name": "depth", "regex": "depth=(.*?);"}
numbers = itertools.count()
EVALUATE = """
import json, pathlib, sys
metrics = {"metrics": {"acc": {"value": float(sys.argv[1])}, "name": "good"}}
pathlib.Path("/opt/ml/processing/out/metrics.json").write_text(json.dumps(metrics))
"""
TRAIN = """
import argparse, os, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--word")
parser.add_argument("--depth", type=int)
arguments = parser.parse_args()
print(f"depth={arguments.depth};")
pathlib.Path(os.environ["SM_MODEL_DIR"], "name").write_text(f"{arguments.word} {arguments.depth} ")
"""
SERVE = """
def model_fn(model_dir): return open(model_dir + "/name").read()
def transform_fn(model, data, content_type, accept): return model + data
"""


@pytest.fixture
def session(variables: dict[str, str]) -> Any:
    from sagemaker.core.workflow.pipeline_context import PipelineSession

    return PipelineSession()


class Sources:
    """Scripts in a folder, and steps that run them."""

    def __init__(self, folder: Path, session: Any):
        self.session = session
        (folder / "evaluate.py").write_text(EVALUATE)
        (folder / "source").mkdir()
        (folder / "source/fit.py").write_text(TRAIN)
        self.folder = folder

    def evaluate(self, accuracy: Any, name: str = "Evaluate", **members: Any) -> Any:
        from sagemaker.core.processing import ScriptProcessor
        from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output
        from sagemaker.mlops.workflow.steps import ProcessingStep

        processor = ScriptProcessor(
            image_uri=IMAGE,
            command=["python3"],
            instance_count=1,
            instance_type="ml.m5.large",
            role=ROLE,
            sagemaker_session=self.session,
        )
        uri = f"s3://{BUCKET}/evaluated/{next(numbers)}"
        output = ProcessingS3Output(s3_uri=uri, local_path=OUT, s3_upload_mode="EndOfJob")
        arguments = processor.run(
            code=str(self.folder / "evaluate.py"),
            outputs=[ProcessingOutput(output_name="out", s3_output=output)],
            arguments=[accuracy],
        )
        return ProcessingStep(name=name, step_args=arguments, **members)

    def trainer(self, **members: Any) -> Any:
        from sagemaker.core.shapes import MetricDefinition
        from sagemaker.train import ModelTrainer
        from sagemaker.train.configs import SourceCode

        trainer = ModelTrainer(
            training_image=IMAGE,
            source_code=SourceCode(source_dir=str(self.folder / "source"), entry_script="fit.py"),
            sagemaker_session=self.session,
            role=ROLE,
            **members,
        )
        return trainer.with_metric_definitions([MetricDefinition(**DEPTH)])

    def train(self, word: Any, depth: Any, channels: dict[str, Any] | None = None, **members: Any) -> Any:
        from sagemaker.mlops.workflow.steps import TrainingStep
        from sagemaker.train.configs import InputData

        data = [InputData(channel_name=name, data_source=uri) for name, uri in (channels or {}).items()]
        trainer = self.trainer(hyperparameters={"word": word, "depth": depth})
        return TrainingStep(name="Train", step_args=trainer.train(data), **members)

    def tune(self, **members: Any) -> Any:
        """Return a step for a tuning job with two training jobs, of which the one with depth 2 is the better."""
        from sagemaker.core.parameter import CategoricalParameter
        from sagemaker.core.shapes import OutputDataConfig
        from sagemaker.mlops.workflow.steps import TuningStep
        from sagemaker.train.tuner import HyperparameterTuner

        output = OutputDataConfig(s3_output_path=f"s3://{BUCKET}/tuned")
        tuner = HyperparameterTuner(
            self.trainer(hyperparameters={"word": "tuned"}, output_data_config=output),
            "depth",
            {"depth": CategoricalParameter([5, 2])},
            [{"Name": DEPTH["name"], "Regex": DEPTH["regex"]}],
            strategy="Grid",
            objective_type="Minimize",
            max_parallel_jobs=2,
        )
        return TuningStep(name="Tune", step_args=tuner.tune([]), **members)


@pytest.fixture
def sources(tmp_path: Path, session: Any) -> Sources:
    return Sources(tmp_path, session)


def create_pipeline(session: Any, steps: list[Any], name: str = "", **members: Any) -> Any:
    from sagemaker.mlops.workflow.pipeline import Pipeline

    name = name or f"pipeline-{next(numbers)}"
    pipeline = Pipeline(name=name, steps=steps, sagemaker_session=session, **members)
    pipeline.upsert(role_arn=ROLE)
    return pipeline


def make_builder(s3: Any, session: Any, data: Any) -> Any:
    """Return a ModelBuilder for a model that a step creates."""
    import io
    import tarfile

    from sagemaker.serve import ModelBuilder

    archive, key = io.BytesIO(), f"serving-{next(numbers)}.tar.gz"
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo("inference.py")
        member.size = len(SERVE)
        tar.addfile(member, io.BytesIO(SERVE.encode()))
    s3.put_object(Bucket=BUCKET, Key=key, Body=archive.getvalue())
    environment = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
    environment["SAGEMAKER_SUBMIT_DIRECTORY"] = f"s3://{BUCKET}/{key}"
    return ModelBuilder(
        s3_model_data_url=data, image_uri=IMAGE, role_arn=ROLE, env_vars=environment, sagemaker_session=session
    )


@pytest.mark.usefixtures("sandbox")
def test_a_pipeline_registers_a_model_trained_on_its_data(sources: Sources, session: Any, s3: Any) -> None:
    """The pipeline has all steps, all parameter types, references, Join and JsonGet. A second run has cache hits."""
    from sagemaker.core.transformer import Transformer
    from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo
    from sagemaker.core.workflow.execution_variables import ExecutionVariables
    from sagemaker.core.workflow.functions import Join, JsonGet
    from sagemaker.core.workflow.parameters import (
        ParameterBoolean,
        ParameterFloat,
        ParameterInteger,
        ParameterString,
    )
    from sagemaker.core.workflow.properties import PropertyFile
    from sagemaker.mlops.workflow.condition_step import ConditionStep
    from sagemaker.mlops.workflow.fail_step import FailStep
    from sagemaker.mlops.workflow.model_step import ModelStep
    from sagemaker.mlops.workflow.steps import CacheConfig, TransformStep

    word = ParameterString("Word", default_value="hello", enum_values=["hello", "bye"])
    depth, minimum = ParameterInteger("Depth", default_value=3), ParameterFloat("Least", default_value=0.5)
    unused, cache = ParameterBoolean("Flag", default_value=True), CacheConfig(enable_caching=True, expire_after="P1D")
    file = PropertyFile(name="metrics", output_name="out", path="metrics.json")
    evaluate = sources.evaluate("0.75", property_files=[file], cache_config=cache)
    train = sources.train(word, depth, cache_config=cache, depends_on=[evaluate])
    data = train.properties.ModelArtifacts.S3ModelArtifacts
    create = ModelStep(name="Create", step_args=make_builder(s3, session, data).build())
    group = f"group-{next(numbers)}"
    builder = make_builder(s3, session, data)
    register = ModelStep(
        name="Register",
        step_args=builder.register(
            model_package_group_name=group,
            content_types=["text/csv"],
            response_types=["text/csv"],
            approval_status="Approved",
        ),
    )
    s3.put_object(Bucket=BUCKET, Key="lines/lines.csv", Body=b"1\n")
    output_path = Join(on="/", values=[f"s3://{BUCKET}", "transformed", ExecutionVariables.PIPELINE_EXECUTION_ID])
    transformer = Transformer(
        model_name=create.properties.ModelName,
        instance_count=1,
        instance_type="ml.m5.large",
        output_path=output_path,
        sagemaker_session=session,
    )
    transform = TransformStep(
        name="Transform",
        step_args=transformer.transform(data=f"s3://{BUCKET}/lines/lines.csv", content_type="text/csv"),
    )
    accuracy = JsonGet(step_name="Evaluate", property_file=file, json_path="metrics.acc.value")
    check = ConditionStep(
        name="Check",
        conditions=[ConditionGreaterThanOrEqualTo(left=accuracy, right=minimum)],
        if_steps=[create, register, transform],
        else_steps=[FailStep(name="Bad", error_message=Join(on=" ", values=["accuracy", accuracy]))],
    )
    parameters = [word, depth, minimum, unused]
    pipeline = create_pipeline(session, [evaluate, train, check], parameters=parameters)
    first = pipeline.start(parameters={"Word": "bye"})
    assert wait_for_end(first)["PipelineExecutionStatus"] == "Succeeded", first.list_steps()
    assert set(statuses(first)) == {"Evaluate", "Train", "Check", "Create", "Register", "Transform"}
    key = f"transformed/{first.arn.rpartition('/')[2]}/lines.csv.out"
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"bye 3 1\n"
    parameter_values = {item["Name"]: item["Value"] for item in first.list_parameters()["PipelineParameters"]}
    assert parameter_values == {"Word": "bye", "Depth": "3", "Least": "0.5", "Flag": "true"}
    pipeline.upsert(role_arn=ROLE)  # uploads the sources again, to other addresses
    second = pipeline.start(parameters={"Word": "bye", "Least": 0.8})
    assert wait_for_end(second)["PipelineExecutionStatus"] == "Failed"
    steps = steps_of(second)
    assert steps["Bad"]["FailureReason"] == "accuracy 0.75"
    hits = {name: item["CacheHitResult"] for name, item in steps.items() if "CacheHitResult" in item}
    assert set(hits) == {"Evaluate", "Train"}
    assert {hit["SourcePipelineExecutionArn"] for hit in hits.values()} == {first.arn}
    assert len(pipeline.list_executions()["PipelineExecutionSummaries"]) == 2


def test_every_condition_has_the_expected_outcome(session: Any) -> None:
    from sagemaker.core.workflow.conditions import (
        ConditionEquals,
        ConditionGreaterThan,
        ConditionGreaterThanOrEqualTo,
        ConditionIn,
        ConditionLessThan,
        ConditionLessThanOrEqualTo,
        ConditionNot,
        ConditionOr,
    )
    from sagemaker.core.workflow.functions import Join
    from sagemaker.core.workflow.parameters import ParameterInteger, ParameterString
    from sagemaker.mlops.workflow.condition_step import ConditionStep

    number, text = ParameterInteger("Number", default_value=5), ParameterString("Text", default_value="b")
    cases = {
        "Equals": (ConditionEquals(left=number, right=5), True),
        "Greater": (ConditionGreaterThan(left=number, right=5.0), False),
        "GreaterEqual": (ConditionGreaterThanOrEqualTo(left=number, right=5), True),
        "Less": (ConditionLessThan(left=number, right=6), True),
        "LessEqual": (ConditionLessThanOrEqualTo(left=number, right=4), False),
        "In": (ConditionIn(value=text, in_values=["a", "b"]), True),
        "Not": (ConditionNot(ConditionEquals(left=text, right="b")), False),
        "Or": (ConditionOr([ConditionLessThan(left=number, right=1), ConditionEquals(left=text, right="b")]), True),
        "Join": (ConditionEquals(left=Join(on="-", values=[text, number]), right="b-5"), True),
    }
    steps = [
        ConditionStep(name=name, conditions=[case], if_steps=[], else_steps=[]) for name, (case, _) in cases.items()
    ]
    execution = create_pipeline(session, steps, parameters=[number, text]).start()
    assert wait_for_end(execution)["PipelineExecutionStatus"] == "Succeeded"
    outcomes = {item["StepName"]: item["Metadata"]["Condition"]["Outcome"] for item in execution.list_steps()}
    assert outcomes == {name: str(expected) for name, (_, expected) in cases.items()}


@pytest.mark.usefixtures("sandbox")
def test_retry_policies_do_not_apply_to_a_failing_script(sources: Sources, session: Any) -> None:
    """The step has policies of both classes, but neither applies to a script that fails."""
    from sagemaker.mlops.workflow.retry import (
        SageMakerJobExceptionTypeEnum,
        SageMakerJobStepRetryPolicy,
        StepExceptionTypeEnum,
        StepRetryPolicy,
    )

    policies = [
        StepRetryPolicy(exception_types=[StepExceptionTypeEnum.THROTTLING], expire_after_mins=5),
        SageMakerJobStepRetryPolicy(
            exception_types=[SageMakerJobExceptionTypeEnum.RESOURCE_LIMIT], interval_seconds=1, max_attempts=2
        ),
    ]
    failed = create_pipeline(session, [sources.evaluate("not a number", retry_policies=policies)]).start()
    assert wait_for_end(failed)["FailureReason"] == "Step failure: One or multiple steps failed."
    [step] = failed.list_steps()
    assert step["FailureReason"].startswith("AlgorithmError: ")
    assert step["AttemptCount"] == 1


@pytest.mark.usefixtures("sandbox")
def test_tuning_steps_and_references_are_supported(sources: Sources, session: Any, s3: Any) -> None:
    """Steps refer to list items by name or number, to map keys, to a tuning job's jobs and to a file on S3."""
    from sagemaker.core.workflow.conditions import ConditionEquals
    from sagemaker.core.workflow.execution_variables import ExecutionVariables
    from sagemaker.core.workflow.functions import Join, JsonGet
    from sagemaker.mlops.workflow.condition_step import ConditionStep
    from sagemaker.mlops.workflow.model_step import ModelStep
    from sagemaker.mlops.workflow.steps import CacheConfig

    cache = CacheConfig(enable_caching=True, expire_after="P1D")
    evaluate = sources.evaluate("0.75", cache_config=cache)
    outputs = evaluate.properties.ProcessingOutputConfig.Outputs
    channels = {"named": outputs["out"].S3Output.S3Uri, "numbered": outputs[0].S3Output.S3Uri}
    train = sources.train(ExecutionVariables.PIPELINE_EXECUTION_ID, 3, channels, cache_config=cache)
    tune = sources.tune(cache_config=cache)
    models = [tune.get_top_model_s3_uri(output, BUCKET, "tuned") for output in (0, 1)]
    model_steps = [
        ModelStep(name=f"Create{output}", step_args=make_builder(s3, session, uri).build())
        for output, uri in enumerate(models)
    ]
    best, settings = tune.properties.BestTrainingJob, train.properties.HyperParameters
    metrics = Join(on="/", values=[outputs["out"].S3Output.S3Uri, "metrics.json"])
    pairs = {
        "Number": (train.properties.FinalMetricDataList["depth"].Value, 3.0),
        "Key": (settings["depth"], "3"),
        "Joined": (Join(on="", values=[settings["depth"]]), "3"),
        "Channel": (train.properties.InputDataConfig[0].ChannelName, "named"),
        "Best": (best.FinalHyperParameterTuningJobObjectiveMetric.Value, 2.0),
        "Summary": (tune.properties.TrainingJobSummaries[1].TunedHyperParameters["depth"], "5"),
        "File": (JsonGet(s3_uri=metrics, json_path="metrics['name']", step=evaluate), "good"),
        "Variable": (Join(on="", values=[ExecutionVariables.PIPELINE_NAME]), "references"),
    }
    checks = [
        ConditionStep(name=name, conditions=[ConditionEquals(left=left, right=right)], if_steps=[], else_steps=[])
        for name, (left, right) in pairs.items()
    ]
    pipeline = create_pipeline(session, [*checks, *model_steps, tune, train, evaluate], name="references")
    first = pipeline.start()
    assert wait_for_end(first)["PipelineExecutionStatus"] == "Succeeded", first.list_steps()
    steps = steps_of(first)
    outcomes = {name: steps[name]["Metadata"]["Condition"]["Outcome"] for name in pairs}
    assert outcomes == dict.fromkeys(pairs, "True")
    client = session.sagemaker_client
    for output, depth in enumerate(("2", "5")):
        model = steps[f"Create{output}"]["Metadata"]["Model"]["Arn"].rpartition("/")[2]
        uri = client.describe_model(ModelName=model)["PrimaryContainer"]["ModelDataUrl"]
        job = client.describe_training_job(TrainingJobName=uri.split("/")[-3])
        assert (job["ModelArtifacts"]["S3ModelArtifacts"], job["HyperParameters"]["depth"]) == (uri, depth)
    pipeline.upsert(role_arn=ROLE)  # uploads the sources again, to other addresses
    second = pipeline.start()
    assert wait_for_end(second)["PipelineExecutionStatus"] == "Succeeded"
    hits = {name for name, item in steps_of(second).items() if "CacheHitResult" in item}
    assert hits == {"Evaluate", "Tune"}  # Train depends on the execution, so it has no hit


def test_pipeline_resources_of_sagemaker_core_work(session: Any) -> None:
    """sagemaker-core's resources work, and an invalid definition is refused with the step and the reason."""
    from sagemaker.core.resources import Pipeline, PipelineExecution
    from sagemaker.core.workflow.conditions import ConditionLessThan
    from sagemaker.core.workflow.parameters import ParameterBoolean
    from sagemaker.mlops.workflow.condition_step import ConditionStep
    from sagemaker.mlops.workflow.fail_step import FailStep

    pipeline = create_pipeline(session, [FailStep(name="Ends", error_message="wanted")])
    execution = pipeline.start()
    wait_for_end(execution)
    resource = PipelineExecution.get(pipeline_execution_arn=execution.arn)
    assert resource.pipeline_execution_status == "Failed"
    assert [step.step_name for step in resource.get_all_steps()] == ["Ends"]
    assert json.loads(Pipeline.get(pipeline_name=pipeline.name).pipeline_definition)["Version"] == "2020-12-01"
    flag = ParameterBoolean("Flag", default_value=True)
    invalid_step = ConditionStep(
        name="Compares", conditions=[ConditionLessThan(left=flag, right=1)], if_steps=[], else_steps=[]
    )
    with pytest.raises(ClientError, match="Step Compares: LessThan: a boolean cannot be compared with a number"):
        create_pipeline(session, [invalid_step], parameters=[flag])


@pytest.mark.usefixtures("sandbox")
def test_a_step_can_run_because_another_one_failed(sources: Sources, session: Any) -> None:
    from sagemaker.mlops.workflow.step_dependency import StepDependency, TriggerCondition

    failing_step = sources.evaluate("not a number")
    following_steps = {
        trigger.value: sources.evaluate("1", name=trigger.value, depends_on=[StepDependency(failing_step, trigger)])
        for trigger in TriggerCondition
    }
    execution = create_pipeline(session, [*following_steps.values(), failing_step]).start()
    description = wait_for_end(execution)
    assert description["PipelineExecutionStatus"] == "CompletedWithFailures"
    assert description["FailureReason"] == "Step failure: One or multiple steps failed."
    assert statuses(execution) == {"Evaluate": "Failed", "Failed": "Succeeded", "Any": "Succeeded"}


def callback() -> Any:
    from sagemaker.mlops.workflow.callback_step import CallbackStep

    return CallbackStep(name="Ask", sqs_queue_url="https://example.com/queue", inputs={}, outputs=[])


def emr() -> Any:
    from sagemaker.mlops.workflow.emr_step import EMRStep, EMRStepConfig

    return EMRStep("Ask", "", "", "j-1", EMRStepConfig("s3://bucket/a.jar"))


def lambda_function() -> Any:
    from sagemaker.core.lambda_helper import Lambda
    from sagemaker.mlops.workflow.lambda_step import LambdaStep

    return LambdaStep("Ask", Lambda(function_arn="arn:aws:lambda:us-east-1:123456789012:function:f"))


@pytest.mark.parametrize(("kind", "make"), [("Callback", callback), ("EMR", emr), ("Lambda", lambda_function)])
def test_an_unsupported_step_type_is_refused_by_name(session: Any, kind: str, make: Callable[[], Any]) -> None:
    with pytest.raises(ClientError, match=f"Step Ask: the type {kind} is not simulated"):
        create_pipeline(session, [make()])
