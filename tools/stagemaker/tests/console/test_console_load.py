"""Load on the console: ten thousand jobs are shown quickly, and many open consoles hardly slow down other clients."""

import http.client
import random
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from stagemaker_support.console_tab import open_console
from stagemaker_support.simulator_client import Client
from stagemaker_support.simulator_process import SimulatorProcess, running
from stagemaker_support.training_jobs import ALGORITHM
from stagemaker_support.tuning_jobs import METRICS

from stagemaker.state.database import Database
from stagemaker.state.records import Store

pytestmark = [pytest.mark.timing, pytest.mark.machine]
MANY_JOBS = 10_000
USERS = 35
CROWD_JOBS = 10 * USERS
SECONDS = 15
LEARNING_SCRIPT = "import time\nfor loss in range(3600):\n    print(f'loss={loss};', flush=True)\n    time.sleep(1)"
Request = tuple[str, dict[str, str]]  # body and headers


@contextmanager
def simulator_with(jobs: int, state: Path) -> Iterator[SimulatorProcess]:
    """Run a simulator with `jobs` failed jobs, and eight other jobs that are running or waiting."""
    with running("--state", state) as simulator:
        name = Client(simulator).train("raise ValueError('no copper')")["TrainingJobName"]
        simulator.end()
    database = Database.open(state / "state.sqlite")
    store = Store(database)
    record = store.get("TrainingJob", name)
    assert record
    with store.transaction():
        for index in range(jobs):
            copy = f"job-{index:05}"
            store.add("TrainingJob", copy, record | {"TrainingJobName": copy}, record.internal)
    database.close()
    with running("--state", state) as simulator:
        for _ in range(8):
            algorithm = ALGORITHM | {"MetricDefinitions": METRICS}
            Client(simulator).train(LEARNING_SCRIPT, wait=False, seconds=3600, AlgorithmSpecification=algorithm)
        yield simulator


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """Return a simulator with ten failed jobs for each user, and eight active jobs."""
    with simulator_with(CROWD_JOBS, tmp_path_factory.mktemp("state")) as simulator:
        yield simulator


def send(connection: http.client.HTTPConnection, body: str, headers: dict[str, str]) -> None:
    connection.request("POST", "/", body, headers)
    response = connection.getresponse()
    assert (response.status, response.read()[:1]) == (200, b"{")


@dataclass(frozen=True)
class Poll:
    """The requests with which a page polls for changes. seconds: the time between polls."""

    requests: list[Request]
    seconds: float


@pytest.fixture(scope="module")
def polls(chromium: Any, simulator: SimulatorProcess) -> list[Poll]:
    """Return the polls of the start page and of the page of a job that prints metrics."""
    origin = {"Origin": simulator.endpoint, "Sec-Fetch-Site": "same-origin"}
    jobs = simulator.client("sagemaker").list_training_jobs(StatusEquals="InProgress", SortOrder="Ascending")
    job, polls = jobs["TrainingJobSummaries"][0]["TrainingJobName"], []
    for parts, first, seconds in (((), "ListTrainingJobs", 3), (("training", job), "DescribeTrainingJob", 1.5)):
        requests: list[Request] = []
        with open_console(chromium, simulator.endpoint) as tab:
            tab.open(*parts)
            tab.page.on(
                "request", lambda request, all_=requests: all_.append((request.post_data, request.headers | origin))
            )
            starts: list[int] = []
            while len(starts) < 3:
                tab.page.wait_for_timeout(500)
                targets = [headers["x-amz-target"] for _, headers in requests]
                starts = [index for index, target in enumerate(targets) if target.endswith(f".{first}")]
        polls.append(Poll(requests[starts[1] : starts[2]], seconds))
    return polls


def test_ten_thousand_jobs_are_shown_quickly(chromium: Any, tmp_path: Path) -> None:
    with simulator_with(MANY_JOBS, tmp_path) as simulator, open_console(chromium, simulator.endpoint) as tab:
        for act, expected in (
            (lambda: tab.open("training"), "Page 1"),
            (lambda: tab.press("Next"), "Page 2"),
            (lambda: tab.open("training", query="?name=job-00042"), "job-00042"),
            (lambda: tab.open("training", query="?status=Failed"), "Page 1"),
        ):
            start = time.monotonic()
            act()
            tab.wait_for(expected)
            assert time.monotonic() - start < 2


def list_jobs(simulator: SimulatorProcess, user: int) -> list[float]:
    """List jobs once a second, like a user who waits for a job; return each request's duration in seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", simulator.port)
    headers = {"X-Amz-Target": "SageMaker.ListTrainingJobs", "Content-Type": "application/x-amz-json-1.1"}
    headers |= {"Authorization": "Credential=x/20260101/us-east-1/sagemaker/aws4_request"}
    times, end = [], time.monotonic() + SECONDS
    time.sleep(random.random())
    while time.monotonic() < end:
        start = time.perf_counter()
        send(connection, '{"MaxResults": 100}', headers)
        times.append(time.perf_counter() - start)
        time.sleep(max(0, 1 - times[-1]))
    return times


def percentile_of_lists(simulator: SimulatorProcess) -> float:
    with ThreadPoolExecutor(USERS) as pool:
        times = [each for user in pool.map(lambda user: list_jobs(simulator, user), range(USERS)) for each in user]
    return statistics.quantiles(times, n=20)[-1]


@contextmanager
def open_consoles(simulator: SimulatorProcess, polls: list[Poll]) -> Iterator[None]:
    """Run one polling console per user; half of them show the first page and half the second."""
    stopping = threading.Event()

    def keep_polling(poll: Poll) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", simulator.port)
        stopping.wait(poll.seconds * random.random())
        while not stopping.is_set():
            start = time.monotonic()
            for request in poll.requests:
                send(connection, *request)
            stopping.wait(max(poll.seconds, 10 * (time.monotonic() - start)))

    with ThreadPoolExecutor(USERS) as pool:
        futures = [pool.submit(keep_polling, polls[user % 2]) for user in range(USERS)]
        try:
            yield
        finally:
            stopping.set()
    for future in futures:
        future.result()


def test_lists_take_at_most_twice_as_long_with_many_consoles(simulator: SimulatorProcess, polls: list[Poll]) -> None:
    percentile_of_lists(simulator)
    baseline = percentile_of_lists(simulator)
    with open_consoles(simulator, polls):
        with_consoles = percentile_of_lists(simulator)
    print(f"95th percentile of ListTrainingJobs: {1e3 * baseline:.1f} ms, with consoles {1e3 * with_consoles:.1f} ms")
    assert with_consoles <= 2 * baseline


def test_an_hour_of_polling_takes_no_memory(simulator: SimulatorProcess, polls: list[Poll]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", simulator.port)
    memory = []
    for _third in range(4):
        for poll in polls:
            for _ in range(int(1200 / poll.seconds)):
                for request in poll.requests:
                    send(connection, *request)
        memory.append(psutil.Process(simulator.process.pid).memory_info().rss)
    print("resident memory, MB:", [round(each / 1e6, 1) for each in memory])
    assert memory[-1] - memory[0] < 5_000_000  # after warming up
