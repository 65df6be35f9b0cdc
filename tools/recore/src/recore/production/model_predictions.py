"""Predicts samples with the model of a run or a hand-over without making it a version: one job that leaves nothing."""

from pathlib import Path

from recore.places import OpenPlace
from recore.production.archives import TrainedModel
from recore.production.batch_predictions import PredictedSamples
from recore.production.definition import containers
from recore.production.handed_files import ARCHIVE
from recore.production.predicting import run_batch
from recore.production.project import Watch, make_project
from recore.production.settings import Settings
from stagemaker import locked

MODEL = "recore-predict"


def predict_samples(
    place: OpenPlace, trained: TrainedModel, file: Path, out: Path, watch: Watch, *, intervals: bool = False
) -> PredictedSamples:
    """Write the table of the samples in a data file, which has the channels of the model's training file.

    place: the embedded simulator, which ends with all that is in it. watch: called with the job's status. Raises
    ValueError or OSError if the model's archive cannot be read, WorkFailedError if the job fails.
    """
    project = make_project(place, Settings())
    with locked.temporary_folder("recore-predict-") as folder:
        features, model = (
            f"{project.upload_file('model', archive, ARCHIVE)}/{ARCHIVE}"
            for archive in trained.write_archives(Path(folder))
        )
    project.sagemaker.create_model(
        ModelName=MODEL,
        ExecutionRoleArn=project.role,
        Containers=containers(project, features, model),
        EnableNetworkIsolation=True,
    )
    return run_batch(project, MODEL, trained.columns, file, out, watch, intervals=intervals).samples
