"""Run a submission through the four steps, score it, and keep the record of the run."""

from recore.data_file import sha256_of
from recore.evaluation.csv_columns import remove_columns
from recore.evaluation.data import DataFiles, choose_data_files, find_data_files
from recore.evaluation.fleet.costs import Bound, bound_costs, count_instances, read_quotas
from recore.evaluation.fleet.leftovers import stop_leftovers
from recore.evaluation.fleet.policies import make_policies
from recore.evaluation.fleet.wheels import WheelHouse, count_package_lists
from recore.evaluation.four_steps import EvaluationRun, remove_targets
from recore.evaluation.held_out import (
    HELD_OUT_NAME,
    MIN_GROUPS,
    NoHeldOutScoreError,
    check_size,
    is_overstated,
    read_held_out_bytes,
)
from recore.evaluation.job_logs import read_utilization, write_streams
from recore.evaluation.job_requests import (
    AUDIT_HOOK,
    JOB_SECONDS,
    LINE_BATCHES,
    MAX_PAYLOAD_MB,
    Instances,
    RunSettings,
    format_limits,
    make_round_id,
    processing_arguments,
    training_arguments,
)
from recore.evaluation.job_runner import JobRunner, StepFailed
from recore.evaluation.judging import Entry, Round, entries_to_recompute
from recore.evaluation.leaderboard import find_runs, read_runs
from recore.evaluation.pace import Pace
from recore.evaluation.record import (
    Record,
    find_public,
    make_context,
    read_challenge_of,
    read_record,
    write_note,
    write_recomputed_held_out,
)
from recore.evaluation.run_folder import RunFolder, explain_failures, next_command, run_and_keep
from recore.evaluation.run_prediction import RunPrediction, predict_with_run
from recore.evaluation.scores import (
    HELD_OUT,
    HOST_RANKING_SCORES,
    RANKING_SCORES,
    SCORES,
    SPLITS,
    Score,
    explain_unverified_score,
    make_tables,
    read_scores,
)
from recore.evaluation.step import STAGES, Step
from recore.evaluation.storage import MAX_REMOVED, Storage, list_objects
from recore.evaluation.submission import (
    ARCHIVE_NAME,
    BYTE_ORDER_MARK,
    MANIFEST,
    MAX_SIZE,
    SubmissionFiles,
    extend_archive,
    find_packages,
    find_uploads,
    loses_first_line,
    pack_files,
    read_archive,
    read_submission,
)
