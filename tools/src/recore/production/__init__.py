"""The winner in use: versions of a two-container model, the pipeline that makes them, and an endpoint that serves them.

Its modules import boto3's errors and pyarrow, and are imported when a command runs.
"""

from recore.production.approving import approve
from recore.production.client_spectra import usual_outside
from recore.production.containers import domain
from recore.production.endpoints import Strategy, Variant, choose_variants, delete_endpoint, deploy, rollback, update
from recore.production.hyperparameters import choose_values, read_hyperparameters
from recore.production.inventory import delete_all, delete_version, describe, list_all
from recore.production.invoking import SampleAnswer, count_rows, invoke_file
from recore.production.live_comparison import ComparisonSettings, compare_endpoint
from recore.production.monitoring import (
    Monitoring,
    MonitorSettings,
    describe_monitoring,
    monitor_endpoint,
    send_alarm,
)
from recore.production.pipeline import describe_pipeline_costs, make_steps, train
from recore.production.predicting import describe_batch_costs, predict_file, read_served_columns
from recore.production.project import (
    Outcome,
    ProductionError,
    ProductionProject,
    WorkFailedError,
    make_project,
    open_project,
)
from recore.production.ranges import TuningPlan, read_plan
from recore.production.registering import register
from recore.production.retraining import check_replaceable, choose_hyperparameters, put_to_use, retrain
from recore.production.settings import Settings, read_settings
from recore.production.tuning import describe_tuning_costs, find_best, train_best
from recore.production.written_files import check_target
