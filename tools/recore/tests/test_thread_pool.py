import subprocess
import sys

from support.checkout import environment

PROGRAM = """
from recore.thread_pool import ThreadPool

def work():
    import pyarrow
    return pyarrow.array([1]).sum().as_py()

for _ in range(60):
    with ThreadPool(1) as pool:
        assert pool.submit(work).result() == 1
"""


def test_a_process_outlives_threads_that_use_pyarrow() -> None:
    assert subprocess.run([sys.executable, "-c", PROGRAM], env=environment()).returncode == 0
