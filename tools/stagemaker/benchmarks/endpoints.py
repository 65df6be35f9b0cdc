"""Compare the simulator's endpoints with the container's server alone and with no server, and time Batch Transform.

    python tools/stagemaker/benchmarks/endpoints.py --duration 5 --repeats 3

One model returns its input; the other is a forest, and its requests contain one row. Requests come from 1 and from 32
clients in a separate process. The setups alternate; all numbers are medians. `in process` calls the forest's script
repeatedly, without a server. Batch Transform splits files of input rows by line.
"""

import argparse
import contextlib
import io
import json
import os
import pickle
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from stagemaker import BUCKET, CONTAINER, ROLE_ARN

IMAGE = "sagemaker-scikit-learn:1.9-0-cpu-py3"
ECHO = """
def model_fn(model_dir):
    return None

def transform_fn(model, data, content_type, accept):
    return data, accept
"""
FOREST = """
import io, os, pickle
import numpy as np

def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)

def transform_fn(model, data, content_type, accept):
    text = io.StringIO()
    np.savetxt(text, model.predict(np.loadtxt(io.StringIO(data), delimiter=",", ndmin=2)), "%.6g", delimiter=",")
    return text.getvalue(), accept
"""
COLUMNS, OUTPUTS = 500, 49  # number of inputs and outputs of the forest
IN_PROCESS = """
import json, statistics, sys, time
sys.path.insert(0, sys.argv[1] + "/code")
import forest
model, body, seconds = forest.model_fn(sys.argv[1]), open(sys.argv[2]).read(), float(sys.argv[3])
times, end = [], time.perf_counter() + seconds
while (begun := time.perf_counter()) < end:
    forest.transform_fn(model, body, "text/csv", "text/csv")
    times.append(time.perf_counter() - begun)
times.sort()
p50, p99 = 1e3 * statistics.median(times), 1e3 * times[len(times) * 99 // 100]
print(json.dumps({"rate": len(times) / seconds, "p50": p50, "p99": p99}))
"""
CLIENTS = (1, 32)
WORKERS = "2"  # number of workers of a model's server
ROWS = 40_000  # number of rows for Batch Transform
OBJECTS = 8
Measured = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duration", type=float, default=5.0, help="duration of each measurement in seconds")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = {"echo": echo_model(folder / "echo"), "forest": forest_model(folder / "forest")}
        with simulator() as variables:
            simulated = Simulated(variables)
            rows = [
                row
                for model, folder in models.items()
                for row in measure_model(simulated, model, folder, arguments.duration, arguments.repeats)
            ]
            batches = list(measure_batches(simulated, models["forest"], arguments.repeats))
    print("| model | clients | setup | requests/s | p50, ms | p99, ms | rate / server alone |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print("\n| MaxConcurrentTransforms | instances | rows/s |\n|---|---|---|")
    for row in batches:
        print(f"| {' | '.join(row)} |")


class ModelFolder:
    """A model folder as in a container, with the files for model_fn and the script in code/, and a request's body."""

    def __init__(self, folder: Path, program: str, line: bytes):
        self.folder, self.program, self.line = folder, program, line
        self.body = folder.with_suffix(".csv")
        self.body.write_bytes(line)

    def archive(self) -> bytes:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            tar.add(self.folder, ".")
        return packed.getvalue()


def echo_model(folder: Path) -> ModelFolder:
    (folder / "code").mkdir(parents=True)
    (folder / "code/echo.py").write_text(ECHO)
    return ModelFolder(folder, "echo.py", b"1,2,3\n")


def forest_model(folder: Path) -> ModelFolder:
    """Return a forest of 100 trees that predicts 49 outputs from 500 inputs; a prediction takes about 10 ms."""
    generator = np.random.default_rng(0)
    inputs = generator.random((400, COLUMNS))
    targets = inputs @ generator.random((COLUMNS, OUTPUTS))
    (folder / "code").mkdir(parents=True)
    (folder / "code/forest.py").write_text(FOREST)
    model = ExtraTreesRegressor(n_estimators=100, max_depth=6, random_state=0).fit(inputs, targets)
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    return ModelFolder(folder, "forest.py", ",".join(f"{value:.4f}" for value in inputs[0]).encode() + b"\n")


@contextlib.contextmanager
def simulator() -> Iterator[dict[str, str]]:
    """Run a simulator in a separate process and yield its environment variables."""
    command = [sys.executable, "-m", "stagemaker", "start", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield json.loads(process.stdout.readline()) if process.stdout else {}
        finally:
            process.terminate()


class Simulated:
    """A client of the simulator that creates models, endpoints and transform jobs."""

    def __init__(self, variables: dict[str, str]):
        os.environ.update(variables)
        self.url = variables["AWS_ENDPOINT_URL"]
        self.sagemaker, self.s3 = boto3.client("sagemaker"), boto3.client("s3")

    def make_model(self, name: str, model: ModelFolder) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=f"{name}/model.tar.gz", Body=model.archive())
        variables = {"SAGEMAKER_PROGRAM": model.program, "SAGEMAKER_MODEL_SERVER_WORKERS": WORKERS}
        uri = f"s3://{BUCKET}/{name}/model.tar.gz"
        container = {"Image": IMAGE, "ModelDataUrl": uri, "Environment": variables}
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE_ARN, PrimaryContainer=container)

    def make_endpoint(self, name: str, model: str, captures: bool) -> str:
        """Create an endpoint, wait until it is in service, and return the URL for invocations."""
        variant = {"VariantName": "one", "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        capture = {
            "EnableCapture": captures,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{BUCKET}/captured",
            "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
        }
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[variant], DataCaptureConfig=capture
        )
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        self.sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})
        return f"{self.url}/endpoints/{name}/invocations"

    def time_transform(self, name: str, model: str, concurrent: int, instances: int) -> float:
        """Run a transform job over the objects below `rows/` and return its duration in seconds."""
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/rows/"}}
        start = time.perf_counter()
        self.sagemaker.create_transform_job(
            TransformJobName=name,
            ModelName=model,
            MaxConcurrentTransforms=concurrent,
            MaxPayloadInMB=1,
            TransformInput={"DataSource": source, "SplitType": "Line", "ContentType": "text/csv"},
            TransformOutput={"S3OutputPath": f"s3://{BUCKET}/out", "AssembleWith": "Line", "Accept": "text/csv"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": instances},
        )
        while True:
            job = self.sagemaker.describe_transform_job(TransformJobName=name)
            if job["TransformJobStatus"] == "Completed":
                return time.perf_counter() - start
            if job["TransformJobStatus"] == "Failed":
                raise SystemExit(job["FailureReason"])
            time.sleep(0.05)


@contextlib.contextmanager
def server_alone(model: ModelFolder) -> Iterator[str]:
    """Serve a model with the container's server, without the simulator, and yield the URL for its invocations."""
    port = 18_000 + os.getpid() % 10_000
    variables = {
        "SAGEMAKER_BASE_DIR": str(model.folder.parent),
        "SM_MODEL_DIR": str(model.folder),
        "SAGEMAKER_PROGRAM": model.program,
        "SAGEMAKER_SUBMIT_DIRECTORY": str(model.folder / "code"),
        "SAGEMAKER_MODEL_SERVER_WORKERS": WORKERS,
    }
    command = [sys.executable, "-P", str(CONTAINER / "serving.py"), "--bind", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, env=os.environ | variables, stderr=subprocess.DEVNULL) as process:
        try:
            while not is_healthy(f"http://127.0.0.1:{port}/ping"):
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/invocations"
        finally:
            process.terminate()


def is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def run_program(*words: object) -> Measured:
    """Run a benchmark program and return the JSON document that it prints."""
    process = subprocess.run([sys.executable, *map(str, words)], check=True, stdout=subprocess.PIPE)
    values: Measured = json.loads(process.stdout)
    return values


def load(url: str, model: ModelFolder, clients: int, seconds: float) -> Measured:
    program = Path(__file__).with_name("http_load.py")
    return run_program(program, url, "--body", model.body, "--clients", clients, "--duration", seconds)


def measure_model(
    simulated: Simulated, name: str, model: ModelFolder, seconds: float, repeats: int
) -> Iterator[list[str]]:
    """Yield the rows of the endpoint table."""
    simulated.make_model(name, model)
    endpoints = {
        "endpoint": simulated.make_endpoint(name, name, False),
        "endpoint, data capture": simulated.make_endpoint(f"{name}-capture", name, True),
    }
    with server_alone(model) as url:
        setups = {"server alone": url, **endpoints}
        for clients in CLIENTS:
            results_by_setup: dict[str, list[Measured]] = {setup: [] for setup in setups}
            if clients == 1 and name == "forest":
                results_by_setup["in process"] = []
            for index in range(repeats):
                for setup, results in results_by_setup.items():
                    print(f"{name}, {clients} clients, {setup}: {index + 1} of {repeats}", file=sys.stderr, flush=True)
                    if setup == "in process":
                        results.append(run_program("-c", IN_PROCESS, model.folder, model.body, seconds))
                    else:
                        results.append(load(setups[setup], model, clients, seconds))
            alone = median(results_by_setup["server alone"])["rate"]
            for setup, results in results_by_setup.items():
                values = median(results)
                ratio = f"{values['rate'] / alone:.2f}"
                numbers = f"{values['rate']:.0f}", f"{values['p50']:.2f}", f"{values['p99']:.2f}"
                yield [name, str(clients), setup, *numbers, ratio]
    for endpoint in (name, f"{name}-capture"):
        simulated.sagemaker.delete_endpoint(EndpointName=endpoint)


def median(results: list[Measured]) -> Measured:
    return {name: statistics.median(result[name] for result in results) for name in results[0]}


def measure_batches(simulated: Simulated, model: ModelFolder, repeats: int) -> Iterator[list[str]]:
    """Yield the rows of the Batch Transform table."""
    content = model.line * (ROWS // OBJECTS)
    for index in range(OBJECTS):
        simulated.s3.put_object(Bucket=BUCKET, Key=f"rows/{index}.csv", Body=content)
    for concurrent, instances in ((1, 1), (2, 1), (4, 1), (1, 2), (2, 2)):
        times = []
        for index in range(repeats):
            print(f"transform: {concurrent} x {instances}, {index + 1} of {repeats}", file=sys.stderr, flush=True)
            job = f"transform-{concurrent}-{instances}-{index}"
            times.append(simulated.time_transform(job, "forest", concurrent, instances))
        yield [str(concurrent), str(instances), f"{ROWS / statistics.median(times):.0f}"]


if __name__ == "__main__":
    main()
