"""The contents of the notebooks in examples/notebooks. tests/clients/test_v2_production_notebooks.py runs them."""

import json

import pytest
from support.checkout import ROOT

from recore.production.settings import read_settings

FOLDER = ROOT / "examples/notebooks"


@pytest.mark.parametrize("name", ["pytorch", "sklearn"])
def test_a_notebooks_configuration_contains_valid_settings(name: str) -> None:
    settings = read_settings(FOLDER / f"config-{name}.json")
    assert settings.model_approval_status == "Approved"
    assert ("pytorch-inference" in settings.model_image) == (name == "pytorch")
    assert read_settings(ROOT / "examples/pytorch/config.json").training_image.partition(":")[0].endswith("training")


@pytest.mark.parametrize("name", ["pytorch", "sklearn"])
def test_a_notebook_is_stored_without_outputs(name: str) -> None:
    notebook = json.loads((FOLDER / f"{name}.ipynb").read_text("utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"]] == []
    assert all(cell["cell_type"] == "markdown" for cell in notebook["cells"][::2])  # each code cell is explained
