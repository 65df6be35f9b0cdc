"""Write a folder from which the SAM CLI builds the page for AWS Lambda and deploys it."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import stagemaker
from recore.challenge import SCORE_SCRIPT, score_script

HERE = Path(__file__).parent
PACKAGES = ("dataset", "web")  # modules of recore that the page needs
SERVER_MODULES = ("process_reader.py", "server.py")  # modules that only the local server needs
STAGEMAKER_MODULES = ("__init__.py", "interrupts.py", "locked.py", "text.py")  # their other imports are deferred
COLUMNS = "columns.json"
EXAMPLE = "core-assays"  # the endpoint in template.yaml


def write_deployment(folder: Path, endpoint: str, columns: Sequence[str]) -> None:
    """Write template.yaml and code/, which contains the application, score.py and the columns of the training data.

    Raises FileExistsError if the folder contains anything other than an earlier deployment.
    """
    code = folder / "code"
    # other projects may also have a template.yaml and code/
    is_earlier = (code / COLUMNS).exists() and (code / "recore" / HERE.name).is_dir()
    if folder.exists() and any(folder.iterdir()) and not is_earlier:
        raise FileExistsError(f"{folder} contains other files; choose another folder")
    shutil.rmtree(code, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", "aws", *SERVER_MODULES)
    for name in PACKAGES:
        shutil.copytree(HERE.parent / name, code / "recore" / name, ignore=ignored)
    for file in HERE.parent.glob("*.py"):
        shutil.copyfile(file, code / "recore" / file.name)
    (code / "stagemaker").mkdir()
    for name in STAGEMAKER_MODULES:
        shutil.copyfile(Path(stagemaker.__file__).parent / name, code / "stagemaker" / name)
    shutil.copyfile(score_script(), code / SCORE_SCRIPT)
    (code / COLUMNS).write_text(json.dumps(list(columns)) + "\n", "utf-8")
    shutil.copyfile(HERE / "aws/requirements.txt", code / "requirements.txt")
    template = (HERE / "aws/template.yaml").read_text("utf-8")
    # SageMaker writes names in ARNs in lower case
    template = template.replace(f"endpoint/{EXAMPLE}", f"endpoint/{endpoint.lower()}").replace(
        f'"{EXAMPLE}"', f'"{endpoint}"'
    )
    (folder / "template.yaml").write_text(template, "utf-8")
