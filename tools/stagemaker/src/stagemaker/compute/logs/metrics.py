"""Send job metrics to CloudWatch, in the namespaces and with the dimensions that SageMaker uses."""

import datetime
import threading
import time
from collections.abc import Mapping
from typing import Any

import regex
from botocore.exceptions import BotoCoreError, ClientError

from stagemaker.text import parse_number, printable_logger

logger = printable_logger(__name__)

SEARCH_SECONDS = 0.1  # CPU seconds that a regular expression may take on one line
SLOW_SEARCH_SECONDS = 0.01  # a search that takes more CPU time counts towards MAX_SLOW_SECONDS
MAX_SLOW_SECONDS = 5.0  # CPU seconds in slow searches, after which a regular expression is no longer used
MAX_SEARCHED_LENGTH = 4096  # characters of a line that are searched
BATCH_SIZE = 500  # values in one call; the API allows 1,000
MAX_VALUES = 20_000  # values of one job that are kept, because a job could print them forever

Values = list[tuple[str, float]]  # the name of a metric, and a value


def add_value(statistics: dict[str, Any], value: float, time: datetime.datetime) -> dict[str, Any]:
    """Return a metric's statistics after adding a value. statistics: empty before the first value.

    `Moments` contains the count, the mean, and the sum of squared differences from the mean. Source: B. P. Welford,
    Technometrics 4 (1962), 419.
    """
    count, mean, squares = statistics.get("Moments", (0, 0.0, 0.0))
    difference = value - mean
    mean += difference / (count + 1)
    extremes = {"Min": min(value, statistics.get("Min", value)), "Max": max(value, statistics.get("Max", value))}
    last_value = {"Last": value, "TimeStamp": time} if not statistics or time >= statistics["TimeStamp"] else {}
    return statistics | {"Moments": [count + 1, mean, squares + difference * (value - mean)]} | extremes | last_value


class TrainingMetrics:
    """Extracts metrics from a training job's output. definitions: the regular expressions by metric name.

    values: collects each name and value, if a tuning job monitors the job. warnings: lines for the job's log.
    """

    def __init__(
        self, cloudwatch: Any, namespace: str, job: str, definitions: Mapping[str, str], values: Values | None = None
    ):
        self._cloudwatch, self._namespace, self._observed_values = cloudwatch, namespace, values
        self._dimensions = [{"Name": "TrainingJobName", "Value": job}]
        self._patterns: dict[str, regex.Pattern[str]] = {}
        self._slow_seconds: dict[str, float] = {}
        self._waiting_data: list[dict[str, Any]] = []
        self._value_count = 0
        self.statistics: dict[str, dict[str, Any]] = {}  # keyed by metric name
        self._lock = threading.Lock()
        self.warnings: list[str] = []
        for name, pattern in definitions.items():
            try:
                self._patterns[name] = regex.compile(pattern)
            except regex.error as error:
                reason = f"its regular expression is invalid ({error})"
                self.warnings.append(f"[the metric {name} is not collected: {reason}]")

    def measure(self, line: str) -> None:
        for name, pattern in list(self._patterns.items()):
            try:
                match = self._search(name, pattern, line[:MAX_SEARCHED_LENGTH])
                value = parse_number(match[1]) if match else None
            except TimeoutError:
                del self._patterns[name]
                reason = "its regular expression takes too long"
                self.warnings.append(f"[the metric {name} is no longer collected: {reason}]")
            except (AttributeError, IndexError):  # the group did not match, or the expression has no group
                continue
            else:
                if value is not None:
                    self._store_value(name, value)

    def deliver(self) -> None:
        with self._lock:
            data, self._waiting_data = self._waiting_data, []
        put_metrics(self._cloudwatch, self._namespace, data)

    def final_values(self) -> list[dict[str, Any]]:
        return [
            {"MetricName": name, "Value": metric["Last"], "Timestamp": metric["TimeStamp"]}
            for name, metric in self.statistics.items()
        ]

    def _search(self, name: str, pattern: "regex.Pattern[str]", line: str) -> "regex.Match[str] | None":
        start_time = time.thread_time()
        # not concurrent: the timeout is CPU time of the entire process, so other threads would use it up
        match = pattern.search(line, timeout=SEARCH_SECONDS, concurrent=False)
        if (elapsed := time.thread_time() - start_time) > SLOW_SEARCH_SECONDS:
            self._slow_seconds[name] = self._slow_seconds.get(name, 0) + elapsed
            if self._slow_seconds[name] > MAX_SLOW_SECONDS:
                raise TimeoutError
        return match

    def _store_value(self, name: str, value: float) -> None:
        timestamp = datetime.datetime.now(datetime.UTC)
        self.statistics[name] = add_value(self.statistics.get(name, {}), value, timestamp)
        self._value_count += 1
        if self._value_count == MAX_VALUES + 1:
            self.warnings.append(
                f"[only the first {MAX_VALUES:,} metric values and the last value of each metric are kept]"
            )
        if self._value_count <= MAX_VALUES:
            datum = {"MetricName": name, "Value": value, "Timestamp": timestamp, "Dimensions": self._dimensions}
            with self._lock:
                self._waiting_data.append(datum)
            if self._observed_values is not None:
                self._observed_values.append((name, value))


def put_metrics(cloudwatch: Any, namespace: str, data: list[dict[str, Any]]) -> None:
    """Send values to CloudWatch, in several calls if there are many. Rejected values are lost, as on AWS."""
    for start in range(0, len(data), BATCH_SIZE):
        try:
            cloudwatch.put_metric_data(Namespace=namespace, MetricData=data[start : start + BATCH_SIZE])
        except (ClientError, BotoCoreError) as error:
            logger.debug("%s: %s", namespace, error)
