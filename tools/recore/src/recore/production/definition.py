"""The definition of the SageMaker Pipeline, in JSON with schema version 2020-12-01.

    Features ─┐
    Train ── Evaluate ── CheckScore ─┬─ RegisterModel, CreateModel
                                     └─ LowScore

Features and Train read the input data; the registered model package contains the archives of both steps. Output
URIs contain the execution's ID, so that no execution replaces the files of an earlier version; a cached step's result
is reused even though its URI differs.
"""

import json
from collections.abc import Mapping
from typing import Any

from recore.evaluation import processing_arguments, training_arguments
from recore.production.project import ProductionProject
from recore.production.sources import ARCHIVE, CHALLENGE, Sources

Request = dict[str, Any]

ML, PROCESSING = "/opt/ml", "/opt/ml/processing"
ENVIRONMENT = {"PYTHONHASHSEED": "0"}  # so that sets have the same order in a repeated job
CACHE = {"Enabled": True, "ExpireAfter": "30d"}
STEPS = ("Features", "Train", "Evaluate", "CheckScore", "RegisterModel", "CreateModel")
# A tuning job maximises the unweighted mean R2 on held-out drill holes, which train.py prints. The weights are only in
# score.py, with which the step Evaluate scores held_out.csv.
OBJECTIVE = {"Name": "validation:r2", "Regex": "validation:r2=([-.0-9]+)"}
CONTENT_TYPES = ["text/csv", "application/json"]


def make_definition(project: ProductionProject, sources: Sources, hyperparameters: Mapping[str, Any]) -> str:
    """Return the definition for a project's settings and a submission's code.

    hyperparameters: values for the submission's fit(), by name.
    """
    settings = project.settings
    parameters = {
        "ProcessingInstanceType": settings.processing_instance_type,
        "ProcessingInstanceCount": settings.processing_instance_count,
        "TrainingInstanceType": settings.training_instance_type,
        "InputData": settings.input_data or project.uri("data"),
        "ModelApprovalStatus": settings.model_approval_status,
        "MinimumScore": settings.minimum_score,
    }
    kinds = {str: "String", int: "Integer", float: "Float"}
    data, instance = _get("Parameters.InputData"), _get("Parameters.TrainingInstanceType")
    training = model_training_arguments(project, data, instance, sources, hyperparameters)
    definition = {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": [
            {"Name": name, "Type": kinds[type(value)], "DefaultValue": value} for name, value in parameters.items()
        ],
        "Steps": [
            _features_step(project, sources),
            {"Name": "Train", "Type": "Training", "Arguments": training, "CacheConfig": CACHE},
            _evaluation_step(project, sources),
            _condition_step(project, sources),
        ],
    }
    return json.dumps(definition, indent=1)


def containers(project: ProductionProject, features: Any, model: Any) -> list[Request]:
    """Return a version's two container definitions. features, model: URIs of their archives, or pipeline expressions.

    AWS's image runs `pip install .` before it serves; without network access, this needs PIP_NO_BUILD_ISOLATION=0.
    """
    common = ENVIRONMENT | {
        "PIP_NO_BUILD_ISOLATION": "0",
        "SAGEMAKER_MODEL_SERVER_TIMEOUT": "600",
        "SAGEMAKER_SUBMIT_DIRECTORY": f"{ML}/model/code",
        "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
    }
    settings = project.settings
    return [
        {"Image": image, "Environment": common | {"SAGEMAKER_PROGRAM": script}, "ModelDataUrl": archive}
        for script, image, archive in (
            ("features.py", settings.image, features),
            ("model.py", settings.model_image or settings.image, model),
        )
    ]


def package_arguments(
    project: ProductionProject, features: Any, model: Any, evaluation: Any, approval: Any, metadata: dict[str, Any]
) -> Request:
    """Return the request that registers a version. evaluation: the URI of its evaluation.json."""
    settings = project.settings
    return {
        "ModelPackageGroupName": settings.model_package_group_name,
        "ModelMetrics": {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": evaluation}}},
        "InferenceSpecification": {
            "Containers": containers(project, features, model),
            "SupportedContentTypes": CONTENT_TYPES,
            "SupportedResponseMIMETypes": CONTENT_TYPES,
            "SupportedRealtimeInferenceInstanceTypes": [settings.create_model_instance_type],
            "SupportedTransformInstanceTypes": [settings.batch_transform_instance_type],
        },
        "ModelApprovalStatus": approval,
        "CustomerMetadataProperties": metadata,
    }


def _features_step(project: ProductionProject, sources: Sources) -> Request:
    files = {
        "--input": ("data", "public.csv.gz", _get("Parameters.InputData")),
        "--preprocess": ("preprocess", "preprocess.py", sources.preprocess),
        "--domain": ("domain", "domain.py", sources.domain),
        "--challenge": ("challenge", CHALLENGE, sources.challenge),
    }
    return _processing_step(project, "Features", f"{sources.features}/features.py", files, "model")


def model_training_arguments(
    project: ProductionProject, data: Any, instance: Any, sources: Sources, hyperparameters: Mapping[str, Any]
) -> Request:
    """Return the request for a training job. data, instance: a URI and an instance type, or pipeline expressions."""
    program = {"sagemaker_program": "model.py", "sagemaker_submit_directory": f"{ML}/input/data/code/{ARCHIVE}"}
    arguments = training_arguments(
        project.settings.training_image or project.settings.image,
        project.role,
        {"InstanceType": instance, "InstanceCount": 1},
        hyperparameters=program | dict(hyperparameters),
        channels={"training": data, "code": f"{sources.training}/{ARCHIVE}"},
        output=project.uri("training"),
    )
    arguments["AlgorithmSpecification"]["MetricDefinitions"] = [OBJECTIVE]
    return arguments


def _evaluation_step(project: ProductionProject, sources: Sources) -> Request:
    files = {
        "--model": ("model", "model.tar.gz", _get("Steps.Train.ModelArtifacts.S3ModelArtifacts")),
        "--data": ("data", "public.csv.gz", _get("Parameters.InputData")),
        "--score": ("score", "score.py", sources.score),
    }
    property_file = {"PropertyFileName": "Evaluation", "OutputName": "evaluation", "FilePath": "evaluation.json"}
    step = _processing_step(project, "Evaluate", f"{sources.evaluate}/evaluate.py", files, "evaluation")
    return step | {"PropertyFiles": [property_file]}


def _condition_step(project: ProductionProject, sources: Sources) -> Request:
    score = {"Std:JsonGet": {"PropertyFile": _get("Steps.Evaluate.PropertyFiles.Evaluation"), "Path": "score.value"}}
    minimum = _get("Parameters.MinimumScore")
    features, model = _output("Features", "model", "model.tar.gz"), _get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
    evaluation = _output("Evaluate", "evaluation", "evaluation.json")
    metadata = {"submission_sha256": sources.submission, "input_data": _get("Parameters.InputData")}
    approval = _get("Parameters.ModelApprovalStatus")
    package = package_arguments(project, features, model, evaluation, approval, metadata)
    created = {
        "ExecutionRoleArn": project.role,
        "Containers": containers(project, features, model),
        "EnableNetworkIsolation": True,
    }
    message = _join(" ", "the score on held-out drill holes is below the setting MINIMUM_SCORE,", minimum)
    arguments = {
        "Conditions": [{"Type": "GreaterThanOrEqualTo", "LeftValue": score, "RightValue": minimum}],
        "IfSteps": [
            {"Name": "RegisterModel", "Type": "RegisterModel", "Arguments": package},
            {"Name": "CreateModel", "Type": "Model", "Arguments": created},
        ],
        "ElseSteps": [{"Name": "LowScore", "Type": "Fail", "Arguments": {"ErrorMessage": message}}],
    }
    return {"Name": "CheckScore", "Type": "Condition", "Arguments": arguments}


def _processing_step(
    project: ProductionProject, name: str, script: str, files: dict[str, tuple[str, str, Any]], output: str
) -> Request:
    """Return a processing step. script: the script's URI. output: the name of the output folder.

    files: for each command-line option, the file's folder in the job, its name, and the URI of its S3 folder.
    """
    arguments = {option: f"{PROCESSING}/input/{folder}/{file}" for option, (folder, file, _) in files.items()}
    arguments["--output"] = f"{PROCESSING}/output/{output}"
    inputs = {folder: uri for folder, _, uri in files.values()} | {"code": script}
    instances = {
        "InstanceType": _get("Parameters.ProcessingInstanceType"),
        "InstanceCount": _get("Parameters.ProcessingInstanceCount"),
    }
    output_uri = _join("/", project.uri(name.lower()), _get("Execution.PipelineExecutionId"))
    program = script.rpartition("/")[2]
    request = processing_arguments(
        project.settings.image, project.role, instances, program, arguments, inputs, output, output_uri
    )
    return {"Name": name, "Type": "Processing", "Arguments": request, "CacheConfig": CACHE}


def _output(step: str, output: str, name: str) -> Request:
    return _join("/", _get(f"Steps.{step}.ProcessingOutputConfig.Outputs['{output}'].S3Output.S3Uri"), name)


def _get(path: str) -> Request:
    return {"Get": path}


def _join(separator: str, *values: Any) -> Request:
    return {"Std:Join": {"On": separator, "Values": list(values)}}
