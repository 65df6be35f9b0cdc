"""Can two sets of spectra be told apart? A classifier as a two-sample test (Lopez-Paz and Oquab, ICLR 2017), over holes.

New holes always differ a little, so the answer stands beside what the same classifier reaches on holes of one set.
"""

from dataclasses import dataclass

import numpy as np

from recore.report.reading import Floats
from recore.report.statistics.groups import rows_by_group
from recore.report.statistics.pca import MOST_COMPONENTS, principal_components

FOLDS = 5
TELLING_ROWS = 4000  # of each side, at the most, that the classifier learns from
TELLING_HOLES = 200
SHUFFLES = 20  # times that whole public holes are parted by chance


@dataclass(frozen=True)
class TwoSample:
    """auc: the area under the classifier's ROC curve, 0.5 is not at all, NaN where there are too few rows.

    by_hole: it was tested on holes that it had not seen; where a side has one hole, only on rows. usual: the areas for
    public holes that were parted by chance, rising; empty where there are fewer than four, or no test by hole.
    """

    auc: float
    by_hole: bool
    usual: tuple[float, ...]


def tell_apart(public: Floats, public_holes: np.ndarray, private: Floats, private_holes: np.ndarray) -> TwoSample:
    """How well private rows (n, bins) are told from public ones (m, bins), by cross-validation over holes."""
    random = np.random.default_rng(0)
    chosen = [_at_most(side, random) for side in (public_holes, private_holes)]
    values = np.concatenate([public[chosen[0]], private[chosen[1]]])
    # the components are fitted without knowing which row is private, so that nothing leaks into the test
    scores = principal_components(values, MOST_COMPONENTS).transform(values)
    sides = np.repeat([0, 1], [len(rows) for rows in chosen])
    # a hole's name may stand in both files; for the folds these are two
    holes = np.concatenate([_numbers(public_holes)[chosen[0]], -1 - _numbers(private_holes)[chosen[1]]])
    names, others = np.unique(holes[sides == 0]), np.unique(holes[sides == 1])
    by_hole = min(len(names), len(others)) >= 2
    usual = []
    if by_hole and len(names) >= 4:
        own, holes_of_own = scores[sides == 0], holes[sides == 0]
        for _ in range(SHUFFLES):
            taken = random.choice(names, min(len(others), len(names) // 2), replace=False)
            usual.append(_auc(own, np.isin(holes_of_own, taken).astype(int), holes_of_own))
    known = tuple(sorted(value for value in usual if not np.isnan(value)))
    return TwoSample(_auc(scores, sides, holes if by_hole else None), by_hole, known)


def _numbers(names: np.ndarray) -> np.ndarray:
    numbers: np.ndarray = np.unique(names.astype(str), return_inverse=True)[1]
    return numbers


def _at_most(holes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Places of at most TELLING_ROWS rows of at most TELLING_HOLES holes."""
    rows = list(rows_by_group(holes).values())
    some = np.concatenate([rows[place] for place in random.permutation(len(rows))[:TELLING_HOLES]])
    return np.sort(random.permutation(some)[:TELLING_ROWS])


def _auc(scores: Floats, sides: np.ndarray, holes: np.ndarray | None) -> float:
    """The area under the curve of predictions for rows that were left out, all folds together."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    counts = [
        len(np.unique(holes[sides == side])) if holes is not None else int((sides == side).sum()) for side in (0, 1)
    ]
    folds = min(FOLDS, *counts)
    if folds < 2:
        return float("nan")
    parts = StratifiedKFold(folds) if holes is None else StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    splits = [(fit, test) for fit, test in parts.split(scores, sides, holes) if len(np.unique(sides[fit])) == 2]
    if sum(len(test) for _, test in splits) < len(sides):  # a fold without one side to learn from
        return float("nan")
    likely = cross_val_predict(classifier, scores, sides, cv=splits, method="predict_proba")[:, 1]
    return float(roc_auc_score(sides, likely))
