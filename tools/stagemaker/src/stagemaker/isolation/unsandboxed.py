"""Run jobs as processes in separate folders, without enforcing isolation. Their paths are translated."""

import re
from pathlib import Path

from stagemaker.isolation.sandbox import ML, Isolation, Launch, Sandbox
from stagemaker.isolation.translation import translate_paths, translate_paths_in_shell

SHELLS = ("sh", "bash", "dash")
REAL_ML = re.compile(rf"(?<![\w./-]){ML}(?![\w.-])")
NOT_FOUND = re.compile("No such file or directory|Permission denied|Read-only file system|FileNotFoundError")
NO_SANDBOX = (
    f"Jobs run without a sandbox here, so their files are not at {ML}: install bubblewrap (`stagemaker "
    "doctor` says how), or read the folders from the script's arguments or environment variables"
)


class Unsandboxed(Isolation):
    name = "none"
    enforced = False
    keeps_paths = False

    def explain(self, message: str) -> str:
        lines = message.splitlines()
        return NO_SANDBOX if any(NOT_FOUND.search(line) and REAL_ML.search(line) for line in lines) else ""

    def make_launch(self, sandbox: Sandbox, command: list[str], environment: dict[str, str], folder: str) -> Launch:
        tmp = sandbox.folder / "tmp"
        tmp.mkdir(exist_ok=True)
        paths = {ML: sandbox.ml, **sandbox.shared_folders}
        folders = {"HOME": str(tmp), "TMPDIR": str(tmp), "SAGEMAKER_BASE_DIR": str(sandbox.ml)}
        environment = {name: translate_paths(value, paths) for name, value in environment.items()} | folders
        working_folder = str(tmp) if folder == "/" else translate_paths(folder, paths)
        words = [translate_paths(word, paths) for word in command]
        if Path(command[0]).name in SHELLS and "-c" in command[1:-1]:
            script = command.index("-c") + 1
            words[script] = translate_paths_in_shell(command[script], paths)
        return Launch(words, environment, working_folder)
