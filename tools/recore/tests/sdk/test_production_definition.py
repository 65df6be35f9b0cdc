"""The pipeline of `recore production` equals what version 3 of the SDK writes for the same steps.

The training step has the hyperparameters that start a script in AWS's framework images, because ModelTrainer starts
scripts in another way: by a command of its own, without the image's toolkit.
"""

import json
from typing import Any

import pytest
from recore_support.production_definition import (
    BASE,
    CONTENT_TYPES,
    ENVIRONMENT,
    EVALUATE_ARGUMENTS,
    FEATURES_ARGUMENTS,
    HYPERPARAMETERS,
    LOW_SCORE,
    METRIC,
    PROCESSING,
    ROLE,
    SERVING_ENVIRONMENT,
    SETTINGS,
    SOURCES,
    SUBMISSION,
    check_same,
)

FILES = {"s3_data_type": "S3Prefix", "s3_input_mode": "File", "s3_data_distribution_type": "FullyReplicated"}
SCRIPT = {"sagemaker_program": "model.py", "sagemaker_submit_directory": "/opt/ml/input/data/code/sourcedir.tar.gz"}


class Parameters:
    """The parameters of the pipeline."""

    def __init__(self) -> None:
        from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString

        self.processing_type = ParameterString("ProcessingInstanceType", SETTINGS["processing_instance_type"])
        self.processing_count = ParameterInteger("ProcessingInstanceCount", SETTINGS["processing_instance_count"])
        self.training_type = ParameterString("TrainingInstanceType", SETTINGS["training_instance_type"])
        self.data = ParameterString("InputData", SETTINGS["input_data"])
        self.approval = ParameterString("ModelApprovalStatus", SETTINGS["model_approval_status"])
        self.minimum = ParameterFloat("MinimumScore", SETTINGS["minimum_score"])


@pytest.fixture
def session(variables: dict[str, str]) -> Any:
    from sagemaker.core.workflow.pipeline_context import PipelineSession

    return PipelineSession()


@pytest.fixture
def parameters() -> Parameters:
    return Parameters()


def make_cache() -> Any:
    from sagemaker.mlops.workflow.steps import CacheConfig

    return CacheConfig(enable_caching=True, expire_after="30d")


def join(separator: str, *values: Any) -> Any:
    from sagemaker.core.workflow.functions import Join

    return Join(on=separator, values=list(values))


def process(
    session: Any,
    parameters: Parameters,
    name: str,
    inputs: dict[str, Any],
    arguments: list[str],
    output: str,
    **members: Any,
) -> Any:
    """Return a step that runs the script with its name on these inputs, and keeps one output."""
    from sagemaker.core.network import NetworkConfig
    from sagemaker.core.processing import ScriptProcessor
    from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
    from sagemaker.core.workflow.execution_variables import ExecutionVariables
    from sagemaker.mlops.workflow.steps import ProcessingStep

    processor = ScriptProcessor(
        image_uri=SETTINGS["image"],
        command=["python3"],
        role=ROLE,
        instance_type=parameters.processing_type,
        instance_count=parameters.processing_count,
        volume_size_in_gb=30,
        max_runtime_in_seconds=3600,
        env=ENVIRONMENT,
        network_config=NetworkConfig(enable_network_isolation=True),
        sagemaker_session=session,
    )
    sources = [
        ProcessingInput(
            input_name=input_name,
            s3_input=ProcessingS3Input(s3_uri=source, local_path=f"{PROCESSING}/input/{input_name}", **FILES),
        )
        for input_name, source in inputs.items()
    ]
    destination = ProcessingS3Output(
        s3_uri=join("/", f"{BASE}/{name.lower()}", ExecutionVariables.PIPELINE_EXECUTION_ID),
        local_path=f"{PROCESSING}/output/{output}",
        s3_upload_mode="EndOfJob",
    )
    step_args = processor.run(
        code=f"{SOURCES[name.lower()]}/{name.lower()}.py",
        inputs=sources,
        outputs=[ProcessingOutput(output_name=output, s3_output=destination)],
        arguments=arguments,
    )
    return ProcessingStep(name=name, step_args=step_args, cache_config=make_cache(), **members)


def train(session: Any, parameters: Parameters) -> Any:
    from sagemaker.core.shapes import MetricDefinition
    from sagemaker.mlops.workflow.steps import TrainingStep
    from sagemaker.train import ModelTrainer
    from sagemaker.train.configs import Compute, InputData, Networking, OutputDataConfig, StoppingCondition

    trainer = ModelTrainer(
        training_image=SETTINGS["training_image"],
        role=ROLE,
        compute=Compute(instance_type=parameters.training_type, instance_count=1, volume_size_in_gb=30),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=3600),
        networking=Networking(enable_network_isolation=True),
        environment=ENVIRONMENT,
        hyperparameters={name: json.dumps(value) for name, value in SCRIPT.items()} | HYPERPARAMETERS,
        output_data_config=OutputDataConfig(s3_output_path=f"{BASE}/training"),
        sagemaker_session=session,
    ).with_metric_definitions([MetricDefinition(**METRIC)])
    channels = {"training": parameters.data, "code": f"{SOURCES['training']}/sourcedir.tar.gz"}
    step_args = trainer.train([InputData(channel_name=name, data_source=uri) for name, uri in channels.items()])
    return TrainingStep(name="Train", step_args=step_args, cache_config=make_cache())


def find_output(step: Any, output: str, name: str) -> Any:
    return join("/", step.properties.ProcessingOutputConfig.Outputs[output].S3Output.S3Uri, name)


def chain(session: Any, features: Any, model: Any) -> Any:
    """Return a builder of a model of two containers, from the addresses of their archives."""
    from sagemaker.core.resources import Model
    from sagemaker.core.shapes import ContainerDefinition
    from sagemaker.serve import ModelBuilder
    from sagemaker.serve.configs import Network

    containers = [
        ContainerDefinition(
            image=image, model_data_url=archive, environment=SERVING_ENVIRONMENT | {"SAGEMAKER_PROGRAM": script}
        )
        for script, image, archive in (
            ("features.py", SETTINGS["image"], features),
            ("model.py", SETTINGS["model_image"], model),
        )
    ]
    return ModelBuilder(
        model=[Model(model_name="chain", containers=containers)],
        role_arn=ROLE,
        network=Network(enable_network_isolation=True),
        sagemaker_session=session,
    )


def test_the_definition_equals_that_of_the_sdk(session: Any, parameters: Parameters) -> None:
    from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
    from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo
    from sagemaker.core.workflow.functions import JsonGet
    from sagemaker.core.workflow.properties import PropertyFile
    from sagemaker.mlops.workflow.condition_step import ConditionStep
    from sagemaker.mlops.workflow.fail_step import FailStep
    from sagemaker.mlops.workflow.model_step import ModelStep
    from sagemaker.mlops.workflow.pipeline import Pipeline

    inputs = {"data": parameters.data, "preprocess": SOURCES["preprocess"], "domain": SOURCES["domain"]}
    features_step = process(session, parameters, "Features", inputs, FEATURES_ARGUMENTS, "model")
    train_step = train(session, parameters)
    model = train_step.properties.ModelArtifacts.S3ModelArtifacts
    file = PropertyFile(name="Evaluation", output_name="evaluation", path="evaluation.json")
    inputs = {"model": model, "data": parameters.data, "score": SOURCES["score"]}
    evaluate_step = process(
        session, parameters, "Evaluate", inputs, EVALUATE_ARGUMENTS, "evaluation", property_files=[file]
    )
    features = find_output(features_step, "model", "model.tar.gz")
    evaluation = MetricsSource("application/json", find_output(evaluate_step, "evaluation", "evaluation.json"))
    registered = chain(session, features, model).register(
        content_types=CONTENT_TYPES,
        response_types=CONTENT_TYPES,
        inference_instances=[SETTINGS["create_model_instance_type"]],
        transform_instances=[SETTINGS["batch_transform_instance_type"]],
        model_package_group_name=SETTINGS["model_package_group_name"],
        approval_status=parameters.approval,
        model_metrics=ModelMetrics(model_statistics=evaluation),
        customer_metadata_properties={"submission_sha256": SUBMISSION, "input_data": parameters.data},
    )
    created = chain(session, features, model).build()
    score = JsonGet(step_name="Evaluate", property_file=file, json_path="score.value")
    check_step = ConditionStep(
        name="CheckScore",
        conditions=[ConditionGreaterThanOrEqualTo(left=score, right=parameters.minimum)],
        if_steps=[
            ModelStep(name="RegisterModel", step_args=registered),
            ModelStep(name="CreateModel", step_args=created),
        ],
        else_steps=[FailStep(name="LowScore", error_message=join(" ", LOW_SCORE, parameters.minimum))],
    )
    pipeline = Pipeline(
        name=SETTINGS["pipeline_name"],
        parameters=list(vars(parameters).values()),
        pipeline_experiment_config=None,
        steps=[features_step, train_step, evaluate_step, check_step],
        sagemaker_session=session,
    )
    check_same(json.loads(pipeline.definition()))
