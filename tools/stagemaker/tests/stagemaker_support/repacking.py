"""The training job with which version 2 of SageMaker's SDK repacks a model's archive to include a script."""

from typing import Any

from stagemaker_support.simulator_client import IMAGE, Client
from stagemaker_support.training_jobs import ALGORITHM, channel, train

LAUNCHER = """
#!/bin/bash

script="${SM_HP_INFERENCE_SCRIPT}"

python _repack_model.py --inference_script "${script}" --model_archive "${SM_HP_MODEL_ARCHIVE}"
"""
REPACK_CODE = """
import argparse, os, shutil, tarfile
parser = argparse.ArgumentParser()
parser.add_argument("--inference_script")
parser.add_argument("--model_archive")
arguments, _ = parser.parse_known_args()
archive = os.path.join("/opt/ml/input/data/training", arguments.model_archive.split("/")[-1])
with tarfile.open(archive) as file:
    file.extractall("/opt/ml/model", filter="data")
os.makedirs("/opt/ml/model/code")
shutil.copy2(os.path.join("/opt/ml/code", arguments.inference_script), "/opt/ml/model/code")
"""


def repack(client: Client, model: str, script: str, **files: str) -> dict[str, Any]:
    sources = {"_repack_script_launcher.sh": LAUNCHER, "_repack_model.py": REPACK_CODE, "inference.py": script}
    settings = {
        "sagemaker_program": '"_repack_script_launcher.sh"',
        "sagemaker_submit_directory": f'"{client.source(**sources, **files)}"',
        "inference_script": '"inference.py"',
        "model_archive": f'"{model}"',
        "dependencies": "null",
        "source_dir": "null",
    }
    algorithm = ALGORITHM | {"TrainingImage": IMAGE}
    return train(
        client, AlgorithmSpecification=algorithm, HyperParameters=settings, InputDataConfig=[channel("training", model)]
    )
