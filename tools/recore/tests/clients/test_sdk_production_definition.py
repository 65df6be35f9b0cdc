"""`recore production` writes the same pipeline definition as versions 2 and 3 of the SDK do for the same steps.

The SDK's environment does not have the project's packages, so this file is also a program that prints the project's
definition in a separate process.

For version 3, the training step sets the hyperparameters that start a script in AWS's framework images. Otherwise,
ModelTrainer would start the script with its own command, without the image's toolkit.
"""

import json
import os
import re
import subprocess
from types import ModuleType
from typing import Any

import pytest
from stagemaker_support import SEARCH_PATH
from stagemaker_support.sdk import BUCKET, IMAGE, PYTHON, ROLE, ROOT, installed_client

# no two values are equal, so that a mix-up is noticed
SETTINGS = {
    "prefix": "cores",
    "input_data": f"s3://{BUCKET}/raw",
    "pipeline_name": "cores-pipeline",
    "model_package_group_name": "cores-group",
    "image": IMAGE,
    "training_image": IMAGE.replace("1.9-0", "1.4-2"),
    "model_image": IMAGE.replace("1.9-0", "1.2-1"),
    "model_approval_status": "Approved",
    "minimum_score": 0.25,
    "processing_instance_type": "ml.m5.xlarge",
    "processing_instance_count": 2,
    "training_instance_type": "ml.c5.xlarge",
    "create_model_instance_type": "ml.m5.large",
    "batch_transform_instance_type": "ml.m5.2xlarge",
}
BASE = f"s3://{BUCKET}/cores/cores-group"
FOLDERS = ("features", "challenge", "domain", "preprocess", "training", "evaluate", "score")
SOURCES = {name: f"{BASE}/code/{name}/0a1b" for name in FOLDERS}
SUBMISSION = "5e" * 32  # the digest of the submission
HYPERPARAMETERS = {"alphas": 11, "alpha_min": 0.5}
PROCESSING = "/opt/ml/processing"
ENVIRONMENT = {"PYTHONHASHSEED": "0"}
SERVING_ENVIRONMENT = ENVIRONMENT | {
    "PIP_NO_BUILD_ISOLATION": "0",
    "SAGEMAKER_MODEL_SERVER_TIMEOUT": "600",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
    "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
}
METRIC = {"name": "validation:r2", "regex": "validation:r2=([-.0-9]+)"}
CONTENT_TYPES = ["text/csv", "application/json"]
LOW_SCORE = "the score on held-out drill holes is below the setting MINIMUM_SCORE,"
SCRIPT = {"sagemaker_program": "model.py", "sagemaker_submit_directory": "/opt/ml/input/data/code/sourcedir.tar.gz"}
SOURCE = f"{SOURCES['training']}/sourcedir.tar.gz"
INSTANCE = SETTINGS["create_model_instance_type"]


def train_v2(session: Any, instance_type: Any, data: Any) -> Any:
    """Return the arguments of the training step. Because of network isolation, the SDK passes the code in a channel."""
    from sagemaker.inputs import TrainingInput
    from sagemaker.sklearn import SKLearn

    estimator = SKLearn(
        "model.py",
        source_dir=SOURCE,
        image_uri=SETTINGS["training_image"],
        role=ROLE,
        instance_type=instance_type,
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
    return estimator.fit({"training": TrainingInput(data)})


def chain_v2(session: Any, containers: list[tuple[str, str, Any]]) -> tuple[Any, Any]:
    """Return functions that register and create a model. containers: each container's script, image and archive."""
    from sagemaker import Model, PipelineModel

    members = {"role": ROLE, "sagemaker_session": session}
    models = [
        Model(image, model_data=archive, env=SERVING_ENVIRONMENT | {"SAGEMAKER_PROGRAM": script}, **members)
        for script, image, archive in containers
    ]
    model = PipelineModel(models, enable_network_isolation=True, **members)
    return model.register, lambda: model.create(instance_type=INSTANCE)


def train_v3(session: Any, instance_type: Any, data: Any) -> Any:
    from sagemaker.core.shapes import MetricDefinition
    from sagemaker.train import ModelTrainer
    from sagemaker.train.configs import Compute, InputData, Networking, OutputDataConfig, StoppingCondition

    trainer = ModelTrainer(
        training_image=SETTINGS["training_image"],
        role=ROLE,
        compute=Compute(instance_type=instance_type, instance_count=1, volume_size_in_gb=30),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=3600),
        networking=Networking(enable_network_isolation=True),
        environment=ENVIRONMENT,
        hyperparameters={name: json.dumps(value) for name, value in SCRIPT.items()} | HYPERPARAMETERS,
        output_data_config=OutputDataConfig(s3_output_path=f"{BASE}/training"),
        sagemaker_session=session,
    ).with_metric_definitions([MetricDefinition(**METRIC)])
    channels = {"training": data, "code": SOURCE}
    return trainer.train([InputData(channel_name=name, data_source=uri) for name, uri in channels.items()])


def chain_v3(session: Any, containers: list[tuple[str, str, Any]]) -> tuple[Any, Any]:
    from sagemaker.core.resources import Model
    from sagemaker.core.shapes import ContainerDefinition
    from sagemaker.serve import ModelBuilder
    from sagemaker.serve.configs import Network

    definitions = [
        ContainerDefinition(
            image=image, model_data_url=archive, environment=SERVING_ENVIRONMENT | {"SAGEMAKER_PROGRAM": script}
        )
        for script, image, archive in containers
    ]

    def make_builder() -> ModelBuilder:
        return ModelBuilder(
            model=[Model(model_name="chain", containers=definitions)],
            role_arn=ROLE,
            network=Network(enable_network_isolation=True),
            sagemaker_session=session,
        )

    return make_builder().register, make_builder().build


@pytest.fixture
def steps(sdk: ModuleType) -> tuple[list[Any], list[Any]]:
    train, chain = (train_v2, chain_v2) if installed_client() == "v2" else (train_v3, chain_v3)
    session = sdk.PipelineSession()
    parameters = [
        sdk.ParameterString("ProcessingInstanceType", default_value=SETTINGS["processing_instance_type"]),
        sdk.ParameterInteger("ProcessingInstanceCount", default_value=SETTINGS["processing_instance_count"]),
        sdk.ParameterString("TrainingInstanceType", default_value=SETTINGS["training_instance_type"]),
        sdk.ParameterString("InputData", default_value=SETTINGS["input_data"]),
        sdk.ParameterString("ModelApprovalStatus", default_value=SETTINGS["model_approval_status"]),
        sdk.ParameterFloat("MinimumScore", default_value=SETTINGS["minimum_score"]),
    ]
    processing_type, processing_count, training_type, data, approval, minimum = parameters
    cache = sdk.CacheConfig(enable_caching=True, expire_after="30d")

    def join(separator: str, *values: Any) -> Any:
        return sdk.Join(on=separator, values=list(values))

    def process(name: str, inputs: dict[str, Any], files: dict[str, str], output: str, **members: Any) -> Any:
        """Return a step that runs the script of the same name on `inputs` and keeps one output.

        files: the input file to pass for each of the script's options.
        """
        paths = {option: f"{PROCESSING}/input/{file}" for option, file in files.items()}
        paths["--output"] = f"{PROCESSING}/output/{output}"
        processor = sdk.ScriptProcessor(
            image_uri=SETTINGS["image"],
            command=["python3"],
            role=ROLE,
            instance_type=processing_type,
            instance_count=processing_count,
            volume_size_in_gb=30,
            max_runtime_in_seconds=3600,
            env=ENVIRONMENT,
            network_config=sdk.NetworkConfig(enable_network_isolation=True),
            sagemaker_session=session,
        )
        uri = join("/", f"{BASE}/{name.lower()}", sdk.ExecutionVariables.PIPELINE_EXECUTION_ID)
        step_args = processor.run(
            code=f"{SOURCES[name.lower()]}/{name.lower()}.py",
            arguments=[word for pair in paths.items() for word in pair],
            inputs=sdk.make_inputs([(source, f"{PROCESSING}/input/{name}") for name, source in inputs.items()]),
            outputs=sdk.make_outputs([(output, f"{PROCESSING}/output/{output}", uri)]),
        )
        return sdk.ProcessingStep(name=name, step_args=step_args, cache_config=cache, **members)

    def find_output(step: Any, output: str, name: str) -> Any:
        return join("/", step.properties.ProcessingOutputConfig.Outputs[output].S3Output.S3Uri, name)

    inputs = {"data": data} | {name: SOURCES[name] for name in ("preprocess", "domain", "challenge")}
    files = {
        "--input": "data/public.csv.gz",
        "--preprocess": "preprocess/preprocess.py",
        "--domain": "domain/domain.py",
        "--challenge": "challenge/challenge.json",
    }
    features_step = process("Features", inputs, files, "model")
    train_step = sdk.TrainingStep("Train", step_args=train(session, training_type, data), cache_config=cache)
    model = train_step.properties.ModelArtifacts.S3ModelArtifacts
    file = sdk.PropertyFile("Evaluation", output_name="evaluation", path="evaluation.json")
    inputs = {"model": model, "data": data, "score": SOURCES["score"]}
    files = {"--model": "model/model.tar.gz", "--data": "data/public.csv.gz", "--score": "score/score.py"}
    evaluate_step = process("Evaluate", inputs, files, "evaluation", property_files=[file])
    features = find_output(features_step, "model", "model.tar.gz")
    evaluation = sdk.MetricsSource("application/json", find_output(evaluate_step, "evaluation", "evaluation.json"))
    containers = [("features.py", SETTINGS["image"], features), ("model.py", SETTINGS["model_image"], model)]
    register, create = chain(session, containers)
    registered = register(
        content_types=CONTENT_TYPES,
        response_types=CONTENT_TYPES,
        inference_instances=[INSTANCE],
        transform_instances=[SETTINGS["batch_transform_instance_type"]],
        model_package_group_name=SETTINGS["model_package_group_name"],
        approval_status=approval,
        model_metrics=sdk.ModelMetrics(model_statistics=evaluation),
        customer_metadata_properties={"submission_sha256": SUBMISSION, "input_data": data},
    )
    score = sdk.JsonGet(step_name="Evaluate", property_file=file, json_path="score.value")
    check_step = sdk.ConditionStep(
        name="CheckScore",
        conditions=[sdk.ConditionGreaterThanOrEqualTo(left=score, right=minimum)],
        if_steps=[
            sdk.ModelStep(name="RegisterModel", step_args=registered),
            sdk.ModelStep(name="CreateModel", step_args=create()),
        ],
        else_steps=[sdk.FailStep(name="LowScore", error_message=join(" ", LOW_SCORE, minimum))],
    )
    return parameters, [features_step, train_step, evaluate_step, check_step]


def test_the_definition_equals_that_of_the_sdk(sdk: ModuleType, steps: tuple[list[Any], list[Any]]) -> None:
    pipeline = sdk.Pipeline(
        name=SETTINGS["pipeline_name"],
        parameters=steps[0],
        pipeline_experiment_config=None,
        steps=steps[1],
        sagemaker_session=sdk.PipelineSession(),
    )
    own_values, sdk_values = flatten(make_own()), flatten(json.loads(pipeline.definition()))
    assert normalise(sdk_values) == own_values
    for path in sdk_values:  # a change to any value is noticed
        assert normalise(sdk_values | {path: "another value"}) != own_values, path


# Values that an SDK writes and the project omits, by path; # stands for a number.
DEFAULTS = {
    "Steps/#/Arguments/ProcessingInputs/#/AppManaged": False,
    "Steps/#/Arguments/ProcessingOutputConfig/Outputs/#/AppManaged": False,
    "Steps/#/Arguments/ProcessingInputs/#/S3Input/S3CompressionType": "None",
    "Steps/#/Arguments/InputDataConfig/#/InputMode": "File",  # the same as the job's TrainingInputMode
    "Steps/#/Arguments/OutputDataConfig/CompressionType": "GZIP",
    "Steps/#/Arguments/HyperParameters/sagemaker_container_log_level": "20",  # the toolkit's default, INFO
    "Steps/#/Arguments/HyperParameters/sagemaker_region": '"us-east-1"',  # for code on S3; here it is in a channel
    "Steps/#/Arguments/ProfilerConfig/DisableProfiler": True,
    "Steps/#/Arguments/IfSteps/#/Arguments/ModelMetrics/Bias": {},
    "Steps/#/Arguments/IfSteps/#/Arguments/ModelMetrics/Explainability": {},
    "Steps/#/Arguments/IfSteps/#/Arguments/SkipModelValidation": "None",
    "MlflowConfig": None,
    "PipelineExperimentConfig": None,  # otherwise, each execution would leave an experiment behind
}


def normalise(definition: dict[str, Any]) -> dict[str, Any]:
    """Convert an SDK's values, by path, to the form in which the project writes them."""
    result = {}
    for path, value in definition.items():
        pattern = re.sub(r"/\d+(?=/|$)", "/#", path)
        if pattern in DEFAULTS and json.dumps(DEFAULTS[pattern]) == json.dumps(value):
            continue
        if pattern == "Steps/#/Arguments/IfSteps/#/Name":  # version 2 adds the kind to the names of model steps
            value = re.sub(r"^(\w+)-\1$", r"\1", value)
        result[path] = value
    return result


def flatten(value: Any, path: str = "") -> dict[str, Any]:
    """Return the values in a JSON document by path, such as Steps/0/Name. Empty objects and lists count as values."""
    if not value or not isinstance(value, dict | list):
        return {path: value}
    members = value.items() if isinstance(value, dict) else enumerate(value)
    leaves: dict[str, Any] = {}
    for name, member in members:
        leaves |= flatten(member, f"{path}/{name}" if path else str(name))
    return leaves


def make_own() -> dict[str, Any]:
    environment = os.environ | {"PYTHONPATH": SEARCH_PATH}
    printed = subprocess.run([PYTHON, __file__], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return json.loads(printed.stdout)


if __name__ == "__main__":
    from recore.production.definition import make_definition
    from recore.production.project import ProductionProject
    from recore.production.settings import Settings
    from recore.production.sources import Sources

    project: Any = ProductionProject(None, Settings(**SETTINGS), BUCKET, ROLE)
    print(make_definition(project, Sources(**SOURCES, submission=SUBMISSION), HYPERPARAMETERS))
