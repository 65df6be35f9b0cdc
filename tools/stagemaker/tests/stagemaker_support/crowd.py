"""Clients that keep invoking an endpoint while it changes."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from stagemaker_support.endpoints import Endpoints

CLIENTS = 32
MODEL_ERROR = "model error"  # stands for the model that responded, if an invocation failed in the model


class Crowd:
    """Clients that invoke an endpoint continuously. responses: the number of responses by variant and model.

    model_errors: whether a ModelError also counts as a response.
    """

    def __init__(self, endpoints: Endpoints, name: str, clients: int = CLIENTS, model_errors: bool = False):
        self._endpoints, self._name, self._clients, self._model_errors = endpoints, name, clients, model_errors
        self._stopping, self._lock = threading.Event(), threading.Lock()
        self._tickets = 0
        self._sampled: Counter[str] = Counter()
        self.responses: Counter[tuple[str, str]] = Counter()
        self.failures: list[str] = []

    def wait_for(self, count: int) -> None:
        total = self.responses.total() + count
        self._wait(lambda: self.responses.total() >= total)

    def sample(self, count: int) -> Counter[str]:
        """Wait for the responses to the next `count` requests, and return how many of them came from each model."""
        with self._lock:
            self._sampled, self._tickets = Counter(), count
        self._wait(lambda: self._sampled.total() == count)
        return self._sampled

    def _wait(self, condition) -> None:
        deadline = time.monotonic() + 120
        while not condition() and not self.failures:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert not self.failures, (len(self.failures), self.failures[:3])

    @contextmanager
    def invoking(self) -> Iterator["Crowd"]:
        threads = [threading.Thread(target=self._invoke_repeatedly, args=(index,)) for index in range(self._clients)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join()
        assert not self.failures, (len(self.failures), self.failures[:3])

    def _invoke_repeatedly(self, index: int) -> None:
        runtime = self._client()
        count = 0
        while not self._stopping.is_set():
            count += 1
            with self._lock:
                has_ticket = self._tickets > 0
                self._tickets -= has_ticket
            try:
                variant, model = self._invoke(runtime, f"{index} {count}")
            except Exception as error:
                with self._lock:
                    self.failures.append(repr(error))
                return
            with self._lock:
                self.responses[variant, model] += 1
                if has_ticket:
                    self._sampled[model] += 1

    def _client(self):
        return boto3.Session("x", "x", region_name="us-east-1").client(
            "sagemaker-runtime",
            endpoint_url=self._endpoints.client.simulator.endpoint,
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )

    def _invoke(self, runtime, body: str) -> tuple[str, str]:
        try:
            response = runtime.invoke_endpoint(EndpointName=self._name, Body=body, ContentType="text/csv")
        except ClientError as error:
            if self._model_errors and error.response["Error"]["Code"] == "ModelError":
                return "", MODEL_ERROR
            raise
        name, value, *_ = json.loads(response["Body"].read())
        assert value == body, (value, body)
        return response["InvokedProductionVariant"], name
