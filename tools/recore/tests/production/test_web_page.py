"""`recore web`: the API and the form over HTTP, for an endpoint in the simulator."""

import gzip
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from recore_support.command import recore
from recore_support.opus_files import block, opus_bytes
from recore_support.production import ProductionCommands
from recore_support.schema import TARGETS
from recore_support.web_page import (
    PNG,
    WebPage,
    csv_bytes,
    expect_web_error,
    opus_file,
    read_assays,
    read_rows,
    read_spectrum,
)
from support.checkout import ROOT, environment


def assert_equal_assays(sample: dict, expected: dict[str, float]) -> None:
    values = [sample["assays"][name]["value"] for name in TARGETS]
    assert values == pytest.approx([expected[name] for name in TARGETS], rel=1e-9)


def test_a_data_file_gets_the_same_assays_as_with_predict(
    web_page: WebPage, project: ProductionCommands, few_rows: Path, tmp_path: Path
) -> None:
    project.succeed("predict", few_rows, "--out", tmp_path / "assays.csv", "--version", 1)
    response = web_page.send("few.csv.gz", few_rows.read_bytes())
    expected = read_assays(tmp_path / "assays.csv")
    assert response["problems"] == response["remarks"] == []
    assert len(response["samples"]) == len(expected) == 5
    for sample, row in zip(response["samples"], expected, strict=True):
        assert_equal_assays(sample, row)
    rows = read_rows(few_rows)
    assert [sample["name"] for sample in response["samples"]] == [row[0] for row in rows[1:]]
    wavenumbers, absorbances = read_spectrum(rows, 1)
    assert response["wavenumbers"] == pytest.approx(wavenumbers)
    assert response["samples"][0]["absorbances"] == pytest.approx(absorbances, rel=1e-5)
    copper = response["samples"][0]["assays"]["CuPPM"]
    assert copper["unit"] == "ppm"
    assert copper["interval"][0] <= copper["value"] <= copper["interval"][1]
    assert set(response["samples"][0]["domain"]) == {"inside", "distance", "t2", "q", "bands"}


def test_an_opus_file_gets_the_same_assays_as_with_predict(
    web_page: WebPage, project: ProductionCommands, small_sample: Path, few_rows: Path, tmp_path: Path
) -> None:
    rows = read_rows(few_rows)
    (tmp_path / "opus").mkdir()
    for number in (1, 2):
        (tmp_path / f"opus/DD{number}.0").write_bytes(opus_file(rows, number))
    like_file = small_sample / "public/public.csv.gz"
    imported = tmp_path / "opus.csv.gz"
    result = recore("import", tmp_path / "opus", "--like", like_file, "--interpolate", "--out", imported)
    assert result.returncode == 0, result.stderr
    project.succeed("predict", imported, "--out", tmp_path / "assays.csv", "--version", 1)
    for number, expected in enumerate(read_assays(tmp_path / "assays.csv"), 1):
        [sample] = web_page.send(f"DD{number}.0", opus_file(rows, number))["samples"]
        assert (sample["name"], sample["replicate"]) == (f"DD{number}", "0")
        assert_equal_assays(sample, expected)


def test_a_spectrum_on_another_grid_is_interpolated_with_a_remark(web_page: WebPage, few_rows: Path) -> None:
    wavenumbers, absorbances = read_spectrum(read_rows(few_rows), 1)
    fine_grid = np.linspace(wavenumbers[0], wavenumbers[-1], 2 * len(wavenumbers) + 5)
    values = np.interp(fine_grid[::-1], wavenumbers[::-1], absorbances[::-1])[::-1]
    response = web_page.send("finer.0", opus_bytes(block("absorbance", values, fine_grid[0], fine_grid[-1])))
    assert len(response["samples"]) == 1
    [remark] = response["remarks"]
    assert "interpolated" in remark


BROKEN_TABLE = b"sample,4000,2000,600\na,0.1,0.2\n"
MALICIOUS = b"sample,4000,2000,600\na,<script>alert(1)</script>,0.2,0.3\n"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("photo.png", PNG, "neither a Bruker OPUS file nor text"),
        ("broken.0", b"\n\n\xfe\xfe" + bytes(500), "damaged"),
        ("short.0", b"\n\n\xfe\xfe", "truncated"),
        ("empty.csv", b"", "empty"),
        ("words.csv", b"once upon a time\nthere was\n", "two numbers"),
        ("table.csv", BROKEN_TABLE, "line 2"),
        ("table.csv", MALICIOUS, "is not a number"),
        ("..", b"1,2\n", "no name"),
        (".gz", gzip.compress(b"1,2\n", mtime=0), "no name"),
        ("...gz", gzip.compress(b"1,2\n", mtime=0), "no name"),
        ("many.csv.gz", gzip.compress(b"", mtime=0) * 100_000, "more than 1,000 members"),
        ("a\nb.csv", b"1,2\n", "non-printable"),
        (f"{'a' * 300}.csv", b"1,2\n", "rename it"),
        ("cut.csv.gz", gzip.compress(b"sample,4000,600\n" * 1000, mtime=0)[:-20], "truncated"),
        ("bad.csv.gz", b"\x1f\x8b" + bytes(100), "damaged"),
        ("bomb.csv.gz", gzip.compress(bytes(50 << 20), mtime=0), "larger than 10 MB when unpacked"),
        ("few.csv", b"4000,0.1\n3000,0.2\n2000,0.3\n", "less than the grid"),
        ("nm.csv", b"axis,absorbance\n1000,0.1\n1500,0.2\n2000,0.3\n", "or in the file: name the axis"),
        (
            "marks.csv",
            b"wavenumber;absorbance\n4000;1.200\n2000;1.250\n600;1.300\n",
            "or in the file: write all numbers",
        ),
        ("raw.csv", b"wavenumber,emissivity\n4000,1\n2000,2\n600,3\n", "or in the file: if the values are absorbance"),
        ("quartz.dx", b"##TITLE=quartz\n##JCAMP-DX=4.24\n##END=\n", "this is JCAMP-DX"),
        ("percent.csv", b"wavenumber,reflectance\n4000,10\n2000,20\n600,30\n", "options of `recore import`"),
        ("long.csv", b"1,1\n" * 2_600_000, "line 100001: a spectrum has at most 100,000 lines"),
        ("blank.csv", b"\n" * (10 << 20), "more than 100,000 lines are empty or comments"),
        ("comments.csv", b"#\n" * (5 << 20), "more than 100,000 lines are empty or comments"),
        ("cells.csv", b"a,1,2\n" + b",\n" * (4 << 20), "more than 100,000 lines have only empty cells"),
        ("digits.csv", "4000,\u0661\n3000,1\n".encode(), "is not two numbers"),
        ("wide.csv", b"sample," + b",".join(b"%d" % n for n in range(150_000)) + b"\na,1\n", "columns"),
    ],
)
def test_an_unusable_file_is_rejected_in_one_line(name: str, content: bytes, reason: str, web_page: WebPage) -> None:
    message = web_page.expect_error(name, content)
    assert reason in message
    assert "recore-web-" not in message  # the temporary folder


def test_a_file_that_is_too_large_is_rejected_with_the_limit(web_page: WebPage) -> None:
    assert "larger than 10 MB" in web_page.expect_error("large.csv", bytes(50 << 20), 413)


def test_a_large_table_is_read_up_to_the_reported_limit(web_page: WebPage, few_rows: Path) -> None:
    rows = read_rows(few_rows)
    response = web_page.send("many.csv", csv_bytes([rows[0], *([f"s{n}", *rows[1][1:]] for n in range(130))]))
    assert len(response["samples"]) == 100
    assert "first 100 spectra" in response["problems"][0]
    assert "production predict" in response["problems"][0]


def test_a_table_with_some_broken_lines_gets_assays_of_the_others(web_page: WebPage, few_rows: Path) -> None:
    rows = read_rows(few_rows)
    rows[2][10] = "x"
    response = web_page.send("few.csv", csv_bytes(rows))
    assert [sample["name"] for sample in response["samples"]] == [row[0] for row in (rows[1], *rows[3:])]
    assert len(response["problems"]) == 1
    assert "line 3" in response["problems"][0]


def test_a_name_with_markup_is_only_text(web_page: WebPage, few_rows: Path) -> None:
    rows = read_rows(few_rows)
    name = "<script>alert(1)</script>"
    status, headers, body = web_page.request("api/assays?name=x.csv", csv_bytes([rows[0], [name, *rows[1][1:]]]))
    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert json.loads(body)["samples"][0]["name"] == name


def test_a_gzip_file_may_have_several_members_and_trailing_zeros(web_page: WebPage, few_rows: Path) -> None:
    table = gzip.decompress(few_rows.read_bytes())
    middle = len(table) // 2
    members = gzip.compress(table[:middle]) + gzip.compress(b"") + gzip.compress(table[middle:])
    expected = web_page.send("few.csv", table)
    assert web_page.send("few.csv.gz", members) == web_page.send("few.csv.gz", members + bytes(1000)) == expected
    assert "damaged" in web_page.expect_error("few.csv.gz", members + bytes(1000) + b"x")


@pytest.mark.parametrize(
    ("path", "status", "sent"),
    [
        ("", 200, {}),
        ("static/page.js", 200, {}),
        ("static/page.css", 200, {}),
        ("api/settings", 200, {}),
        ("line", 200, {}),
        ("nothing", 404, {}),
        ("api/assays", 405, {}),
        ("", 400, {"Host": "evil.example"}),
        ("api/assays?name=x.csv", 403, {"body": b"1", "Origin": "https://evil.example"}),
        ("api/assays?name=x.csv", 413, {"body": bytes(11 << 20)}),
    ],
)
def test_every_response_has_strict_headers(path: str, status: int, sent: dict, web_page: WebPage) -> None:
    code, headers, body = web_page.request(path, **sent)
    assert code == status
    assert_strict(path, headers, body)


def assert_strict(path: str, headers: Any, body: bytes) -> None:
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == ("no-cache" if path.startswith("static/") else "no-store")
    assert "http://" not in body.decode().replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in body.decode()


def test_an_unexpected_failure_is_one_message_and_one_line_in_the_log(
    project: ProductionCommands, web_page: WebPage, few_rows: Path, tmp_path: Path
) -> None:
    commands, folder = ProductionCommands(project.client, tmp_path, "trained"), tmp_path / "temporary"
    folder.mkdir()
    page = WebPage(commands, web_page.endpoint, TMPDIR=str(folder))
    folder.rmdir()  # uploads can no longer be written
    status, headers, body = page.request("api/assays?name=few.csv.gz", few_rows.read_bytes())
    assert (status, json.loads(body)) == (500, {"error": "the request failed; the reason is in the page's log"})
    assert_strict("api/assays", headers, body)
    assert page.stop() == 0
    assert page.log().splitlines()[0].startswith("web: POST /api/assays: FileNotFoundError(")
    assert "Traceback" not in page.log()


@pytest.mark.parametrize("host", ["0.0.0.0", "localhost"])
def test_the_page_is_served_only_under_addresses_and_known_names(
    host: str, project: ProductionCommands, web_page: WebPage, tmp_path: Path
) -> None:
    commands = ProductionCommands(project.client, tmp_path, "trained")
    page = WebPage(commands, web_page.endpoint, "--host", host, "--name", "assays.example", "--name", "Other.Example")
    host_name = socket.gethostname()
    port = urlsplit(page.address).port
    hosts = [host, host_name] if host == "0.0.0.0" else [host]
    assert page.addresses == [f"http://{name}:{port}/" for name in hosts]
    known_hosts = ["127.0.0.1", "127.0.0.2:8000", "[::1]:80", "192.0.2.1", "localhost:1", "LOCALHOST", host_name, host]
    known_hosts += ["assays.example", "other.example:8000"]
    sites = ["evil.example", "localhost.evil.example", "1.example", "127.0.0.1.example", "[::1", "", "x@evil.example"]
    assert {name: page.request("", Host=name)[0] for name in known_hosts} == dict.fromkeys(known_hosts, 200)
    assert {name: page.request("", Host=name)[0] for name in sites} == dict.fromkeys(sites, 400)
    assert page.stop() == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Origin": "https://[evil"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "same-origin"}, 200),
    ],
    ids=["fetch-site", "no-url", "null", "own"],
)
def test_foreign_requests_are_rejected(headers: dict[str, str], status: int, web_page: WebPage, few_rows: Path) -> None:
    code, _, _ = web_page.request("api/assays?name=few.csv.gz", few_rows.read_bytes(), **headers)
    assert code == status


def test_only_files_of_the_page_are_served(web_page: WebPage) -> None:
    for path in ("static/../application.py", "static/%2e%2e/application.py", "static//etc/passwd", "static/"):
        assert web_page.request(path)[0] == 404
    assert web_page.request("static/form.html")[0] == web_page.request("api/settings/")[0] == 404


def test_the_form_shows_a_table_of_assays_for_a_line(web_page: WebPage, small_sample: Path) -> None:
    rows = read_rows(small_sample / "public/public.csv.gz")
    [sample] = web_page.send("one.csv", csv_bytes([rows[0], rows[1]]))["samples"]
    status, html = web_page.post_line(",".join(rows[1]))
    assert status == 200
    copper = sample["assays"]["CuPPM"]["value"]
    shown = f"{copper:.4g}" if copper < 1e4 else f"{float(f'{copper:.4g}'):.0f}"
    assert f'<th scope="row">CuPPM</th><td class="number">{shown}</td><td>ppm</td>' in html
    assert html.count('<th scope="row">') == len(TARGETS)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "the line is empty"),
        ("1,2,3", "3 cells instead of 120 absorbances"),
        ("<script>alert(1)</script>", "&lt;script&gt;"),
        (",".join(["0.1"] * 119 + ["x"]), "&#x27;x&#x27; is not a number"),
        ("1,2\n3,4", "expected one line"),
        ("1,2\r3,4", "the line is not valid CSV"),
        (",".join(["0.1"] * 119 + ["1_0"]), "&#x27;1_0&#x27; is not a number"),
        (",".join(["0.1"] * 119 + ["\uff11"]), "&#x27;\uff11&#x27; is not a number"),
    ],
)
def test_the_form_rejects_an_invalid_line_and_escapes_it(line: str, reason: str, web_page: WebPage) -> None:
    status, html = web_page.post_line(line)
    assert status == 422
    assert 'role="alert"' in html
    assert reason in html
    assert "<script>" not in html


def test_a_form_without_its_field_is_an_empty_line(web_page: WebPage) -> None:
    assert "the line is empty" in web_page.request("line", b"")[2].decode()


def test_a_deleted_endpoint_is_reported_in_one_message(serving: ProductionCommands, few_rows: Path) -> None:
    serving.succeed("deploy", "--variant", "A=1")
    page = WebPage(serving)
    name = serving.config["ENDPOINT_NAME"]
    page.send("few.csv.gz", few_rows.read_bytes())
    serving.succeed("delete", "--endpoint")
    message = page.expect_error("few.csv.gz", few_rows.read_bytes(), 502)
    assert f"the endpoint {name} does not respond" in message
    rows = read_rows(few_rows)
    status, html = page.post_line(",".join(cell for name, cell in zip(*rows[:2], strict=True) if name[:1].isdigit()))
    assert status == 502
    assert f"the endpoint {name} does not respond" in html
    assert page.stop() == 0
    assert page.log().splitlines()[0].startswith(f"web: the endpoint {name}: ")  # the reason, for the page's operator
    assert "Traceback" not in page.log()


def test_the_command_reports_a_missing_endpoint_or_a_used_port(web_page: WebPage, project: ProductionCommands) -> None:
    assert "the endpoint nowhere does not exist" in expect_web_error(project, "nowhere")
    port = urlsplit(web_page.address).port
    assert "choose another --port" in expect_web_error(project, "web-page", "--port", port)


def test_missing_packages_are_reported_with_the_fix() -> None:
    code = (
        "import sys; sys.modules['starlette'] = None; sys.argv = ['recore', 'web']; "
        "from recore.__main__ import start; start()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 2
    [line] = result.stderr.splitlines()
    assert "-m pip install mangum==" in line
    assert "make setup-web" in line
