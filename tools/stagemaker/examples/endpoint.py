"""Deploy a model to a real-time endpoint, request predictions, and delete everything again.

    python endpoint.py model.tar.gz inputs.csv --bucket BUCKET --role ARN

The archive contains the script with the hooks (model_fn, input_fn, predict_fn and output_fn) in code/. The example uses
only boto3. Its calls go to AWS, or to the simulator at AWS_ENDPOINT_URL. On AWS an instance costs money from
create_endpoint until delete_endpoint.
"""

import argparse
import contextlib
import time
from pathlib import Path

import boto3

# AWS's scikit-learn image for us-east-1; in other regions the name begins with a different account.
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
INSTANCE = "ml.m5.xlarge"
ROWS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="the model.tar.gz that a training job wrote")
    parser.add_argument("inputs", type=Path, help="CSV file with a header line; the first rows are sent")
    parser.add_argument("--bucket", required=True, help="S3 bucket for the model, which is deleted at the end")
    parser.add_argument("--role", required=True, help="ARN of the role that SageMaker assumes to read the bucket")
    parser.add_argument("--program", default="train.py", help="the script with the hooks (default: %(default)s)")
    arguments = parser.parse_args()
    with arguments.inputs.open() as file:
        lines = [line for line, _ in zip(file, range(ROWS + 1), strict=False)]
    s3, sagemaker, runtime = map(boto3.client, ("s3", "sagemaker", "sagemaker-runtime"))
    name = f"example-{time.strftime('%Y%m%d-%H%M%S')}"
    key = f"{name}/model.tar.gz"
    environment = {
        "SAGEMAKER_PROGRAM": arguments.program,
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",  # where the server finds the program
        "PIP_NO_BUILD_ISOLATION": "0",  # 0 disables build isolation, which needs a network
    }
    with contextlib.ExitStack() as cleanup:  # created resources are deleted in reverse order, even after an error
        s3.upload_file(str(arguments.model), arguments.bucket, key)
        cleanup.callback(s3.delete_object, Bucket=arguments.bucket, Key=key)
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{arguments.bucket}/{key}", "Environment": environment}
        sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=arguments.role, PrimaryContainer=container, EnableNetworkIsolation=True
        )
        cleanup.callback(sagemaker.delete_model, ModelName=name)
        variant = {"VariantName": "all", "ModelName": name, "InstanceType": INSTANCE, "InitialInstanceCount": 1}
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        cleanup.callback(sagemaker.delete_endpoint_config, EndpointConfigName=name)
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        cleanup.callback(sagemaker.delete_endpoint, EndpointName=name)
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 5})
        answer = runtime.invoke_endpoint(
            EndpointName=name, ContentType="text/csv", Accept="text/csv", Body="".join(lines).encode()
        )
        answers = answer["Body"].read().decode().splitlines()
    for index, row in enumerate(answers):
        print(f"row {index}: {row.count(',') + 1} predictions; the first is {float(row.partition(',')[0]):.3f}")


if __name__ == "__main__":
    main()
