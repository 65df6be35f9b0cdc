"""Finds and stops what an earlier call of the same round, which was killed, left running."""

import time
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from recore.evaluation.job_requests import HOSTS_PREFIX, PREFIX
from recore.evaluation.storage import list_objects, remove_objects, remove_version
from recore.places import Services

KINDS = ("TrainingJob", "ProcessingJob", "TransformJob")
LONGEST_STOP, PAUSE = 300.0, 1.0  # seconds: a job has two minutes after SIGTERM, and then writes its model
GONE = ("ValidationException", "ResourceNotFound")  # it has ended meanwhile


def stop_leftovers(services: Services, bucket: str, name: str) -> tuple[int, int]:
    """Stop jobs whose names begin so, wait for their ends, and remove their models and objects.

    Returns how many jobs and objects. Private assays are among the objects; a stopped training writes its model last.
    Raises ClientError, BotoCoreError, or StepFailed if objects remain.
    """
    sagemaker = services.sagemaker
    stopped = 0
    for kind in KINDS:
        for job in _jobs(sagemaker, kind, name, "InProgress"):
            try:
                getattr(sagemaker, xform_name(f"Stop{kind}"))(**{f"{kind}Name": job})
                stopped += 1
            except ClientError as error:
                if error.response["Error"]["Code"] not in GONE:
                    raise
    deadline = time.monotonic() + LONGEST_STOP
    while any(_jobs(sagemaker, kind, name, "Stopping") for kind in KINDS) and time.monotonic() < deadline:
        time.sleep(PAUSE)
    for page in sagemaker.get_paginator("list_models").paginate(NameContains=name):
        for model in page["Models"]:
            sagemaker.delete_model(ModelName=model["ModelName"])
    assays = list(list_objects(services.s3, bucket, f"{HOSTS_PREFIX}/{name}"))
    for item in assays:
        remove_version(services.s3, bucket, item["Key"])
    return stopped, len(assays) + remove_objects(services.s3, bucket, f"{PREFIX}/{name}")


def _jobs(sagemaker: Any, kind: str, name: str, status: str) -> list[str]:
    pages = sagemaker.get_paginator(xform_name(f"List{kind}s")).paginate(NameContains=name, StatusEquals=status)
    names = (job[f"{kind}Name"] for page in pages for job in page[f"{kind}Summaries"])
    return [job for job in names if job.startswith(name)]
