"""Suggest the next command, using a table of states that follows docs/serve.md.

The first row that applies is used. A row without a command means that there is nothing to do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from recore.distribution import PROGRAM

APPROVED, PENDING, REJECTED = "Approved", "PendingManualApproval", "Rejected"
MISSING, CHANGING, SERVING, FAILED, BROKEN = "missing", "changing", "serving", "failed", "broken"
INVOKE_COMMAND = "invoke FILE"  # suggested after the endpoint was created or changed


@dataclass(frozen=True)
class ProjectState:
    """The state of a model's versions and of its endpoint.

    versions: approval statuses by version. endpoint: MISSING, CHANGING, SERVING, FAILED (it was never in service) or
    BROKEN (it must be deleted). served: the version of each variant. rolled_back: versions served before a rollback.
    subject: the version that the command was about.
    """

    versions: Mapping[int, str]
    endpoint: str = MISSING
    served: tuple[int, ...] = ()
    rolled_back: frozenset[int] = frozenset()
    subject: int | None = None

    @property
    def latest_approved(self) -> int | None:
        return max((number for number, approval in self.versions.items() if approval == APPROVED), default=None)

    @property
    def candidate(self) -> int | None:
        """The version to serve next, which is newer than all served versions and was not rolled back, or None."""
        usable = [number for number, approval in self.versions.items() if approval != REJECTED]
        number = max(usable, default=None) if self.subject is None else self.subject
        if number not in usable or number in self.rolled_back or number <= max(self.served, default=0):
            return None
        return number

    def has_candidate(self, approval: str) -> bool:
        return self.candidate is not None and self.versions[self.candidate] == approval


@dataclass(frozen=True)
class Advice:
    """A row of the table: a state in words, a predicate, and a command that can contain fields of the state."""

    name: str
    applies: Callable[[ProjectState], bool]
    command: str


TABLE = (
    Advice("no version", lambda state: not state.versions, "train"),
    Advice("the endpoint is being changed", lambda state: state.endpoint == CHANGING, "describe"),
    Advice("a newer version waits for its approval", lambda state: state.has_candidate(PENDING), "approve {candidate}"),
    Advice("the endpoint must be deleted", lambda state: state.endpoint == BROKEN, "delete --endpoint"),
    Advice(
        "an approved version that is not the latest one, and no endpoint",
        lambda state: (
            state.endpoint in (MISSING, FAILED)
            and state.has_candidate(APPROVED)
            and state.candidate != state.latest_approved
        ),
        "deploy --variant A={candidate}",
    ),
    Advice(
        "an approved version, and no endpoint",
        lambda state: state.endpoint in (MISSING, FAILED) and state.latest_approved is not None,
        "deploy",
    ),
    Advice(
        "the endpoint serves a rejected version, and another one is approved",
        lambda state: (
            any(state.versions.get(number) == REJECTED for number in state.served) and state.latest_approved is not None
        ),
        "update {latest_approved}",
    ),
    Advice("the endpoint serves several variants", lambda state: len(state.served) > 1, "compare --assays FILE"),
    Advice(
        "the endpoint serves an older version than an approved one",
        lambda state: state.endpoint == SERVING and state.has_candidate(APPROVED),
        "update {candidate}",
    ),
    Advice("nothing to decide", lambda state: True, ""),
)


def find_advice(state: ProjectState) -> Advice:
    return next(row for row in TABLE if row.applies(state))


def next_command(state: ProjectState) -> str:
    """Return the command to suggest in a state, without PROGRAM; "" if there is nothing to do."""
    return find_advice(state).command.format(candidate=state.candidate, latest_approved=state.latest_approved)


def suggest_update(version: int | None) -> str:
    """Return the command to suggest after a comparison. version: the version that is certainly better, if any."""
    return f"update {version}" if version else ""


def suggest_second_variant(versions: Mapping[int, str], served: tuple[str, int]) -> str:
    """Return how to serve a second variant.

    versions: approval statuses by version. served: the name and version of the variant in service.
    """
    name, version = served
    others = {number: approval for number, approval in versions.items() if number != version and approval != REJECTED}
    if not others:
        return f"create another version with `{PROGRAM} production train` or `register`"
    approved = [number for number, approval in others.items() if approval == APPROVED]
    if not approved:
        return f"approve another version: `{PROGRAM} production approve {max(others)}`"
    variants = f"--variant {name}={version} --variant {'A' if name == 'B' else 'B'}={max(approved)}"
    return f"serve another version, too: `{PROGRAM} production update {variants}`"


def suggest_after_alarm(state: ProjectState, version: int, is_drift: bool, alarm: str = "") -> str:
    """Return the command to suggest after monitoring. alarm: the name of the alarm, if there is one.

    After drift, the only suggestion is to monitor with a newer version, whose domain may include the spectra.
    """
    newer = [number for number, approval in state.versions.items() if number > version and approval != REJECTED]
    if is_drift:
        return f"monitor --version {max(newer)}" if newer else ""
    if version in state.served:
        return ""
    command = next_command(replace(state, subject=version))
    has_alarm = alarm and command == f"update {version}"
    return f"{command} --strategy canary --alarm {alarm}" if has_alarm else command
