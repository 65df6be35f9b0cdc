"""Why a job failed, from the FailureReason in its description and its log, or a call of AWS."""

import re
import signal
from pathlib import Path
from typing import Protocol

from recore.failures.exceptions import JOB_FOLDER, LoggedException, find_exception
from recore.failures.job_log import read_end, script_lines

FOLLOWING_LINES = 20  # with more lines after an exception that the platform does not name, it was not the end
OUTSIDE = "InternalServerError"  # the platform's reason begins with this if the cause lies outside the job
KINDS = ("AlgorithmError", "ClientError", OUTSIDE)  # what its reasons begin with
EXIT = re.compile(r",? exit code: (\d+)$")
# how SageMaker's own images report the last lines of a script
FRAMED = re.compile(r'ExecuteUserScriptError:\s+ExitCode (?P<code>\d+)\s+ErrorMessage "(?P<text>.*?)"\s+Command', re.S)
LOG_ONLY = re.compile(r"see (?:the )?job logs", re.I)  # the platform refers to the log
# causes that are not an exception: an exception in the log is then not the reason
OTHER = re.compile(r"needed more memory|more processes than|requirements\.txt|ended by SIG|No space left on device")
# what a simulator without a sandbox adds to the reason
NO_SANDBOX = re.compile(r"\n(Jobs run without a sandbox here, .*)")
FOLDER = re.compile(rf"/\S*{JOB_FOLDER}/ml/")  # replaces /opt/ml/ in a job without isolation
SETTINGS = "start `stagemaker start` and export what it prints, or choose an AWS profile with AWS_PROFILE"


class FailedStep(Protocol):
    """A step that failed. name: its last words are the kind of step. exception: the submission's, if it is the reason.

    outside: the cause lies outside the job. data: the file that it read, if the user can start its script with it.
    log: the name of the log's file.
    """

    name: str
    reason: str | None
    exception: LoggedException | None
    outside: bool
    data: Path | None

    @property
    def log(self) -> str: ...


def is_outside(failure_reason: str | None) -> bool:
    """Whether the cause of a failure lies outside the job."""
    return (failure_reason or "").startswith(f"{OUTSIDE}: ")


def read_reason(failure_reason: str | None, log: Path) -> tuple[str, LoggedException | None]:
    """The reason why a job failed, for users, and the submission's exception if that is the reason.

    failure_reason: the FailureReason of the job's description. log: the job's log, of which the end is read.
    """
    text = FOLDER.sub("/opt/ml/", failure_reason or "").strip()
    kind, _, rest = text.partition(": ")
    text = rest if kind in KINDS else text
    if kind == OUTSIDE:
        return rest, None
    exit_code = EXIT.search(text)
    code = int(exit_code[1]) if exit_code else None
    text = EXIT.sub("", text).rstrip()
    if framed := FRAMED.search(text):
        code, text = int(framed["code"]), framed["text"].strip()
    remark = NO_SANDBOX.search(text)
    lines = script_lines(read_end(log))
    exception = find_exception("\n".join(lines))
    if exception and code in (None, 1) and not OTHER.search(text):
        named = exception.innermost.message[:60] in text and exception.innermost.type in text
        if named or exception.following_lines <= FOLLOWING_LINES:
            return f"{exception}. {remark[1]}" if remark else str(exception), exception
    if lines and (not text or LOG_ONLY.search(text)):
        text = f"{text or 'the platform reported no reason'}; its last line: {lines[-1].strip()}"
    by_a_limit = code == 137 and OTHER.search(text)
    if code is not None and code > 1 and "exit code" not in text and not by_a_limit:
        text = f"{text or 'it printed nothing'}, {format_exit(code)}"
    return text or "the platform reported no reason", None


def format_exit(code: int) -> str:
    """The exit code, or the name of the signal: N is 128 + N for a shell and -N for Python."""
    try:
        return f"ended by {signal.Signals(-code if code < 0 else code - 128).name}"
    except ValueError:
        return f"exit code {code}"


def explain_aws_error(error: Exception) -> str:
    """Why a call of boto3's failed. error: a BotoCoreError or a ClientError."""
    from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError

    if isinstance(error, NoRegionError | NoCredentialsError):
        return f"{str(error).rstrip('.')}: {SETTINGS}"
    if not isinstance(error, ClientError):
        return str(error)
    response = error.response["Error"]
    if response["Code"] == "NoSuchBucket":
        return f"the bucket {response.get('BucketName', '')!r} does not exist: create it, or correct 's3folder'"
    return f"{error.operation_name}: {response.get('Message') or response['Code']}"
