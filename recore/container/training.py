"""What a training job runs: the user's script, started by SageMaker's training toolkit as AWS's scikit-learn image does.

    python -P training.py

Below /opt/ml, or the folder SAGEMAKER_BASE_DIR, it reads input/config/hyperparameters.json (values of JSON or bare
text), resourceconfig.json and inputdataconfig.json beside it, and the channels input/data/NAME. The hyperparameters
`sagemaker_program` and `sagemaker_submit_directory` (a folder, a tar.gz or an address on S3) name the script and its
source; without the second the source is the channel `code`, else what lies in the folder code already.

The exit code is the script's, 128 + N where signal N ended it. The script's last error lines are then in
output/failure, 1024 characters at the most, unless it wrote that file itself. SIGTERM and SIGINT go on to the script.
"""

import itertools
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import ClassVar

# without it the toolkit, where there is no /opt/ml, would make itself a folder in the user's home
os.environ.setdefault("SAGEMAKER_BASE_DIR", "/opt/ml")

import psutil
from sagemaker_training import entry_point, environment, errors, logging_config, process, trainer

REASON = 1024  # characters of output/failure that SageMaker shows
HEADER = "Traceback (most recent call last)"
KEPT = 65536  # bytes of stderr in which the reason is looked for


class Script(process.ProcessRunner):  # type: ignore[misc]
    """The toolkit's runner of the user's script, but with a child process that can be told of signals."""

    child: ClassVar[subprocess.Popen[bytes] | None] = None

    def run(self, wait: bool = True, capture_error: bool = False) -> subprocess.Popen[bytes]:
        """Run the script to its end. Raises ExecuteUserScriptError where it fails."""
        command = self._create_command()
        logging_config.log_script_invocation(command, self._env_vars)
        command[-1] = command[-1].strip('"')  # the toolkit puts a shell's command in quotes, and takes them off here
        variables = {name: value for name, value in os.environ.items() if name != "SM_STUDIO_LOCAL_MODE"}
        Script.child = subprocess.Popen(command, cwd=environment.code_dir, env=variables)
        if Script.child.wait():
            raise errors.ExecuteUserScriptError(cmd=" ".join(command), return_code=exit_code())
        return Script.child


def exit_code() -> int:
    """The script's exit code as a shell gives it, 128 + N for signal N; 0 where no script has ended."""
    code = (Script.child and Script.child.returncode) or 0
    return code if code >= 0 else 128 - code


def pass_on(number: int, frame: FrameType | None) -> None:
    """Handle a signal: the script gets it, and its end is ours. Before there is a script, end at once."""
    if Script.child:
        Script.child.send_signal(number)
        return
    for child in psutil.Process().children():
        child.kill()
    os._exit(128 + number)  # the toolkit would turn SystemExit into success


class Stderr:
    """Stands between the processes that the job starts and stderr: passes on what they write and keeps its end."""

    def __init__(self) -> None:
        self._end, self._over = b"", threading.Event()
        self._real = os.dup(2)
        reading, writing = os.pipe()
        os.dup2(writing, 2)
        os.close(writing)
        self._thread = threading.Thread(target=self._copy, args=(reading,), daemon=True)
        self._thread.start()

    def end(self) -> str:
        """Stop, and return the last of what was written. A process that lives on and writes is not waited for long."""
        os.dup2(self._real, 2)
        self._over.set()
        self._thread.join(10)
        return self._end.decode(errors="replace")

    def _copy(self, reading: int) -> None:
        while True:
            if not select.select([reading], [], [], 0.2)[0]:
                if self._over.is_set():
                    return
                continue
            chunk = os.read(reading, KEPT)
            if not chunk:
                return
            self._end = (self._end + chunk)[-KEPT:]
            try:
                while chunk:
                    chunk = chunk[os.write(self._real, chunk) :]
            except OSError:
                pass  # nobody reads it any more; the script must be able to write on all the same


def last_error(text: str) -> str:
    """The last exception's line and message in what a program wrote to stderr, or else its last lines."""
    lines = text.rstrip().splitlines()
    headers = [number for number, line in enumerate(lines) if line.startswith(HEADER)]
    if headers:
        message = "\n".join(itertools.dropwhile(lambda line: line.startswith(" "), lines[headers[-1] + 1 :]))
        if len(message) > REASON:  # a long message, or an exception long before the end: show both ends
            message = f"{message[: REASON // 2 - 5]}\n...\n{message[-REASON // 2 :]}"
        if message:
            return message
    text = "\n".join(lines)
    return text if len(text) <= REASON else text[-REASON:].partition("\n")[2] or text[-REASON:]


def reason(written: str) -> str:
    """Why the script, or pip before it, failed: its own words where it had any."""
    code = Script.child.returncode if Script.child else 1
    error = last_error(written)
    if code < 0:
        return f"the script was ended by {signal.Signals(-code).name}\n{error}".rstrip()[:REASON]
    if code > 1 and HEADER in written:  # an exception ends a script with 1: this one was caught
        return f"the script ended with exit code {code}, after\n{error}"[:REASON]
    return error or f"the script ended with exit code {code} and wrote no error"


def write_failure(text: str) -> None:
    """Write output/failure, whole or not at all."""
    path = Path(environment.output_dir, "failure")
    part = path.with_name("failure.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def source(job: environment.Environment) -> str:
    """Where the user's source is: the submit directory, the channel `code`, or the archive that is all it holds."""
    channel = job.channel_input_dirs.get("code")
    if job.module_dir != environment.code_dir or channel is None:
        return str(job.module_dir)
    files = list(Path(channel).iterdir())
    return str(files[0]) if len(files) == 1 and files[0].name.endswith(".tar.gz") else str(channel)


def train() -> None:
    """The toolkit calls this as it calls AWS's image's own: fetch the source, install its requirements, run it."""
    job = environment.Environment()
    program = job.user_entry_point
    if not program:
        raise errors.ClientError("no script to run: the hyperparameter sagemaker_program names it")
    if len(job.hosts) == 1:  # alone, there is no other host whose name must be known first
        os.environ["SM_STUDIO_LOCAL_MODE"] = "true"
    script = Script(program, job.to_cmd_args(), job.to_env_vars(), 1)
    stderr = Stderr()
    try:
        entry_point.run(source(job), program, job.to_cmd_args(), job.to_env_vars(), runner_type=script)
    except errors.ClientError:
        text = reason(stderr.end())
        if not Path(environment.output_dir, "failure").exists():
            write_failure(text)
        raise
    finally:
        stderr.end()


def main() -> int:
    # this process's own way to stderr, past the pipe: the toolkit's log is no error of the user's
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, pass_on)
    os.environ["SAGEMAKER_TRAINING_MODULE"] = "__main__:train"
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    os.environ.setdefault("PIP_DISABLE_PIP_VERSION_CHECK", "1")  # it would wait for a network that a job may not have
    for folder in (environment.model_dir, environment.output_data_dir):
        Path(folder).mkdir(parents=True, exist_ok=True)
    if shutil.which("which") is None:  # the toolkit asks it for two programs of AWS's, and dies where it is missing
        environment.validate_smddprun = environment.validate_smddpmprun = lambda: False
    code = 0
    try:
        trainer.train()
    except SystemExit as end:  # always: the toolkit ends so
        code = end.code if isinstance(end.code, int) else 1
    failure = Path(environment.output_dir, "failure")
    if code and failure.is_file() and (text := failure.read_text(errors="replace")).startswith("Framework Error:"):
        write_failure(last_error(text.rpartition("\n\n")[0]))  # what follows is the message once more
    return exit_code() or code


if __name__ == "__main__":
    sys.exit(main())
