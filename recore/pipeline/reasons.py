"""Why a job failed: the submission's own exception, as its log has it, or else what the platform says."""

import re
from pathlib import Path

from recore.pipeline.exceptions import LoggedException, find_exception
from recore.pipeline.joblog import script_lines, tail

FOLLOW = 20  # lines after an exception that the platform does not name: with more, the job went on after it
KINDS = ("AlgorithmError", "ClientError", "InternalServerError")  # what the platform's reasons begin with
EXIT = re.compile(r",? exit code: (\d+)$")
# what SageMaker's own images report: the script's last words within a frame of the toolkit's
FRAMED = re.compile(r'ExecuteUserScriptError:\s+ExitCode (?P<code>\d+)\s+ErrorMessage "(?P<text>.*?)"\s+Command', re.S)
UNSAID = re.compile(r"see (?:the )?job logs", re.I)  # the platform does not know more than the log
# ends that no exception brings about: what the log holds of one is not the reason
OTHER = re.compile(r"needed more memory|more processes than|requirements\.txt|ended by SIG|more than the volume")
FOLDER = re.compile(r"/\S*/job-[0-9a-f]{12}/ml/")  # what is /opt/ml/ to a job that is not isolated


def read_reason(said: str | None, log: Path) -> tuple[str, LoggedException | None]:
    """The reason for people of a job that failed, and the exception that it is, if it is one.

    said: the FailureReason. log: the job's log, read from its end.
    """
    text = FOLDER.sub("/opt/ml/", said or "").strip()
    kind, _, rest = text.partition(": ")
    text = rest if kind in KINDS else text
    code = int(found[1]) if (found := EXIT.search(text)) else None
    text = EXIT.sub("", text)
    if framed := FRAMED.search(text):
        code, text = int(framed["code"]), framed["text"].strip()
    lines = script_lines(tail(log)) if log.is_file() else []
    exception = find_exception("\n".join(lines))
    if exception and code in (None, 1) and not OTHER.search(text):
        named = exception.innermost.message[:60] in text and exception.innermost.type in text
        if named or exception.follow <= FOLLOW:
            return str(exception), exception
    if not text or UNSAID.search(text):
        text = f"{text or 'the platform gives no reason'}; its last line: {lines[-1].strip()}" if lines else text
    if code is not None and 1 < code < 128 and "exit code" not in text:  # more than that is a signal's
        text = f"{text or 'it printed nothing'}, exit code {code}"
    return text or "the platform gives no reason", None
