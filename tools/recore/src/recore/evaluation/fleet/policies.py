"""IAM policies of the two roles of a round on AWS: one for submissions' jobs, one for scoring with private assays.

A submission's jobs have no network access, so its code cannot use their role. Even if it could, it could read neither
the private assays nor anything else that a scoring job reads, could write only outputs of submissions' jobs, and could
not find the outputs of another submission's job. It could read other submissions' files and the data without assays.
The caller copies outputs before another job reads them: a score is computed from predictions that the caller holds.
"""

from typing import Any

from recore.evaluation.job_requests import HOST, OUTPUTS, PREFIX, SCORES

Policy = dict[str, Any]
VERSION = "2012-10-17"
WRITE = ["s3:PutObject", "s3:AbortMultipartUpload"]
LOGS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
IMAGES = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


def make_policies(bucket: str) -> dict[str, Policy]:
    """Return the policies by name: the trust policy, and the permissions of each role in the bucket."""
    service = {"Service": "sagemaker.amazonaws.com"}
    trust = _policy({"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole"})
    inputs, scored, outputs, scores = (
        f"arn:aws:s3:::{bucket}/{prefix}/*" for prefix in (PREFIX, HOST, OUTPUTS, SCORES)
    )
    return {
        "trust policy of both roles": trust,
        "role of submissions (--role)": _policy(
            _allow(["s3:GetObject"], inputs),
            _allow(WRITE, outputs),
            _allow_listing(bucket, PREFIX),
            {"Effect": "Deny", "Action": "s3:*", "Resource": [scored, scores]},
            *_any_job(),
        ),
        "role of scoring (--scoring-role)": _policy(
            _allow(["s3:GetObject"], inputs, scored),
            _allow(WRITE, scores),
            _allow_listing(bucket, PREFIX, HOST),
            *_any_job(),
        ),
    }


def _policy(*statements: Policy) -> Policy:
    return {"Version": VERSION, "Statement": list(statements)}


def _allow(actions: list[str], *resources: str) -> Policy:
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources)}


def _allow_listing(bucket: str, *prefixes: str) -> Policy:
    condition = {"StringLike": {"s3:prefix": [f"{prefix}/*" for prefix in prefixes]}}
    return _allow(["s3:ListBucket"], f"arn:aws:s3:::{bucket}") | {"Condition": condition}


def _any_job() -> list[Policy]:
    """Return the permissions that every job needs: to write its log and metrics, and to pull its image."""
    metrics = _allow(["cloudwatch:PutMetricData"], "*") | {
        "Condition": {"StringLike": {"cloudwatch:namespace": "/aws/sagemaker/*"}}
    }
    return [_allow(LOGS, "arn:aws:logs:*:*:log-group:/aws/sagemaker/*"), metrics, _allow(IMAGES, "*")]
