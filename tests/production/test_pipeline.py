"""`train`: what the pipeline computes, what it computes again, and what it registers."""

from pathlib import Path

import pytest
from support.checkout import ROOT
from support.production import ProductionCommands

COMPUTED = ["Features", "Train", "Evaluate"]
pytestmark = pytest.mark.slow


def test_only_what_depends_on_a_change_is_computed_again(commands: ProductionCommands, small_sample: Path) -> None:
    public = small_sample / "public/public.csv.gz"
    first = commands.succeed("train", ROOT, "--public", public)
    assert (first["changed"], first["cached"]) == (True, [])
    assert first["version"]["number"] == 1
    assert first["version"]["approval"] == "PendingManualApproval"
    assert first["version"]["score"] > -10

    second = commands.succeed("train", ROOT, "--public", public)
    assert (second["changed"], second["version"]["number"]) == (False, 1)

    third = commands.succeed("train", ROOT, "--public", public, "--again")
    assert (third["changed"], sorted(third["cached"])) == (True, sorted(COMPUTED))
    assert third["version"]["archives"] == first["version"]["archives"]

    tuned = commands.succeed("train", ROOT, "--public", public, "--set", "alphas=5")
    assert tuned["cached"] == ["Features"]
    assert tuned["version"]["archives"][0] == first["version"]["archives"][0]
    assert tuned["version"]["archives"][1] != first["version"]["archives"][1]

    commands.configure(MINIMUM_SCORE=0.99)
    line = commands.refuse("train", ROOT, "--public", public, status=1)
    assert line == "recore: LowScore failed: the score of held-out drill holes is below the setting MINIMUM_SCORE, 0.99"
    assert len(commands.succeed("list")["versions"]) == 3
