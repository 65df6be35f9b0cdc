"""The kinds of resource: a new one is a line here."""

import re

from recore.simulator.compute.platform import Platform
from recore.simulator.protocol.service_model import sagemaker_model
from recore.simulator.resources.endpoint import Endpoints
from recore.simulator.resources.endpoint_config import EndpointConfigs
from recore.simulator.resources.model import Models
from recore.simulator.resources.model_package import ModelPackages
from recore.simulator.resources.model_package_group import ModelPackageGroups
from recore.simulator.resources.pipeline import Pipelines
from recore.simulator.resources.pipeline_execution import PipelineExecutions
from recore.simulator.resources.processing import ProcessingJobs
from recore.simulator.resources.resource import Resource
from recore.simulator.resources.search import Searches
from recore.simulator.resources.tags import Tags
from recore.simulator.resources.training import TrainingJobs
from recore.simulator.resources.transform import TransformJobs
from recore.simulator.resources.tuning import TuningJobs

KINDS: tuple[type[Resource], ...] = (
    TrainingJobs,
    ProcessingJobs,
    TransformJobs,
    TuningJobs,
    Models,
    ModelPackageGroups,
    ModelPackages,
    EndpointConfigs,
    Endpoints,
    Pipelines,
    PipelineExecutions,
)


def make_resources(platform: Platform) -> list[Resource]:
    """A resource of each kind, and what concerns all of them: tags and searches."""
    resources = [kind(platform) for kind in KINDS]
    return [*resources, Tags(platform, resources), Searches(platform, resources)]


def operations_table() -> str:
    """The table in docs/reference/simulator-operations.md: a row for each kind, and one for all that are not here."""
    rows = ["| resource | run | recorded only | not there |", "|---|---|---|---|"]
    kinds: tuple[type[Resource], ...] = (*KINDS, Tags, Searches)
    absent = set(sagemaker_model().operation_names).difference(*(kind.operations() for kind in kinds))
    for kind in kinds:
        here, missing = kind.operations(), sorted(name for name in absent if _noun(name) == kind.kind)
        absent -= set(missing)
        run, recorded = (here, []) if kind.runs else ([], here)
        cells = " | ".join(", ".join(f"`{name}`" for name in names) for names in (run, recorded, missing))
        rows.append(f"| {kind.title or kind.arn_type.replace('-', ' ')}s | {cells} |")
    nouns = sorted({_noun(name) for name in absent})
    first = [noun for noun in nouns if not any(noun != other and noun.startswith(other) for other in nouns)]
    rows.append(f"| everything else |  |  | {', '.join(f'`{noun}`' for noun in first)} |")
    return "\n".join(rows)


def _noun(operation: str) -> str:
    """What an operation is about: its name without the verb, and without the plural of a list."""
    noun = re.sub("^(Batch)?[A-Z][a-z]+(?=[A-Z])", "", operation)
    if not operation.startswith("List"):
        return noun
    for plural, singular in (("ies", "y"), ("ases", "as"), ("s", "")):
        if noun.endswith(plural):
            return noun.removesuffix(plural) + singular
    return noun
