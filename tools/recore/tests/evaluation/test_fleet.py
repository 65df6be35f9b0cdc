"""`recore judge --engine aws`: its requests, its policies, and the continuation of a killed round."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from recore_support.aws_requests import Recorder, addresses, allows
from recore_support.command import recore
from recore_support.run_command import file_options
from recore_support.tiny_submission import PREPROCESS, TRAIN, stub
from stagemaker_support.hostile_requirements import HOSTILE_LINES
from stagemaker_support.sandbox import needs_sandbox
from support.checkout import environment

from recore import evaluation
from recore.backends import IMAGE, Services
from recore.check.experiment_jobs import ExperimentJobs
from recore.check.failures import ExperimentError
from recore.cli.aws_round import AwsRound
from recore.evaluation.fleet import wheels
from recore.evaluation.job_requests import HOST, OUTPUTS, PREFIX, SCORES
from recore.evaluation.job_runner import JobRunner, StepFailed
from recore.evaluation.step import Step
from stagemaker.server import BUCKET, Simulator

ACCOUNT = "arn:aws:iam::111122223333:role"
ROLES = ("--role", f"{ACCOUNT}/Submissions", "--scoring-role", f"{ACCOUNT}/Scoring")
Result = subprocess.CompletedProcess[str]
SUBMISSIONS, SCORING = "role of submissions (--role)", "role of scoring (--scoring-role)"
READ, WRITE = {"GetObject", "ListBucket"}, {"PutObject", "AbortMultipartUpload"}
FAILURE = "raise ValueError('no copper here')\n"
SLEEP_LINE = "asleep"
SLEEP = f"import time\nif __name__ == '__main__':\n    print({SLEEP_LINE!r}, flush=True)\n    time.sleep(600)\n"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(isolation="auto") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def judge(simulator: Simulator, sample: Path) -> Callable[..., Result]:
    """Return a function that judges submissions on AWS; words: their paths, and options."""
    options = (*file_options(sample, allow_unsandboxed=False), "--engine", "aws", *ROLES)
    return lambda *words: recore("judge", *words, *options, **simulator.variables())


@dataclass
class Round:
    """A round of two submissions, one of which fails. words: the command's arguments."""

    folder: Path
    words: tuple[object, ...]
    requests: Recorder
    result: Result


@pytest.fixture(scope="module")
def judged_round(judge: Callable[..., Result], tmp_path_factory: pytest.TempPathFactory) -> Round:
    """Return a round whose private assays cannot be removed."""
    folder = tmp_path_factory.mktemp("round")
    paths = (stub(folder / "mine"), stub(folder / "fails", {"train.py": FAILURE + TRAIN}))
    words = (*paths, "--out", folder / "judged", "--jobs", 2, "--bucket", BUCKET, "--yes")
    with Recorder("s3.DeleteObject") as recorder:
        return Round(folder / "judged", words, recorder, judge(*words))


@needs_sandbox
def test_no_role_of_a_submission_reads_private_assays_and_each_may_do_what_its_jobs_need(judged_round: Round) -> None:
    recorder, result = judged_round.requests, judged_round.result
    assert "aws: 2 to run, 2 at a time: at most 16 instance-hours, $4, if every job uses its" in result.stderr
    policies = evaluation.make_policies(BUCKET)
    of_role = {ROLES[1]: policies[SUBMISSIONS], ROLES[3]: policies[SCORING]}
    requests = recorder.select("CreateTrainingJob", "CreateProcessingJob", "CreateModel")
    scoring = [request for request in requests if "-score" in request.get("ProcessingJobName", "")]
    assert {request["RoleArn"] for request in scoring} == {ROLES[3]}
    assert len(scoring) == 2
    transforms = {
        request["ModelName"]: [*addresses(request, ("S3Uri", "S3OutputPath"))]
        for request in recorder.select("CreateTransformJob")
    }
    outputs = [uri for _, request in recorder.requests for uri in addresses(request, ("S3OutputPath",))]
    outputs += addresses([request.get("ProcessingOutputConfig") for request in requests], ("S3Uri",))
    for request in requests:
        role = request.get("RoleArn") or request["ExecutionRoleArn"]
        assert request.get("EnableNetworkIsolation") or request["NetworkConfig"]["EnableNetworkIsolation"]
        uris = addresses(request, ("S3Uri", "S3OutputPath", "ModelDataUrl"))
        for uri in uris + transforms.get(request.get("ModelName", ""), []):
            resource = f"arn:aws:s3:::{uri.removeprefix('s3://')}"
            action = "s3:PutObject" if uri in outputs else "s3:GetObject"
            assert allows(of_role[role], action, resource), (role, action, resource)
    read = {uri.split("/")[3] for request in scoring for uri in addresses(request["ProcessingInputs"], ("S3Uri",))}
    assert read == {PREFIX, HOST}  # where only the caller writes


@needs_sandbox
def test_assays_that_remain_after_a_round_are_removed_by_the_repeated_command(
    simulator: Simulator, judge: Callable[..., Result], judged_round: Round
) -> None:
    table = (judged_round.folder / "judged.csv").read_text()
    assert judged_round.result.returncode == 1
    assert "repeat the command to remove them from AWS" in judged_round.result.stdout
    assert HOST not in table
    assert "private/actual/public.csv.gz" in str(objects_below_recore(simulator))
    with Recorder() as recorder:
        result = judge(*judged_round.words)
    assert result.returncode == 0, result.stderr
    assert "2 judged before, 0 to run" in result.stderr
    assert "objects from an earlier call" in result.stderr
    assert objects_below_recore(simulator) == []
    assert recorder.select("CreateTrainingJob") == []
    assert ",completed," in (judged_round.folder / "judged.csv").read_text()


@needs_sandbox
def test_a_job_that_cannot_be_watched_is_not_its_submissions_fault_and_the_repeated_command_stops_it(
    simulator: Simulator, judge: Callable[..., Result], tmp_path: Path
) -> None:
    path, folder = stub(tmp_path / "mine"), tmp_path / "judged"
    words = (path, "--out", folder, "--yes")
    with Recorder("sagemaker.DescribeTrainingJob", "sagemaker.StopTrainingJob"):
        result = judge(*words)
    assert result.returncode == 1
    assert "repeat the command to run the submission again" in (folder / "judged.csv").read_text()

    sagemaker, job = simulator.client("sagemaker"), f"recore-{evaluation.make_round_id(BUCKET, folder)}-private-score"
    settings = evaluation.RunSettings("name", BUCKET, ROLES[1])
    request = evaluation.processing_arguments(
        IMAGE, ROLES[3], settings.processing.request, "", {}, {}, "o", settings.uri("o")
    )
    request["AppSpecification"]["ContainerEntrypoint"] = ["sleep", "600"]
    sagemaker.create_processing_job(ProcessingJobName=job, **request)
    shutil.rmtree(path)  # so that nothing is to be run
    with Recorder("sagemaker.StopProcessingJob"):
        result = judge(*words)
    assert result.returncode == 1
    assert "(ExpiredToken) when calling the StopProcessingJob" in result.stderr.splitlines()[-1]
    assert result.stderr.endswith("; repeat the command\n")
    result = judge(*words)
    assert "aws: stopped 1 job and removed 0 objects from an earlier call" in result.stderr
    assert sagemaker.describe_processing_job(ProcessingJobName=job)["ProcessingJobStatus"] == "Stopped"


@needs_sandbox
@pytest.mark.parametrize(
    ("failing_calls", "reason"),
    [(("sagemaker.DescribeProcessingJob",), "ExpiredToken"), ((), "a package index failed, or could not be reached")],
)
def test_packages_that_cannot_be_fetched_are_not_the_submissions_fault(
    simulator: Simulator,
    judge: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing_calls: tuple[str, ...],
    reason: str,
) -> None:
    settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "0", "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    monkeypatch.setattr(
        evaluation.job_requests, "ENVIRONMENT", evaluation.job_requests.ENVIRONMENT | settings | {"PIP_RETRIES": "0"}
    )
    files = {"requirements.txt": "seaborn\n", "MANIFEST.in": "include requirements.txt\n"}
    with Recorder(*failing_calls):
        result = judge(stub(tmp_path / "mine", files), "--out", tmp_path / "judged", "--yes")
    assert result.returncode == 1
    table = (tmp_path / "judged/judged.csv").read_text()
    assert "not judged: OSError: packages cannot be fetched: " in table
    assert reason in table
    assert objects_below_recore(simulator) == []


@needs_sandbox
def test_a_package_that_does_not_exist_is_the_submissions_fault(judge: Callable[..., Result], tmp_path: Path) -> None:
    files = {"requirements.txt": "InternalServerError==1\n", "MANIFEST.in": "include requirements.txt\n"}
    result = judge(stub(tmp_path / "mine", files), "--out", tmp_path / "judged", "--yes")
    assert result.returncode == 0
    assert "No matching distribution found for InternalServerError==1" in result.stderr
    assert "train failed: " in (tmp_path / "judged/judged.csv").read_text()


ACTIONS = {
    **{(SUBMISSIONS, PREFIX): READ, (SUBMISSIONS, HOST): set(), (SUBMISSIONS, OUTPUTS): WRITE},
    **{(SUBMISSIONS, SCORES): set(), (SCORING, PREFIX): READ, (SCORING, HOST): READ},
    **{(SCORING, OUTPUTS): set(), (SCORING, SCORES): WRITE},
}


@pytest.mark.parametrize(("role", "prefix"), ACTIONS)
def test_each_role_writes_below_its_own_prefix_alone(role: str, prefix: str) -> None:
    """Only the caller, with its own credentials, writes below PREFIX and HOST."""
    policy = evaluation.make_policies("bucket")[role]
    [listing] = [statement for statement in policy["Statement"] if statement["Action"] == ["s3:ListBucket"]]
    allowed = {
        action
        for action in {*READ, *WRITE, "DeleteObject", "PutObjectAcl", "GetObjectVersion", "PutBucketPolicy"}
        if allows(policy, f"s3:{action}", f"arn:aws:s3:::bucket/{prefix}/recore-1/any")
    }
    allowed |= {"ListBucket"} if f"{prefix}/*" in listing["Condition"]["StringLike"]["s3:prefix"] else set()
    assert allowed == ACTIONS[role, prefix]


def test_the_outputs_of_a_run_cannot_be_found_by_jobs_of_another() -> None:
    first, second = (evaluation.RunSettings("name", "bucket", "role") for _ in range(2))
    assert first.key(OUTPUTS, "model") != second.key(OUTPUTS, "model")
    assert first.key("model") == second.key("model")


def test_options_that_do_not_fit_are_rejected_in_one_line(simulator: Simulator, sample: Path, tmp_path: Path) -> None:
    files = file_options(sample, allow_unsandboxed=False)
    command = ["judge", stub(tmp_path / "mine"), *files, "--out", tmp_path / "judged"]
    same_roles = ("--role", ROLES[1], "--scoring-role", ROLES[1])
    for words, reason in (
        ((*command, *ROLES), "--role, --bucket and the other options for AWS need --engine aws"),
        ((*command, "--engine", "aws", *same_roles), "--scoring-role must differ from --role"),
        (("judge", *files), "SUBMISSIONS, --public, --private and --actual are required"),
    ):
        result = recore(*words, **simulator.variables())
        assert result.returncode == 2
        assert reason in result.stderr.splitlines()[-1]


@needs_sandbox
def test_a_round_above_the_cost_limit_is_not_started(judge: Callable[..., Result], tmp_path: Path) -> None:
    words = (stub(tmp_path / "mine"), "--out", tmp_path / "judged")
    result = judge(*words, "--at-most", 0.5, "--yes")
    assert result.returncode == 2
    assert "the round could cost $1.84, more than --at-most 0.5; judge part of" in result.stderr.splitlines()[-1]
    result = judge(*words)
    assert result.returncode == 1
    assert "Start these jobs? [y/N]" in result.stderr
    assert not list((tmp_path / "judged").glob("*/run.json"))


def test_the_policies_are_printed_as_json() -> None:
    result = recore("judge", "--print-policies", "--bucket", "mine")
    parts = result.stdout.split("# ")[1:]
    policies = {part.partition("\n")[0]: json.loads(part.partition("\n")[2]) for part in parts}
    assert policies == evaluation.make_policies("mine")


def test_the_bound_counts_every_job_to_its_limit() -> None:
    costs = evaluation.bound_costs(3600, 0.23, submissions=400, tied=2, folds=5, package_lists=3)
    assert costs.hours == pytest.approx(400 * (1 + 2 + 2 + 3) + 2 * 6 + 3)
    assert costs.dollars == pytest.approx(0.23 * costs.hours)
    assert evaluation.count_instances(400, 50) == {"training": 50, "processing": 150, "transform": 100}


def test_quotas_are_read_for_the_instance_type() -> None:
    names = {"ml.m5.xlarge for training job usage": 20, "ml.m5.xlarge for transform job usage": 4, "other": 1}
    client = Mock()  # AWS's response, because the simulator has no Service Quotas
    paginate = client.get_paginator.return_value.paginate
    paginate.return_value = [{"Quotas": [{"QuotaName": name, "Value": value}]} for name, value in names.items()]
    assert evaluation.read_quotas(client, evaluation.RunSettings("n", "b", "r")) == {"training": 20.0, "transform": 4.0}
    client.get_paginator.assert_called_once_with("list_service_quotas")
    paginate.assert_called_once_with(ServiceCode="sagemaker")


def test_the_cost_bound_includes_ties(tmp_path: Path) -> None:
    contents = {"plain": "numpy\n", "more": "seaborn\n", "same": "# mine\nseaborn\n", "other": "catboost\n"}
    contents["invalid"] = "./x\n"
    manifest = {"MANIFEST.in": "include requirements.txt\n"}
    paths = [stub(tmp_path / name, {"requirements.txt": content} | manifest) for name, content in contents.items()]
    entry, larger, copy, other, invalid = [evaluation.Entry(path, evaluation.read_submission(path)) for path in paths]
    options = dict.fromkeys(("role", "scoring_role", "bucket", "image", "price"))
    aws_round = AwsRound(**options, at_most=6.7, yes=True)
    assert aws_round.allows_recomputing(3600, [entry, invalid], [entry, invalid])  # $3.68 and $2.76
    assert aws_round.allows_recomputing(3600, [entry, larger], [larger, copy])  # one $0.23 job for the packages of both
    assert not aws_round.allows_recomputing(3600, [entry, larger], [larger, other])
    assert not aws_round.allows_recomputing(3600, [entry, invalid], [entry, copy, invalid])


def test_a_training_without_a_fold_gets_the_packages_of_its_run(simulator: Simulator, tmp_path: Path) -> None:
    wheels = f"s3://{BUCKET}/recore/round/wheels"
    simulator.client("s3").put_object(Bucket=BUCKET, Key="recore/round/wheels/one.whl")
    settings = evaluation.RunSettings("name", BUCKET, ROLES[1], wheels=wheels, round_id="12345678")
    with Recorder() as recorder:
        services = Services(simulator.client)
        jobs = ExperimentJobs(services, settings, evaluation.read_submission(stub(tmp_path / "mine")), tmp_path, print)
        with pytest.raises(ExperimentError):  # there are no folds
            jobs.train("hold-out", "hold_out.py", {}, {})
        jobs.clear()
    simulator.client("s3").delete_object(Bucket=BUCKET, Key="recore/round/wheels/one.whl")
    [request] = recorder.select("CreateTrainingJob")
    assert request["TrainingJobName"].startswith("recore-12345678-")
    assert [each["ChannelName"] for each in request["InputDataConfig"]] == ["code", "wheels"]
    assert request["Environment"]["PIP_FIND_LINKS"] == "/opt/ml/input/data/wheels"


def test_no_version_of_the_assays_remains_after_a_killed_call(simulator: Simulator) -> None:
    s3, services = simulator.client("s3"), Services(simulator.client)
    s3.create_bucket(Bucket="versions")
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    for key in ("recore-host/recore-1-a/assays.gz", "recore/recore-1-a/model.tar.gz", "recore/recore-2-a/other"):
        s3.put_object(Bucket="versions", Key=key)
    assert evaluation.stop_leftovers(services, "versions", "recore-1-") == (0, 2)
    versions = s3.list_object_versions(Bucket="versions")["Versions"]
    assert [item["Key"] for item in versions] == ["recore/recore-1-a/model.tar.gz", "recore/recore-2-a/other"]
    objects = s3.list_objects_v2(Bucket="versions")["Contents"]
    assert [item["Key"] for item in objects] == ["recore/recore-2-a/other"]


def test_packages_come_from_a_job_that_sees_no_data() -> None:
    assert not wheels.needs_more_packages(b"# nothing\nnumpy\n")
    assert wheels.needs_more_packages(b"xgboost==3.0.0\n")
    assert wheels.needs_more_packages(b"numpy==1.0\n")
    assert wheels.needs_more_packages(b"./mine.whl\n")
    request: Any = wheels.wheels_request(evaluation.RunSettings("n", "b", "r"), "n-wheels", "s3://b/recore/n/wheels-1")
    assert request["NetworkConfig"] == {"EnableNetworkIsolation": False}
    assert addresses(request["ProcessingInputs"], ("S3Uri",)) == [
        "s3://b/recore/n/wheels-1/code",
        "s3://b/recore/n/wheels-1/requirements",
    ]


def test_the_job_with_a_network_runs_no_code_of_packages() -> None:
    packages = b'--pre\nnumpy>=2; python_version > "3"\nxgboost==3.0.0 --hash=sha256:ab\n'
    assert wheels.list_packages(b"# none\n" + packages) == packages
    others = ("git+https://x.org/x.git", "x @ https://x.org/x.zip", "./x", "--no-binary :all:", "-r x.txt")
    for line in (*others, *HOSTILE_LINES):
        with pytest.raises(StepFailed, match=r"requirements.txt, line 2: .* is not a package from the index"):
            wheels.list_packages(f"numpy\n{line}".encode())


def test_a_job_is_requested_again_if_the_quota_is_full(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("recore.evaluation.job_runner.MIN_RETRY_PAUSE", 0.01)
    errors = ["ResourceLimitExceeded", "ThrottlingException"]

    class Busy:  # as AWS does when a quota is full; the simulator has no limits
        def create_training_job(self, **_: object) -> None:
            if errors:
                raise ClientError({"Error": {"Code": errors.pop()}}, "CreateTrainingJob")

    def create(patience: float) -> None:
        runner = JobRunner(Services(lambda service: Busy(), patience=patience), tmp_path)
        runner._create(Step("train", "TrainingJob"), "TrainingJob", {})

    with pytest.raises(ClientError, match="ThrottlingException"):
        create(patience=0)
    create(patience=5)
    assert errors == []


def stop_sleeper(simulator: Simulator, stop_event: threading.Event) -> None:
    """Stop the training job whose log says that it sleeps, as another user could in the console."""
    logs, sagemaker = simulator.client("logs"), simulator.client("sagemaker")
    while not stop_event.wait(0.5):
        for event in logs.filter_log_events(logGroupName="/aws/sagemaker/TrainingJobs")["events"]:
            job = event["logStreamName"].partition("/")[0]
            if event["message"].strip() == SLEEP_LINE and job in running_jobs(sagemaker, "recore"):
                sagemaker.stop_training_job(TrainingJobName=job)
                return


def objects_below_recore(simulator: Simulator) -> list[str]:
    objects = simulator.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="recore").get("Contents", [])
    return [item["Key"] for item in objects]


def running_jobs(sagemaker: Any, name: str) -> list[str]:
    response = sagemaker.list_training_jobs(StatusEquals="InProgress", NameContains=name)
    return [job["TrainingJobName"] for job in response["TrainingJobSummaries"]]


@pytest.mark.slow
@needs_sandbox
def test_a_killed_round_continues_with_the_missing_submissions(sample: Path, tmp_path: Path) -> None:
    """Of twelve submissions, one is slow, two fail, and one is stopped by a different user."""
    paths = [stub(tmp_path / "slow", {"preprocess.py": SLEEP + PREPROCESS})]
    paths += [stub(tmp_path / f"good-{index}", {"train.py": f"# {index}\n{TRAIN}"}) for index in range(8)]
    paths += [stub(tmp_path / f"fails-{index}", {"train.py": f"# {index}\n{FAILURE}{TRAIN}"}) for index in range(2)]
    paths += [stub(tmp_path / "stopped", {"train.py": SLEEP + TRAIN})]
    with Simulator(isolation="required") as simulator:
        sagemaker, folder = simulator.client("sagemaker"), tmp_path / "judged"
        options = [*file_options(sample, allow_unsandboxed=False), "--out", folder, "--time-limit", 1, "--yes"]
        command = ["judge", *paths, *options, "--engine", "aws", *ROLES, "--jobs", 4]
        words = [sys.executable, "-m", "recore", *map(str, command)]
        with open(tmp_path / "log", "w") as log:
            process = subprocess.Popen(words, env=environment() | simulator.variables(), stderr=log, cwd=tmp_path)
        while len(list(folder.glob("*/run.json"))) < 2:
            assert process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kept_runs = {path.parent.name for path in folder.glob("*/run.json")}
        stop_event = threading.Event()
        stopper = threading.Thread(target=stop_sleeper, args=(simulator, stop_event))
        stopper.start()
        with Recorder() as recorder:
            result = recore(*command, **simulator.variables())
        stop_event.set()
        stopper.join()
        assert result.returncode == 0, result.stderr
        assert len(recorder.select("CreateTrainingJob")) == 12 - len(kept_runs)
        assert "from an earlier call" in result.stderr
        assert running_jobs(sagemaker, f"recore-{evaluation.make_round_id(BUCKET, folder)}-") == []
        assert objects_below_recore(simulator) == []
    results = (folder / "judged.csv").read_text()
    assert results.count(",completed,") == 8
    assert results.count("no copper here") == 2
    assert results.count("it exceeded its time limit, or someone else stopped it") == 1
    assert results.count("it exceeded its time limit of 1 min") == 1
