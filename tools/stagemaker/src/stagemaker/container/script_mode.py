"""Script mode: SageMaker's training toolkit runs the user's script, with the hyperparameters as its arguments.

    python -P script_mode.py

Below SAGEMAKER_BASE_DIR (/opt/ml), it reads hyperparameters.json (values as JSON or plain text), resourceconfig.json
and inputdataconfig.json in input/config, and the channels input/data/NAME. The hyperparameters `sagemaker_program` and
`sagemaker_submit_directory` (a folder, a tar.gz or an S3 URI; by default the channel `code`, or the folder code)
specify the script and its source.

The exit code is the script's, or 128 + N if signal N ended it. After a failure, output/failure contains the script's
last error lines, at most 1024 characters, unless the script wrote that file. SIGTERM and SIGINT are forwarded to the
script.
"""

import itertools
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import ClassVar

# without this variable and without /opt/ml, the toolkit would create a folder in the user's home
os.environ.setdefault("SAGEMAKER_BASE_DIR", "/opt/ml")

import psutil
from sagemaker_training import entry_point, environment, errors, logging_config, process, trainer

REASON_SIZE = 1024  # characters of output/failure that SageMaker shows
TRACEBACK_HEADER = "Traceback (most recent call last)"
STDERR_TAIL_BYTES = 65536  # size of the end of stderr that is searched for the reason
PYTHON = sys.executable


class ScriptRunner(process.ProcessRunner):  # type: ignore[misc]
    """The toolkit's runner of the user's script. It keeps the child process so that signals can be forwarded to it."""

    child: ClassVar[subprocess.Popen[bytes] | None] = None

    def _python_command(self) -> list[str]:
        return [PYTHON]

    def run(self, wait: bool = True, capture_error: bool = False) -> subprocess.Popen[bytes]:
        """Run the script to completion. Raises ExecuteUserScriptError if it fails."""
        command = self._create_command()
        logging_config.log_script_invocation(command, self._env_vars)
        command[-1] = command[-1].strip('"')  # the toolkit quotes a shell command; its runner strips the quotes
        variables = {name: value for name, value in os.environ.items() if name != "SM_STUDIO_LOCAL_MODE"}
        ScriptRunner.child = subprocess.Popen(command, cwd=environment.code_dir, env=variables)
        if ScriptRunner.child.wait():
            raise errors.ExecuteUserScriptError(cmd=" ".join(command), return_code=exit_code())
        return ScriptRunner.child


def exit_code() -> int:
    """Return the script's exit code as a shell reports it, or 0 if no script has ended."""
    code = (ScriptRunner.child and ScriptRunner.child.returncode) or 0
    return code if code >= 0 else 128 - code


def forward_signal(number: int, frame: FrameType | None) -> None:
    """Forward a signal to the script, whose exit also ends this process. Exit if no script has been started."""
    if ScriptRunner.child:
        ScriptRunner.child.send_signal(number)
        return
    for child in psutil.Process().children():
        child.kill()
    os._exit(128 + number)  # the toolkit would treat SystemExit as success


class StderrTap:
    """Forwards the stderr of this process and its children, and keeps the last part."""

    def __init__(self) -> None:
        self._tail, self._stopping = b"", threading.Event()
        self._original_stderr = os.dup(2)
        read_end, write_end = os.pipe()
        os.dup2(write_end, 2)
        os.close(write_end)
        self._thread = threading.Thread(target=self._copy, args=(read_end,), daemon=True)
        self._thread.start()

    def stop(self) -> str:
        """Stop, and return the last part of stderr. A process that keeps writing delays this by up to 10 seconds."""
        os.dup2(self._original_stderr, 2)
        self._stopping.set()
        self._thread.join(10)
        return self._tail.decode(errors="replace")

    def _copy(self, read_end: int) -> None:
        while True:
            if not select.select([read_end], [], [], 0.2)[0]:
                if self._stopping.is_set():
                    return
                continue
            chunk = os.read(read_end, STDERR_TAIL_BYTES)
            if not chunk:
                return
            self._tail = (self._tail + chunk)[-STDERR_TAIL_BYTES:]
            try:
                while chunk:
                    chunk = chunk[os.write(self._original_stderr, chunk) :]
            except OSError:
                pass  # stderr is no longer read, but the script must not fail because of that


def last_error(stderr: str) -> str:
    """Return the type and message of the last exception in a program's stderr, or its last lines."""
    lines = stderr.rstrip().splitlines()
    headers = [index for index, line in enumerate(lines) if line.startswith(TRACEBACK_HEADER)]
    if headers:
        message = "\n".join(itertools.dropwhile(lambda line: line.startswith(" "), lines[headers[-1] + 1 :]))
        if len(message) > REASON_SIZE:  # a long message or much output after the exception: keep both ends
            message = f"{message[: REASON_SIZE // 2 - 5]}\n...\n{message[-REASON_SIZE // 2 :]}"
        if message:
            return message
    tail = "\n".join(lines)
    return tail if len(tail) <= REASON_SIZE else tail[-REASON_SIZE:].partition("\n")[2] or tail[-REASON_SIZE:]


def failure_reason(stderr: str) -> str:
    """Return why the script failed or, if it was not started, why pip failed."""
    code = ScriptRunner.child.returncode if ScriptRunner.child else 1
    error = last_error(stderr)
    if code < 0:
        return f"the script was killed by {signal.Signals(-code).name}\n{error}".rstrip()[:REASON_SIZE]
    if code > 1 and TRACEBACK_HEADER in stderr:  # an uncaught exception exits with 1, so this one was caught
        return f"the script exited with code {code} after this error:\n{error}"[:REASON_SIZE]
    return error or f"the script exited with code {code} and wrote no error"


def write_failure(reason: str) -> None:
    path = Path(environment.output_dir, "failure")
    temporary_path = path.with_name("failure.part")
    temporary_path.write_text(reason, encoding="utf-8")
    temporary_path.replace(path)


def find_source(job: environment.Environment) -> str:
    """Return the source: the submit directory, the channel `code`, or the only archive in that channel."""
    channel = job.channel_input_dirs.get("code")
    if job.module_dir != environment.code_dir or channel is None:
        return str(job.module_dir)
    files = list(Path(channel).iterdir())
    return str(files[0]) if len(files) == 1 and files[0].name.endswith(".tar.gz") else str(channel)


def train() -> None:
    """Fetch the source, install its requirements and run it. The toolkit calls this function."""
    job = environment.Environment()
    program = job.user_entry_point
    if not program:
        raise errors.ClientError("no script is specified: set the hyperparameter sagemaker_program")
    if len(job.hosts) == 1:  # a single host need not wait until other hosts' names can be resolved
        os.environ["SM_STUDIO_LOCAL_MODE"] = "true"
    script = ScriptRunner(program, job.to_cmd_args(), job.to_env_vars(), 1)
    stderr = StderrTap()
    try:
        entry_point.run(find_source(job), program, job.to_cmd_args(), job.to_env_vars(), runner_type=script)
    except errors.ClientError:
        reason = failure_reason(stderr.stop())
        if not Path(environment.output_dir, "failure").exists():
            write_failure(reason)
        raise
    finally:
        stderr.stop()


def main() -> int:
    # this process's own stderr bypasses StderrTap, because the toolkit's log is not part of the script's errors
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward_signal)
    sys.executable = shlex.quote(PYTHON)  # the toolkit splits its pip command as a shell does
    os.environ["SAGEMAKER_TRAINING_MODULE"] = "__main__:train"
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    # the version check would wait for the network, which a job may not have
    os.environ.setdefault("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    for folder in (environment.model_dir, environment.output_data_dir):
        Path(folder).mkdir(parents=True, exist_ok=True)
    if shutil.which("which") is None:  # the toolkit looks for two AWS programs with `which`, and fails without it
        environment.validate_smddprun = environment.validate_smddpmprun = lambda: False
    code = 0
    try:
        trainer.train()
    except SystemExit as exit_request:  # the toolkit always ends this way
        code = exit_request.code if isinstance(exit_request.code, int) else 1
    failure = Path(environment.output_dir, "failure")
    reason = failure.read_text(errors="replace") if failure.is_file() else ""
    if code and reason.startswith("Framework Error:"):
        write_failure(last_error(reason.rpartition("\n\n")[0]))  # the last paragraph repeats the message
    return exit_code() or code


if __name__ == "__main__":
    sys.exit(main())
