import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.checkout import ROOT, environment

from recore.distribution import TEMPLATE_FILES, install_command
from recore.template.new_submission import list_models
from recore.template.originals import BLOB_IDS

REMOTES = [
    ("https://example.org/owner/name.git", "git+https://example.org/owner/name.git"),
    ("https://user:secret@example.org/owner/name", "git+https://example.org/owner/name"),
    ("git@example.org:owner/name.git", "git+https://example.org/owner/name.git"),
    ("ssh://git@example.org:22/owner/name.git", "git+https://example.org/owner/name.git"),
    ("/somewhere/name", None),
    ("../name", None),
    (None, None),
]
FOLDER = {"subdirectory": "tools/recore"}
DIRECT_URLS = [
    (
        {"url": "https://example.org/o/n.git", "vcs_info": {"vcs": "git", "commit_id": "a1b2"}, **FOLDER},
        "git+https://example.org/o/n.git@a1b2",
    ),
    ({"url": "https://example.org/o/n.zip", "archive_info": {}, **FOLDER}, "https://example.org/o/n.zip"),
    ({"url": "https://example.org/n.whl", "archive_info": {}}, None),
    ({"url": "file:///somewhere/n.whl", "archive_info": {}}, None),
    ({"url": "file:///somewhere/n", "dir_info": {}}, None),
    (None, None),
]


def test_the_package_contains_every_template_file_that_recore_uses() -> None:
    assert {f"examples/{name}/fit.py" for name in list_models()[1:]} <= BLOB_IDS.keys()
    used_names = {*BLOB_IDS, "Dockerfile", ".dockerignore"}
    for path in (ROOT / "tools/recore/src/recore").rglob("*.py"):
        used_names |= set(re.findall(r'TEMPLATE / "([^"]+)"', path.read_text()))
    files = TEMPLATE_FILES
    folders = tuple(f"{name}/" for name in files)
    assert {name for name in used_names - {"examples", *files} if not name.startswith(folders)} == set()
    assert [name for name in files if not (ROOT / name).exists()] == []
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line.startswith("!"):
            assert line[1:] in files


@pytest.mark.parametrize(("remote", "origin"), REMOTES)
def test_the_origin_of_a_checkout_is_its_remote(remote: str | None, origin: str | None, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    if remote:
        subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", remote], check=True)
    assert find_origin(tmp_path) == origin


@pytest.mark.parametrize(("direct_url", "origin"), DIRECT_URLS)
def test_the_origin_of_an_installed_package_is_the_one_that_pip_recorded(
    direct_url: dict[str, object] | None, origin: str | None, tmp_path: Path
) -> None:
    (tmp_path / "recore/template_files").mkdir(parents=True)
    metadata = tmp_path / "recore-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: recore\nVersion: 1.0\n")
    if direct_url:
        (metadata / "direct_url.json").write_text(json.dumps(direct_url))
    assert find_origin(tmp_path) == origin


def find_origin(folder: Path) -> str | None:
    source = folder if (folder / "recore").exists() else folder / "tools/recore/src"
    (source / "recore").mkdir(exist_ok=True, parents=True)
    for name in ("__init__.py", "distribution.py"):
        shutil.copy(ROOT / "tools/recore/src/recore" / name, source / "recore")
    code = "import json; from recore.distribution import find_origin; print(json.dumps(find_origin()))"
    result = subprocess.run([sys.executable, "-c", code], cwd=source, env=environment(), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_one_command_installs_both_distributions() -> None:
    assert install_command("git+https://example.org/n@a1b2") == (
        'pip install "git+https://example.org/n@a1b2#subdirectory=tools/stagemaker" '
        '"git+https://example.org/n@a1b2#subdirectory=tools/recore"'
    )
