"""The registry of resource kinds, one per line."""

from stagemaker.compute.platform import Platform
from stagemaker.protocol.service_model import operation_model, sagemaker_model
from stagemaker.resources.endpoint import Endpoints
from stagemaker.resources.endpoint_config import EndpointConfigs
from stagemaker.resources.experiment import TrackedExperiments, TrialComponents, Trials
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


class EmptyLists(Resource):
    """The List operations of unsupported kinds, which accept all filters and return no records.

    Inventory and clean-up programs call many of these operations.
    """

    kind = "Nothing"
    arn_type = "nothing"

    @classmethod
    def operations(cls) -> list[str]:
        names = (name for name in sagemaker_model().operation_names if name.startswith("List"))
        return [name for name in names if not operation_model(name).input_shape.required_members]

    def handle(self, operation: str, request: Record) -> Record:
        members = operation_model(operation).output_shape.members
        [member] = [name for name, shape in members.items() if shape.type_name == "list"]
        return make_page(request, member, [], descending=True)


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
    TrackedExperiments,
    Trials,
    TrialComponents,
)


def make_resources(platform: Platform) -> list[Resource]:
    resources = [kind(platform) for kind in KINDS]
    return [EmptyLists(platform), *resources, Tags(platform, resources), Searches(platform, resources)]
