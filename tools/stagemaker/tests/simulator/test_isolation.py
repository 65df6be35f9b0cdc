"""The files and processes that a job can see and change. Without a sandbox, paths are only translated."""

import json
import sys
import sysconfig
import uuid
from pathlib import Path

import pytest
from stagemaker_support.job_traces import Mark, assert_no_trace
from stagemaker_support.sandbox import needs_sandbox
from stagemaker_support.simulator_client import IMAGE, OUTPUT, make_output
from stagemaker_support.transform_jobs import create_model, transform

from stagemaker.images.family import CONTAINER
from stagemaker.isolation.translation import translate_paths
from stagemaker.server import BUCKET

pytestmark = pytest.mark.everywhere


def run_script(client, script, **members):
    job = client.process(f"import json, os\n{script}\nprint(json.dumps(result))", **members)
    assert job["ProcessingJobStatus"] == "Completed", job
    return json.loads(client.log(job).splitlines()[-1])


def test_a_reason_says_that_a_path_in_a_script_needs_a_sandbox(unsandboxed_client):
    explanation = "install bubblewrap (`stagemaker doctor` says how)"
    job = unsandboxed_client.train("open('/opt/ml/input/data/training/rocks.csv')")
    assert "'/opt/ml/input/data/training/rocks.csv'" in job["FailureReason"]
    assert explanation in job["FailureReason"]
    model = create_model(unsandboxed_client, "def model_fn(folder): return open('/opt/ml/model/rocks.pkl')")
    job, _ = transform(unsandboxed_client, model, {"a": "1"})
    assert explanation in job["FailureReason"]
    script = "import os\ntry:\n    open('/opt/ml/no')\nexcept OSError as error:\n    print(error)\n"
    job = unsandboxed_client.train(f"{script}open(os.environ['SM_MODEL_DIR'] + '/rocks.pkl')")
    assert "'/opt/ml/model/rocks.pkl'" in job["FailureReason"]
    assert explanation not in job["FailureReason"]  # a sandbox would not help


def test_paths_in_arguments_and_environment_variables_lead_to_job_files(any_client):
    app_specification = {
        "ImageUri": IMAGE,
        "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/script/job.py"],
        "ContainerArguments": ["--to", OUTPUT, f"--also={OUTPUT}"],
    }
    job = any_client.process(
        "import os, sys\nassert sys.argv[3] == '--also=' + sys.argv[2] == '--also=' + os.environ['TO']\n"
        "assert os.environ['URI'] == 's3://bucket/opt/ml/model', os.environ['URI']\n"
        "open(sys.argv[2] + '/found', 'w').write('here')\nopen('relative', 'w').write('x')",
        AppSpecification=app_specification,
        Environment={"TO": OUTPUT, "URI": "s3://bucket/opt/ml/model"},
        **make_output(f"s3://{BUCKET}/paths"),
    )
    assert job["ProcessingJobStatus"] == "Completed", job
    assert any_client.get(f"s3://{BUCKET}/paths/found") == b"here"
    assert not Path("/relative").exists()


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("/opt/ml", "/e/ml"), ("/opt/ml/model", "/e/ml/model"), ("--x=/opt/ml/model", "--x=/e/ml/model"),
        ("/opt/ml/a:/opt/ml/b", "/e/ml/a:/e/ml/b"), ('{"a": "/opt/ml/x"}', '{"a": "/e/ml/x"}'),
        ("file:///opt/ml/code/pkg", "file:///e/ml/code/pkg"), ("s3://b/opt/ml/x", "s3://b/opt/ml/x"),
        ("/opt/mlx/y", "/opt/mlx/y"), ("/home/opt/ml/x", "/home/opt/ml/x"), ("unix:/run/server/http", "unix:/e/s/http"),
    ],
)  # fmt: skip
def test_paths_are_translated(argument, expected):
    assert translate_paths(argument, {"/opt/ml": Path("/e/ml"), "/run/server": Path("/e/s")}) == expected


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("--to=/opt/ml/x", "--to=/t m\"p/ü/x"),
        ("pkg @ file:///opt/ml/code/pkg", "pkg @ file:///t%20m%22p/%C3%BC/code/pkg"),
        ('{"a": ["/opt/ml/x", 1]}', '{"a": ["/t m\\"p/\\u00fc/x", 1]}'),
        ('"/opt/ml"', '"/t m\\"p/\\u00fc"'),
        ('{"a": "/opt/ml"', '{"a": "/t m"p/ü"'),
        ("[/opt/ml]", '[/t m"p/ü]'),
        ("{" * 100_000 + "/opt/ml", "{" * 100_000 + '/t m"p/ü'),
    ],
)  # fmt: skip
def test_opt_ml_can_be_translated_to_a_path_with_any_characters(argument, expected):
    assert translate_paths(argument, {"/opt/ml": Path('/t m"p/ü')}) == expected


@needs_sandbox
def test_host_files_are_not_visible(client, tmp_path):
    (tmp_path / "secret").write_text("secret")
    root = Path(__file__).parents[2]
    paths = [
        str(tmp_path / "secret"), str(Path.home() / ".bashrc"), str(Path.home() / ".aws"), "/home", "/etc/shadow",
        "/boot", "/sys/class/net", "/var/log", str(client.simulator.folder), str(root / "README.md"),
        str(root / "src/stagemaker/api"), str(root / "tests"),
    ]  # fmt: skip
    result = run_script(
        client,
        f"result = [path for path in {paths!r} if os.path.isfile(path) or os.path.isdir(path) and os.listdir(path)]",
    )
    assert result == []


@needs_sandbox
def test_writing_elsewhere_changes_no_host_file_and_is_invisible_to_the_next_job(client):
    name = uuid.uuid4().hex
    script = f"""
result = {{}}
system = ('/', '/usr', '/usr/bin', '/etc', '/tmp', '/var', '/dev', '/proc/sys/kernel', os.path.dirname(json.__file__))
files = ('/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger', '/etc/passwd', '/opt/ml/processing/{name}')
for path in (*(folder + '/{name}' for folder in system), *files):
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, 'a').write('x' if path.endswith('{name}') else '')
        result[path] = True
    except OSError:
        result[path] = False
open('/dev/null', 'w').write('x')
assert len(open('/dev/urandom', 'rb').read(1)) == 1
"""
    written_paths = [path for path, is_written in run_script(client, script).items() if is_written]
    assert not [path for path in written_paths if path.endswith(name) and Path(path).exists()]
    # Writes to these paths go to a layer that only this job sees.
    layered_paths = {f"{folder}/{name}" for folder in ("/", "/etc", "/tmp", "/var", "/opt/ml/processing")}
    assert f"/tmp/{name}" in written_paths
    assert set(written_paths) <= layered_paths | {"/etc/passwd"}
    visible_paths = run_script(client, f"result = [path for path in {written_paths!r} if os.path.exists(path)]")
    assert set(visible_paths) <= {"/etc/passwd"}


@needs_sandbox
def test_other_jobs_and_processes_are_not_visible(client):
    mark = Mark()
    other_job = client.process("import time\ntime.sleep(5)", wait=False, Environment=mark.environment)
    script = """
result = {'pids': [pid for pid in os.listdir('/proc') if pid.isdigit()], 'variables': ''}
for pid in result['pids']:
    result['variables'] += open(f'/proc/{pid}/environ').read()
"""
    result = run_script(client, script, Environment={"OWN": "own"})
    assert len(result["pids"]) <= 4
    assert "OWN=own" in result["variables"]
    assert mark.environment["MARK"] not in result["variables"]
    assert all(name not in result["variables"] for name in ("PYTEST_CURRENT_TEST", "VIRTUAL_ENV"))
    client.wait("ProcessingJob", other_job["ProcessingJobName"])
    assert_no_trace(client, mark)


@needs_sandbox
def test_a_sandbox_reveals_few_host_paths(client):
    """The only mounts are the job's folder, whose path cannot be hidden, and paths that the job may read."""
    folder = str(client.simulator.folder)
    script = "mounts = [line.split() for line in open('/proc/self/mountinfo')]\n"
    mounts = run_script(client, f"{script}result = [(fields[3], fields[4]) for fields in mounts]")
    job_mounts = {source: target for source, target in mounts if source.startswith(folder)}
    assert sorted(job_mounts.values()) == ["/", "/opt/ml"]
    assert len({source.removeprefix(f"{folder}/").split("/")[0] for source in job_mounts}) == 1
    programs = (sys.prefix, sys.base_prefix, sysconfig.get_paths()["stdlib"], str(CONTAINER))
    folders = ("/usr", "/bin", "/sbin", "/lib", "/etc", "/proc", "/dev", "/libx32", *programs)
    assert [target for source, target in mounts if not target.startswith(folders)] == ["/", "/opt/ml"]


def test_no_environment_variable_of_this_process_reaches_a_job(any_client, monkeypatch):
    monkeypatch.setenv("SECRET_OF_MINE", "x")
    names = run_script(any_client, "result = list(os.environ)")
    assert "SECRET_OF_MINE" not in names
    assert not [name for name in names if name.startswith("AWS_") and "REGION" not in name]


@needs_sandbox
def test_a_job_has_no_network(client):
    script = f"""
import socket
result = {{}}
for address in (('127.0.0.1', {client.simulator.port}), ('1.1.1.1', 53), ('10.0.0.1', 80)):
    try:
        socket.create_connection(address, 3)
        result[address[0]] = True
    except OSError:
        result[address[0]] = False
try:
    result['name'] = bool(socket.getaddrinfo('pypi.org', 443))
except OSError:
    result['name'] = False
server = socket.create_server(('127.0.0.1', 0))
socket.create_connection(server.getsockname(), 3)
result['algo-1'] = socket.gethostbyname('algo-1')
result['host'] = socket.gethostname()
"""
    result = run_script(client, script)
    names = {"algo-1": "127.0.0.1", "host": "algo-1"}
    assert result == {"127.0.0.1": False, "1.1.1.1": False, "10.0.0.1": False, "name": False} | names
