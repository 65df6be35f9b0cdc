"""A submission cannot tell a run's jobs from a check's by their variables, arguments, files or user."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from recore_support.checking import open_experiments
from recore_support.tiny_submission import PREPROCESS, TRAIN, stub
from support.checkout import ROOT

from recore.backends.backend import Services
from recore.dataset.sample_files import SAMPLE_FILES, Plan, make_sample
from recore.evaluation.data import DataFiles
from recore.evaluation.four_steps import EvaluationRun
from recore.evaluation.job_requests import RunSettings, unique_name
from recore.evaluation.submission import read_submission
from stagemaker.machine import THREAD_VARIABLES
from stagemaker.server import BUCKET, ROLE_ARN, Simulator

REPORT = """
def report(step):
    import json, os, sys

    base = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
    files = [os.path.join(folder, name) for folder, _, names in os.walk(base) for name in names]
    config = {path: open(path).read() for path in files if "config" in path}
    facts = {"variables": dict(os.environ), "arguments": sys.argv, "folder": os.getcwd(), "user": os.getuid()}
    facts |= {"path": sys.path, "hooked": "sitecustomize" in sys.modules}
    print("FACTS", step, json.dumps(facts | {"files": files, "config": config}), file=sys.stderr, flush=True)


"""
UNIQUE = re.compile(
    r"recore-[0-9a-f]{8}-\d{8}-\d{6}-[0-9a-f]{6}|stagemaker-jobs-\w+|job-[0-9a-f]+|\d{4}-\d\d-\d\d \d\d:\d\d:[\d.]+"
)


def read_facts(logs: Path) -> dict[str, Any]:
    """Return the facts that the steps printed, by log and step, without values that are unique to a job."""
    facts = {}
    for log in logs.iterdir():
        for line in log.read_text(errors="replace").splitlines():
            if match := re.search(r"FACTS (\w+) (\{.*)", line):
                observed = json.loads(UNIQUE.sub("UNIQUE", match[2]))
                observed["files"].sort()
                for name in THREAD_VARIABLES:  # they depend on the number of running jobs
                    observed["variables"].pop(name, None)
                facts[f"{log.stem} {match[1]}"] = observed
    return facts


@pytest.mark.slow
def test_the_jobs_of_a_check_look_like_the_jobs_of_a_run(tmp_path: Path) -> None:
    train = TRAIN.replace("if __name__", f'{REPORT}if __name__ == "__main__":\n    report("train")\n\nif __name__', 1)
    preprocess = f'{REPORT}report("preprocess")\n{PREPROCESS}'
    submission = stub(tmp_path / "tiny", {"train.py": train, "preprocess.py": preprocess})
    make_sample(tmp_path / "sample", Plan(rows=60, holes=8, channels=60))
    data = DataFiles(*(tmp_path / "sample" / file for file in SAMPLE_FILES))
    for name in ("run", "check"):
        (tmp_path / name).mkdir()
    with Simulator() as simulator:
        settings = RunSettings(unique_name(), BUCKET, ROLE_ARN, pass_paths=not simulator.isolation_enforced)
        services, files = Services(simulator.client), read_submission(submission)
        EvaluationRun(services, settings, files, data, ROOT / "score.py", tmp_path / "run").execute()
        with open_experiments(simulator, submission, data.public, tmp_path / "check") as experiments:
            experiments.variations()
            assert {each.status for each in experiments.observations().values()} == {0}
    run, check = read_facts(tmp_path / "run/logs"), read_facts(tmp_path / "check/logs")
    public, private = run["public-preprocess preprocess"], run["private-preprocess preprocess"]
    assert check["full-train train"] == run["train train"]
    assert check["some-preprocess preprocess"] == public
    assert all(check[f"{name}-preprocess preprocess"] == private for name in ("private", "reversed", "single"))
    assert check["full-train train"]["variables"]["TRAINING_JOB_NAME"] == "UNIQUE-train"
    for step, expected in (("train", run["train train"]), ("preprocess", public)):
        observed = check[f"observe-predict {step}"]
        for fact in ("variables", "arguments", "folder", "user", "path", "hooked"):
            assert observed[fact] == expected[fact], (step, fact)
    assert {
        path for path in check["observe-predict train"]["files"] if "/input/" in path and "processing" not in path
    } == {path for path in run["train train"]["files"] if "/input/" in path}
    assert check["observe-predict train"]["config"] == run["train train"]["config"]
