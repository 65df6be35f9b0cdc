"""A host's own challenge (twelve properties of soils), from a laboratory's files to an endpoint's web page."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recore_support.command import recore
from recore_support.production import ProductionCommands
from recore_support.web_page import WebPage
from stagemaker_support.simulator_client import Client

from recore.challenge import read_challenge

TARGETS = """name,weight,unit
SOC,0.2,g/kg
CLAY,0.1,%
SAND,0.05,%
SILT,0.05,%
pH_H2O,0.1,pH
CEC,0.1,cmol/kg
N.tot,0.1,g/kg
CaCO3 eq,0.05,%
K_exch,0.05,cmol/kg
Fe,0.1,mg/kg
EC,0.05,dS/m
BD,0.05,none
"""
# the laboratory's name of each target, and the factor of its values
HEADERS = {
    **{"SOC": ("SOC (%)", 0.1), "CLAY": ("clay [g/kg]", 10.0), "SAND": ("SAND", 1.0), "SILT": ("Silt %", 1.0)},
    **{"pH_H2O": ("pH (H2O)", 1.0), "CEC": ("CEC (mmol(+)/kg)", 10.0), "N.tot": ("N tot mg/kg", 1000.0)},
    **{"CaCO3 eq": ("CaCO3 eq (%)", 1.0), "K_exch": ("K exch cmol(+)/kg", 1.0), "Fe": ("Fe2O3 (%)", 1.4297e-4)},
    **{"EC": ("EC (dS/m)", 1.0), "BD": ("BD", 1.0)},
}
PRIVATE = ("private/private.csv.gz", "private/actual.csv.gz")
DRILLING = re.compile(r"\b(drill|holes?|49|SiteID|DepthFrom|DepthTo)\b")
# which may contain any number: durations, sizes, and paths (as pytest's folders do)
MEASURED = re.compile(r"\b[\d.]+ (s|min|h|[kM]i?B)\b|(?<!\S)\S*/\S*")


def assert_own_names(output: str) -> None:
    assert not DRILLING.search(MEASURED.sub(lambda match: match[0].replace("49", "n"), output)), output


def succeed(*arguments: object, cwd: Path) -> str:
    result = recore(*arguments, cwd=cwd)
    assert result.returncode == 0, (arguments, result.stdout, result.stderr)
    assert_own_names(result.stdout + result.stderr)
    return result.stdout


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a host's challenge; it contains the table, already imported and split."""
    parent = tmp_path_factory.mktemp("host")
    (parent / "targets.csv").write_text(TARGETS)
    words = ("--id", "FieldID", "--id", "SampleNo", "--group-name", "field", "--subject", "infrared spectra of soils")
    succeed("new-challenge", parent / "soils", "--targets", parent / "targets.csv", *words, cwd=parent)
    folder = parent / "soils"
    sample = ("sample", "--out", parent / "sample", "--rows", 60, "--holes", 9, "--channels", 120)
    result = recore(*sample, cwd=folder)
    assert "are smooth mixtures of the minerals in the spectra" in result.stderr
    public = pd.read_csv(parent / "sample/public/public.csv.gz", dtype={0: str}).rename(
        columns={"Unnamed: 0": "sample"}
    )
    public["sample"] = "S" + public["sample"]
    channels = [name for name in public if name[0].isdigit()]
    public[["sample", *channels]].to_csv(parent / "spectra.csv", index=False)
    table = public[["sample", "FieldID", "SampleNo"]].rename(columns={"FieldID": "Field ID"})
    for target, (header, factor) in HEADERS.items():
        table[header] = public[target] * factor
    table.to_csv(parent / "laboratory.csv", index=False)
    succeed(
        "import", parent / "spectra.csv", "--assays", parent / "laboratory.csv", "--out", "table.csv.gz", cwd=folder
    )
    imported = pd.read_csv(folder / "table.csv.gz")
    for target in HEADERS:
        np.testing.assert_allclose(imported[target], public[target], rtol=1e-3, err_msg=target)
    succeed("split", "table.csv.gz", "--holes", "30%", "--out", "data", cwd=folder)
    return folder


def test_a_challenge_is_judged_and_its_winner_used_under_its_names(host: Path, client: Client, tmp_path: Path) -> None:
    challenge = read_challenge(host / "score.py")
    succeed("new", tmp_path / "theirs", "--model", "pls", cwd=host)
    assert read_challenge(tmp_path / "theirs/score.py").to_dict() == challenge.to_dict()
    data = [
        "--public",
        "data/public/public.csv.gz",
        "--private",
        f"data/{PRIVATE[0]}",
        "--actual",
        f"data/{PRIVATE[1]}",
    ]
    succeed("pack", "--out", tmp_path / "theirs.tar.gz", cwd=tmp_path / "theirs")
    succeed("judge", tmp_path / "theirs.tar.gz", *data, "--out", tmp_path / "judged", cwd=host)
    [run] = [path.parent for path in (tmp_path / "judged").glob("*/run.json")]
    assert list(json.loads((run / "run.json").read_text())["scores"]["private"]["r2"]) == list(challenge.targets)
    succeed("leaderboard", tmp_path / "judged", "--private", cwd=host)
    succeed("report", run, "--public", host / "data/public/public.csv.gz", cwd=tmp_path)
    succeed(
        "explore",
        "data/public/public.csv.gz",
        "--private",
        f"data/{PRIVATE[0]}",
        "--out",
        tmp_path / "e.html",
        cwd=host,
    )
    succeed(
        "handover", run, "--public", host / "data/public/public.csv.gz", "--out", tmp_path / "handover", cwd=tmp_path
    )
    # a partner has only the handover
    for page in ("README.md", "MODEL_CARD.md"):
        content = (tmp_path / "handover" / page).read_text("utf-8")
        assert "12 targets from infrared spectra of soils" in content
        assert_own_names(content.partition("## Method")[0])
    spectra = tmp_path / "handover/sample/spectra.csv.gz"
    succeed("predict", "handover", spectra, "--intervals", "--out", "assays.csv", cwd=tmp_path)
    ends = [f"{name} {end}" for name in challenge.targets for end in ("low", "high")]
    assays = pd.read_csv(tmp_path / "assays.csv")
    assert list(assays) == ["name", "FieldID", "SampleNo", "domain", *challenge.targets, *ends]
    assert assays[list(challenge.targets)].notna().all(axis=None)

    commands = ProductionCommands(client, tmp_path / "handover", "soils")
    commands.succeed("register", ".")
    commands.succeed("approve", 1)
    commands.succeed("deploy")
    page = WebPage(commands)
    try:
        assert b"Predicts assays from infrared spectra of soils" in page.request("")[2]
        [sample, *_] = page.send("soils.csv.gz", spectra.read_bytes())["samples"]
    finally:
        page.stop()
    assert {name: assay["unit"] for name, assay in sample["assays"].items()} == {
        name: challenge.unit(name) for name in challenge.targets
    }
