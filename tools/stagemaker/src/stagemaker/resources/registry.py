"""The kinds of resources, one per line."""

from stagemaker.compute.platform import Platform
from stagemaker.resources.endpoint import Endpoints
from stagemaker.resources.endpoint_config import EndpointConfigs
from stagemaker.resources.model import Models
from stagemaker.resources.model_package import ModelPackages
from stagemaker.resources.model_package_group import ModelPackageGroups
from stagemaker.resources.paging import make_page
from stagemaker.resources.pipeline import Pipelines
from stagemaker.resources.pipeline_execution import PipelineExecutions
from stagemaker.resources.processing_job import ProcessingJobs
from stagemaker.resources.resource import Resource
from stagemaker.resources.search import Searches
from stagemaker.resources.tags import Tags
from stagemaker.resources.training_job import TrainingJobs
from stagemaker.resources.transform_job import TransformJobs
from stagemaker.resources.tuning_job import TuningJobs
from stagemaker.state.records import Record


class EmptyKind(Resource):
    """A kind without records. All filters of its List are accepted: each of them selects nothing."""

    verbs = ("List",)

    def page(self, operation: str, request: Record) -> Record:
        return make_page(request, f"{self.kind}Summaries", [], descending=True)


class MonitoringSchedules(EmptyKind):
    kind = "MonitoringSchedule"
    arn_type = "monitoring-schedule"


class TrialComponents(EmptyKind):
    kind = "TrialComponent"
    arn_type = "experiment-trial-component"
    title = "trial component"


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
EMPTY_KINDS: tuple[type[Resource], ...] = (MonitoringSchedules, TrialComponents)


def make_resources(platform: Platform) -> list[Resource]:
    resources, empty = ([kind(platform) for kind in kinds] for kinds in (KINDS, EMPTY_KINDS))
    return [*resources, Tags(platform, resources), Searches(platform, resources), *empty]
