"""Run `recore production` against a simulator that tests share. Each test uses separate names."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

from stagemaker_support.simulator_client import Client
from support.checkout import environment

from recore_support.command import recore


class ProductionCommands:
    """The commands of `recore production` in a folder whose config.json gives all resources a unique name."""

    def __init__(self, client: Client, folder: Path, name: str):
        self.client, self.folder, self.name = client, folder, name
        self.config = {
            "PREFIX": name,
            "PIPELINE_NAME": name,
            "MODEL_PACKAGE_GROUP_NAME": name,
            "ENDPOINT_NAME": name,
            "MINIMUM_SCORE": -10.0,  # models of small samples score badly
        }
        self.configure()

    def configure(self, **settings: Any) -> None:
        """Add settings to config.json."""
        self.config |= settings
        (self.folder / "config.json").write_text(json.dumps(self.config))

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a command in this process, and return its exit status and output."""
        return recore("production", *arguments, cwd=self.folder, **self.client.simulator.variables())

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command in a separate process."""
        command = [sys.executable, "-m", "recore", "production", *map(str, arguments)]
        variables = environment() | self.client.simulator.variables()
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self.folder, env=variables, text=True, **pipes)

    def run_with_reply(self, answer: str, *arguments: object) -> str:
        """Run a command on a terminal, reply to its prompt with `answer`, and return its output."""
        main, terminal = pty.openpty()
        command = [sys.executable, "-m", "recore", "production", *map(str, arguments)]
        variables = environment() | self.client.simulator.variables()
        with open(main, "w") as keyboard:
            keyboard.write(f"{answer}\n")
            keyboard.flush()
            pipes = {"stdin": terminal, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
            process = subprocess.run(command, cwd=self.folder, env=variables, text=True, timeout=120, **pipes)
        os.close(terminal)
        return process.stdout

    def succeed(self, *arguments: object) -> dict[str, Any]:
        """Run a command that must succeed, and return its JSON output."""
        result = self.run(*arguments, "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def expect_error(self, *arguments: object, status: int = 2) -> str:
        """Run a command that must fail with one error line, and return that line."""
        result = self.run(*arguments)
        assert result.returncode == status, (result.stdout, result.stderr)
        lines = [line for line in result.stderr.splitlines() if line.startswith("recore: ")]
        assert len(lines) == 1, result.stderr
        return lines[0]
