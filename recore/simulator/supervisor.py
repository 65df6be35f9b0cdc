"""Runs one job's command and watches all its processes: time, memory, an order to stop. A program of its own.

    python supervisor.py SPECIFICATION EVENTS

SPECIFICATION is a JSON object: command, environment, folder, seconds (or null), bytes (or null), grace (seconds from
SIGTERM to SIGKILL). EVENTS is the file descriptor that one line of JSON is written to when all is over: code, signal,
reason ("time", "memory", "stopped" or null), seconds, bytes (the peak).

It is the parent of every process that the job starts, also of those that outlive their own parent (a subreaper), so it
finds them all; and when whoever started it goes away, its standard input ends, and it ends the job.
"""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any

import psutil

PR_SET_CHILD_SUBREAPER = 36
INTERVAL = 0.1  # seconds between looks


def main() -> None:
    specification = json.loads(sys.argv[1])
    events = int(sys.argv[2])
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            specification["command"],
            env=specification["environment"],
            cwd=specification["folder"],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        print(f"could not be started: {error}", file=sys.stderr, flush=True)
        outcome: dict[str, Any] = {"code": 127, "signal": None, "reason": None, "bytes": 0}
    else:
        outcome = watch(process, specification, started)
    outcome["seconds"] = time.monotonic() - started
    os.write(events, json.dumps(outcome).encode() + b"\n")


def watch(process: subprocess.Popen[bytes], specification: dict[str, Any], started: float) -> dict[str, Any]:
    """Wait for the command's end, or bring it about; then end whatever it left running."""
    reason, peak, kill_at = None, 0, None
    orders = [sys.stdin.fileno()]
    while process.poll() is None:
        ready, _, _ = select.select(orders, [], [], INTERVAL)
        now = time.monotonic()
        used = memory()
        peak = max(peak, used)
        if ready and reason is None:
            reason, orders = "stopped", []
            ended = not os.read(sys.stdin.fileno(), 1)
            kill_at = now + (0 if ended else specification["grace"])
            signal_all(signal.SIGTERM)
        elif specification["bytes"] and used > specification["bytes"] and reason is None:
            reason, kill_at = "memory", now
        elif specification["seconds"] and now - started > specification["seconds"] and reason is None:
            reason, kill_at = "time", now + specification["grace"]
            signal_all(signal.SIGTERM)
        if kill_at is not None and now >= kill_at:
            signal_all(signal.SIGKILL)
    while signal_all(signal.SIGKILL):
        reap()
    code = process.returncode
    return {"code": code if code >= 0 else None, "signal": -code if code < 0 else None, "reason": reason, "bytes": peak}


def processes() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]


def memory() -> int:
    """Bytes that the job's processes have in memory."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def signal_all(number: int) -> bool:
    """Send a signal to each of the job's processes; whether there was one."""
    found = False
    for process in psutil.Process().children(recursive=True):
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                process.send_signal(number)
                found = True
        except psutil.NoSuchProcess:
            continue
    return found


def reap() -> None:
    """Take leave of processes that ended, so that they do not count as running."""
    time.sleep(0.01)
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


if __name__ == "__main__":
    main()
