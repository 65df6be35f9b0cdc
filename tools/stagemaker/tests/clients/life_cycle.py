"""The life cycle of a model with version 1 or 2 of the SDK: `python life_cycle.py FOLDER RESULTS SETTINGS`.

FOLDER contains train.csv and validation.csv, whose first column is the label, and test.csv, which has no labels. No
file has a header. The program trains, tunes and deploys an XGBoost model, compares it with a linear model on one
endpoint, and finally sends all requests to the linear model. It writes the predictions of each step to the JSON file
RESULTS. SETTINGS: the XGBoost model's hyperparameters, as JSON.
"""

import json
import os
import sys
from time import gmtime, strftime

import boto3
import numpy as np
import sagemaker
from sagemaker import get_execution_role
from sagemaker.estimator import Estimator
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner, IntegerParameter

if sagemaker.__version__.startswith("1."):
    from sagemaker import s3_input as TrainingInput
    from sagemaker.amazon.amazon_estimator import get_image_uri
    from sagemaker.predictor import csv_serializer

    COUNT, TYPE, ENDPOINT, IMAGE = "train_instance_count", "train_instance_type", "endpoint", "train_image"
    CSV = {"serializer": csv_serializer, "content_type": "text/csv"}
    OBJECTIVE = "reg:linear"
else:
    from sagemaker.image_uris import retrieve
    from sagemaker.inputs import TrainingInput
    from sagemaker.serializers import CSVSerializer

    COUNT, TYPE, ENDPOINT, IMAGE = "instance_count", "instance_type", "endpoint_name", "training_image_uri"
    CSV = {"serializer": CSVSerializer()}
    OBJECTIVE = "reg:squarederror"

    def get_image_uri(region, algorithm):
        return retrieve(algorithm, region, "1")


folder, results_file, settings = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
results = {}
session = sagemaker.Session()
role = get_execution_role()
prefix, instance = "life-cycle", "ml.m4.xlarge"
names = ("train", "validation", "test")
locations = {name: session.upload_data(os.path.join(folder, f"{name}.csv"), key_prefix=prefix) for name in names}
rows = np.loadtxt(os.path.join(folder, "test.csv"), delimiter=",")
lines = [",".join(map(str, row)) for row in rows]


def make_estimator(algorithm, **settings):
    estimator = Estimator(
        get_image_uri(session.boto_region_name, algorithm),
        role,
        output_path=f"s3://{session.default_bucket()}/{prefix}/output",
        sagemaker_session=session,
        **{COUNT: 1, TYPE: instance},
    )
    estimator.set_hyperparameters(**settings)
    return estimator


def transform(estimator):
    """Run a transform job, and return its predictions, read from S3."""
    transformer = estimator.transformer(instance_count=1, instance_type=instance)
    transformer.transform(locations["test"], content_type="text/csv", split_type="Line")
    transformer.wait()
    bucket, _, key = transformer.output_path[len("s3://") :].partition("/")
    body = boto3.client("s3").get_object(Bucket=bucket, Key=f"{key}/test.csv.out")["Body"]
    return [float(line) for line in body.read().decode("utf-8").split()]


def make_channels(content_type):
    return {name: TrainingInput(s3_data=locations[name], content_type=content_type) for name in ("train", "validation")}


# a model
xgb = make_estimator("xgboost", objective=OBJECTIVE, **settings)
xgb.fit(make_channels("csv"))
results["metrics"] = sorted(set(xgb.training_job_analytics.dataframe()["metric_name"]))
results["transform"] = transform(xgb)

# an endpoint
predictor = xgb.deploy(initial_instance_count=1, instance_type=instance, wait=False)
session.wait_for_endpoint(getattr(predictor, ENDPOINT), poll=1)
for name, value in CSV.items():
    setattr(predictor, name, value)
results["predict"] = [float(value) for value in predictor.predict(rows).decode("utf-8").split(",")]
runtime = boto3.Session().client("sagemaker-runtime")
response = runtime.invoke_endpoint(EndpointName=getattr(predictor, ENDPOINT), ContentType="text/csv", Body=lines[0])
results["invoke"] = float(response["Body"].read().decode("utf-8"))
predictor.delete_endpoint()

# tuning
ranges = {
    "max_depth": IntegerParameter(4, 8),
    "eta": ContinuousParameter(0.2, 0.4),
    "min_child_weight": IntegerParameter(2, 6),
    "subsample": ContinuousParameter(0.7, 0.9),
    "gamma": ContinuousParameter(0, 4),
}
tuner = HyperparameterTuner(
    estimator=xgb,
    objective_metric_name="validation:rmse",
    objective_type="Minimize",
    max_jobs=3,
    max_parallel_jobs=2,
    hyperparameter_ranges=ranges,
)
tuner.fit(make_channels("csv"))
tuner.wait()
frame = tuner.analytics().dataframe()
results["tuned"] = dict(zip(frame["TrainingJobName"], frame["FinalObjectiveValue"], strict=True))
results["best"] = tuner.best_training_job()
results["attached_best"] = HyperparameterTuner.attach(tuner.latest_tuning_job.name).best_training_job()
best = Estimator.attach(tuner.best_training_job())
results["best_settings"] = {name: json.loads(best.hyperparameters()[name]) for name in ranges}
results["tuned_transform"] = transform(best)

# two models on one endpoint
linear = make_estimator("linear-learner", feature_dim=rows.shape[1], predictor_type="regressor", mini_batch_size=100)
linear.fit(make_channels("text/csv"))
stamp = strftime("%Y-%m-%d-%H-%M-%S", gmtime())
client, variants = session.sagemaker_client, []
for name, estimator in (("Linear-Model", linear), ("XGB-Model", xgb)):
    model_name = f"{prefix}-{name}-{stamp}"
    container = {"Image": getattr(estimator, IMAGE)(), "ModelDataUrl": estimator.model_data}
    client.create_model(ModelName=model_name, ExecutionRoleArn=role, PrimaryContainer=container)
    variant = {"InstanceType": instance, "InitialVariantWeight": 1, "InitialInstanceCount": 1}
    variants.append(variant | {"ModelName": model_name, "VariantName": name})
combined_name, linear_name, endpoint_name = (f"{prefix}-{name}-{stamp}" for name in ("combined", "linear", "endpoint"))
client.create_endpoint_config(EndpointConfigName=combined_name, ProductionVariants=variants)
client.create_endpoint_config(EndpointConfigName=linear_name, ProductionVariants=variants[:1])


def invoke_with_rows():
    """Invoke the endpoint with each row; return the responding variants and the bodies of their responses."""
    responses = [
        session.sagemaker_runtime_client.invoke_endpoint(EndpointName=endpoint_name, ContentType="text/csv", Body=line)
        for line in lines
    ]
    return [[item["InvokedProductionVariant"], item["Body"].read().decode("utf-8")] for item in responses]


client.create_endpoint(EndpointName=endpoint_name, EndpointConfigName=combined_name)
session.wait_for_endpoint(endpoint_name, poll=1)
results["combined"] = invoke_with_rows()
client.update_endpoint(EndpointName=endpoint_name, EndpointConfigName=linear_name)
description = session.wait_for_endpoint(endpoint_name, poll=1)
results["config"] = [description["EndpointConfigName"], linear_name]
results["updated"] = invoke_with_rows()
client.delete_endpoint(EndpointName=endpoint_name)
with open(results_file, "w", encoding="utf-8") as file:
    json.dump(results, file)
