import os
import socket
import tempfile
from pathlib import Path

import pytest
from recore_support.run_command import failed_run_error, file_options, run_recore
from recore_support.tiny_submission import TRAIN, stub
from stagemaker_support.start_command import start as start_simulator

from recore.evaluation import read_record, write_recomputed_held_out
from stagemaker.server import ROLE_ARN

# boto3 ignores local configuration files and instance metadata
NO_SETTINGS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
SETTINGS = NO_SETTINGS | {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
AWS = ["--engine", "aws", "--bucket", "some", "--role", ROLE_ARN]
INVALID = {  # environment variables, and the reason that is printed for each
    "profile": ({"AWS_PROFILE": "nope"}, "The config profile (nope) could not be found"),
    "config file": ({"AWS_CONFIG_FILE": "broken"}, "Unable to parse config file: {folder}/broken"),
    "binary config file": ({"AWS_CONFIG_FILE": "binary"}, "Unable to parse config file: {folder}/binary"),
    "credentials file": ({"AWS_SHARED_CREDENTIALS_FILE": "broken"}, "Unable to parse config file: {folder}/broken"),
    "credential process": (
        {"AWS_CONFIG_FILE": "process", "AWS_ACCESS_KEY_ID": ""},
        "Error when retrieving credentials from custom-process",
    ),
    "no credentials": ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no AWS credentials were found; run"),
    "half of the credentials": ({"AWS_SECRET_ACCESS_KEY": ""}, "Partial credentials found in env"),
    "region": ({"AWS_DEFAULT_REGION": "us east"}, "Provided region_name 'us east' doesn't match a supported format"),
    "retries": ({"AWS_DEFAULTS_MODE": "odd"}, "Client configured with invalid defaults mode: odd"),
    "regional endpoints": ({"AWS_STS_REGIONAL_ENDPOINTS": "odd"}, "STS regional endpoints option odd is invalid"),
    "checksums": ({"AWS_REQUEST_CHECKSUM_CALCULATION": "odd"}, "request_checksum_calculation"),
    "metadata": ({"AWS_METADATA_SERVICE_TIMEOUT": "odd", "AWS_ACCESS_KEY_ID": ""}, "'odd'"),
    "certificates": ({"AWS_CA_BUNDLE": "/nope"}, "AWS_CA_BUNDLE: the file /nope does not exist"),
    "no address": ({"AWS_ENDPOINT_URL": "foo"}, "Invalid endpoint: foo"),
    "no port": ({"AWS_ENDPOINT_URL": "http://127.0.0.1:x"}, "http://127.0.0.1:x"),
    "no host": ({"AWS_ENDPOINT_URL": "http://[::1"}, "Invalid IPv6 URL"),
    "no HTTP": ({"AWS_ENDPOINT_URL": "ftp://127.0.0.1:9"}, "ftp://127.0.0.1:9: the URL must begin with http"),
}


@pytest.fixture
def settings_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "settings"
    folder.mkdir()
    (folder / "broken").write_text("[default\nregion = \n")
    (folder / "binary").write_bytes(b"\xff\xfe\x00")
    (folder / "process").write_text("[default]\ncredential_process = /bin/false\n")
    return folder


@pytest.mark.parametrize("case", INVALID)
def test_an_invalid_setting_is_reported_in_one_line(
    case: str, settings_folder: Path, tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables, reason = INVALID[case]
    variables = SETTINGS | {name: value.format(folder=settings_folder) for name, value in variables.items()}
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        if variables[name] != os.devnull:
            variables[name] = str(settings_folder / variables[name])
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    options = [stub(tmp_path / "mine"), *file_options(sample, "public"), "--out", "out", *AWS]
    line = failed_run_error(*options, cwd=tmp_path, **variables)
    assert reason.format(folder=settings_folder) in line
    assert "AWS settings (environment variables and files)" in line or case == "no credentials"
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "simulator.localhost"])
def test_an_endpoint_that_does_not_respond_is_reported_in_one_line(host: str, tmp_path: Path, sample: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # nothing listens on the port once it is closed
        endpoint = f"http://{host}:{server.getsockname()[1]}"
    options = [stub(tmp_path / "mine"), *file_options(sample, "public"), "--out", "out"]
    line = failed_run_error(*options, cwd=tmp_path, **SETTINGS | {"AWS_ENDPOINT_URL": endpoint})
    assert f"nothing responds at {endpoint}" in line
    assert "run `stagemaker start`, or unset AWS_ENDPOINT_URL" in line


def test_hyperparameters_reach_the_job_and_only_their_runs_share_a_verification(tmp_path: Path, sample: Path) -> None:
    train = TRAIN + "    print(sys.argv[1:])\n\ndef fit(inputs, targets, groups, alphas=5, name='x y'):\n    pass\n"
    submission = stub(tmp_path / "mine", {"train.py": train})
    options = [submission, *file_options(sample, "public"), "--no-report"]
    for name in ("first", "again", "other"):
        words = [] if name == "other" else ["--set", "alphas=11", "--set", "name=a b"]
        result = run_recore(*options, *words, "--out", tmp_path / "runs" / name)
        assert result.returncode == 0, result.stderr
        if name == "first":
            assert "run: hyperparameters alphas=11, name=a b" in result.stderr
            write_recomputed_held_out(tmp_path / "runs/first", 0.25, "validate", 10)
    first, again, other = (read_record(tmp_path / "runs" / name) for name in ("first", "again", "other"))
    assert first.hyperparameters == again.hyperparameters == {"alphas": 11, "name": "a b"}
    assert "['--alphas', '11', '--name', 'a b']" in (tmp_path / "runs/again/logs/train.log").read_text()
    assert (again.recomputed_held_out, other.recomputed_held_out, other.hyperparameters) == (0.25, None, {})


@pytest.mark.slow
@pytest.mark.parametrize("file", ["broken", "missing"])
def test_embedded_simulators_use_none_of_the_users_settings(
    file: str, settings_folder: Path, tmp_path: Path, sample: Path
) -> None:
    variables = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), str(settings_folder / file))
    for names, _ in INVALID.values():
        variables |= {name: value for name, value in names.items() if name not in variables}
    variables |= {"AWS_MAX_ATTEMPTS": "many", "AWS_RETRY_MODE": "odd"}
    process, _ = start_simulator(folder=tmp_path / "settings", **variables)
    process.terminate()
    assert process.communicate(timeout=60)[1].splitlines()[-1] == "stagemaker: the simulator and its jobs have stopped"
    variables["AWS_ENDPOINT_URL"] = ""
    options = [stub(tmp_path / "mine"), *file_options(sample, "public"), "--out", tmp_path / "out", "--no-report"]
    result = run_recore(*options, **variables)
    assert result.returncode == 0, result.stderr
