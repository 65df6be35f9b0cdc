"""Train and serve the house-price model on SageMaker, in AWS's scikit-learn image, using only boto3.

Run it with the code's folder on Python's path: PYTHONPATH=src python jobs.py

The calls go to AWS, or to the simulator at AWS_ENDPOINT_URL. For AWS, enter your bucket and your role in ml2p.yml; an
instance costs money from create_endpoint until delete_endpoint. A training job's name can be used only once, so change
the number at its end before another run.
"""

import contextlib
import json
from pathlib import Path

import boto3
import yaml
from model import HousePrices

from recore.model import LocalEnv, SageMakerEnv
from recore.model.code_archive import write_code_archive

# AWS's scikit-learn image for us-east-1; in other regions the name begins with a different account.
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
DATASET, TRAINING_JOB, MODEL = "prices-20260131", "house-prices-prices-1-0", "house-prices-prices-1-0-0"
METRIC = {"Name": "mean_absolute_error", "Regex": "mean absolute error: ([0-9.]+)"}
HOUSE = {"area": 80, "rooms": 3, "age": 10, "distance": 5}


def main():
    settings = yaml.safe_load(Path("ml2p.yml").read_text())
    role, instance_type = settings["defaults"]["role"], settings["defaults"]["instance_type"]
    variables = {"ML2P_PROJECT": settings["project"], "ML2P_S3_URL": settings["s3folder"]}
    sagemaker = boto3.client("sagemaker")

    # the dataset is generated here, and uploaded to datasets/DATASET/ below the project's address
    env = SageMakerEnv("local", variables | {"ML2P_DATASET": DATASET})
    HousePrices().dataset_generator(env).generate()
    write_code_archive("code.tar.gz", "src")
    boto3.client("s3").upload_file("code.tar.gz", env.s3.bucket(), env.s3.path("code.tar.gz"))
    code = env.s3.url("code.tar.gz")

    dataset = {"S3DataType": "S3Prefix", "S3Uri": env.s3.url(f"datasets/{DATASET}/")}
    sagemaker.create_training_job(
        TrainingJobName=TRAINING_JOB,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File", "MetricDefinitions": [METRIC]},
        HyperParameters={"sagemaker_program": "job.py", "sagemaker_submit_directory": code},
        Environment=variables,
        InputDataConfig=[{"ChannelName": "training", "DataSource": {"S3DataSource": dataset}}],
        OutputDataConfig={"S3OutputPath": env.s3.url("models")},
        ResourceConfig={"InstanceType": instance_type, "InstanceCount": 1, "VolumeSizeInGB": 20},
        RoleArn=role,
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
    )
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(
        TrainingJobName=TRAINING_JOB, WaiterConfig={"Delay": 2}
    )
    job = sagemaker.describe_training_job(TrainingJobName=TRAINING_JOB)
    print({metric["MetricName"]: round(metric["Value"], 3) for metric in job["FinalMetricDataList"]})

    container = {
        "Image": IMAGE,
        "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
        "Environment": variables
        | {"ML2P_MODEL_VERSION": MODEL, "SAGEMAKER_PROGRAM": "job.py", "SAGEMAKER_SUBMIT_DIRECTORY": code},
    }
    variant = {"VariantName": "all", "ModelName": MODEL, "InstanceType": instance_type, "InitialInstanceCount": 1}
    with contextlib.ExitStack() as cleanup:  # created resources are deleted in reverse order, even after an error
        sagemaker.create_model(ModelName=MODEL, ExecutionRoleArn=role, PrimaryContainer=container)
        cleanup.callback(sagemaker.delete_model, ModelName=MODEL)
        sagemaker.create_endpoint_config(EndpointConfigName=MODEL, ProductionVariants=[variant])
        cleanup.callback(sagemaker.delete_endpoint_config, EndpointConfigName=MODEL)
        sagemaker.create_endpoint(EndpointName=MODEL, EndpointConfigName=MODEL)
        cleanup.callback(sagemaker.delete_endpoint, EndpointName=MODEL)
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=MODEL, WaiterConfig={"Delay": 2})
        response = boto3.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=MODEL, ContentType="application/json", Body=json.dumps(HOUSE)
        )
        prediction = json.loads(response["Body"].read())
        print(prediction["metadata"]["model_version"], prediction["result"])

    # the training job's output, in the same folder as after local.py
    Path("local").mkdir(exist_ok=True)
    local_env = LocalEnv("local", "ml2p.yml", boto3)
    local_env.download_model(TRAINING_JOB.removeprefix(f"{local_env.project}-"))
    print((local_env.model_folder() / "validation.json").read_text())


if __name__ == "__main__":
    main()
