"""Explanations of failures for users: exceptions in logs, reasons of jobs, and hints."""

from recore.failures.exceptions import LoggedException, find_exception
from recore.failures.explanation import UNKNOWN_REASON, explain_failure, find_hint, find_place
from recore.failures.failure_reason import explain_aws_error, format_exit, is_outside, read_reason
from recore.failures.hints import hint_for, is_in_job, memory_hint, missing_module_hint
from recore.failures.installation import DISTRIBUTIONS, FORMER_IMAGE, PIP_FAILURE, WRONG_NAMES, is_old_pin
from recore.failures.job_log import last_error, last_lines, read_end
from recore.failures.source_hints import TRAINING_METHODS, TRAINING_VARIABLES
from recore.failures.submission_files import module_in_other_case, other_case, similar_file_hint
from recore.failures.terminal_command import find_command
