"""Later steps of a pipeline refer to the best training jobs of a Tuning step, and to their models."""

import re

import pytest
from stagemaker_support.pipelines import Pipelines, get, join, step
from stagemaker_support.simulator_client import IMAGE, Client
from stagemaker_support.tuning_jobs import SCRIPT, Tuning, categorical, objective, tuning_request

from stagemaker.server import BUCKET, ROLE_ARN


@pytest.mark.slow
def test_later_steps_refer_to_the_best_training_jobs(client: Client) -> None:
    """Of three jobs, x=2 is the best and x=5 the second best. The model's URI contains the job's name."""
    pipelines, tuning = Pipelines(client), Tuning(client.sagemaker)
    ranges = {"CategoricalParameterRanges": [categorical("x", "9", "5", "2")]}
    request = tuning_request(client.source(job=SCRIPT), 3, 2, Strategy="Grid", ParameterRanges=ranges)
    del request["HyperParameterTuningJobName"]
    request["TrainingJobDefinition"]["StaticHyperParameters"]["word"] = get("Parameters.Word")
    names = [get(f"Steps.Tune.TrainingJobSummaries[{index}].TrainingJobName") for index in (0, 1, 2)]
    uris = [join(f"s3://{BUCKET}/tuned", name, "output/model.tar.gz", on="/") for name in names]
    values = {
        "BEST": get("Steps.Tune.BestTrainingJob.TrainingJobName"),
        "X": get("Steps.Tune.BestTrainingJob.TunedHyperParameters['x']"),
        "SECOND": names[1],
        "STATUS": get("Steps.Tune.HyperParameterTuningJobStatus"),
    }
    model_steps = [
        step(
            f"Create{index}",
            "Model",
            {
                "ExecutionRoleArn": ROLE_ARN,
                "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": uri, "Environment": values},
            },
        )
        for index, uri in enumerate(uris)
    ]
    parameters = [{"Name": "Word", "Type": "String", "DefaultValue": "rock"}]
    execution = pipelines.run(step("Tune", "Tuning", request), *model_steps, Parameters=parameters)
    description = pipelines.describe(execution)
    assert description["PipelineExecutionStatus"] == "Succeeded", description
    metadata = {name: item["Metadata"] for name, item in pipelines.steps(execution).items()}
    name = metadata["Tune"]["TuningJob"]["Arn"].rpartition("/")[2]
    jobs = tuning.jobs(name, SortBy="FinalObjectiveMetricValue")
    assert [job["TunedHyperParameters"]["x"] for job in jobs] == ["2", "5", "9"]
    best = client.describe("TrainingJob", jobs[0]["TrainingJobName"])
    assert best["HyperParameters"]["word"] == "rock"
    for index, job in enumerate(jobs):
        model_name = metadata[f"Create{index}"]["Model"]["Arn"].rpartition("/")[2]
        container = client.sagemaker.describe_model(ModelName=model_name)["PrimaryContainer"]
        training_job = client.describe("TrainingJob", job["TrainingJobName"])
        assert container["ModelDataUrl"] == training_job["ModelArtifacts"]["S3ModelArtifacts"]
        assert client.get(container["ModelDataUrl"])
        assert container["Environment"] == {
            "BEST": jobs[0]["TrainingJobName"],
            "X": "2",
            "SECOND": jobs[1]["TrainingJobName"],
            "STATUS": "Completed",
        }
    assert objective(jobs[0]) == 1.0
    assert re.fullmatch("[a-zA-Z0-9-]{1,32}", name)
