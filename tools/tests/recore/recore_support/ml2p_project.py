"""A project for the ML2P commands: the tutorial's house prices, on a simulator."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.checkout import ROOT

from recore_support.command import recore
from recore_support.models import url_of

TUTORIAL = ROOT / "tools/examples/house_prices"


def write_project(folder: Path, name: str, **replacements: str) -> Path:
    """Copy the tutorial's project to a folder under a new name, with strings replaced; return its project file."""
    shutil.copytree(TUTORIAL, folder, dirs_exist_ok=True)
    file = folder / "ml2p.yml"
    text = file.read_text().replace("project: house-prices", f"project: {name}")
    text = text.replace("s3://sagemaker-us-east-1-123456789012/house-prices", url_of(name))
    for old, new in replacements.items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    return file


class ProjectCommands:
    """Runs `recore ml2p` for the project in a folder. variables: the environment that leads boto3 to the simulator."""

    def __init__(self, folder: Path, name: str, variables: Mapping[str, str]):
        self.folder, self.name, self._variables = folder, name, variables

    @property
    def url(self) -> str:
        """Return the S3 URI of the project's folder."""
        return url_of(self.name)

    def run(self, *words: object) -> "subprocess.CompletedProcess[str]":
        """Run a command."""
        return recore("ml2p", *words, cwd=self.folder, **self._variables)

    def result(self, *words: object) -> Any:
        """Run a command that must succeed, and return the JSON that it printed, if any."""
        completed = self.run(*words)
        assert completed.returncode == 0, completed.stderr
        return json.loads(completed.stdout) if completed.stdout else None

    def refusal(self, *words: object) -> str:
        """Run a command that must be refused, and return the one line with the reason."""
        result = self.run(*words)
        assert (result.returncode, result.stdout) == (2, ""), result
        lines = result.stderr.splitlines()
        assert len(lines) == 1, result.stderr
        return lines[0].removeprefix("recore: ")

    def upload_houses(self, dataset: str) -> None:
        """Create a dataset with a few houses."""
        (self.folder / "house-prices.csv").write_text(HOUSES)
        self.result("dataset", "up", dataset, "house-prices.csv")


HOUSES = "area,rooms,age,distance,price\n" + "".join(
    f"{40 + 5 * n},{1 + n % 5},{n * 7 % 50},{n * 3 % 20},{100 + 12 * n}\n" for n in range(20)
)
