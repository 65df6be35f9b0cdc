"""The policies of the two roles of a round on AWS: the jobs of submissions, and those that score with private assays.

Every job runs without network, so a submission cannot use its role; SageMaker reads and writes with it. Even if it
could, the role of submissions cannot read the private assays.
"""

from typing import Any

from recore.evaluation.job_requests import HOSTS_PREFIX, PREFIX

Policy = dict[str, Any]
VERSION = "2012-10-17"
LOGS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
IMAGES = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


def describe_policies(bucket: str) -> dict[str, Policy]:
    """The policies by name: who may take a role, and what each of the two may do in the bucket."""
    service = {"Service": "sagemaker.amazonaws.com"}
    trust = _policy({"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole"})
    runs, assays = (f"arn:aws:s3:::{bucket}/{prefix}/*" for prefix in (PREFIX, HOSTS_PREFIX))
    return {
        "trust of both roles": trust,
        "role of submissions (--role)": _policy(
            _allow(["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"], runs),
            _list(bucket, PREFIX),
            {"Effect": "Deny", "Action": "s3:*", "Resource": assays},
            *_any_job(),
        ),
        "role of scoring (--scoring-role)": _policy(
            _allow(["s3:GetObject"], runs, assays),
            _allow(["s3:PutObject", "s3:AbortMultipartUpload"], f"arn:aws:s3:::{bucket}/{PREFIX}/*/scores/*"),
            _list(bucket, PREFIX, HOSTS_PREFIX),
            *_any_job(),
        ),
    }


def _policy(*statements: Policy) -> Policy:
    return {"Version": VERSION, "Statement": list(statements)}


def _allow(actions: list[str], *resources: str) -> Policy:
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources)}


def _list(bucket: str, *prefixes: str) -> Policy:
    condition = {"StringLike": {"s3:prefix": [f"{prefix}/*" for prefix in prefixes]}}
    return _allow(["s3:ListBucket"], f"arn:aws:s3:::{bucket}") | {"Condition": condition}


def _any_job() -> list[Policy]:
    """What every job needs: to write its log and its metrics, and to get its image."""
    metrics = _allow(["cloudwatch:PutMetricData"], "*") | {
        "Condition": {"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}}
    }
    return [_allow(LOGS, "arn:aws:logs:*:*:log-group:/aws/sagemaker/*"), metrics, _allow(IMAGES, "*")]
