"""Repeat, on the sample data, the experiments that the winner of 2021, team RandomNumbers, published.

Examples:
    python tools/recore/benchmarks/published.py
    python tools/recore/benchmarks/published.py --seed 1

The public rows are generated as by `recore sample` with --seed. Each experiment is a ridge regression with 4
shuffled folds for each of 5 seeds, as in the winner's val.py, preprocess.py, mdl.py and tmp/
(github.com/mlisovyi/total_recore_part1). Scores are computed as in the challenge; the number after +- is the standard
deviation over the 20 folds. Differences are relative to the first experiment's score on the same folds.

The exit status is 1 if a score or a difference deviates from the published value by more than its bound, or if copper
is the easiest target. docs/dataset.md explains what a match proves. A run takes about two minutes on two cores.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from score import IDS, TARGETS, WEIGHTS

from recore.dataset.sample_files import Plan, simulate_rows

ALPHAS = np.logspace(-5, 5, 50)
FOLDS, REPEATS = 4, 5
SCORE_BOUND = 0.04  # maximum deviation of our score from the published one


@dataclass(frozen=True)
class Experiment:
    """One of the winner's experiments.

    published: the score. window: the slice of channels whose range clips and normalises a spectrum, or None to do
    neither. n: channels summed into a bin. ids: whether hole and depths are inputs. share: the fraction of a fold's
    training rows that is used. bound: how far our difference from the first experiment's score may deviate from the
    published difference, which must have the same sign; None if it is not checked.
    """

    published: float
    window: tuple[int, int] | None = (100, -300)
    n: int = 5
    ids: bool = True
    share: float = 1.0
    bound: float | None = None

    @property
    def name(self) -> str:
        window = "{}:{}".format(*self.window) if self.window else "not normalised"
        return (
            f"{window}, n = {self.n}"
            + (", no IDs" if not self.ids else "")
            + (f", {self.share:.0%} of the rows" if self.share < 1 else "")
        )


EXPERIMENTS = [
    Experiment(0.680),
    Experiment(0.658, n=1, bound=0.015),
    Experiment(0.677, n=3),
    Experiment(0.683, n=7),
    Experiment(0.680, n=10),
    Experiment(0.690, window=(0, -300), n=7),  # submitted
    Experiment(0.690, window=(0, -300)),
    Experiment(0.688, window=(50, -300)),
    Experiment(0.653, window=(200, -300), bound=0.015),
    Experiment(0.689, window=(100, -200)),
    Experiment(0.693, window=(100, -100), bound=0.015),
    Experiment(0.476, window=(100, -1), bound=0.05),
    Experiment(0.661, window=(100, -400)),
    Experiment(0.666, window=None, bound=0.015),
    Experiment(0.679, ids=False),
    Experiment(0.627, share=0.6),
    Experiment(0.655, share=0.7),
    Experiment(0.661, share=0.8),
    Experiment(0.670, share=0.9),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=Plan.seed, help="of the sample")
    arguments = parser.parse_args()
    data = public_data(Plan(seed=arguments.seed))
    by_cost = sorted(EXPERIMENTS, key=lambda experiment: experiment.n)
    parts = Parallel(2)(delayed(repeat)(experiment, *data) for experiment in by_cost)
    r2_of = dict(zip(by_cost, parts, strict=True))
    if problems := show([r2_of[experiment] for experiment in EXPERIMENTS]):
        sys.exit("\n".join(problems))


def public_data(plan: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the spectra (rows, channels), IDs (rows, 3) and targets (rows, 49) of the plan's public rows."""
    parts = []
    for is_private, inputs, assays in simulate_rows(plan):
        if not is_private:
            spectra = [column for name, column in inputs.items() if name not in ("", *IDS)]
            ids = [inputs[name] for name in IDS]
            parts.append([np.column_stack(columns) for columns in (spectra, ids, list(assays.values()))])
    spectra, ids, targets = (np.concatenate(part) for part in zip(*parts, strict=True))
    return spectra, ids.astype(float), targets


def repeat(experiment: Experiment, spectra: np.ndarray, ids: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Repeat an experiment, and return the R2 of each fold and target (REPEATS * FOLDS, 49)."""
    inputs = features(experiment, spectra, ids)
    r2 = []
    for seed in range(REPEATS):
        for training, test in KFold(FOLDS, shuffle=True, random_state=seed).split(inputs):
            training = training[: int(len(training) * experiment.share)]
            # the least squared error of a target is its best R2, the winner's criterion
            model = RidgeCV(ALPHAS, alpha_per_target=True, gcv_mode="svd").fit(inputs[training], targets[training])
            predicted = model.predict(inputs[test]).clip(0)
            r2.append(r2_score(targets[test], predicted, multioutput="raw_values"))
    return np.array(r2)


def features(experiment: Experiment, spectra: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Return the winner's features, rotated into fewer columns if there are more columns than rows.

    A rotation does not change the predictions of a ridge regression.
    """
    inputs = bins(experiment, spectra)
    if experiment.ids:
        inputs = np.column_stack([ids, inputs])
    return np.linalg.qr(inputs.T, mode="r").T if inputs.shape[1] > len(inputs) else inputs


def bins(experiment: Experiment, spectra: np.ndarray) -> np.ndarray:
    """Return sums of neighbouring channels (rows, bins). As in the winner's code, the first bin is a single channel."""
    if experiment.window:
        window = spectra[:, slice(*experiment.window)]
        highest = window.max(axis=1, keepdims=True)
        spectra = spectra.clip(window.min(axis=1, keepdims=True), highest) / highest
    last = (spectra.shape[1] - 1) // experiment.n * experiment.n
    return np.add.reduceat(spectra[:, : last + 1], [0, *range(1, last + 1, experiment.n)], axis=1)


def show(r2: list[np.ndarray]) -> list[str]:
    """Print the published scores and ours, and return the problems found. r2: an array (folds, 49) per experiment."""
    problems = []
    scores = [of_experiment @ [*WEIGHTS.values()] for of_experiment in r2]
    print(f"{'':36}{'score':^25}{'difference':^20}")
    print(f"{'experiment':36}{'published':>9}{'ours':>7}{'':9}{'published':>11}{'ours':>8}")
    for experiment, values in zip(EXPERIMENTS, scores, strict=True):
        score, difference = values.mean(), (values - scores[0]).mean()
        expected = experiment.published - EXPERIMENTS[0].published
        own_scores = f"{score:7.3f} +- {values.std():.3f}"
        print(f"{experiment.name:36}{experiment.published:9.3f}{own_scores:16}{expected:11.3f}{difference:+9.3f}")
        if abs(score - experiment.published) > SCORE_BOUND:
            problems.append(f"{experiment.name}: the score deviates by more than {SCORE_BOUND}")
        if experiment.bound and (abs(difference - expected) > experiment.bound or difference * expected <= 0):
            problems.append(f"{experiment.name}: the difference deviates by over {experiment.bound}, or in sign")
    mean_r2 = dict(zip(TARGETS, r2[0].mean(axis=0), strict=True))
    names = sorted(mean_r2, key=mean_r2.__getitem__, reverse=True)
    print(f"easiest targets: {', '.join(names[:3])}; copper ranks {names.index('CuPPM') + 1} of {len(names)}")
    if names[0] == "CuPPM":
        problems.append("copper is the easiest target")
    return problems


if __name__ == "__main__":
    main()
