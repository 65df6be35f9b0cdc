"""Send the results of monitoring to CloudWatch, and create an alarm that can roll back an endpoint update."""

import re

from recore.production.project import ProductionProject

NAMESPACE, METRIC, OUTSIDE = "recore", "Drift", "OutsideDomain"
PERIOD_SECONDS = 60
SUFFIX = "drift"


def send_metrics(project: ProductionProject, endpoint: str, version: int, drift: float, outside: float) -> str:
    """Send a version's metrics to CloudWatch, create its drift alarm, and return the alarm's name.

    drift: the drift score; 1 or more means drift. outside: the fraction of samples outside the applicability domain.
    """
    name = f"{endpoint}-{version}-{SUFFIX}"
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "ModelVersion", "Value": str(version)}]
    project.services.cloudwatch.put_metric_alarm(
        AlarmName=name,
        AlarmDescription=f"Spectra differ from the training spectra of version {version}.",
        Namespace=NAMESPACE,
        MetricName=METRIC,
        Dimensions=dimensions,
        Statistic="Maximum",
        Period=PERIOD_SECONDS,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="ignore",
    )
    project.services.cloudwatch.put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {"MetricName": METRIC, "Dimensions": dimensions, "Value": drift, "Unit": "None"},
            {"MetricName": OUTSIDE, "Dimensions": dimensions, "Value": 100 * outside, "Unit": "Percent"},
        ],
    )
    return name


def delete_alarms(project: ProductionProject) -> list[str]:
    """Delete the endpoint's alarms, and return their names."""
    endpoint = project.settings.endpoint_name
    pages = project.services.cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{endpoint}-")
    known = pages.search("MetricAlarms[].AlarmName")
    names = [name for name in known if re.fullmatch(rf"{re.escape(endpoint)}-\d+-{SUFFIX}", name, re.ASCII)]
    if names:
        project.services.cloudwatch.delete_alarms(AlarmNames=names)
    return names
