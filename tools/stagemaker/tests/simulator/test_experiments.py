"""Experiments: trials, trial components, including the components of jobs, and metrics."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from stagemaker_support.pipelines import Pipelines, get, model
from stagemaker_support.simulator_client import Client, counter, make_output, rejection

from stagemaker.server import BUCKET

TIME = 1_700_000_000


@pytest.fixture
def names(client: Client) -> tuple[str, str, str]:
    """Return the names of an experiment, its trial, and a trial component that is associated with the trial."""
    experiment, trial, component = (f"{kind}-{next(counter)}" for kind in ("experiment", "trial", "Component"))
    sagemaker = client.sagemaker
    sagemaker.create_experiment(ExperimentName=experiment, Description="d", Tags=[{"Key": "k", "Value": "v"}])
    sagemaker.create_trial(TrialName=trial, ExperimentName=experiment)
    parameters = {"depth": {"NumberValue": 3.0}, "kind": {"StringValue": "tree"}}
    sagemaker.create_trial_component(TrialComponentName=component, Parameters=parameters)
    sagemaker.associate_trial_component(TrialName=trial, TrialComponentName=component)
    return experiment, trial, component


def components(client: Client, **filters: str) -> list[str]:
    pages = client.sagemaker.get_paginator("list_trial_components").paginate(**filters)
    return [item["TrialComponentName"] for page in pages for item in page["TrialComponentSummaries"]]


def search(client: Client, resource: str, name: str, value: str) -> list[dict[str, Any]]:
    expression = {"Filters": [{"Name": name, "Operator": "Equals", "Value": value}]}
    return client.sagemaker.search(Resource=resource, SearchExpression=expression)["Results"]


def test_recorded_runs_are_described_listed_and_found(client: Client, names: tuple[str, str, str]) -> None:
    experiment, trial, component = names
    sagemaker = client.sagemaker
    sagemaker.update_experiment(ExperimentName=experiment, DisplayName="shown")
    sagemaker.update_trial_component(
        TrialComponentName=component,
        Parameters={"rate": {"NumberValue": 0.5}},
        ParametersToRemove=["kind"],
        Status={"PrimaryStatus": "Completed"},
        OutputArtifacts={"model": {"Value": "s3://b/model"}},
    )
    description = sagemaker.describe_experiment(ExperimentName=experiment)
    assert (description["DisplayName"], description["Description"]) == ("shown", "d")
    assert sagemaker.describe_trial(TrialName=trial)["ExperimentName"] == experiment
    description = sagemaker.describe_trial_component(TrialComponentName=component)
    assert description["Parameters"] == {"depth": {"NumberValue": 3.0}, "rate": {"NumberValue": 0.5}}
    assert description["Status"] == {"PrimaryStatus": "Completed"}
    assert description["OutputArtifacts"] == {"model": {"Value": "s3://b/model"}}
    assert experiment in [item["ExperimentName"] for item in sagemaker.list_experiments()["ExperimentSummaries"]]
    for filters in ({"ExperimentName": experiment}, {"TrialComponentName": component}):
        assert [item["TrialName"] for item in sagemaker.list_trials(**filters)["TrialSummaries"]] == [trial]
    for filters in ({"ExperimentName": experiment}, {"TrialName": trial}):
        assert components(client, **filters) == [component]
    assert search(client, "ExperimentTrialComponent", "Parameters.rate", "0") == []
    [result] = search(client, "ExperimentTrialComponent", "Parameters.rate", "0.5")
    assert result["TrialComponent"]["Parents"] == [{"TrialName": trial, "ExperimentName": experiment}]
    [result] = search(client, "ExperimentTrialComponent", "Parents.ExperimentName", experiment)
    assert result["TrialComponent"]["TrialComponentName"] == component
    [result] = search(client, "ExperimentTrial", "ExperimentName", experiment)
    assert result["Trial"]["TrialName"] == trial
    [result] = search(client, "Experiment", "Tags.k", "v")[:1]
    assert result["Experiment"]["Tags"] == [{"Key": "k", "Value": "v"}]


def test_metrics_have_statistics(client: Client, names: tuple[str, str, str]) -> None:
    metrics = client.simulator.client("sagemaker-metrics")
    for time, values in ((TIME - 9, [3.0]), (TIME, [1.0, 2.0]), (TIME - 1, [6.0])):
        data = [{"MetricName": "loss", "Timestamp": time, "Step": 1, "Value": value} for value in values]
        assert metrics.batch_put_metrics(TrialComponentName=names[2].lower(), MetricData=data)["Errors"] == []
    description = client.sagemaker.describe_trial_component(TrialComponentName=names[2])
    [loss] = description["Metrics"]
    assert {name: loss[name] for name in ("MetricName", "Min", "Max", "Last", "Count", "Avg")} == {
        "MetricName": "loss", "Min": 1.0, "Max": 6.0, "Last": 2.0, "Count": 4, "Avg": 3.0,
    }  # fmt: skip
    assert loss["StdDev"] == pytest.approx(3.5**0.5)
    assert loss["TimeStamp"].timestamp() == TIME
    [result] = search(client, "ExperimentTrialComponent", "metrics.loss.max", "6")
    assert result["TrialComponent"]["TrialComponentName"] == names[2]
    for name, value in (("huge", 1e200), ("huge", -1e200), ("large", 1e9), ("large", 1e9 + 2)):
        data = [{"MetricName": name, "Timestamp": TIME, "Value": value}]
        metrics.batch_put_metrics(TrialComponentName=names[2].lower(), MetricData=data)
    summaries = client.sagemaker.describe_trial_component(TrialComponentName=names[2])["Metrics"]
    result = {metric["MetricName"]: metric for metric in summaries}
    assert (result["huge"]["Max"], "StdDev" in result["huge"]) == (1e200, False), "the deviation is infinite"
    assert result["large"]["StdDev"] == 1
    missing = {"TrialComponentName": "none", "MetricData": data}
    message = rejection(metrics.batch_put_metrics, code="ResourceNotFound", **missing)
    assert "none does not exist" in message


def test_resources_that_others_need_cannot_be_deleted(client: Client, names: tuple[str, str, str]) -> None:
    experiment, trial, component = names
    sagemaker = client.sagemaker
    assert f"it has the trial '{trial}'" in rejection(sagemaker.delete_experiment, ExperimentName=experiment)
    assert f"it has the trial component '{component}'" in rejection(sagemaker.delete_trial, TrialName=trial)
    assert f"it has the trial '{trial}'" in rejection(sagemaker.delete_trial_component, TrialComponentName=component)
    sagemaker.disassociate_trial_component(TrialName=trial, TrialComponentName=component)
    assert components(client, TrialName=trial) == []
    sagemaker.delete_trial_component(TrialComponentName=component)
    sagemaker.delete_trial(TrialName=trial)
    sagemaker.delete_experiment(ExperimentName=experiment)
    rejection(sagemaker.describe_experiment, code="ResourceNotFound", ExperimentName=experiment)
    rejection(sagemaker.create_trial, code="ResourceNotFound", TrialName="t", ExperimentName=experiment)


def test_jobs_of_pipelines_have_components(pipelines: Pipelines) -> None:
    sagemaker = pipelines.sagemaker
    name = f"Of-Pipelines-{next(counter)}"
    names = {"ExperimentName": name, "TrialName": get("Execution.PipelineExecutionId")}
    steps = pipelines.processing("P", "pass"), pipelines.training("T", "pass", "P"), model("M")
    pipeline = pipelines.create(*steps, PipelineExperimentConfig=names)
    executions = [pipelines.start(pipeline) for _ in range(2)]
    trials = sagemaker.list_trials(ExperimentName=name)["TrialSummaries"]
    assert {trial["TrialName"] for trial in trials} == {execution.rpartition("/")[2] for execution in executions}
    for execution in executions:
        pipelines.wait(execution)
        steps = pipelines.steps(execution)
        arns = {steps["P"]["Metadata"]["ProcessingJob"]["Arn"], steps["T"]["Metadata"]["TrainingJob"]["Arn"]}
        items = sagemaker.list_trial_components(TrialName=execution.rpartition("/")[2])["TrialComponentSummaries"]
        assert {item["TrialComponentSource"]["SourceArn"] for item in items} == arns
        assert not sagemaker.list_associations(SourceArn=items[0]["TrialComponentArn"])["AssociationSummaries"]


def test_names_that_no_experiment_can_have_are_only_recorded(pipelines: Pipelines) -> None:
    names = {"ExperimentName": "not a name", "TrialName": get("Execution.PipelineExecutionId")}
    execution = pipelines.run(pipelines.processing("P", "pass"), PipelineExperimentConfig=names)
    assert pipelines.describe(execution)["PipelineExperimentConfig"]["ExperimentName"] == "not a name"
    arn = pipelines.steps(execution)["P"]["Metadata"]["ProcessingJob"]["Arn"]
    assert not components(pipelines.client, SourceArn=arn)


def test_a_job_has_a_component(client: Client, names: tuple[str, str, str]) -> None:
    experiment, trial, _ = names
    config = {"ExperimentName": experiment, "TrialName": trial, "TrialComponentDisplayName": "shown"}
    script = "for loss in (0.5, 0.125, 0.25): print(f'loss={loss};')"
    algorithm = {"MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*?);"}]}
    job = client.train(script, ExperimentConfig=config, HyperParameters={"depth": "3", "kind": "tree"}, **{
        "AlgorithmSpecification": {"TrainingImage": client.image, "TrainingInputMode": "File"} | algorithm
    })  # fmt: skip
    assert job["TrainingJobStatus"] == "Completed", job
    [name] = components(client, SourceArn=job["TrainingJobArn"])
    assert name == f"{job['TrainingJobName']}-aws-training-job"
    assert name in components(client, TrialName=trial)
    response = client.sagemaker.describe_trial_component(TrialComponentName=name)
    assert response["DisplayName"] == "shown"
    assert response["Source"] == {"SourceArn": job["TrainingJobArn"], "SourceType": "SageMakerTrainingJob"}
    assert response["Status"]["PrimaryStatus"] == "Completed"
    assert response["EndTime"] == job["TrainingEndTime"]
    assert response["Parameters"]["depth"] == {"NumberValue": 3.0}
    assert response["Parameters"]["kind"] == {"StringValue": "tree"}
    assert response["OutputArtifacts"]["SageMaker.ModelArtifact"]["Value"] == job["ModelArtifacts"]["S3ModelArtifacts"]
    [loss] = response["Metrics"]
    assert [loss[name] for name in ("MetricName", "Last", "Min", "Max", "Count")] == ["loss", 0.25, 0.125, 0.5, 3]
    client.sagemaker.update_trial_component(TrialComponentName=name, ParametersToRemove=["depth"])
    client.sagemaker.delete_training_job(TrainingJobName=job["TrainingJobName"])
    new_response = client.sagemaker.describe_trial_component(TrialComponentName=name)
    del response["Parameters"]["depth"]
    members = response.keys() - {"ResponseMetadata", "LastModifiedTime"}
    assert {name: new_response[name] for name in members} == {name: response[name] for name in members}
    missing = {"ExperimentName": experiment, "TrialName": "nowhere"}
    with pytest.raises(client.sagemaker.exceptions.ResourceNotFound, match="Trial 'nowhere' does not exist"):
        client.process("pass", ExperimentConfig=missing)


def test_each_job_component_has_a_separate_trial_and_name(client: Client, names: tuple[str, str, str]) -> None:
    experiment, other = names[0], f"experiment-{next(counter)}"
    client.sagemaker.create_experiment(ExperimentName=other)
    members = {"ExperimentConfig": {"ExperimentName": experiment}, **make_output(f"s3://{BUCKET}/of-component")}
    job = client.process("pass", **members)
    [first] = components(client, SourceArn=job["ProcessingJobArn"])
    assert components(client, TrialName=first) == [first]
    description = client.sagemaker.describe_trial_component(TrialComponentName=first)
    assert description["InputArtifacts"]["script"]["Value"].endswith("/job.py")
    assert description["OutputArtifacts"]["o"]["Value"] == f"s3://{BUCKET}/of-component"
    client.sagemaker.delete_processing_job(ProcessingJobName=job["ProcessingJobName"])
    names_again = ("ProcessingJobName", "RoleArn", "AppSpecification", "ProcessingResources", "ExperimentConfig")
    client.sagemaker.create_processing_job(**{name: job[name] for name in names_again})  # without the script
    assert client.end(job)["ProcessingJobStatus"] == "Failed"
    assert components(client, SourceArn=job["ProcessingJobArn"]) == [f"{first}-2", first]
    assert client.sagemaker.describe_trial_component(TrialComponentName=first)["Status"] == description["Status"]
    with pytest.raises(ClientError, match=f"the trial '{names[1]}' belongs to the experiment '{experiment}'"):
        client.process("pass", ExperimentConfig={"ExperimentName": other, "TrialName": names[1]})


def test_names_are_not_case_sensitive(client: Client, names: tuple[str, str, str]) -> None:
    experiment, trial, component = names
    assert "already exists" in rejection(client.sagemaker.create_experiment, ExperimentName=experiment.upper())
    client.sagemaker.update_trial(TrialName=trial.upper(), DisplayName="shown")
    client.sagemaker.update_trial_component(TrialComponentName=component.upper(), DisplayName="shown")
    description = client.sagemaker.describe_trial(TrialName=trial.upper())
    assert (description["TrialName"], description["DisplayName"]) == (trial, "shown")
    assert components(client, TrialName=trial.upper(), ExperimentName=experiment.upper()) == [component]
