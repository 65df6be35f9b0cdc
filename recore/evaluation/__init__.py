"""Takes a submission through the four steps to its scores, and keeps the record of the run."""

from recore.evaluation.board import read_runs
from recore.evaluation.data import DataFiles, find_data_files
from recore.evaluation.four_steps import PipelineRun
from recore.evaluation.jobs import JobRunner, StepFailed
from recore.evaluation.kept_run import explain_failures, run_and_keep
from recore.evaluation.observing import read_utilization
from recore.evaluation.packing import ARCHIVE_NAME, check_target, write_archive
from recore.evaluation.record import Record, clean_note, read_record, write_note
from recore.evaluation.requests import BY_LINES, JOB_SECONDS, LARGEST_PAYLOAD, Instances, RunSettings, describe_limits
from recore.evaluation.run_folder import RunFolder
from recore.evaluation.scores import HELD_OUT, JUDGES, SCORES, SIDES, Score, make_tables, read_scores
from recore.evaluation.step import END_STATES, Step
from recore.evaluation.storage import Storage
from recore.evaluation.submission import LARGEST, MANIFEST, SubmissionFiles, find_uploads, read_archive, read_submission

__all__ = [
    "ARCHIVE_NAME",
    "BY_LINES",
    "END_STATES",
    "HELD_OUT",
    "JOB_SECONDS",
    "JUDGES",
    "LARGEST",
    "LARGEST_PAYLOAD",
    "MANIFEST",
    "SCORES",
    "SIDES",
    "DataFiles",
    "Instances",
    "JobRunner",
    "PipelineRun",
    "Record",
    "RunFolder",
    "RunSettings",
    "Score",
    "Step",
    "StepFailed",
    "Storage",
    "SubmissionFiles",
    "check_target",
    "clean_note",
    "describe_limits",
    "explain_failures",
    "find_data_files",
    "find_uploads",
    "make_tables",
    "read_archive",
    "read_record",
    "read_runs",
    "read_scores",
    "read_submission",
    "read_utilization",
    "run_and_keep",
    "write_archive",
    "write_note",
]
