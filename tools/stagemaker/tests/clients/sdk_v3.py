"""Version 3 of SageMaker's SDK: its pipeline classes, and functions that create steps and jobs."""

# ruff: noqa: F403 - the classes have the same names in versions 2 and 3

import itertools
from pathlib import Path
from typing import Any

import boto3
from sagemaker.core.lambda_helper import *
from sagemaker.core.model_metrics import *
from sagemaker.core.network import *
from sagemaker.core.parameter import *
from sagemaker.core.processing import *
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.resources import ModelPackage
from sagemaker.core.shapes import (
    MetricDefinition,
    OutputDataConfig,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)
from sagemaker.core.transformer import *
from sagemaker.core.workflow.conditions import *
from sagemaker.core.workflow.execution_variables import *
from sagemaker.core.workflow.functions import *
from sagemaker.core.workflow.parameters import *
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import *
from sagemaker.mlops.workflow.callback_step import *
from sagemaker.mlops.workflow.condition_step import *
from sagemaker.mlops.workflow.emr_step import *
from sagemaker.mlops.workflow.fail_step import *
from sagemaker.mlops.workflow.lambda_step import *
from sagemaker.mlops.workflow.model_step import *
from sagemaker.mlops.workflow.pipeline import *
from sagemaker.mlops.workflow.retry import *
from sagemaker.mlops.workflow.step_dependency import *
from sagemaker.mlops.workflow.steps import *
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import InputData, SourceCode
from sagemaker.train.tuner import HyperparameterTuner
from stagemaker_support.archives import archive_of
from stagemaker_support.sdk import BUCKET, IMAGE, INSTANCE, ROLE

TUNED = "{}"  # how a value of a CategoricalParameter is written
counter = itertools.count()


class Steps:
    """Methods that build step arguments. data: a model archive's URI. metric: a metric's name and pattern."""

    def __init__(self) -> None:
        self.session = PipelineSession()

    def processor(self, processor_class: type = ScriptProcessor) -> Any:
        resources = {"instance_count": 1, "instance_type": INSTANCE, "sagemaker_session": self.session}
        return processor_class(image_uri=IMAGE, command=["python3"], role=ROLE, **resources)

    def process(
        self, script: Path, arguments: list[Any] | None = None, inputs: Any = (), outputs: Any = ()
    ) -> dict[str, Any]:
        files = {"inputs": make_inputs(inputs), "outputs": make_outputs(outputs)}
        return self.processor().run(code=str(script), arguments=arguments, **files)

    def trainer(self, script: Path, settings: dict[str, Any], metric: tuple[str, str], **members: Any) -> ModelTrainer:
        trainer = ModelTrainer(
            training_image=IMAGE,
            source_code=SourceCode(source_dir=str(script.parent), entry_script=script.name),
            sagemaker_session=self.session,
            role=ROLE,
            hyperparameters=settings,
            **members,
        )
        return trainer.with_metric_definitions([MetricDefinition(name=metric[0], regex=metric[1])])

    def train(
        self, script: Path, settings: dict[str, Any], metric: tuple[str, str], channels: dict[str, Any]
    ) -> dict[str, Any]:
        return self.trainer(script, settings, metric).train(make_channels(channels))

    def tuner(
        self,
        script: Path,
        settings: dict[str, Any],
        metric: tuple[str, str],
        ranges: dict[str, Any],
        output: str | None = None,
        **members: Any,
    ) -> HyperparameterTuner:
        """Return a tuner. output: the URI under which models are stored, by default in the default bucket."""
        output_config = {} if output is None else {"output_data_config": OutputDataConfig(s3_output_path=output)}
        metrics = [{"Name": metric[0], "Regex": metric[1]}]
        return HyperparameterTuner(
            self.trainer(script, settings, metric, **output_config), metric[0], ranges, metrics, **members
        )

    def create(self, script: Path, data: Any) -> Any:
        return self._builder(script, data).build()

    def register(self, script: Path, data: Any, **members: Any) -> Any:
        return self._builder(script, data).register(**members)

    def _builder(self, script: Path, data: Any) -> ModelBuilder:
        environment = {"SAGEMAKER_PROGRAM": script.name, "SAGEMAKER_MODEL_SERVER_WORKERS": "1"}
        environment["SAGEMAKER_SUBMIT_DIRECTORY"] = upload_archive(**{script.name: script.read_text()})
        return ModelBuilder(
            s3_model_data_url=data, image_uri=IMAGE, role_arn=ROLE, env_vars=environment, sagemaker_session=self.session
        )


class Jobs(Steps):
    """Methods that start jobs immediately, in the SDK's default session."""

    def __init__(self) -> None:
        self.session = None


def make_inputs(inputs: Any) -> list[ProcessingInput]:
    """Convert pairs (URI, folder) to inputs, each named after the last part of its folder's path."""
    files = {"s3_data_type": "S3Prefix", "s3_input_mode": "File", "s3_data_distribution_type": "FullyReplicated"}
    sources = [ProcessingS3Input(s3_uri=uri, local_path=folder, **files) for uri, folder in inputs]
    return [ProcessingInput(input_name=Path(source.local_path).name, s3_input=source) for source in sources]


def make_outputs(outputs: Any) -> list[ProcessingOutput]:
    """Convert triples (name, folder, URI or None) to outputs."""
    processing_outputs = []
    for name, folder, uri in outputs:
        uri = f"s3://{BUCKET}/processed/{next(counter)}/output/{name}" if uri is None else uri
        output = ProcessingS3Output(s3_uri=uri, local_path=folder, s3_upload_mode="EndOfJob")
        processing_outputs.append(ProcessingOutput(output_name=name, s3_output=output))
    return processing_outputs


def wait_for_processing(processor: Any) -> None:
    processor.latest_job.wait(poll=1, logs=True)


def start_tuning(tuner: HyperparameterTuner, channels: dict[str, Any], **members: Any) -> Any:
    return tuner.tune(make_channels(channels), **members)


def wait_for_tuning(tuner: HyperparameterTuner) -> str:
    """Wait for a tuning job, and return the job's name."""
    tuner.latest_tuning_job.wait(poll=1)
    return tuner.latest_tuning_job.hyper_parameter_tuning_job_name


def register(script: Path, **members: Any) -> str:
    """Register a model that needs no model data, and return the model package's ARN."""
    builder = Jobs()._builder(script, upload_archive(none=""))
    builder.build(model_name=f"built-{next(counter)}")
    return builder.register(**members)


def approve(arn: str, status: str, description: str | None = None) -> None:
    ModelPackage.get(model_package_name=arn).update(model_approval_status=status, approval_description=description)


def make_channels(channels: dict[str, Any]) -> list[InputData]:
    return [InputData(channel_name=name, data_source=uri) for name, uri in channels.items()]


def upload_archive(**files: str) -> str:
    """Upload an archive that contains these files, and return its URI."""
    key = f"archives/{next(counter)}.tar.gz"
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=archive_of(**files))
    return f"s3://{BUCKET}/{key}"
