"""The supervisor: which processes a process has started, and which files it reads to find them."""

import json
import os
import subprocess
import sys

import pytest

from stagemaker.compute.processes import supervisor

# A program whose child has a child of its own. It prints their IDs, and what it finds before and after they end.
PROGRAM = """
import json, os, re, subprocess, sys, threading
from stagemaker.compute.processes.supervisor import descendants, memory_of

assert descendants() == []
read = set()
sys.addaudithook(lambda event, values: event == "open" and read.update(re.findall("^/proc/([0-9]+)/", str(values[0]))))
child = []
command = ["sh", "-c", "sleep 60 & echo $!; wait"]
thread = threading.Thread(target=lambda: child.append(subprocess.Popen(command, stdout=subprocess.PIPE)))
thread.start()
thread.join()
pids = [child[0].pid, int(child[0].stdout.readline())]
found = descendants()
memory = [memory_of(pid, proportional) for pid in found for proportional in (False, True)]
files = sorted(map(int, read))
for pid in pids:
    os.kill(pid, 9)
child[0].wait()
print(json.dumps([os.getpid(), pids, found, memory, files, memory_of(pids[0], False)]))
"""


def test_descendants_and_their_memory_are_found() -> None:
    program = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    own, pids, found, memory, files, memory_after_end = json.loads(program.stdout)
    assert found == pids
    assert all(10_000 < size < 100 << 20 for size in memory)
    assert memory_after_end == 0
    if supervisor.KERNEL_LISTS_CHILDREN:  # nothing is read of the machine's other processes
        assert set(files) <= {own, *pids}


@pytest.mark.skipif(not supervisor.KERNEL_LISTS_CHILDREN, reason="this kernel does not list children")
def test_psutil_finds_the_same_where_the_kernel_lists_no_children(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        found = supervisor.descendants()
        monkeypatch.setattr(supervisor, "KERNEL_LISTS_CHILDREN", False)
        assert child.pid in found
        assert sorted(supervisor.descendants()) == sorted(found)
        assert supervisor.memory_of(child.pid, False) > 10_000
        child.kill()
    assert supervisor.memory_of(child.pid, False) == 0
    assert supervisor.memory_of(os.getpid(), False) > 10_000
