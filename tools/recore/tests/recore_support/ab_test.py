"""An endpoint with two small variants that predict assays from a sample's name, and the samples' true assays."""

import csv
import io
import json
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from stagemaker_support.endpoints import Endpoints, variant
from stagemaker_support.model_packages import SPECIFICATION, Packages

from recore.production.data_capture import read_events
from recore_support.schema import TARGETS
from stagemaker.server import BUCKET, ROLE_ARN

Sample = tuple[str, float, float]
CHANNELS = ["4000.0", "3998.0"]

# Predicts each assay with an error proportional to SCALE. Fails if the input contains "refuse" and the value of SCALE.
SCRIPT = """
import csv
import io
import json
import os
from random import Random

TARGETS, SCALE, NAME = TARGET_NAMES, float(os.environ["SCALE"]), os.environ["SCALE"]

def model_fn(model_dir):
    return None

def transform_fn(model, data, content_type, accept):
    body = data if isinstance(data, str) else data.decode()
    if "refuse " + NAME in body:
        raise ValueError("this input is refused")
    if content_type == "application/json":
        content = json.loads(body)
        samples = content.get("instances", [content])
    elif "SiteID" in body:
        samples = list(csv.DictReader(io.StringIO(body)))
    else:
        samples = [{"SiteID": row[1], "DepthFrom": row[2]} for row in csv.reader(io.StringIO(body))]
    rows = []
    for sample in samples:
        name = f"{sample['SiteID']} {float(sample['DepthFrom'])}"
        truth, error = Random(name), Random(name + " error " + NAME)
        rows.append([truth.lognormvariate(3, 0.5) + SCALE * error.gauss(0, 1) for _ in TARGETS])
    if accept == "application/json":
        predictions = [{"assays": {t: {"value": v} for t, v in zip(TARGETS, row)}} for row in rows]
        return json.dumps({"predictions": predictions}), accept
    return "".join(",".join(map(repr, row)) + "\\n" for row in rows), "text/csv"
""".replace("TARGET_NAMES", repr(TARGETS))


def make_samples(holes: int, size: int) -> list[Sample]:
    return [(f"H{hole}", 2.0 * row, 2.0 * row + 2) for hole in range(holes) for row in range(size)]


def true_assays(sample: Sample) -> list[float]:
    random = Random(f"{sample[0]} {sample[1]}")
    return [random.lognormvariate(3, 0.5) for _ in TARGETS]


def as_csv(*samples: Sample) -> str:
    """Return raw spectra as CSV with a header. The columns are in an unusual order."""
    lines = ["index,DepthTo,4000.0,SiteID,DepthFrom,3998.0"]
    lines += [f"{index},{end},0.1,{hole},{start},0.2" for index, (hole, start, end) in enumerate(samples)]
    return "\n".join(lines) + "\n"


def as_json(sample: Sample) -> dict[str, Any]:
    """Return a raw spectrum as a JSON object."""
    names = dict(zip(("SiteID", "DepthFrom", "DepthTo"), sample, strict=True))
    return {"wavenumbers": [4000.0, 3998.0], "absorbances": [0.1, 0.2], **names}


def write_assays(path: Path, rows: Iterable[tuple[str, list[float]]], keys: str) -> Path:
    """Write a CSV file with all targets. keys: the names of the key columns. rows: pairs of key cells and assays.

    Column names and key cells are comma-separated strings."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*keys.split(","), *TARGETS])
        writer.writerows([*key.split(","), *map(repr, values)] for key, values in rows)
    return path


def write_sample_assays(path: Path, samples: Iterable[Sample]) -> Path:
    """Write the true assays of samples, with their holes and depths as the key columns."""
    rows = ((f"{hole},{start:g},{end:.3f}", true_assays((hole, start, end))) for hole, start, end in samples)
    return write_assays(path, rows, "SiteID,DepthFrom,DepthTo")


class ABTestEndpoint:
    """An endpoint with two variants: A has the larger weight; B serves version 1, with errors a tenth of A's."""

    def __init__(self, endpoints: Endpoints, folder: str, **capture: Any):
        self.endpoints, self.folder, self.began = endpoints, folder, datetime.now(UTC)
        variants = [
            variant(endpoints.model(SCRIPT, {"SCALE": "5.0"}), "A", weight=2),
            variant(self._versioned_model(), "B"),
        ]
        config = endpoints.config(
            *variants,
            DataCaptureConfig={
                "DestinationS3Uri": self.destination,
                "InitialSamplingPercentage": 100,
                "EnableCapture": True,
                "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
                "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},  # JSON is captured as base64
            }
            | capture,
        )
        self.name = endpoints.create(config)

    @property
    def destination(self) -> str:
        return f"s3://{BUCKET}/{self.folder}"

    def _versioned_model(self) -> str:
        packages = Packages(self.endpoints.client)
        container = packages.container("B")
        container["Environment"] |= {
            "SAGEMAKER_SUBMIT_DIRECTORY": self.endpoints.client.source(inference=SCRIPT),
            "SCALE": "0.5",
        }
        version = packages.version(packages.group(), InferenceSpecification=SPECIFICATION | {"Containers": [container]})
        packages.approve(version)
        name = f"{self.folder}-1"
        self.endpoints.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE_ARN, PrimaryContainer={"ModelPackageName": version}
        )
        return name

    def send(
        self, body: str | dict[str, Any], variant: str | None = None, accept: str = "text/csv", **members: str
    ) -> str:
        """Invoke the endpoint, by default without choosing a variant, and return the response's body."""
        is_json = isinstance(body, dict)
        members |= {"ContentType": "application/json" if is_json else "text/csv", "Accept": accept}
        if variant:
            members["TargetVariant"] = variant
        response = self.endpoints.invoke(self.name, json.dumps(body) if isinstance(body, dict) else body, **members)
        return response["Body"].read().decode()

    def wait_for_captures(self, count: int) -> Counter[str]:
        """Wait until `count` invocations have been captured on S3; return the number captured for each variant."""
        deadline = time.monotonic() + 120
        while True:
            location = (self.destination, self.name, "AB", self.began)
            counts = Counter(each.variant for each in read_events(self.endpoints.client.s3, *location, Counter()))
            if counts.total() >= count:
                assert counts.total() == count
                return counts
            assert time.monotonic() < deadline, counts
            time.sleep(0.1)


def parse_csv(body: str) -> list[list[float]]:
    return [[float(cell) for cell in row] for row in csv.reader(io.StringIO(body))]
