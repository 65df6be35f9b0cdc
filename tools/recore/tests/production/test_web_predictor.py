"""The web page's requests to its endpoint, and the endpoint's responses. An HTTP server stands in for the endpoint."""

import gzip
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from recore_support.schema import IDS, TARGETS
from recore_support.web_page import csv_bytes, opus_file, read_rows

from recore.web import Limits, Predictor, make_runtime
from recore.web.predictor import EndpointError
from recore.web.uploads import read_upload

RESPONSE = json.dumps({"predictions": [{"assays": {"CuPPM": {"value": 1.5}}}]})


class Endpoint(ThreadingHTTPServer):
    """An endpoint. response: its response to every request, or None to hang. requests: (inference ID, body) pairs."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.response: str | None = RESPONSE
        self.requests: list[tuple[str | None, str]] = []


class Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.requests.append((self.headers["X-Amzn-SageMaker-Inference-Id"], body))
        if self.server.response is None:
            time.sleep(5)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.response)))
        self.end_headers()
        self.wfile.write(self.server.response.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    with Endpoint() as server:
        Thread(target=server.serve_forever, args=(0.05,)).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "none")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield server
        server.shutdown()


@pytest.fixture
def rows(small_sample: Path) -> list[list[str]]:
    return read_rows(small_sample / "public/public.csv.gz")


@pytest.fixture
def predictor(endpoint: Endpoint, rows: list[list[str]]) -> Predictor:
    return Predictor(make_runtime(read_seconds=1), "core-assays", rows[0], Limits(max_file_size=10 << 20))


def predict_file(predictor: Predictor, folder: Path, name: str, content: bytes) -> None:
    predictor.predict_upload(read_upload(name, content, predictor.grid, predictor.limits, folder))


@pytest.mark.parametrize("width", ["absorbances", "inputs", "all"])
def test_the_endpoint_gets_only_the_absorbances_of_a_line(
    width: str, endpoint: Endpoint, predictor: Predictor, rows: list[list[str]]
) -> None:
    header, row = rows[:2]
    channels = [position for position, name in enumerate(header) if name[:1].isdigit()]
    inputs = [position for position, name in enumerate(header) if name not in TARGETS]
    columns = {"absorbances": channels, "inputs": inputs, "all": [*range(len(header))]}[width]
    assert {*IDS} & {header[position] for position in inputs}
    predictor.predict_line(",".join(row[position] for position in columns))
    [(identity, body)] = endpoint.requests
    names, values = body.splitlines()
    assert names.split(",") == ["index", *(header[position] for position in channels)]
    assert values.split(",") == ["0", *(row[position] for position in channels)]
    assert identity is None


@pytest.mark.parametrize(
    ("file", "identity"),
    [("DD1.0", "DD1"), ("DD1.1", "DD1.1"), ("DD1.12", "DD1.12"), ("DD1", "DD1"), ("D\u00e4.1", None), ("x.csv", "S1")],
)
def test_the_inference_id_is_the_samples_name_with_its_replicate(
    file: str, identity: str | None, endpoint: Endpoint, predictor: Predictor, rows: list[list[str]], tmp_path: Path
) -> None:
    table = csv_bytes([rows[0], ["S1", *rows[1][1:]]])
    predict_file(predictor, tmp_path, file, table if file.endswith(".csv") else opus_file(rows, 1))
    assert [request[0] for request in endpoint.requests] == [identity]


@pytest.mark.parametrize(
    "response",
    [
        "",
        "{}",
        "[]",
        '{"predictions": [[1, 2, 3]]}',
        '{"predictions": [{"assays": 1}]}',
        '{"predictions": [{"assays": {"CuPPM": {"value": NaN}}}]}',
        '{"predictions": [{"assays": {"CuPPM": {"value": -Infinity}}}]}',
        '{"predictions": [{"assays": {"CuPPM": {"value": 1e999}}}]}',
    ],
)
def test_an_invalid_response_is_an_error_of_the_endpoint(
    response: str, endpoint: Endpoint, predictor: Predictor, rows: list[list[str]]
) -> None:
    line = ",".join(cell for name, cell in zip(*rows[:2], strict=True) if name[:1].isdigit())
    assert predictor.predict_line(line)["assays"]["CuPPM"] == {"value": 1.5}
    endpoint.response = response
    with pytest.raises(EndpointError, match="the endpoint core-assays does not respond"):
        predictor.predict_line(line)


def test_an_endpoint_that_hangs_gets_one_request_and_times_out(
    endpoint: Endpoint, predictor: Predictor, rows: list[list[str]], tmp_path: Path
) -> None:
    endpoint.response = None
    start = time.monotonic()
    with pytest.raises(EndpointError, match="the endpoint core-assays does not respond"):
        predict_file(predictor, tmp_path, "few.csv.gz", gzip.compress(csv_bytes([rows[0], rows[1]])))
    assert time.monotonic() - start < 4
    assert len(endpoint.requests) == 1
