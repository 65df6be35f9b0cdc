"""Version 2 of SageMaker's SDK: its pipeline classes, and functions that create steps and jobs."""

# ruff: noqa: F403 - the classes have the same names in versions 2 and 3

from pathlib import Path
from typing import Any

from sagemaker import Session
from sagemaker.inputs import TrainingInput
from sagemaker.lambda_helper import *
from sagemaker.model import ModelPackage
from sagemaker.model_metrics import *
from sagemaker.network import *
from sagemaker.parameter import *
from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.sklearn import SKLearn, SKLearnModel, SKLearnProcessor
from sagemaker.transformer import *
from sagemaker.tuner import HyperparameterTuner
from sagemaker.workflow.callback_step import *
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import *
from sagemaker.workflow.emr_step import *
from sagemaker.workflow.execution_variables import *
from sagemaker.workflow.fail_step import *
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.lambda_step import *
from sagemaker.workflow.model_step import *
from sagemaker.workflow.parameters import *
from sagemaker.workflow.pipeline import *
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import *
from sagemaker.workflow.retry import *
from sagemaker.workflow.steps import *
from stagemaker_support.sdk import INSTANCE, ROLE

__all__ = ["ConditionStep", "Join", "JsonGet", "ScriptProcessor"]  # not the older JsonGet from the first module
TUNED = '"{}"'  # how a value of a CategoricalParameter is written
VERSION = "1.2-1"


class Steps:
    """Methods that build step arguments. data: a model archive's URI. metric: a metric's name and pattern."""

    def __init__(self) -> None:
        self.session = PipelineSession()

    def processor(self, processor_class: type = SKLearnProcessor) -> Any:
        resources = {"instance_count": 1, "instance_type": INSTANCE, "sagemaker_session": self.session}
        framework = (SKLearn, VERSION) if processor_class is FrameworkProcessor else (VERSION,)
        return processor_class(*framework, role=ROLE, **resources)

    def process(
        self, script: Path, arguments: list[Any] | None = None, inputs: Any = (), outputs: Any = ()
    ) -> dict[str, Any]:
        files = {"inputs": make_inputs(inputs), "outputs": make_outputs(outputs)}
        return self.processor().run(code=str(script), arguments=arguments, **files)

    def estimator(self, script: Path, settings: dict[str, Any], metric: tuple[str, str], **members: Any) -> SKLearn:
        return SKLearn(
            script.name,
            source_dir=str(script.parent),
            framework_version=VERSION,
            instance_type=INSTANCE,
            role=ROLE,
            sagemaker_session=self.session,
            hyperparameters=settings,
            metric_definitions=[{"Name": metric[0], "Regex": metric[1]}],
            **members,
        )

    def train(
        self, script: Path, settings: dict[str, Any], metric: tuple[str, str], channels: dict[str, Any]
    ) -> dict[str, Any]:
        return self.estimator(script, settings, metric).fit(make_channels(channels))

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
        estimator = self.estimator(script, settings, metric, output_path=output)
        return HyperparameterTuner(estimator, metric[0], ranges, estimator.metric_definitions, **members)

    def create(self, script: Path, data: Any) -> Any:
        return self._model(script, data).create(INSTANCE)

    def register(self, script: Path, data: Any, **members: Any) -> Any:
        return self._model(script, data).register(**members)

    def _model(self, script: Path, data: Any) -> SKLearnModel:
        return SKLearnModel(data, ROLE, str(script), VERSION, sagemaker_session=self.session)


class Jobs(Steps):
    """Methods that start jobs immediately, in the SDK's default session."""

    def __init__(self) -> None:
        self.session = None


def make_inputs(inputs: Any) -> list[ProcessingInput]:
    """Convert pairs (URI, folder) to inputs, each named after the last part of its folder's path."""
    return [ProcessingInput(uri, folder, input_name=Path(folder).name) for uri, folder in inputs]


def make_outputs(outputs: Any) -> list[ProcessingOutput]:
    """Convert triples (name, folder, URI or None) to outputs."""
    return [ProcessingOutput(output_name=name, source=folder, destination=uri) for name, folder, uri in outputs]


def wait_for_processing(processor: Any) -> None:
    processor.sagemaker_session.wait_for_processing_job(processor.latest_job.job_name, poll=1)


def start_tuning(tuner: HyperparameterTuner, channels: dict[str, Any], **members: Any) -> Any:
    return tuner.fit(make_channels(channels), **members)


def wait_for_tuning(tuner: HyperparameterTuner) -> str:
    """Wait for a tuning job, and return the job's name."""
    tuner.wait()
    return tuner.latest_tuning_job.name


def register(script: Path, **members: Any) -> str:
    """Register a model that needs no model data, and return the model package's ARN."""
    return Jobs().register(script, None, **members).model_package_arn


def approve(arn: str, status: str, description: str | None = None) -> None:
    package = ModelPackage(role=ROLE, model_package_arn=arn, sagemaker_session=Session())
    package.update_approval_status(status, approval_description=description)


def make_channels(channels: dict[str, Any]) -> dict[str, TrainingInput]:
    return {name: TrainingInput(uri) for name, uri in channels.items()}
