"""Settings for uv: pip's settings, and the metadata of packages that uv would otherwise have to build."""

import os
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from stagemaker_support.checkout import ROOT

from stagemaker.installing import IMPORTS, uv_variables
from stagemaker.pip_settings import read_pip_settings


def test_pip_settings_are_read_as_pip_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://a.example/simple\ncert = /a.pem\n[install]\nfind-links = /b\n    /c\n"
        "[list]\nindex-url = https://no.example/simple\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_CERT", "/b.pem")
    settings = read_pip_settings([sys.executable, "-m", "pip"])
    assert settings["index-url"] == "https://a.example/simple"
    assert settings["find-links"].split() == ["/b", "/c"]
    assert settings["cert"] == "/b.pem"


def test_uv_gets_the_metadata_of_packages_that_it_would_have_to_build() -> None:
    tables = tomllib.loads((ROOT / "src/stagemaker/images/uv.toml").read_text())["dependency-metadata"]
    assert tables
    for table in tables:
        required = {line for line in metadata.requires(table["name"]) or [] if "extra ==" not in line}
        assert (table["version"], set(table["requires-dist"])) == (metadata.version(table["name"]), required)


def test_pip_settings_are_passed_on_to_uv() -> None:
    settings = {"index-url": "https://a.example/simple", "extra-index-url": "\nhttps://b.example\nhttps://c.example"}
    settings |= {"find-links": "\n/d /e", "trusted-host": "b.example", "timeout": "90", "format": "columns"}
    variables = uv_variables(settings, {})
    assert variables == {
        "UV_DEFAULT_INDEX": "https://a.example/simple",
        "UV_INDEX": "https://b.example https://c.example",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/d,/e",
        "UV_INSECURE_HOST": "b.example",
        "UV_HTTP_TIMEOUT": "90",
    }
    uv_settings = uv_variables(settings, {"UV_INDEX_URL": "https://own.example/simple", "UV_HTTP_TIMEOUT": "10"})
    assert uv_settings == {"UV_FIND_LINKS": "/d,/e", "UV_INSECURE_HOST": "b.example"}
    assert uv_variables({}, {}) == {}


def test_the_bytecode_of_all_imports_of_a_job_is_written() -> None:
    """A job cannot store bytecode, so each job would recompile modules whose bytecode is missing."""
    modules = "sagemaker_training.trainer, sagemaker_inference.transformer, gunicorn.app.base, sklearn.linear_model"
    code = f"import {modules}, sys; print(*[name for name, module in sys.modules.items() if '.' not in name"
    code += " and 'site-packages' in (path := getattr(module, '__file__', None) or '') and path.endswith('.py')])"
    program = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    names = {name for name in program.stdout.split() if not name.startswith("_")}
    assert {"paramiko", "sklearn"} <= names
    assert names <= {name.removesuffix(".py") for name in IMPORTS.split()}
