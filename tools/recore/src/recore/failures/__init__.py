"""Explanations of failures for users: exceptions in logs, reasons of jobs, and fixes."""

from recore.failures.exceptions import LoggedException, find_exception
from recore.failures.explanation import UNKNOWN_REASON, explain_failure, find_fix, suggest_location
from recore.failures.failure_reason import explain_aws_error, format_exit, is_outside, read_reason
from recore.failures.fixes import fix_for, is_in_job, memory_fix, missing_module_fix
from recore.failures.installation import DISTRIBUTIONS, FORMER_IMAGE, PIP_FAILURE, WRONG_NAMES, is_old_pin
from recore.failures.job_log import last_error, last_lines, read_end
from recore.failures.source_fixes import TRAINING_METHODS, TRAINING_VARIABLES
from recore.failures.submission_files import module_in_other_case, other_case, similar_file_fix
from recore.failures.terminal_command import find_command
