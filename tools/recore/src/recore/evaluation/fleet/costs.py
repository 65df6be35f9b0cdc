"""What a round on AWS can cost at most, and how many instances the account may have at a time."""

from dataclasses import dataclass
from typing import Any

from recore.evaluation.job_requests import JOB_SECONDS, REQUEST_SECONDS, RunSettings

QUOTAS = {"training": "training job", "processing": "processing job", "transform": "transform job"}


@dataclass(frozen=True)
class Bound:
    """The upper bound of a round. hours: of instances. dollars: at the price. at_a_time: instances of each kind."""

    hours: float
    dollars: float
    at_a_time: dict[str, int]


def bound_costs(submissions: int, jobs: int, seconds: int, price: float) -> Bound:
    """The bound if every job runs to its time limit. seconds: that of train.py and preprocess.py. price: of an hour.

    A transform job has none; its one request to the model has, REQUEST_SECONDS.
    """
    of_one = seconds + 2 * seconds + 2 * REQUEST_SECONDS + 3 * JOB_SECONDS  # train; both sides; three scores
    hours = submissions * of_one / 3600
    running = min(jobs, submissions)
    return Bound(hours, hours * price, {"training": running, "processing": 3 * running, "transform": 2 * running})


def bound_ties(submissions: int, folds: int, seconds: int, price: float) -> Bound:
    """The bound of recomputing held-out scores: a preprocessing and a training without each fold, one at a time."""
    hours = submissions * (1 + folds) * seconds / 3600
    return Bound(hours, hours * price, {"training": 1, "processing": 1})


def read_quotas(quotas: Any, settings: RunSettings) -> dict[str, float]:
    """How many instances the account may use at a time, by kind of job; a kind is missing if AWS does not say.

    quotas: the boto3 client of Service Quotas. Raises ClientError or BotoCoreError.
    """
    names = {f"{getattr(settings, kind).type} for {words} usage": kind for kind, words in QUOTAS.items()}
    pages = quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    listed = (quota for page in pages for quota in page["Quotas"])
    return {names[quota["QuotaName"]]: float(quota["Value"]) for quota in listed if quota["QuotaName"] in names}
