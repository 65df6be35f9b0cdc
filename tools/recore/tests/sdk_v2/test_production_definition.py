"""The pipeline of `recore production` equals what version 2 of the SDK writes for the same steps."""

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
from sagemaker import Model, PipelineModel
from sagemaker.inputs import TrainingInput
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.network import NetworkConfig
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.sklearn import SKLearn
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.workflow.execution_variables import ExecutionVariables
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep

CACHE = CacheConfig(enable_caching=True, expire_after="30d")
processing_type = ParameterString("ProcessingInstanceType", default_value=SETTINGS["processing_instance_type"])
processing_count = ParameterInteger("ProcessingInstanceCount", default_value=SETTINGS["processing_instance_count"])
training_type = ParameterString("TrainingInstanceType", default_value=SETTINGS["training_instance_type"])
data = ParameterString("InputData", default_value=SETTINGS["input_data"])
approval = ParameterString("ModelApprovalStatus", default_value=SETTINGS["model_approval_status"])
minimum = ParameterFloat("MinimumScore", default_value=SETTINGS["minimum_score"])
PARAMETERS = [processing_type, processing_count, training_type, data, approval, minimum]


@pytest.fixture(scope="module")
def session() -> PipelineSession:
    return PipelineSession()


def process(
    session: PipelineSession,
    name: str,
    inputs: dict[str, Any],
    arguments: list[str],
    output: str,
    **members: Any,
) -> ProcessingStep:
    """Return a step that runs the script with its name on these inputs, and keeps one output."""
    processor = ScriptProcessor(
        image_uri=SETTINGS["image"],
        command=["python3"],
        role=ROLE,
        instance_type=processing_type,
        instance_count=processing_count,
        volume_size_in_gb=30,
        max_runtime_in_seconds=3600,
        env=ENVIRONMENT,
        network_config=NetworkConfig(enable_network_isolation=True),
        sagemaker_session=session,
    )
    step_args = processor.run(
        code=f"{SOURCES[name.lower()]}/{name.lower()}.py",
        inputs=[
            ProcessingInput(source, f"{PROCESSING}/input/{input_name}", input_name=input_name)
            for input_name, source in inputs.items()
        ],
        outputs=[
            ProcessingOutput(
                source=f"{PROCESSING}/output/{output}",
                destination=Join("/", [f"{BASE}/{name.lower()}", ExecutionVariables.PIPELINE_EXECUTION_ID]),
                output_name=output,
            )
        ],
        arguments=arguments,
    )
    return ProcessingStep(name, step_args=step_args, cache_config=CACHE, **members)


def train(session: PipelineSession) -> TrainingStep:
    """Return the training step. Without a network, the SDK passes the code in a channel."""
    estimator = SKLearn(
        "model.py",
        source_dir=f"{SOURCES['training']}/sourcedir.tar.gz",
        image_uri=SETTINGS["training_image"],
        role=ROLE,
        instance_type=training_type,
        volume_size=30,
        max_run=3600,
        environment=ENVIRONMENT,
        enable_network_isolation=True,
        hyperparameters=HYPERPARAMETERS,
        metric_definitions=[{name.title(): value for name, value in METRIC.items()}],
        output_path=f"{BASE}/training",
        debugger_hook_config=False,
        disable_profiler=True,
        sagemaker_session=session,
    )
    return TrainingStep("Train", step_args=estimator.fit({"training": TrainingInput(data)}), cache_config=CACHE)


def find_output(step: ProcessingStep, output: str, name: str) -> Join:
    return Join("/", [step.properties.ProcessingOutputConfig.Outputs[output].S3Output.S3Uri, name])


def chain(session: PipelineSession, features: Any, model: Any) -> PipelineModel:
    """Return a model of two containers, from the addresses of their archives."""
    models = [
        Model(
            image,
            model_data=archive,
            role=ROLE,
            env=SERVING_ENVIRONMENT | {"SAGEMAKER_PROGRAM": script},
            sagemaker_session=session,
        )
        for script, image, archive in (
            ("features.py", SETTINGS["image"], features),
            ("model.py", SETTINGS["model_image"], model),
        )
    ]
    return PipelineModel(models, ROLE, enable_network_isolation=True, sagemaker_session=session)


def test_the_definition_equals_that_of_the_sdk(session: PipelineSession) -> None:
    inputs = {"data": data, "preprocess": SOURCES["preprocess"], "domain": SOURCES["domain"]}
    features_step = process(session, "Features", inputs, FEATURES_ARGUMENTS, "model")
    train_step = train(session)
    model = train_step.properties.ModelArtifacts.S3ModelArtifacts
    file = PropertyFile("Evaluation", output_name="evaluation", path="evaluation.json")
    inputs = {"model": model, "data": data, "score": SOURCES["score"]}
    evaluate_step = process(session, "Evaluate", inputs, EVALUATE_ARGUMENTS, "evaluation", property_files=[file])
    features = find_output(features_step, "model", "model.tar.gz")
    evaluation = MetricsSource("application/json", find_output(evaluate_step, "evaluation", "evaluation.json"))
    registered = chain(session, features, model).register(
        content_types=CONTENT_TYPES,
        response_types=CONTENT_TYPES,
        inference_instances=[SETTINGS["create_model_instance_type"]],
        transform_instances=[SETTINGS["batch_transform_instance_type"]],
        model_package_group_name=SETTINGS["model_package_group_name"],
        approval_status=approval,
        model_metrics=ModelMetrics(model_statistics=evaluation),
        customer_metadata_properties={"submission_sha256": SUBMISSION, "input_data": data},
    )
    created = chain(session, features, model).create(instance_type=SETTINGS["create_model_instance_type"])
    score = JsonGet(step_name="Evaluate", property_file=file, json_path="score.value")
    check_step = ConditionStep(
        "CheckScore",
        conditions=[ConditionGreaterThanOrEqualTo(score, minimum)],
        if_steps=[ModelStep("RegisterModel", step_args=registered), ModelStep("CreateModel", step_args=created)],
        else_steps=[FailStep("LowScore", error_message=Join(" ", [LOW_SCORE, minimum]))],
    )
    steps = [features_step, train_step, evaluate_step, check_step]
    pipeline = Pipeline(
        SETTINGS["pipeline_name"],
        PARAMETERS,
        pipeline_experiment_config=None,
        steps=steps,
        sagemaker_session=session,
    )
    check_same(json.loads(pipeline.definition()))
