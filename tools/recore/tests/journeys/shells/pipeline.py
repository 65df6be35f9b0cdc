"""Upsert and start the pipeline, wait until it ends, and print each step: python pipeline.py MAX_ERROR [FILE]."""

import json
import sys
import time

import boto3

PIPELINE = GROUP = "shells"
ROLE, BUCKET = "arn:aws:iam::123456789012:role/SageMakerRole", "sagemaker-us-east-1-123456789012"
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5"
BASE, LOCAL = f"s3://{BUCKET}/shells", "/opt/ml/processing"


def processing(name, image, script, inputs, outputs, **more):
    sources = {"code": f"{BASE}/code/{script}"} | inputs
    arguments = {
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10}
        },
        "AppSpecification": {"ImageUri": image, "ContainerEntrypoint": ["python3", f"{LOCAL}/code/{script}"]},
        "RoleArn": ROLE,
        "ProcessingInputs": [
            {
                "InputName": channel,
                "S3Input": {
                    "S3Uri": uri,
                    "LocalPath": f"{LOCAL}/{channel}",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
            for channel, uri in sources.items()
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": output,
                    "S3Output": {
                        "S3Uri": f"{BASE}/{name}/{output}",
                        "LocalPath": f"{LOCAL}/{output}",
                        "S3UploadMode": "EndOfJob",
                    },
                }
                for output in outputs
            ]
        },
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments} | more


def output_of(step, name):
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri"}


def channel(name):
    data = {"S3DataType": "S3Prefix", "S3Uri": output_of("Process", name), "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": data}}


train = {
    "Name": "Train",
    "Type": "Training",
    "Arguments": {
        "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        "HyperParameters": {"objective": "reg:squarederror", "num_round": "20", "max_depth": "4"},
        "InputDataConfig": [channel("train"), channel("validation")],
        "OutputDataConfig": {"S3OutputPath": f"{BASE}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "RoleArn": ROLE,
    },
}
model = {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
process = processing(
    "Process", SKLEARN, "preprocess.py", {"input": {"Get": "Parameters.Data"}}, ["train", "validation", "test"]
)
evaluate = processing(
    "Evaluate",
    XGBOOST,
    "evaluate.py",
    {"model": model, "test": output_of("Process", "test")},
    ["evaluation"],
    PropertyFiles=[{"PropertyFileName": "Report", "OutputName": "evaluation", "FilePath": "evaluation.json"}],
)
register = {
    "Name": "Register",
    "Type": "RegisterModel",
    "Arguments": {
        "ModelPackageGroupName": GROUP,
        "ModelApprovalStatus": "Approved",
        "InferenceSpecification": {
            "Containers": [{"Image": XGBOOST, "ModelDataUrl": model}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    },
}
error = {
    "Std:JsonGet": {
        "PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Report"},
        "Path": "regression_metrics.mse.value",
    }
}
condition = {
    "Name": "IsGoodEnough",
    "Type": "Condition",
    "Arguments": {
        "Conditions": [{"Type": "LessThanOrEqualTo", "LeftValue": error, "RightValue": {"Get": "Parameters.MaxError"}}],
        "IfSteps": [register],
        "ElseSteps": [],
    },
}
definition = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "MaxError", "Type": "Float"}, {"Name": "Data", "Type": "String"}],
    "Steps": [process, train, evaluate, condition],
}

if __name__ == "__main__":
    max_error, file, *_ = [*sys.argv[1:], "shells.csv"]
    s3, sagemaker = boto3.client("s3"), boto3.client("sagemaker")
    for name in ("preprocess.py", "evaluate.py"):
        s3.upload_file(name, BUCKET, f"shells/code/{name}")
    s3.upload_file(file, BUCKET, f"shells/data/{file}/shells.csv")
    request = {"PipelineName": PIPELINE, "PipelineDefinition": json.dumps(definition), "RoleArn": ROLE}
    known = [each["PipelineName"] for each in sagemaker.list_pipelines()["PipelineSummaries"]]
    (sagemaker.update_pipeline if PIPELINE in known else sagemaker.create_pipeline)(**request)
    parameters = {"MaxError": max_error, "Data": f"{BASE}/data/{file}"}
    execution = sagemaker.start_pipeline_execution(
        PipelineName=PIPELINE,
        PipelineParameters=[{"Name": name, "Value": value} for name, value in parameters.items()],
    )["PipelineExecutionArn"]
    while (
        status := sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)["PipelineExecutionStatus"]
    ) == "Executing":
        time.sleep(0.5)
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=execution, SortOrder="Ascending")
    for step in steps["PipelineExecutionSteps"]:
        outcome = step["Metadata"].get("Condition", {}).get("Outcome", "")
        print(step["StepName"], step["StepStatus"], outcome, step.get("FailureReason", ""))
    groups = [
        each["ModelPackageGroupName"] for each in sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
    ]
    packages = (
        sagemaker.list_model_packages(ModelPackageGroupName=GROUP)["ModelPackageSummaryList"] if GROUP in groups else []
    )
    print(status, "packages:", len(packages))
    sys.exit(status != "Succeeded")
