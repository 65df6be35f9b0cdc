"""What a round on AWS can cost at most, and how many instances the account may have at a time."""

from dataclasses import dataclass
from typing import Any

from recore.evaluation.job_requests import JOB_SECONDS, RunSettings

QUOTAS = {"training": "training job", "processing": "processing job", "transform": "transform job"}


@dataclass(frozen=True)
class Bound:
    """An upper bound. hours: of instances. dollars: at the price."""

    hours: float
    dollars: float


def bound_costs(
    seconds: int, price: float, *, submissions: int = 0, tied: int = 0, folds: int = 0, package_lists: int = 0
) -> Bound:
    """The bound if every job runs to its time limit. seconds: that of train.py and preprocess.py. price: of an hour.

    tied: submissions whose held-out scores are recomputed, by one preprocessing and a training without each of the
    folds. package_lists: different ones, each fetched by a job.
    """
    run = (1 + 2) * seconds + (2 + 3) * JOB_SECONDS  # train, preprocess both sides; predict them, compute three scores
    hours = (submissions * run + tied * (1 + folds) * seconds + package_lists * JOB_SECONDS) / 3600
    return Bound(hours, hours * price)


def count_instances(submissions: int, jobs: int) -> dict[str, int]:
    """How many instances a round uses at a time, at most, by kind of job."""
    running = min(jobs, submissions)
    return {"training": running, "processing": 3 * running, "transform": 2 * running}


def read_quotas(quotas: Any, settings: RunSettings) -> dict[str, float]:
    """How many instances the account may use at a time, by kind of job; a kind is missing if AWS does not say.

    quotas: the boto3 client of Service Quotas. Raises ClientError or BotoCoreError.
    """
    names = {f"{getattr(settings, kind).type} for {words} usage": kind for kind, words in QUOTAS.items()}
    pages = quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    listed = (quota for page in pages for quota in page["Quotas"])
    return {names[quota["QuotaName"]]: float(quota["Value"]) for quota in listed if quota["QuotaName"] in names}
