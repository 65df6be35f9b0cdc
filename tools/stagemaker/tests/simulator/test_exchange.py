"""Two concurrent jobs that try to exchange data, and the system calls that jobs in a sandbox cannot use."""

import errno
import json
import os
import re
import struct
import sys
import uuid
from pathlib import Path

import pytest
from stagemaker_support import exchange
from stagemaker_support.docker_engine import IMAGE, REPOSITORY, engine
from stagemaker_support.job_traces import wait_until
from stagemaker_support.sandbox import needs_sandbox
from stagemaker_support.simulator_client import Client

from stagemaker.compute.processes.process import SupervisedProcess
from stagemaker.isolation import system_calls
from stagemaker.isolation.containers import build
from stagemaker.isolation.sandbox import Launch
from stagemaker.server import Simulator

MACHINE_MEANS = ("mode in /proc", "time in /dev")  # without a sandbox
# Locks on files that both jobs can read, and times of device files, which only root can mount read-only
OPEN_MEANS = {"flock", "record lock"} | ({"time in /dev"} if os.geteuid() else set())


def exchange_data(client: Client, omitted: tuple[str, ...] = ()) -> set[str]:
    script = Path(exchange.__file__).read_text("utf-8")
    variables = {"TOKEN": uuid.uuid4().hex, "OMITTED": json.dumps(omitted)}
    sender = client.process(script, wait=False, Environment={**variables, "ROLE": "send"})
    try:
        wait_until(lambda: "ready" in client.log(sender))
        receiver = client.process(script, Environment={**variables, "ROLE": "receive"})
    finally:
        client.stop(sender)
    assert client.end(sender)["ProcessingJobStatus"] == "Stopped"
    assert receiver["ProcessingJobStatus"] == "Completed", receiver["FailureReason"]
    return set(json.loads(client.log(receiver).splitlines()[-1]))


@needs_sandbox
def test_jobs_in_sandboxes_exchange_no_data(client):
    assert exchange_data(client) == OPEN_MEANS


def test_jobs_without_a_sandbox_exchange_data(unsandboxed_client):
    received = exchange_data(unsandboxed_client, MACHINE_MEANS)
    assert {"SysV queue", "POSIX memory", "file", "port", "process", "flock", "record lock"} <= received
    assert "session keyring" not in received


@pytest.mark.machine
@pytest.mark.xdist_group("docker")
def test_jobs_in_containers_exchange_no_data():
    build(engine(), REPOSITORY, IMAGE, "equivalent", print)
    with Simulator(engine="docker") as simulator:
        assert exchange_data(Client(simulator, IMAGE)) == set()


def test_a_job_does_not_share_the_session_keyring_of_its_caller(tmp_path):
    try:
        exchange.call("keyctl", 1, None)  # join a new session keyring, as at a login
        exchange.call("add_key", b"user", exchange.TOKEN.encode(), b"*", 1, -3)
    except OSError:
        pytest.skip("the kernel has no keyrings")
    search = "keyctl", 10, -3, b"user", exchange.TOKEN.encode(), 0
    assert exchange.call(*search)
    folder = Path(exchange.__file__).parent
    script = f"import sys; sys.path.append({str(folder)!r}); import exchange; exchange.call(*{search!r})"
    process = SupervisedProcess(Launch([sys.executable, "-c", script], dict(os.environ), str(tmp_path)), tmp_path)
    output = process.output.read()
    assert process.wait().code == 1
    assert b"Required key not available" in output


DENIED_CALLS = {name for name, (_, _, decision) in system_calls.CALLS.items() if len(decision) == 1}
ENOSYS, EPERM, EINVAL, EAFNOSUPPORT = errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.EAFNOSUPPORT
CLONE_NEWUSER, THREAD = 0x10000000, 0x3D0F00  # THREAD: the flags for a new thread
# Calls with their arguments, and the error of each, or 0 if the call is allowed
DECISIONS = [
    *[(name, (), EPERM if name in ("unshare", "setns") else ENOSYS) for name in sorted(DENIED_CALLS)],
    ("clone", (CLONE_NEWUSER | 17,), EPERM), ("clone", (0x20000000,), EPERM), ("clone", (17,), 0),
    ("clone", (THREAD,), 0), ("clone", (0x40020011,), EPERM),
    *[("socket", (family,), 0) for family in (1, 2, 10, 16)],
    *[("socket", (family,), EAFNOSUPPORT) for family in (0, 3, 17, 38, 40, 42, 44)],
    ("fcntl", (0, 1024), EINVAL), ("fcntl", (0, 1026), EINVAL), ("fcntl", (0, 1030), 0), ("fcntl", (1024, 6), 0),
]  # fmt: skip


def decide(program: bytes, architecture: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    data = struct.pack("IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    value, position = 0, 0
    while True:
        code, if_true, if_false, operand = struct.unpack_from("HBBI", program, 8 * position)
        position += 1
        if code == 0x20:
            value = struct.unpack_from("I", data, operand)[0]
        elif code == 0x06:
            assert operand == 0x7FFF0000 or operand & 0xFFFF0000 == 0x50000
            return operand & 0xFFFF if operand != 0x7FFF0000 else 0
        else:
            condition = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            position += if_true if condition else if_false


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_denies_calls_on_each_architecture(machine):
    assert {"syslog", "inotify_init1", "fanotify_init", "perf_event_open", "bpf"} <= DENIED_CALLS
    program, architecture = system_calls.build_filter(machine), system_calls.ARCHITECTURES[machine]
    for name, arguments, error in DECISIONS:
        if (number := system_calls.number(name, machine)) is not None:
            assert decide(program, architecture, number, arguments) == error, name
    read = {"x86_64": 0, "aarch64": 63}[machine]
    assert decide(program, architecture, read) == 0
    assert decide(program, architecture, read | 0x40000000) == ENOSYS  # x32
    for other in (0x40000003, 0x40000028, *set(system_calls.ARCHITECTURES.values()) - {architecture}):  # i386, ARM
        assert decide(program, other, read) == ENOSYS


@pytest.mark.parametrize(("machine", "path"), [("x86_64", "x86_64-linux-gnu/asm"), ("aarch64", "asm-generic")])
def test_system_call_numbers_match_the_kernel(machine, path):
    headers = list(Path("/usr/include", path).glob("unistd*.h"))
    if not headers:
        pytest.skip("the kernel's headers are not installed")
    content = "".join(
        header.read_text("utf-8") for header in headers if header.name not in ("unistd_32.h", "unistd_x32.h")
    )
    numbers = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", content))
    for name in system_calls.CALLS:
        if (number := system_calls.number(name, machine)) is not None:
            assert numbers[name] == str(number), name
