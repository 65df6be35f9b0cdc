"""Determine why a job or an AWS call failed, from the job's FailureReason and log."""

import re
import signal
from pathlib import Path
from typing import Protocol

from recore.failures.exceptions import JOB_FOLDER, LoggedException, find_exception
from recore.failures.job_log import read_end, script_lines

# an exception that the platform does not mention, followed by more lines than this, did not end the script
FOLLOWING_LINES = 20
PLATFORM_ERROR = "InternalServerError"  # prefix of the platform's reason if the cause lies outside the job
KINDS = ("AlgorithmError", "ClientError", PLATFORM_ERROR)  # prefixes of the platform's reasons
EXIT = re.compile(r",? exit code: (\d+)$")
# format in which SageMaker's own images report the last lines of a script
FRAME = re.compile(r'ExecuteUserScriptError:\s+ExitCode (?P<code>\d+)\s+ErrorMessage "(?P<error>.*?)"\s+Command', re.S)
LOG_ONLY = re.compile(r"see (?:the )?job logs", re.I)  # the platform refers to the log
# causes other than an exception, even if the log contains one
OTHER_REASON = re.compile(r"needed more memory|more processes than|requirements\.txt| by SIG|No space left on device")
# the remark that a simulator without a sandbox adds to the reason
NO_SANDBOX = re.compile(r"\n(Jobs run without a sandbox here, .*)")
FOLDER = re.compile(rf"/\S*{JOB_FOLDER}/ml/")  # replaces /opt/ml/ in a job without isolation
SETTINGS = "run `stagemaker start` and export the variables that it prints, or choose an AWS profile with AWS_PROFILE"


class FailedStep(Protocol):
    """A step that failed. name: its name, which ends with the kind of step.

    exception: the submission's exception, if that is the reason. outside: whether the cause lies outside the job. data:
    the file that the step's script read, if the user can run the script on it. log: the log's file name.
    """

    name: str
    reason: str | None
    exception: LoggedException | None
    outside: bool
    data: Path | None

    @property
    def log(self) -> str: ...


def is_outside(failure_reason: str | None) -> bool:
    """Return whether the cause of a failure lies outside the job."""
    return (failure_reason or "").startswith(f"{PLATFORM_ERROR}: ")


def read_reason(failure_reason: str | None, log: Path) -> tuple[str, LoggedException | None]:
    """Return the reason why a job failed, worded for users, and the submission's exception if it is the reason.

    failure_reason: FailureReason in the job's description. log: the job's log; only its end is read.
    """
    reason = FOLDER.sub("/opt/ml/", failure_reason or "").strip()
    kind, _, message = reason.partition(": ")
    reason = message if kind in KINDS else reason
    if kind == PLATFORM_ERROR:
        return message, None
    exit_code = EXIT.search(reason)
    code = int(exit_code[1]) if exit_code else None
    reason = EXIT.sub("", reason).rstrip()
    if framed := FRAME.search(reason):
        code, reason = int(framed["code"]), framed["error"].strip()
    remark = NO_SANDBOX.search(reason)
    lines = script_lines(read_end(log))
    exception = find_exception("\n".join(lines))
    interrupted = code == 130 and exception is not None and exception.root_cause.type == "KeyboardInterrupt"
    if exception and (interrupted or (code in (None, 1) and not OTHER_REASON.search(reason))):
        is_mentioned = exception.root_cause.message[:60] in reason and exception.root_cause.type in reason
        if is_mentioned or exception.following_lines <= FOLLOWING_LINES:
            return f"{exception}. {remark[1]}" if remark else str(exception), exception
    if lines and (not reason or LOG_ONLY.search(reason)):
        reason = f"{reason or 'the platform reported no reason'}; its last line: {lines[-1].strip()}"
    is_limit = code == 137 and OTHER_REASON.search(reason)
    if code is not None and code > 1 and not re.search("exit(ed with)? code|killed by SIG", reason) and not is_limit:
        reason = f"{reason or 'it printed nothing'}, {format_exit(code)}"
    return reason or "the platform reported no reason", None


def format_exit(code: int) -> str:
    """Format an exit code, or the name of signal N if the code is 128 + N (from a shell) or -N (from Python)."""
    try:
        return f"killed by {signal.Signals(-code if code < 0 else code - 128).name}"
    except ValueError:
        return f"exit code {code}"


def explain_aws_error(error: Exception) -> str:
    """Return the reason why a boto3 call failed. error: a BotoCoreError or a ClientError."""
    from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError

    if isinstance(error, NoRegionError | NoCredentialsError):
        return f"{str(error).rstrip('.')}: {SETTINGS}"
    if not isinstance(error, ClientError):
        return str(error)
    response = error.response["Error"]
    if response["Code"] == "NoSuchBucket":
        return f"the bucket {response.get('BucketName', '')!r} does not exist; create it, or correct 's3folder'"
    return f"{error.operation_name}: {response.get('Message') or response['Code']}"
