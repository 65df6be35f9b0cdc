"""The kinds of resource: a new one is a line here."""

from recore.simulator.jobs.platform import Platform
from recore.simulator.resources.endpoint import Endpoints
from recore.simulator.resources.endpoint_config import EndpointConfigs
from recore.simulator.resources.model import Models
from recore.simulator.resources.processing import ProcessingJobs
from recore.simulator.resources.resource import Resource
from recore.simulator.resources.tags import Tags
from recore.simulator.resources.training import TrainingJobs
from recore.simulator.resources.transform import TransformJobs

KINDS: tuple[type[Resource], ...] = (
    TrainingJobs,
    ProcessingJobs,
    TransformJobs,
    Models,
    EndpointConfigs,
    Endpoints,
)


def make_resources(platform: Platform) -> list[Resource]:
    """A resource of each kind, and the tags of all."""
    resources = [kind(platform) for kind in KINDS]
    return [*resources, Tags(platform, resources)]


def operations_table() -> str:
    """The table of operations in docs/simulator.md."""
    rows = ["| resource | operations | here |", "|---|---|---|"]
    kinds: tuple[type[Resource], ...] = (*KINDS, Tags)
    for kind in kinds:
        operations = ", ".join(f"`{name}`" for name in kind.operations())
        rows.append(f"| {kind.arn_type.replace('-', ' ')}s | {operations} | {'run' if kind.runs else 'are recorded'} |")
    return "\n".join(rows)
