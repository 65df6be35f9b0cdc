"""How the resources of a project are named: a model's name, a version, and what it is for."""

import re

from recore.model.errors import NamingError

VERSION = r"(?P<model>[a-zA-Z0-9-]+)-(?P<major>[0-9]+)-(?P<minor>[0-9]+)"
DATASET = re.compile(r"[a-zA-Z0-9-]+-[0-9]{8}")
TRAINING_JOB = re.compile(rf"{VERSION}(-dev)?")
MODEL = re.compile(rf"{VERSION}-(?P<patch>[0-9]+)(?P<dev>-dev)?")
ENDPOINT = re.compile(rf"{VERSION}-(?P<patch>[0-9]+)(?P<dev>-dev)?(-(live|analysis|test))?")


def check_dataset_name(name: str) -> None:
    """Raise NamingError unless a name is that of a model and a date."""
    _matched(DATASET, name, "dataset", "MODEL-YYYYMMDD, such as houses-20260131")


def check_training_job_name(name: str) -> None:
    """Raise NamingError unless a name is that of a model and two numbers."""
    _matched(TRAINING_JOB, name, "training job", "MODEL-X-Y or MODEL-X-Y-dev, such as houses-1-0")


def training_job_of_model(name: str) -> str:
    """Return the name of the training job that belongs to a model by its name, which is one number longer.

    Raises NamingError if it is not the name of a model.
    """
    parts = _matched(MODEL, name, "model", "MODEL-X-Y-Z or MODEL-X-Y-Z-dev, such as houses-1-0-0")
    return "{model}-{major}-{minor}".format(**parts)


def model_of_endpoint(name: str) -> str:
    """Return the name of the model that belongs to an endpoint by its name, without live, analysis or test at its end.

    Raises NamingError if it is not the name of an endpoint.
    """
    form = "MODEL-X-Y-Z, optionally with -dev, -live, -analysis or -test, such as houses-1-0-0-live"
    parts = _matched(ENDPOINT, name, "endpoint", form)
    return "{model}-{major}-{minor}-{patch}".format(**parts) + (parts["dev"] or "")


def _matched(pattern: re.Pattern[str], name: str, kind: str, form: str) -> dict[str, str]:
    match = pattern.fullmatch(name)
    if match is None:
        raise NamingError(f"{name!r} is not a valid {kind} name: use {form}")
    return match.groupdict()
