"""A model class for tests, run by the container's program in separate processes or as jobs in a simulator."""

import http.client
import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stagemaker_support.endpoints import Endpoints
from stagemaker_support.job_traces import wait_until
from stagemaker_support.simulator_client import IMAGE, Client
from stagemaker_support.training_jobs import channel, submit
from support.checkout import ROOT, environment

from recore.model import SageMakerEnv
from recore.model.code_archive import code_files, write_code_archive
from stagemaker.server import BUCKET, ROLE_ARN

MakeEnv = Callable[..., SageMakerEnv]

HOUSE_PRICES = '''
"""House prices by area."""

import json
import tempfile
import time
from pathlib import Path

import numpy as np

from recore.model import Model, ModelDatasetGenerator, ModelPredictor, ModelTrainer
from recore.model.errors import ClientError


class HouseGenerator(ModelDatasetGenerator):
    def generate(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "houses.csv")
            file.write_text("area,price\\n50,101\\n100,199\\n150,301\\n")
            self.upload_to_s3(file)


class HouseTrainer(ModelTrainer):
    def train(self):
        area, price = np.loadtxt(self.env.dataset_folder() / "houses.csv", delimiter=",", skiprows=1).T
        slope = float(area @ price / (area @ area))
        (self.env.model_folder() / "house.json").write_text(json.dumps(slope))
        errors = np.abs(price - slope * area)
        (self.env.model_folder() / "validation.json").write_text(json.dumps({"largest_error": float(errors.max())}))


class HousePredictor(ModelPredictor):
    def setup(self):
        self.slope = json.loads((self.env.model_folder() / "house.json").read_text())
        print("set up", flush=True)

    def teardown(self):
        print("torn down", flush=True)

    def result(self, data):
        if "area" not in data:
            raise ClientError("no area", "a house has an area")
        if data["area"] == "twice":
            raise RuntimeError("no price for that")
        if data["area"] == "later":
            Path(data["begun"]).touch()
            while not Path(data["until"]).exists():
                time.sleep(0.01)
            return {"price": "late"}
        if data["area"] == "exit":
            sys.exit(4)
        if data["area"] == "interrupt":
            raise KeyboardInterrupt
        if data["area"] == "object":
            return {"price": object()}
        return {"price": self.slope * np.float32(data["area"])}


class HousePrices(Model):
    DATASET_GENERATOR = HouseGenerator
    TRAINER = HouseTrainer
    PREDICTOR = HousePredictor


class OnlyTrained(Model):
    TRAINER = HouseTrainer
'''
SCRIPT = """
from house_prices import HousePrices
from recore.model.script import make_hooks, train

model_fn, input_fn, predict_fn, output_fn = make_hooks(HousePrices)

if __name__ == "__main__":
    train(HousePrices)
"""
HOUSES_CSV = "area,price\n50,101\n100,199\n150,301\n"
S3_VARIABLES = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "NO_PROXY")
# The log line of this project's server, or of the plain container's server.
LISTENING_LINE = re.compile(r"Listening (?:on port |at: http://127\.0\.0\.1:)(\d+)")
CODE = "/opt/ml/processing/input/code"
SLOPE = 2.002857142857143  # least squares through the origin


def write_house_prices(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "house_prices.py").write_text(HOUSE_PRICES)
    (folder / "job.py").write_text(SCRIPT)
    return folder


def ml_folder(folder: Path) -> Path:
    """Create a folder like /opt/ml with a dataset and a trained model."""
    for name in ("model", "output", "input/data/training"):
        (folder / name).mkdir(parents=True)
    (folder / "input/data/training/houses.csv").write_text(HOUSES_CSV)
    (folder / "model/house.json").write_text(json.dumps(SLOPE))
    return folder


def program_command(ml: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "recore.model", "--ml-folder", str(ml), *arguments]


def program_environment(code: Path, variables: dict[str, str]) -> dict[str, str]:
    return environment() | {"PYTHONPATH": str(code)} | variables


def run_program(code: Path, ml: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        program_command(ml, *arguments),
        cwd=code,
        env=program_environment(code, variables),
        capture_output=True,
        text=True,
        timeout=60,
    )


@dataclass
class ServedModel:
    """The container's server. log: the file with its output."""

    process: "subprocess.Popen[bytes]"
    log: Path
    port: int

    def request(self, path: str, body: bytes | None = None, method: str | None = None) -> tuple[int, str, Any]:
        """Send a request; return the response's status, content type and JSON."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.headers["Content-Type"], json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, error.headers["Content-Type"], json.loads(error.read())

    def invoke(self, data: Any) -> Any:
        status, _, prediction = self.request("/invocations", json.dumps(data).encode())
        assert status == 200, prediction
        return prediction

    def idle_connection(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/ping")
        assert connection.getresponse().read()
        return connection

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def served_model(folder: Path, **variables: str) -> AbstractContextManager[ServedModel]:
    """Serve HousePrices with the container's program on a free port."""
    code, ml = write_house_prices(folder / "code"), ml_folder(folder / "ml")
    defaults = {"ML2P_MODEL_CLS": "house_prices.HousePrices", "SAGEMAKER_BIND_TO_PORT": "0"}
    return _server(program_command(ml, "serve"), code, defaults | variables, folder / "log.txt")


def served_script(folder: Path, **variables: str) -> AbstractContextManager[ServedModel]:
    """Serve HousePrices with its script in the plain container's server."""
    code, ml = write_house_prices(folder / "code"), ml_folder(folder / "ml")
    defaults = {"SAGEMAKER_BASE_DIR": str(ml), "SAGEMAKER_PROGRAM": "job.py", "SAGEMAKER_SUBMIT_DIRECTORY": str(code)}
    program = ROOT / "tools/stagemaker/src/stagemaker/container/serving.py"
    command = [sys.executable, "-P", str(program), "--bind", "127.0.0.1:0"]
    return _server(command, code, defaults | variables, folder / "log.txt")


@contextmanager
def _server(command: list[str], code: Path, variables: dict[str, str], log: Path) -> Iterator[ServedModel]:
    env = program_environment(code, variables)
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=code, env=env, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: LISTENING_LINE.search(log.read_text()) or process.poll() is not None)
        match = LISTENING_LINE.search(log.read_text())
        assert match, log.read_text()
        yield ServedModel(process, log, int(match[1]))
    finally:
        process.kill()
        process.wait()


def url_of(project: str) -> str:
    return f"s3://{BUCKET}/{project}"


def s3_variables(client: Client) -> dict[str, str]:
    """Return the S3 variables, except the session token, which is too long for a job request."""
    variables = client.simulator.variables()
    return {name: variables[name] for name in S3_VARIABLES}


def recording_variables(project: str) -> dict[str, str]:
    return {"ML2P_S3_URL": url_of(project), "ML2P_MODEL_VERSION": f"{project}-1.0", "ML2P_RECORD_INVOKES": "true"}


def server_recording_variables(client: Client, project: str) -> dict[str, str]:
    return s3_variables(client) | recording_variables(project)


def records(client: Client, project: str) -> dict[str, Any]:
    prefix = f"{project}/predictions/{project}-1.0/"
    pages = client.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return {key.removeprefix(prefix): json.loads(client.get(f"s3://{BUCKET}/{key}")) for key in keys}


def upload_code_archive(client: Client, folder: Path, project: str, packages: Sequence[str] = ()) -> str:
    write_code_archive(folder.parent / "code.tar.gz", folder, packages)
    return client.put(f"{project}/code.tar.gz", (folder.parent / "code.tar.gz").read_bytes())


def generate_dataset(
    client: Client, folder: Path, project: str, model: str, packages: Sequence[str] = (), **variables: str
) -> dict[str, Any]:
    """Run the processing job that generates the dataset `first`, and return its description."""
    for name, path in code_files(folder, packages).items():
        client.put(f"{project}/code/{name}", path.read_bytes())
    s3_input = {"S3Uri": f"{url_of(project)}/code", "LocalPath": CODE, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    command = ["python3", "-m", "recore.model", "--model", model, "generate-dataset"]
    variables |= {"PYTHONPATH": CODE, "ML2P_DATASET": "first", "ML2P_S3_URL": url_of(project)}
    return client.process(
        "",
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": command},
        ProcessingInputs=[{"InputName": "project", "S3Input": s3_input}],
        Environment=variables,
    )


def train(client: Client, source: str, project: str, dataset: str, **hyperparameters: str) -> dict[str, Any]:
    """Run the training job PROJECT-1 in script mode."""
    submit(
        client,
        TrainingJobName=f"{project}-1",
        HyperParameters={"sagemaker_program": "job.py", "sagemaker_submit_directory": source} | hyperparameters,
        InputDataConfig=[channel("training", dataset)],
        OutputDataConfig={"S3OutputPath": f"{url_of(project)}/models"},
        Environment={"ML2P_PROJECT": project, "ML2P_S3_URL": url_of(project)},
    )
    job = client.wait("TrainingJob", f"{project}-1")
    assert job["TrainingJobStatus"] == "Completed", job
    return job


def create_model(client: Client, source: str, data: str, variables: dict[str, str], name: str) -> str:
    script = {
        "SAGEMAKER_PROGRAM": "job.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": source,
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
    }
    container = {"Image": IMAGE, "ModelDataUrl": data, "Environment": script | variables}
    client.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE_ARN, PrimaryContainer=container)
    return name


def invoke(endpoints: Endpoints, name: str, data: Any) -> Any:
    response = endpoints.invoke(name, json.dumps(data), ContentType="application/json")
    assert response["ContentType"] == "application/json"
    return json.loads(response["Body"].read())
