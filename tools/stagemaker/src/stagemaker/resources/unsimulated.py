"""Kinds of resources that are not simulated but can be listed: there are none, as in a new AWS account."""

from stagemaker.resources.paging import make_page
from stagemaker.resources.resource import Resource
from stagemaker.state.records import Record


class UnsimulatedResource(Resource):
    """A kind without records. All filters of its List are accepted: each of them selects nothing."""

    verbs = ("List",)

    def page(self, operation: str, request: Record) -> Record:
        return make_page(request, f"{self.kind}Summaries", [], descending=True)


class MonitoringSchedules(UnsimulatedResource):
    kind = "MonitoringSchedule"
    arn_type = "monitoring-schedule"


class TrialComponents(UnsimulatedResource):
    kind = "TrialComponent"
    arn_type = "experiment-trial-component"
    title = "trial component"
