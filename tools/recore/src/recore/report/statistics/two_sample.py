"""Do two sets of spectra differ? A classifier as two-sample test (Lopez-Paz and Oquab, ICLR 2017), over drill holes.

Holes always differ a little, so the result is compared with that for random halves of the public holes.
"""

from dataclasses import dataclass

import numpy as np

from recore.report.statistics.pca import MOST_COMPONENTS, principal_components
from recore.spectral_data import Floats, rows_by_group

FOLDS = 5
MOST_ROWS = 4000  # of each set that the classifier is trained on
MOST_HOLES = 200  # of each set
RANDOM_SPLITS = 20  # of the public holes, for comparison


@dataclass(frozen=True)
class TwoSample:
    """auc: the area under the classifier's ROC curve: 0.5 if the sets do not differ, NaN if too few rows.

    by_hole: whether the classifier was tested on new holes; if a set has only one hole, it is tested on new rows.
    usual: ascending, the areas for random splits of the public holes; empty for fewer than four, or not by_hole.
    """

    auc: float
    by_hole: bool
    usual: tuple[float, ...]


def compare_sets(public: Floats, public_holes: np.ndarray, private: Floats, private_holes: np.ndarray) -> TwoSample:
    """How well a classifier separates private rows (n, bins) from public ones (m, bins), cross-validated by hole."""
    random = np.random.default_rng(0)
    selected = [_select(side, random) for side in (public_holes, private_holes)]
    values = np.concatenate([public[selected[0]], private[selected[1]]])
    # the components are fitted on both sets together, so that the set of a row does not leak into the test
    scores = principal_components(values, MOST_COMPONENTS).transform(values)
    sides = np.repeat([0, 1], [len(rows) for rows in selected])
    # holes of the same name in both files are two different holes for the folds
    holes = np.concatenate([_hole_numbers(public_holes)[selected[0]], -1 - _hole_numbers(private_holes)[selected[1]]])
    public_names, private_names = np.unique(holes[sides == 0]), np.unique(holes[sides == 1])
    by_hole = min(len(public_names), len(private_names)) >= 2
    usual = []
    if by_hole and len(public_names) >= 4:
        public_scores, hole_of_row = scores[sides == 0], holes[sides == 0]
        for _ in range(RANDOM_SPLITS):
            part = random.choice(public_names, min(len(private_names), len(public_names) // 2), replace=False)
            usual.append(_auc(public_scores, np.isin(hole_of_row, part).astype(int), hole_of_row))
    known = tuple(sorted(value for value in usual if not np.isnan(value)))
    return TwoSample(_auc(scores, sides, holes if by_hole else None), by_hole, known)


def _hole_numbers(names: np.ndarray) -> np.ndarray:
    return np.asarray(np.unique(names.astype(str), return_inverse=True)[1])


def _select(holes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The numbers of at most MOST_ROWS random rows of at most MOST_HOLES random holes."""
    rows = list(rows_by_group(holes).values())
    candidates = np.concatenate([rows[place] for place in random.permutation(len(rows))[:MOST_HOLES]])
    return np.sort(random.permutation(candidates)[:MOST_ROWS])


def _auc(scores: Floats, sides: np.ndarray, holes: np.ndarray | None) -> float:
    """The area under the ROC curve of the predictions for held-out rows, all folds together."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    units = np.arange(len(sides)) if holes is None else holes
    folds = min(FOLDS, *(len(np.unique(units[sides == side])) for side in (0, 1)))
    if folds < 2:
        return float("nan")
    parts = StratifiedKFold(folds) if holes is None else StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    splits = [(fit, test) for fit, test in parts.split(scores, sides, holes) if len(np.unique(sides[fit])) == 2]
    if sum(len(test) for _, test in splits) < len(sides):  # one set is missing from the training part of a fold
        return float("nan")
    probabilities = cross_val_predict(classifier, scores, sides, cv=splits, method="predict_proba")[:, 1]
    return float(roc_auc_score(sides, probabilities))
