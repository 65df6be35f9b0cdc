"""The kinds of resources, one per line."""

from recore.simulator.compute.platform import Platform
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
    """Make the resources of each kind, and the two that apply to all kinds: tags and searches."""
    resources = [kind(platform) for kind in KINDS]
    return [*resources, Tags(platform, resources), Searches(platform, resources)]
