"""What a step waits for: the steps before it, and how each of them may have ended."""

from collections.abc import Iterable, Mapping
from typing import Any

from recore.simulator.orchestration.pipelines.definitions.document import members
from recore.simulator.orchestration.pipelines.definitions.problems import DefinitionError

SUCCEEDED = frozenset({"Succeeded"})
TRIGGERS = {
    "Completed": SUCCEEDED,
    "Failed": frozenset({"Failed"}),
    "Stopped": frozenset({"Stopped"}),
    "Any": frozenset({"Succeeded", "Failed", "Stopped"}),
}
Endings = Mapping[str, frozenset[str]]  # by the names of steps


def read_depends_on(documents: Iterable[Any]) -> Endings:
    """Read DependsOn, whose items are names of steps or objects with a trigger. Raises DefinitionError."""
    return every(_read(document) for document in documents)


def every(needed: Iterable[tuple[str, frozenset[str]]]) -> dict[str, frozenset[str]]:
    """Combine the endings that a step waits for, by step name. Raises DefinitionError if they contradict each other."""
    endings: dict[str, frozenset[str]] = {}
    for name, allowed in needed:
        endings[name] = endings.get(name, allowed) & allowed
        if not endings[name]:
            raise DefinitionError(f"it can never run, because the step '{name[:80]}' cannot end in two ways")
    return endings


def _read(document: Any) -> tuple[str, frozenset[str]]:
    if isinstance(document, str):
        return document, SUCCEEDED
    dependency = members(document, "DependsOn", {"Step": str, "Trigger": str}, {})
    if dependency["Trigger"] not in TRIGGERS:
        raise DefinitionError(
            f"DependsOn: the Trigger {dependency['Trigger'][:80]} is not one of {', '.join(TRIGGERS)}"
        )
    return dependency["Step"], TRIGGERS[dependency["Trigger"]]
