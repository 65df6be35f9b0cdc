"""The table of states that determines the next command."""

import pytest

from recore.production.next_command import (
    BROKEN,
    CHANGING,
    FAILED,
    SERVING,
    TABLE,
    ProjectState,
    find_advice,
    next_command,
    suggest_after_alarm,
    suggest_second_variant,
    suggest_update,
)

APPROVED, PENDING, REJECTED = "Approved", "PendingManualApproval", "Rejected"
NEW_VERSION, NO_DECISION = "a newer version waits for its approval", "nothing to decide"
NO_ENDPOINT = "an approved version, and no endpoint"
OLD_VERSION = "the endpoint serves an older version than an approved one"
NOT_LATEST = "an approved version that is not the latest one, and no endpoint"
SERVES_REJECTED = "the endpoint serves a rejected version, and another one is approved"
TWO_VARIANTS = "the endpoint serves several variants"
CASES = [
    ("no version", ProjectState({}), "train"),
    (NEW_VERSION, ProjectState({1: PENDING}), "approve 1"),
    (NEW_VERSION, ProjectState({1: APPROVED, 2: PENDING}), "approve 2"),
    (NEW_VERSION, ProjectState({3: APPROVED, 4: PENDING, 5: REJECTED}, SERVING, (3,)), "approve 4"),
    (NEW_VERSION, ProjectState({1: APPROVED, 2: APPROVED, 3: PENDING}, SERVING, (1,), frozenset({2})), "approve 3"),
    (NO_DECISION, ProjectState({1: REJECTED}), ""),
    (NO_DECISION, ProjectState({1: PENDING, 2: REJECTED}, subject=2), ""),
    (NO_ENDPOINT, ProjectState({1: APPROVED}), "deploy"),
    (NO_ENDPOINT, ProjectState({1: APPROVED, 2: PENDING}, subject=1), "deploy"),
    (NO_ENDPOINT, ProjectState({1: APPROVED}, FAILED, (1,)), "deploy"),
    (NOT_LATEST, ProjectState({1: APPROVED, 2: APPROVED}, subject=1), "deploy --variant A=1"),
    ("the endpoint is being changed", ProjectState({1: APPROVED, 2: PENDING}, CHANGING, (1,)), "describe"),
    ("the endpoint must be deleted", ProjectState({1: APPROVED}, BROKEN, (1,)), "delete --endpoint"),
    (SERVES_REJECTED, ProjectState({1: APPROVED, 2: REJECTED}, SERVING, (2,)), "update 1"),
    (TWO_VARIANTS, ProjectState({1: APPROVED, 2: APPROVED}, SERVING, (1, 2)), "compare --assays FILE"),
    (TWO_VARIANTS, ProjectState({1: APPROVED, 2: APPROVED, 3: APPROVED}, SERVING, (1, 2)), "compare --assays FILE"),
    (OLD_VERSION, ProjectState({1: APPROVED, 2: APPROVED}, SERVING, (1,)), "update 2"),
    # the latest version is served, and older ones are pending
    (NO_DECISION, ProjectState({2: PENDING, 3: PENDING, 4: APPROVED}, SERVING, (4,)), ""),
    (NO_DECISION, ProjectState({3: PENDING, 4: APPROVED}, SERVING, (4,), subject=3), ""),
    # version 2 was served until a rollback
    (NO_DECISION, ProjectState({1: APPROVED, 2: APPROVED}, SERVING, (1,), frozenset({2})), ""),
    (NO_DECISION, ProjectState({1: REJECTED}, SERVING, (1,)), ""),
]


@pytest.mark.parametrize(("row", "state", "command"), CASES, ids=[f"{row}: {command}" for row, _, command in CASES])
def test_the_next_command_follows_from_the_state(row: str, state: ProjectState, command: str) -> None:
    assert (find_advice(state).name, next_command(state)) == (row, command)


@pytest.mark.parametrize(
    ("versions", "served", "advice"),
    [
        ({1: APPROVED, 2: REJECTED}, ("A", 1), "create another version with `python -m recore production train`"),
        ({1: APPROVED, 2: PENDING}, ("A", 1), "`python -m recore production approve 2`"),
        ({1: APPROVED, 2: APPROVED, 3: PENDING}, ("A", 1), "production update --variant A=1 --variant B=2`"),
        ({1: APPROVED, 2: APPROVED}, ("B", 2), "production update --variant B=2 --variant A=1`"),
    ],
)
def test_a_second_variant_for_a_comparison(versions: dict[int, str], served: tuple[str, int], advice: str) -> None:
    assert advice in suggest_second_variant(versions, served)


def test_every_row_of_the_table_has_a_case() -> None:
    assert {row for row, _, _ in CASES} == {row.name for row in TABLE}


@pytest.mark.parametrize(
    ("versions", "version", "is_drift", "alarm", "command"),
    [
        ({1: APPROVED}, 1, True, "", ""),  # a person decides
        ({1: APPROVED, 2: REJECTED}, 1, True, "an-alarm", ""),
        ({1: APPROVED, 2: PENDING}, 1, True, "", "monitor --version 2"),  # its domain may include these spectra
        ({1: APPROVED, 2: APPROVED}, 2, True, "", ""),
        ({1: APPROVED, 2: APPROVED}, 1, False, "an-alarm", ""),
        ({1: APPROVED, 2: PENDING}, 2, False, "", "approve 2"),
        ({1: APPROVED, 2: APPROVED}, 2, False, "", "update 2"),
        ({1: APPROVED, 2: APPROVED}, 2, False, "an-alarm", "update 2 --strategy canary --alarm an-alarm"),
    ],
)
def test_the_next_command_after_monitoring(
    versions: dict[int, str], version: int, is_drift: bool, alarm: str, command: str
) -> None:
    assert suggest_after_alarm(ProjectState(versions, SERVING, (1,)), version, is_drift, alarm) == command


def test_the_next_command_after_a_comparison() -> None:
    assert (suggest_update(2), suggest_update(None)) == ("update 2", "")
