"""Maximum cost of a round on AWS, and the account's instance quotas."""

from dataclasses import dataclass
from typing import Any

from recore.evaluation.job_requests import JOB_SECONDS, RunSettings

QUOTAS = {"training": "training job", "processing": "processing job", "transform": "transform job"}


@dataclass(frozen=True)
class Bound:
    """An upper bound on instance-hours and their cost."""

    hours: float
    dollars: float


def bound_costs(
    seconds: int, price: float, *, submissions: int = 0, tied: int = 0, folds: int = 0, package_lists: int = 0
) -> Bound:
    """Return an upper bound, assuming that every job runs to its time limit.

    seconds: the time limit of train.py and preprocess.py. price: dollars per instance-hour. tied: the number of
    submissions whose held-out scores are recomputed, each by one preprocessing job and one training job per fold.
    package_lists: the number of distinct lists, each fetched by one job.
    """
    run = (1 + 2) * seconds + (2 + 3) * JOB_SECONDS  # train, 2 x preprocess; 2 x predict, 3 x score
    hours = (submissions * run + tied * (1 + folds) * seconds + package_lists * JOB_SECONDS) / 3600
    return Bound(hours, hours * price)


def count_instances(submissions: int, jobs: int) -> dict[str, int]:
    """Return the maximum number of instances that a round uses at the same time, by type of job."""
    running = min(jobs, submissions)
    return {"training": running, "processing": 3 * running, "transform": 2 * running}


def read_quotas(quotas: Any, settings: RunSettings) -> dict[str, float]:
    """Return the account's instance quotas by type of job, except types for which AWS lists no quota.

    quotas: a boto3 client of Service Quotas. Raises ClientError or BotoCoreError.
    """
    names = {f"{getattr(settings, kind).type} for {words} usage": kind for kind, words in QUOTAS.items()}
    pages = quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    listed = (quota for page in pages for quota in page["Quotas"])
    return {names[quota["QuotaName"]]: float(quota["Value"]) for quota in listed if quota["QuotaName"] in names}
