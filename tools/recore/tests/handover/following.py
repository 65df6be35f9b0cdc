"""Write the pages of a handover, and run a page's bash blocks as printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

from support.checkout import environment

from recore.evaluation import RunPrediction, Step
from recore.handover import read_run
from recore.handover.model_card import measure_domain, write_card
from recore.handover.packages import list_packages
from recore.handover.readme import write_readme
from recore.handover.target_figures import measure_targets
from stagemaker.machine import machine_info

BLOCK = re.compile(r"^```bash ?([^\n]*)\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
# folders with recore and with python3.12, which creates environments
PATH = os.pathsep.join((f"{sys.base_prefix}/bin", os.environ["PATH"], str(Path(sys.executable).parent)))
CUT_OFF = 500.0  # ppm of copper


def write_pages(folder: Path, example: Path, public: Path | None = None) -> tuple[str, str]:
    """Return a run's README and model card, without running jobs. example: the folder with request and response."""
    run = read_run(folder, public)
    cut_offs = {"CuPPM": CUT_OFF} if (folder / "predictions/held-out.csv").exists() else {}
    packages = list_packages(run.submission, run.versions)
    card = write_card(run, measure_targets(run, cut_offs), measure_domain(run), packages, machine_info())
    steps = Step("public preprocess", "ProcessingJob"), Step("public predict", "TransformJob")
    prediction = RunPrediction(example / "request.csv", example / "answer.csv", steps)
    return write_readme(run, prediction, 10, set(), ["recore.whl"]), card


def run_blocks(folder: Path, skipped: set[str]) -> list[str]:
    """Run a handover's bash blocks whose tags are not skipped, check the output, and return the tags that ran."""
    ran = []
    for tag, script, expected in BLOCK.findall((folder / "README.md").read_text("utf-8")):
        if tag in skipped:
            continue
        result = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=folder,
            env=environment() | {"PATH": PATH},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert result.returncode == 0, script + result.stdout + result.stderr
        assert set(expected.splitlines()) <= set(result.stdout.splitlines())
        assert tag != "check" or not result.stdout + result.stderr
        ran.append(tag)
    return ran
