"""Deploy the latest approved package, and print its predictions for the shells in a file: python deploy.py FILE."""

import sys
from pathlib import Path

import boto3
from pipeline import GROUP, ROLE

if __name__ == "__main__":
    sagemaker, runtime = boto3.client("sagemaker"), boto3.client("sagemaker-runtime")
    packages = sagemaker.list_model_packages(
        ModelPackageGroupName=GROUP, ModelApprovalStatus="Approved", SortBy="CreationTime", SortOrder="Descending"
    )
    package = packages["ModelPackageSummaryList"][0]["ModelPackageArn"]
    name = f"shells-{package.rpartition('/')[2]}"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, Containers=[{"ModelPackageName": package}])
    variant = {"VariantName": "all", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="shells", EndpointConfigName=name)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="shells", WaiterConfig={"Delay": 1})
    answer = runtime.invoke_endpoint(EndpointName="shells", ContentType="text/csv", Body=Path(sys.argv[1]).read_bytes())
    print(answer["Body"].read().decode())
    sagemaker.delete_endpoint(EndpointName="shells")
