import os
import re
import sys
import tarfile
from importlib import metadata
from pathlib import Path

import pytest
from models import core_assays as support
from models.house_prices import s3_variables, url_of
from stagemaker_support.simulator_client import Client
from support.checkout import run

from recore.dataset.importing import ImportOptions, import_files
from recore.model.code_archive import write_code_archive
from recore.model.errors import ConfigError, JobError
from stagemaker import container_packages
from stagemaker.server import BUCKET

ISOLATED_PROGRAM = """
import os, sys
from core_assays import AssayDatasetGenerator, CoreAssays
from recore.model import SageMakerEnv

class Oxides(AssayDatasetGenerator):
    IMPORT_OPTIONS = {"columns": ("AlPPM=Al2O3 (%)",)}

CoreAssays().dataset_generator(SageMakerEnv("/nowhere")).generate()
Oxides(SageMakerEnv("/nowhere", dict(os.environ, ML2P_DATASET="oxides"))).generate()
print("\\n".join(str(getattr(module, "__file__", None)) for module in list(sys.modules.values())))
"""


def test_the_generator_writes_the_file_of_the_import(core_data_file: bytes, core_sources: Path, tmp_path: Path) -> None:
    out = tmp_path / "public.csv.gz"
    result = import_files(ImportOptions((core_sources,), out, core_sources / "assays.csv"))
    assert result.rows == len(list(core_sources.glob("core_*"))) > 30
    assert core_data_file == out.read_bytes()


def test_subclasses_set_the_import_options(
    client: Client, core_sources: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module, spectrum = support.core_assays(), next(core_sources.glob("core_*.0")).read_bytes()
    table = "sample,SiteID,DepthFrom,DepthTo,CuPPM\na,D1,0,1,5\n"
    for name, content in {"a.0": spectrum, "a.1": spectrum, "assays.csv": table, "deeper/unread.0": ""}.items():
        client.put(f"replicates/sources/first/{name}", content)
    generator_env = support.generator_env(client, ML2P_S3_URL=url_of("replicates"))
    with pytest.raises(JobError, match=r"first: s3://\S+/sources/first/a\.0: .*--replicates mean averages them"):
        module.AssayDatasetGenerator(generator_env).generate()
    averaging = type("Averaging", (module.AssayDatasetGenerator,), {"IMPORT_OPTIONS": {"replicates": "mean"}})
    averaging(generator_env).generate()
    assert client.get(f"{url_of('replicates')}/datasets/first/public.csv.gz")
    printed = capsys.readouterr().out
    assert "note: rows are means of replicates" in printed
    assert "imported 1 rows of 171 channels, 4000.0 to 350.0 cm-1 from 2 spectra at s3://" in printed


@pytest.mark.parametrize(
    ("files", "variables", "error", "reason"),
    [
        ({}, {}, JobError, r"the dataset has no sources: no file is directly below s3://\S+/sources/first/$"),
        ({"a.0": ""}, {}, JobError, r"the assay table is missing; upload it as s3://\S+/sources/first/assays\.csv$"),
        ({"assays.csv": "x"}, {}, JobError, r"^s3://\S+/first/assays\.csv"),
        (
            {"assays.csv": "sample,SiteID,DepthFrom,DepthTo,CuPPM\na,D1,0,1,5\n", "a.0": "\n\n\xfe\xfe"},
            {},
            JobError,
            r"^nothing was imported because of 2 problem\(s\); the first: s3://\S+/sources/first/a\.0: ",
        ),
        ({}, {"ML2P_S3_URL": "s3://no-such-bucket-at-all/x"}, JobError, "the sources at s3://no-such.*NoSuchBucket"),
        ({}, {"ML2P_S3_URL": ""}, ConfigError, "set the environment variable ML2P_S3_URL"),
        ({}, {"ML2P_DATASET": ""}, ConfigError, "set the environment variable ML2P_DATASET"),
    ],
    ids=["nothing", "no table", "no spectra", "damaged", "no bucket", "no address", "no dataset"],
)
def test_sources_that_cannot_be_imported_are_rejected(
    client: Client,
    request: pytest.FixtureRequest,
    files: dict[str, str],
    variables: dict[str, str],
    error: type[Exception],
    reason: str,
) -> None:
    project = f"refused-{abs(hash(request.node.name))}"
    for name, content in files.items():
        client.put(f"{project}/sources/first/{name}", content.encode("latin-1"))
    env = support.generator_env(client, **{"ML2P_S3_URL": url_of(project)} | variables)
    with pytest.raises(error, match=reason) as raised:
        support.core_assays().CoreAssays().dataset_generator(env).generate()
    assert "\n" not in str(raised.value)
    assert "Contents" not in client.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{project}/datasets/")


def container_files() -> set[str]:
    pending, names = list(container_packages()), set[str]()
    while pending:
        name = re.sub(r"[-_.]+", "-", pending.pop()).lower()
        if name not in names and (package := find_distribution(name)):
            names.add(name)
            pending += [re.match(r"[\w.-]+", line)[0] for line in package.requires or () if "extra ==" not in line]
    return {str(path.locate()) for name in names for path in find_distribution(name).files or ()}


def find_distribution(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:  # required only on other systems
        return None


def test_a_job_needs_only_the_archive(
    connected_client: Client, core_code: Path, core_sources: Path, core_data_file: bytes, tmp_path: Path
) -> None:
    client, address = connected_client, url_of("assays")
    client.s3.delete_object(Bucket=BUCKET, Key="assays/datasets/first/public.csv.gz")
    client.put(
        "assays/sources/oxides/assays.csv", "sample,SiteID,DepthFrom,DepthTo,Al2O3 (%),Cu_sol_ppm\na,D1,0,1,15,5\n"
    )
    client.put("assays/sources/oxides/a.0", next(core_sources.glob("core_*.0")).read_bytes())
    write_code_archive(tmp_path / "code.tar.gz", core_code, support.core_assays().PACKAGES)
    with tarfile.open(tmp_path / "code.tar.gz") as tar:
        tar.extractall(tmp_path / "code", filter="data")
    (tmp_path / "elsewhere").mkdir()
    variables = {"PYTHONPATH": str(tmp_path / "code"), "ML2P_DATASET": "first", "ML2P_S3_URL": address}
    result = run("-c", ISOLATED_PROGRAM, cwd=tmp_path / "elsewhere", **s3_variables(client), **variables)
    assert result.returncode == 0, result.stderr
    assert client.get(f"{address}/datasets/first/public.csv.gz") == core_data_file
    assert client.get(f"{address}/datasets/oxides/public.csv.gz")
    assert "may be targets: CuPPM in 'Cu_sol_ppm'" in result.stdout
    files = {line for line in result.stdout.splitlines() if line.endswith((".py", ".so"))}
    in_archive = {file for file in files if file.startswith(str(tmp_path / "code"))}
    archive_roots = {"recore", "stagemaker", "brukeropus", "periodictable", "pyparsing", "core_assays.py"}
    assert {Path(file).relative_to(tmp_path / "code").parts[0] for file in in_archive} == archive_roots
    installed_files = {file for file in files - in_archive if file.startswith(f"{sys.prefix}{os.sep}")}
    assert len(installed_files) > 50
    assert installed_files - container_files() == set()
