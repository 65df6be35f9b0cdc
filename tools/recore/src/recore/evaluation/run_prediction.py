"""Predictions for a new data file with the model of a finished run, in two jobs without training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from recore.backends import Backend
from recore.evaluation import job_requests
from recore.evaluation.job_requests import Instances, RunSettings
from recore.evaluation.job_runner import JobRunner
from recore.evaluation.step import Step
from recore.evaluation.storage import Storage

PUBLIC = "public"  # used in the names of jobs and objects, like "public" in a run


@dataclass(frozen=True)
class RunPrediction:
    """The files and steps of one prediction. request: the output of preprocess.py, which is sent to the model."""

    request: Path
    response: Path
    steps: tuple[Step, Step]


def predict_with_run(
    backend: Backend,
    model: Path,
    script: bytes,
    instances: Mapping[str, Instances],
    data_file: Path,
    folder: Path,
    watch: Callable[[Step], None],
) -> RunPrediction:
    """Preprocess a data file, predict its rows, and write request.csv, answer.csv and logs/ to a folder.

    model: the run's model.tar.gz. script: the run's preprocess.py. instances: instances by job type, "processing" and
    "transform". Raises StepFailed if a step fails.
    """
    settings = RunSettings.make(backend, **instances)
    jobs = JobRunner(backend.services, folder / "logs")
    jobs.watch = watch
    storage = Storage(backend.services.s3, settings, jobs.raise_if_stopping)
    preprocess, predict = Step(f"{PUBLIC} preprocess", "ProcessingJob"), Step(f"{PUBLIC} predict", "TransformJob")
    request, response = folder / "request.csv", folder / "answer.csv"
    model_created = False
    try:
        with jobs.step(preprocess):
            storage.put(script, job_requests.PREPROCESS)
            storage.upload_data(PUBLIC, data_file, job_requests.data_key(PUBLIC))
            jobs.run(preprocess, job_requests.preprocessing_request(settings, PUBLIC))
            inputs = job_requests.inputs_key(PUBLIC)
            size = storage.copy(job_requests.preprocessed_key(PUBLIC), inputs, "preprocess.py did not write")
            storage.fetch(inputs, request)
        with jobs.step(predict):
            storage.upload(model, job_requests.MODEL)
            backend.services.sagemaker.create_model(**job_requests.model_request(settings))
            model_created = True
            jobs.run(predict, job_requests.transform_request(settings, PUBLIC, size))
            storage.fetch(job_requests.predictions_key(PUBLIC), response)
    finally:
        storage.clear(keep=False)
        if model_created:
            backend.services.sagemaker.delete_model(ModelName=settings.name)
    return RunPrediction(request, response, (preprocess, predict))
