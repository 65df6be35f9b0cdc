import json
from pathlib import Path

import pytest
from recore_support.command import recore
from recore_support.replaced_fit import train_with
from recore_support.run_command import file_options

from recore.dataset.sample_files import Plan, make_sample
from recore.template.new_submission import write_submission

FIT = """
from sklearn.cross_decomposition import PLSRegression
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.neighbors import KNeighborsRegressor


def fit(inputs, targets, holes):
    return {estimator}.fit(inputs, targets)
"""
MODELS = {
    "latent": "PLSRegression(8, scale=False)",
    "trees": "ExtraTreesRegressor(5, max_features=0.1, random_state=0)",
    "neighbour": "KNeighborsRegressor(1)",  # predicts the rows that it was trained on exactly
}


@pytest.mark.slow
def test_the_board_ranks_by_the_score_on_other_holes(tmp_path: Path) -> None:
    make_sample(tmp_path / "data", Plan(rows=600, holes=12, channels=120, missing=0))
    files = {
        "with": file_options(tmp_path / "data"),
        "without": file_options(tmp_path / "data", "public", allow_unsandboxed=False),
    }
    for model, estimator in MODELS.items():
        write_submission(tmp_path / model)
        (tmp_path / model / "train.py").write_text(train_with(FIT.replace("{estimator}", estimator)))
        for variant, options in files.items():
            result = recore("run", tmp_path / model, *options, "--out", tmp_path / variant / model, "--no-report")
            assert result.returncode == 0, result.stderr
    rankings, scores = {}, {}
    for variant, option in {"with": "--private", "without": "--json"}.items():
        runs = json.loads(recore("board", tmp_path / variant, "--json", option).stdout)
        rankings[variant] = [run["folder"] for run in runs]
        scores[variant] = {run["folder"]: run["scores"] for run in runs}

    def best_first(name: str) -> list[str]:
        return sorted(MODELS, key=lambda model: scores["with"][model][name], reverse=True)

    assert rankings["with"] == best_first("private")
    assert rankings["without"] == best_first("held-out") == best_first("private")
    assert best_first("public") != best_first("private"), "the ranking by the public score should be different"
    assert not any("private" in model_scores for model_scores in scores["without"].values())
