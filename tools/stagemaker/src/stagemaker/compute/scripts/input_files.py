"""Put a job's script, hyperparameters and configuration into /opt/ml, where script mode reads them.

The script is in an archive on S3, or in a channel from which the SDK's driver scripts start it.
"""

import contextlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from stagemaker.compute.failure import JobFailed
from stagemaker.compute.files import archives, transfers
from stagemaker.compute.job import Job
from stagemaker.compute.processes.reasons import read_start
from stagemaker.compute.processes.volume import Volume
from stagemaker.compute.scripts.requirements import RequirementsFile, find_requirements
from stagemaker.isolation.sandbox import ML
from stagemaker.isolation.translation import translate_paths, translate_paths_in_shell
from stagemaker.state.records import Record

MAX_SCRIPT_BYTES = 1 << 20  # maximum size of a script that is translated; the SDK's scripts have a few kilobytes
SOURCE = "/opt/ml/input/source"  # where the script's archive is unpacked: the job has no network to download it
CHECKPOINTS = "/opt/ml/checkpoints"  # the folder for a CheckpointConfig without a LocalPath
REPACK_SCRIPT = "_repack_script_launcher.sh"  # a script of SDK version 2; another script next to it uses /opt/ml


def prepare(record: Record, job: Job, s3: Any, volume: Volume, keeps_paths: bool) -> RequirementsFile | None:
    """Fill /opt/ml with the channels, the configuration and the script; return the job's requirements, if any."""
    ml = job.folder / "ml"
    for folder in ("input/config", "input/data", "model", "output/data", "code"):
        (ml / folder).mkdir(parents=True)
    if checkpoints := record.get("CheckpointConfig"):
        _make_checkpoint_folder(ml, PurePosixPath(checkpoints.get("LocalPath", CHECKPOINTS)))
    for channel in record.get("InputDataConfig", []):
        folder = ml / "input/data" / channel["ChannelName"]
        folder.mkdir()
        uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
        transfers.download(s3, uri, folder, job.raise_if_stopping, volume)
    settings = dict(record.get("HyperParameters", {}))
    submit_directory, source = _decode_value(settings.get("sagemaker_submit_directory", "")), ml / "input/data/code"
    if transfers.is_address(submit_directory):
        transfers.download(s3, submit_directory, job.folder / "archive", job.raise_if_stopping, volume)
        source = ml / "input/source"
        archive = transfers.get_archive(job.folder / "archive", submit_directory)
        archives.unpack(archive, source, volume, job.raise_if_stopping)
        settings["sagemaker_submit_directory"] = json.dumps(SOURCE)
    elif submit_directory.startswith("/opt/ml/"):
        source = folder_below(ml, submit_directory, "sagemaker_submit_directory")
    for file, content in _configuration(record, settings, "algo-1" if keeps_paths else "localhost").items():
        document = json.dumps(content)
        if not keeps_paths:
            document = translate_paths(document, {ML: ml})
        (ml / f"input/config/{file}.json").write_text(document)
    drivers, program = ml / "input/data/sm_drivers", _decode_value(settings.get("sagemaker_program", ""))
    requirements = None
    if not program.endswith(".sh"):  # the toolkit installs nothing for a shell script
        requirements = find_requirements(unpack_source(source, job, volume), drivers / "sourcecode.json")
    if not keeps_paths:
        translate_scripts(drivers.rglob("*"), ml)
        if program == REPACK_SCRIPT:
            translate_scripts((ml / "input/source").rglob("*"), ml)
    return requirements


def _make_checkpoint_folder(ml: Path, path: PurePosixPath) -> None:
    if path.is_relative_to(ML) and not path.is_relative_to(f"{ML}/input") and ".." not in path.parts:
        with contextlib.suppress(OSError, ValueError):  # an invalid name
            (ml / path.relative_to(ML)).mkdir(parents=True, exist_ok=True)


def _configuration(record: Record, settings: dict[str, str], host: str) -> dict[str, Any]:
    common_members = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    channels = {
        entry["ChannelName"]: common_members | {name: entry[name] for name in ("ContentType",) if name in entry}
        for entry in record.get("InputDataConfig", [])
    }
    return {
        "hyperparameters": settings,
        "inputdataconfig": channels,
        "resourceconfig": {
            "current_host": host,
            "hosts": [host],
            "current_instance_type": record["ResourceConfig"]["InstanceType"],
            "network_interface_name": "lo",
        },
    }


def _decode_value(value: str) -> str:
    """Return a hyperparameter's value, decoded if it is a JSON string, because only some clients encode values."""
    try:
        decoded = json.loads(value)
    except ValueError:
        return value
    return decoded if isinstance(decoded, str) else value


def unpack_source(source: Path, job: Job, volume: Volume) -> Path:
    """Return the folder with a script's source, unpacked if `source` is an archive or contains only an archive.

    An archive is unpacked here only to read its requirements.txt.
    """
    files = list(source.iterdir()) if source.is_dir() else [source]
    if len(files) == 1 and files[0].name.endswith((".tar.gz", ".tgz")) and files[0].is_file():
        scratch = job.folder / "unpacked"
        archives.unpack(files[0], scratch, volume, job.raise_if_stopping)
        return scratch
    return source


def folder_below(ml: Path, path: str, name: str) -> Path:
    """Return the host's folder for a path below /opt/ml. name: the setting that contains the path.

    Raises JobFailed if the path leads elsewhere.
    """
    folder = ml / path.removeprefix(f"{ML}/")
    try:
        folder.is_dir()  # unlike resolve, this raises OSError for a name that is too long
        if folder.resolve().is_relative_to(ml):
            return folder
    except (OSError, RuntimeError, ValueError):  # a loop of symbolic links, or an invalid name
        pass
    raise JobFailed(f"ClientError: {name} {path[:200]!r} is not a valid path below {ML}")


def translate_scripts(paths: Iterable[Path], ml: Path) -> None:
    """Replace /opt/ml with the job's folder in scripts that the SDK adds, for jobs without a sandbox."""
    for path in paths:
        script = read_start(path, MAX_SCRIPT_BYTES + 1)
        if not script or len(script) > MAX_SCRIPT_BYTES:
            continue
        if path.suffix == ".py":
            literal = re.sub(rb"([\"'\\])", rb"\\\1", os.fsencode(ml))
            path.write_bytes(script.replace(ML.encode(), literal))
        elif path.suffix == ".sh":
            path.write_bytes(os.fsencode(translate_paths_in_shell(os.fsdecode(script), {ML: ml})))
