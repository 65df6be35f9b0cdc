"""Script mode: how a training job's script, its hyperparameters and its configuration get into /opt/ml.

The script comes as an archive on S3, or as a channel that the SDK's driver scripts start it from.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

from recore.simulator.isolation.sandbox import ML
from recore.simulator.isolation.translation import translated, translated_in_shell
from recore.simulator.jobs import archives, transfers
from recore.simulator.jobs.failure import JobFailed
from recore.simulator.jobs.queue import Job
from recore.simulator.jobs.volume import Volume
from recore.simulator.state.records import Record

SOURCE = "/opt/ml/input/source"  # where the script's archive is unpacked, for it has no network to fetch it by


def prepare(record: Record, job: Job, s3: Any, volume: Volume, true_paths: bool) -> Path | None:
    """Fill /opt/ml: channels, configuration, the script. Returns the requirements.txt that is to be installed."""
    ml = job.folder / "ml"
    for folder in ("input/config", "input/data", "model", "output/data", "code"):
        (ml / folder).mkdir(parents=True)
    for channel in record.get("InputDataConfig", []):
        folder = ml / "input/data" / channel["ChannelName"]
        folder.mkdir()
        uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
        transfers.download(s3, uri, folder, job.raise_if_stopping, volume)
    settings = dict(record.get("HyperParameters", {}))
    submitted, source = _bare(settings.get("sagemaker_submit_directory", "")), ml / "input/data/code"
    if submitted.startswith("s3://"):
        transfers.download(s3, submitted, job.folder / "archive", job.raise_if_stopping, volume)
        source = ml / "input/source"
        archives.unpack(transfers.only(job.folder / "archive", submitted), source)
        settings["sagemaker_submit_directory"] = json.dumps(SOURCE)
    elif submitted.startswith("/opt/ml/"):
        source = ml / submitted.removeprefix("/opt/ml/")
        if not source.resolve().is_relative_to(ml.resolve()):
            raise JobFailed(f"ClientError: sagemaker_submit_directory '{submitted}' is not below /opt/ml")
    for file, content in _configuration(record, settings, "algo-1" if true_paths else "localhost").items():
        text = json.dumps(content)
        if not true_paths:
            text = translated(text, {ML: ml})
        (ml / f"input/config/{file}.json").write_text(text)
    requirements = _requirements(source, ml / "input/data/sm_drivers/sourcecode.json", job.folder / "unpacked")
    if not true_paths:
        _translate(ml / "input/data/sm_drivers", ml)
    return requirements


def _configuration(record: Record, settings: dict[str, str], host: str) -> dict[str, Any]:
    """The files in /opt/ml/input/config by name."""
    channel = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    return {
        "hyperparameters": settings,
        "inputdataconfig": {entry["ChannelName"]: channel for entry in record.get("InputDataConfig", [])},
        "resourceconfig": {
            "current_host": host,
            "hosts": [host],
            "current_instance_type": record["ResourceConfig"]["InstanceType"],
            "network_interface_name": "lo",
        },
    }


def _bare(value: str) -> str:
    """A hyperparameter's value, which some clients write as a JSON string and others bare."""
    try:
        decoded = json.loads(value)
    except ValueError:
        return value
    return decoded if isinstance(decoded, str) else value


def _requirements(source: Path, drivers: Path, scratch: Path) -> Path | None:
    """The file of requirements in a script's source: a folder, an archive, or a folder that holds just an archive.

    drivers: the SDK's description of the source, which may name another file, or none. An archive is unpacked to
    scratch, for this alone: the job unpacks it for itself.
    """
    name = "requirements.txt"
    if drivers.is_file():
        try:
            name = json.loads(drivers.read_text()).get("requirements") or ""
        except (ValueError, AttributeError):
            name = ""
    files = list(source.iterdir()) if source.is_dir() else [source]
    if len(files) == 1 and files[0].name.endswith((".tar.gz", ".tgz")) and files[0].is_file():
        archives.unpack(files[0], scratch)
        source = scratch
    path = (source / name).resolve()
    return path if path.is_file() and path.is_relative_to(source.resolve()) else None


def _translate(drivers: Path, ml: Path) -> None:
    """Without a sandbox, the SDK's own driver scripts must name this job's folder where they name /opt/ml."""
    for path in drivers.rglob("*") if drivers.is_dir() else []:
        if path.suffix == ".py":
            literal = re.sub(rb"([\"'\\])", rb"\\\1", os.fsencode(ml))
            path.write_bytes(path.read_bytes().replace(ML.encode(), literal))
        elif path.suffix == ".sh":
            script = os.fsdecode(path.read_bytes())
            path.write_bytes(os.fsencode(translated_in_shell(script, {ML: ml})))
