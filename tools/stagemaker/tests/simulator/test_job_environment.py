"""Only the job receives its environment variables: no process outside its sandbox does, not even bubblewrap."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from stagemaker_support.job_traces import wait_until
from stagemaker_support.sandbox import needs_sandbox
from stagemaker_support.simulator_client import IMAGE, Client

from stagemaker.compute.processes.process import SupervisedProcess
from stagemaker.isolation.bubblewrap import Bubblewrap
from stagemaker.isolation.sandbox import Launch, Sandbox
from stagemaker.machine import count_cores

# Environment variables that the dynamic loader, the C library, the shell and Python read. These values are harmless in
# the sandbox.
VARIABLES = {
    "LD_PRELOAD": "/opt/ml/none.so",
    "LD_LIBRARY_PATH": "/opt/ml/libraries",
    "LD_DEBUG": "libs",
    "LD_DEBUG_OUTPUT": "{folder}/trace",
    "GLIBC_TUNABLES": "glibc.malloc.check=3",
    "GCONV_PATH": "/opt/ml/none",
    "TZ": ":{folder}/zone",
    "PATH": "{folder}:/usr/bin:/bin",
    "IFS": "/",
    "BASH_ENV": "{folder}/profile",
    "PYTHONPATH": "{folder}",
    "PYTHONSTARTUP": "{folder}/startup.py",
    "TMPDIR": "{folder}",
}
RECORDING_PROGRAM = """#!{python}
import os, sys
with open({path!r}, "w") as file:
    file.write(repr((dict(os.environ), open(int(sys.argv[2]), "rb").read())))
"""


def run(launch: Launch, folder: Path) -> str:
    process = SupervisedProcess(launch, folder)
    output = process.output.read().decode()
    process.wait()
    return output


def launch_of(folder: Path, variables: dict[str, str]) -> Launch:
    (folder / "ml").mkdir()
    bubblewrap = Bubblewrap("/usr/bin/bwrap")
    return bubblewrap.make_launch(Sandbox(folder, bubblewrap, IMAGE), ["env"], variables, "/")


def test_bubblewrap_starts_with_an_empty_environment(tmp_path: Path) -> None:
    record, program = tmp_path / "record", tmp_path / "program"
    program.write_text(RECORDING_PROGRAM.format(python=sys.executable, path=str(record)))
    program.chmod(0o755)
    variables = {name: value.format(folder=tmp_path) for name, value in VARIABLES.items()}
    launch = launch_of(tmp_path, variables)
    assert launch.bubblewrap
    assert run(replace(launch, bubblewrap=[str(program), *launch.bubblewrap[1:]]), tmp_path) == ""
    environment, arguments = eval(record.read_text())
    assert not set(environment) & set(VARIABLES), environment
    command_line = arguments.decode().split("\0")
    for name, value in variables.items():
        assert command_line[command_line.index(name) - 1 : command_line.index(name) + 2] == ["--setenv", name, value]


def test_a_null_byte_in_an_environment_variable_is_rejected(tmp_path: Path) -> None:
    """If null bytes were accepted, the rest of the value would become another argument of bubblewrap."""
    launch = launch_of(tmp_path, {"NAME": "value\0--bind\0/\0/host"})
    assert "The command could not be started: embedded null byte" in run(launch, tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder outside the sandbox to which VARIABLES refer. It contains a program that must not run."""
    folder = tmp_path_factory.mktemp("named")
    program = folder / "bwrap"
    program.write_text(f"#!/bin/sh\n: > {folder}/started\n")
    program.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def environments(client: Client, folder: Path) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Return a job's environment, and the environments of the simulator's processes outside the job's sandbox.

    The job is started with all VARIABLES, which its program ignores.
    """
    app_specification = {"ImageUri": IMAGE, "ContainerEntrypoint": ["/bin/sleep", "300"]}
    variables = {name: value.format(folder=folder) for name, value in VARIABLES.items()}
    job = client.process("", wait=False, AppSpecification=app_specification, Environment=variables)
    wait_until(lambda: any(process.name() == "sleep" for process in children()))
    processes = {process.name(): process for process in children()}
    assert "bwrap" in processes
    job_environment = processes.pop("sleep").environ()
    other_environments = [process.environ() for process in processes.values()]
    client.stop(job)
    client.end(job)
    return job_environment, other_environments


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


@needs_sandbox
@pytest.mark.parametrize("variable", VARIABLES)
def test_an_environment_variable_reaches_only_the_job(
    variable: str, environments: tuple[dict[str, str], list[dict[str, str]]], folder: Path
) -> None:
    job_environment, other_environments = environments
    value = VARIABLES[variable].format(folder=folder)
    assert job_environment[variable].startswith(value)  # PATH has additional entries
    assert not [environment for environment in other_environments if environment.get(variable, "").startswith(value)]
    assert [path.name for path in folder.iterdir()] == ["bwrap"]  # the program in PATH was not started


@needs_sandbox
def test_numeric_libraries_use_as_many_threads_as_in_the_simulator(environments) -> None:
    job_environment, _ = environments
    assert job_environment["OMP_NUM_THREADS"] == os.environ["OMP_NUM_THREADS"]


@pytest.mark.parametrize("limits", [{}, {"OMP_NUM_THREADS": "7"}])
def test_numeric_libraries_use_the_share_of_a_job(
    limits: dict[str, str], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    script = "import os; print('threads:', os.environ['OMP_NUM_THREADS'])"
    job = client.process(script, Environment=limits)
    cores = min(2, count_cores())  # the CPUs of ml.m5.large, if no other job is running
    expected = limits.get("OMP_NUM_THREADS", str(cores))
    assert f"threads: {expected}" in client.log(job)
