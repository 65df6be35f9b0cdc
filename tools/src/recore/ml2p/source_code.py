"""The code of a project on S3: the folder `source_dir`, packed with `recore.model`, under the hash of the archive.

It is for images that do not hold the code: AWS's own, in which a job finds it as a script.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recore.model.code_archive import code_files, pack
from recore.model.errors import ConfigError

from .project import Project
from .project_folder import ProjectFolder

PROGRAM = "ml2p_job.py"  # in the archive
ARCHIVE, SCRIPT = "sourcedir.tar.gz", "runproc.sh"
LARGEST = 100 * 2**20  # bytes of code: more is data that is there by mistake
CHANNEL = "code"
SCRIPT_FOLDER = "/opt/ml/processing/input/entrypoint"
CODE_FOLDER = "/opt/ml/processing/input/code"

JOB = '''"""Trains and serves the model class that the environment variable ML2P_MODEL_CLS names."""

from recore.model.script import make_hooks, train

model_fn, input_fn, predict_fn, output_fn = make_hooks()

if __name__ == "__main__":
    train()
'''
GENERATE = f"""#!/bin/bash
# Unpacks the project's code, installs what it needs and generates a dataset.
set -e
cd {CODE_FOLDER}
tar -xzf {ARCHIVE}
if [ -f requirements.txt ]; then python3 -m pip install -r requirements.txt; fi
exec python3 -m recore.model generate-dataset
"""


@dataclass(frozen=True)
class SourceCode:
    """An archive of code on S3.

    url: of its folder, which ends with a slash. sha256: of the archive. has_requirements: whether a job must fetch
    packages for it. region: of the project.
    """

    url: str
    sha256: str
    has_requirements: bool
    region: str

    @property
    def archive(self) -> str:
        """Its address."""
        return self.url + ARCHIVE

    def hyperparameters(self) -> dict[str, str]:
        """What a training job's toolkit needs to find it in its channel."""
        place = f"/opt/ml/input/data/{CHANNEL}/{ARCHIVE}"  # a channel, because the job has no network
        return {"sagemaker_program": f'"{PROGRAM}"', "sagemaker_submit_directory": f'"{place}"'}

    def channels(self) -> list[dict[str, Any]]:
        """The training job's channel of code."""
        return [channel(CHANNEL, self.archive)]

    def variables(self) -> dict[str, str]:
        """What a model's server needs to find it."""
        return {
            "SAGEMAKER_PROGRAM": PROGRAM,
            "SAGEMAKER_SUBMIT_DIRECTORY": self.archive,
            "SAGEMAKER_REGION": self.region,
        }

    def processing_inputs(self) -> list[dict[str, Any]]:
        """The inputs of a processing job that generates a dataset."""
        places = {"code": (self.archive, CODE_FOLDER), "entrypoint": (self.url + SCRIPT, SCRIPT_FOLDER)}
        return [
            {
                "InputName": name,
                "S3Input": {"S3Uri": url, "LocalPath": folder, "S3DataType": "S3Prefix", "S3InputMode": "File"},
            }
            for name, (url, folder) in places.items()
        ]

    def processing_command(self) -> list[str]:
        """The command of such a job."""
        return ["/bin/bash", f"{SCRIPT_FOLDER}/{SCRIPT}"]


def channel(name: str, url: str) -> dict[str, Any]:
    """Return a channel of a training job, which gets the objects at an address."""
    source = {"S3DataType": "S3Prefix", "S3Uri": url}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def upload_source(project: Project, section: str) -> SourceCode | None:
    """Pack and upload a section's code; None if the section has no `source_dir`, that is if the image holds the code.

    Raises ConfigError if the folder or a package is missing, or they are too large; UploadError if S3 does not take the
    archive.
    """
    if project.setting(section, "source_dir") is None:
        return None
    files = _files(project, section)
    contents = {name: path.read_bytes() for name, path in files.items()}
    content = pack(contents | {PROGRAM: JOB.encode()})  # with the script that trains and serves
    digest = hashlib.sha256(content).hexdigest()
    prefix = f"code/{digest}/"
    folder = ProjectFolder(project)
    folder.put(prefix + ARCHIVE, content)
    folder.put(prefix + SCRIPT, GENERATE.encode())
    region = project.sagemaker.meta.region_name
    return SourceCode(project.s3.url(prefix), digest, "requirements.txt" in files, region)


def _files(project: Project, section: str) -> dict[str, Path]:
    """The files of the code by their names in the archive."""
    folder = project.file.absolute().parent / project.text(section, "source_dir")
    try:
        files = code_files(folder, project.texts(section, "packages"))
    except NotADirectoryError:
        raise ConfigError(f"{project.file}: 'source_dir': {folder} is not a folder") from None
    except ModuleNotFoundError as error:
        raise ConfigError(f"{project.file}: 'packages': {error}") from None
    if PROGRAM in files:
        raise ConfigError(f"{folder / PROGRAM} must be renamed: a file with this name is added to the code")
    sizes = {name: path.stat().st_size for name, path in files.items()}
    size = sum(sizes.values())
    if size > LARGEST:
        largest = max(sizes, key=sizes.__getitem__)
        raise ConfigError(
            f"{folder} contains {size >> 20} MiB, but code must not exceed {LARGEST >> 20} MiB: keep data out of the "
            f"code folder; its largest file is {largest}"
        )
    return files
