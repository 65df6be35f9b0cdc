"""PyTorch images. They have a separate package set, because CPU builds of torch do not support every Python."""

import re
from pathlib import Path

from stagemaker.images.family import CONTAINER, ImageFamily
from stagemaker.images.package_set import PackageSet

IMPORTS = "torch,torch.utils.data,pandas,sklearn.preprocessing,boto3,gunicorn.app.base,gunicorn.workers.sync,"
IMPORTS += "sagemaker_inference.transformer,sagemaker_training.entry_point"
PACKAGES = PackageSet("pytorch", (Path(__file__).with_name("pytorch.txt"),), ("3.11", "3.12", "3.13"), IMPORTS)

FAMILY = ImageFamily(
    name="PyTorch",
    repositories=re.compile(r"pytorch-(training|inference)|sagemaker-pytorch"),
    distribution="torch",
    module="torch",
    package_sets={"": PACKAGES},
    tags=re.compile(r"\d+\.\d+(\.\d+)?-(cpu|gpu)-py\d+(-.+)?"),
    examples="1.8.0-cpu-py3 and 2.6.0-cpu-py312",
    hooks=CONTAINER / "pytorch_hooks.py",
)
