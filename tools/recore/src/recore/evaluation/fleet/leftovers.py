"""Stop the jobs that a killed command of the same round left running."""

import time
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from recore.backends import Services
from recore.evaluation.storage import remove_runs
from stagemaker import interrupts

KINDS = ("TrainingJob", "ProcessingJob", "TransformJob")
MAX_STOP_SECONDS, PAUSE = 300.0, 1.0  # seconds: a job has two minutes after SIGTERM, and then writes its model
GONE_CODES = ("ValidationException", "ResourceNotFound")  # error codes if the job has ended in the meantime


def stop_leftovers(services: Services, bucket: str, name: str) -> tuple[int, int]:
    """Stop the jobs whose names begin with `name`, wait until they end, and remove their models and objects.

    Return the numbers of stopped jobs and of removed objects, which include private assays. Raises ClientError,
    BotoCoreError, or StepFailed if objects remain.
    """
    sagemaker = services.sagemaker
    stopped = 0
    for kind in KINDS:
        for job in _jobs(sagemaker, kind, name, "InProgress"):
            try:
                getattr(sagemaker, xform_name(f"Stop{kind}"))(**{f"{kind}Name": job})
                stopped += 1
            except ClientError as error:
                if error.response["Error"]["Code"] not in GONE_CODES:
                    raise
    deadline = time.monotonic() + MAX_STOP_SECONDS
    while any(_jobs(sagemaker, kind, name, "Stopping") for kind in KINDS) and time.monotonic() < deadline:
        interrupts.sleep(PAUSE)
    for page in sagemaker.get_paginator("list_models").paginate(NameContains=name):
        for model in page["Models"]:
            sagemaker.delete_model(ModelName=model["ModelName"])
    return stopped, remove_runs(services.s3, bucket, name)


def _jobs(sagemaker: Any, kind: str, name: str, status: str) -> list[str]:
    pages = sagemaker.get_paginator(xform_name(f"List{kind}s")).paginate(NameContains=name, StatusEquals=status)
    names = (job[f"{kind}Name"] for page in pages for job in page[f"{kind}Summaries"])
    return [job for job in names if job.startswith(name)]
