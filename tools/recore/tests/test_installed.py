import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from recore_support.bare_machine import FAILING, HIDDEN_PROGRAMS
from support.checkout import copy_checkout, environment
from support.template import template_only

from recore.distribution import install_command

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("installed")]
ORIGIN = "https://example.org/owner/name.git"


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of an installed `recore`, in which bubblewrap, Docker and browsers fail."""
    folder = tmp_path_factory.mktemp("installed")
    checkout = copy_checkout(folder / "checkout")
    subprocess.run(["git", "init", "--quiet", checkout], check=True)
    subprocess.run(["git", "-C", checkout, "remote", "add", "origin", ORIGIN], check=True)
    subprocess.run(["git", "-C", checkout, "add", "--all"], check=True)
    author = ["-c", "user.name=A Test", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", checkout, *author, "commit", "--quiet", "--message", "All files"], check=True)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    folders = [checkout / "tools/stagemaker", checkout / "tools/recore"]
    install = [folder / "venv/bin/pip", "install", "--quiet", *folders]
    result = subprocess.run(install, env=environment(), capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stderr
    (folder / "hidden").mkdir()
    for name in HIDDEN_PROGRAMS:
        (folder / "hidden" / name).write_text(FAILING)
        (folder / "hidden" / name).chmod(0o755)
    path = os.pathsep.join([str(folder / "hidden"), str(folder / "venv/bin"), os.environ["PATH"]])
    repository = f"git+file://{checkout}"  # instead of ORIGIN
    return environment() | {"PATH": path, "DOCKER_HOST": "unix:///nobody-listens", "RECORE": repository}


def run(command: str, folder: Path, variables: dict[str, str], timeout: int = 900) -> str:
    arguments = ["bash", "-e", "-o", "pipefail", "-c", command]
    result = subprocess.run(arguments, cwd=folder, env=variables, capture_output=True, text=True, timeout=timeout)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@template_only
def test_a_new_folder_works_as_its_readme_and_its_workflow_describe(variables: dict[str, str], tmp_path: Path) -> None:
    output = run("recore new mine --model pls", tmp_path, variables)
    assert "next: cd mine; then `recore run`" in output
    folder = tmp_path / "mine"
    readme = (folder / "README.md").read_text()
    assert f"`{install_command(f'git+{ORIGIN}')}`" in readme
    [session] = re.findall(r"^```bash\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    lines = session.splitlines()
    assert all(line.startswith("recore ") for line in lines)
    outputs = {line.split()[1]: run(line, folder, variables) for line in lines}
    assert "data/private/actual.csv.gz" in outputs["sample"]
    assert "held-out" in outputs["run"]
    assert "check: no findings" in outputs["check"]
    assert "unchanged template" in outputs["leaderboard"]
    assert (
        outputs["leaderboard"].split("completed")[1].split()[0] == outputs["pack"].split()[-1][:8]
    )  # board and pack see the same files
    status = run("git init --quiet && git status --short --untracked-files=all", folder, variables)
    for name in ("data", "runs", "validate", "src.tar.gz", "model"):
        assert f"?? {name}" not in status
    (folder / ".venv").symlink_to(sys.prefix)  # otherwise, `make test` would create one, which takes minutes
    os.utime(folder / "requirements.txt", (0, 0))
    workflow = yaml.safe_load((folder / ".github/workflows/check.yml").read_text())
    assert workflow["env"] == {"RECORE": f"git+{ORIGIN}"}
    for step in workflow["jobs"]["check"]["steps"]:
        if "run" in step:
            run(step["run"], folder, variables)


def test_other_commands_work_in_any_folder(variables: dict[str, str], tmp_path: Path) -> None:
    assert "all requirements of `recore run` are met" in run("recore doctor", tmp_path, variables)
    assert "\n    recore run --help\n" in run("recore --help", tmp_path, variables)
    assert "AWS_ENDPOINT_URL" in run("timeout --signal INT 20 stagemaker start || test $? = 124", tmp_path, variables)
