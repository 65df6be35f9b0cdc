"""The names of a project's resources."""

import pytest

from recore.ml2p.naming import (
    check_dataset_name,
    check_training_job_name,
    model_of_endpoint,
    training_job_of_model,
)
from recore.model.errors import NamingError

VALID_NAMES = {
    check_dataset_name: ["a-20260131", "big-houses-20260131"],
    check_training_job_name: ["a-0-1", "big-houses-10-2", "a-1-2-dev"],
    training_job_of_model: ["a-0-0-1", "big-houses-1-2-3", "a-1-2-3-dev"],
    model_of_endpoint: ["a-0-0-1", "a-1-2-3-dev", "a-1-2-3-live", "a-1-2-3-dev-analysis", "a-1-2-3-test"],
}
INVALID_NAMES = {
    check_dataset_name: [
        "",
        "a",
        "a-2026013",
        "a-202601311",
        "20260131",
        "a_b-20260131",
        "a-20260131\n",
        "../-20260131",
    ],
    check_training_job_name: ["", "a", "a-1", "a-1-x", "a-1-2-live", "a/b-1-2", "ä-1-2"],
    training_job_of_model: ["", "a-1-2", "a-1-2-x", "a-1-2-3-live"],
    model_of_endpoint: ["", "a-1-2", "a-1-2-3-new", "a-1-2-3-live-dev"],
}


@pytest.mark.parametrize(("check", "name"), [(check, name) for check, names in VALID_NAMES.items() for name in names])
def test_valid_names_are_accepted(check, name) -> None:
    check(name)


@pytest.mark.parametrize(("check", "name"), [(check, name) for check, names in INVALID_NAMES.items() for name in names])
def test_invalid_names_are_refused(check, name) -> None:
    with pytest.raises(NamingError, match="name: use MODEL-"):
        check(name)


def test_names_are_derived_from_each_other() -> None:
    assert training_job_of_model("big-houses-1-2-3-dev") == "big-houses-1-2"
    assert model_of_endpoint("big-houses-1-2-3-dev-live") == "big-houses-1-2-3-dev"
    assert model_of_endpoint("big-houses-1-2-3") == "big-houses-1-2-3"
