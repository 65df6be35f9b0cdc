"""The regressor of the default model: ridge regression for many targets with gaps.

It passes scikit-learn's estimator checks and depends on nothing in this project. Other models do not need it.
"""

import itertools
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

SCATTERED = 0.3  # targets with at most this share of gaps are solved iteratively; others on their own rows
# Iteration needs so many times as many rows as features, and so many rows: with fewer, errors have several minima.
MANY, ENOUGH = 3, 200
CHUNK = 1 << 27  # bytes of rows that are copied at a time, and half as many in single precision
TIGHT, FINE, LOOSE = 1e-11, 1e-9, 1e-5  # relative residuals: of results, to rank nearly equal alphas, to rank others
EQUAL = 3e-4  # alphas whose relative difference in error is smaller are ranked again to more digits,
NOISE = 1e-6  # and those whose difference is smaller in relation to the variation: single precision is no better
STEPS, ROUNDS = 60, 6  # steps of the conjugate gradients in single precision, and how often they are restarted
# Every FIRSTth alpha is judged to fill gaps, then every COARSEth, then all near one within GOOD of the best error.
FIRST, COARSE, GOOD = 5, 3, 0.05


class GroupRidgeCV(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Ridge regression with a regularisation strength for each target, whose gaps (NaN in y) may differ.

    Each target is fitted on its own measured rows. Its alpha has the least sum of squared errors over two
    cross-validations, by whole groups and by single rows. Groups show the error on new groups, but are few; rows give
    a steadier error, but on known groups. Each sum is capped at the error of predicting the mean: a larger one only
    means that groups cannot be predicted from each other, and extrapolation would decide the choice.

    Parameters
    ----------
    alphas : regularisation strengths to choose from, all positive; of equally good ones the strongest is chosen.
    cv : int, the largest number of folds of each cross-validation. The folds are the same for all targets.

    Attributes (for one-dimensional y without the targets' axis)
    ----------
    alpha_ (targets,), coef_ (targets, features), intercept_ (targets,) : NaN for a target without any measured row.
    held_out_ (rows, targets) : predictions of each row by the model, with the chosen alpha, of the other folds of
        groups (of rows, if there is one group); NaN where those folds have no measured row. Not pickled.
    test_fold_ (rows,) : the fold in which each row was held out for held_out_; all -1 for a single row. Not pickled.

    Method: Targets share one eigen-decomposition of X'X for each fold, which solves all alphas at once. A target with
    scattered gaps is solved by conjugate gradients (Hestenes and Stiefel 1952) that the shared decomposition
    preconditions; its alphas are ranked with gaps filled by predictions, and those close to the best again exactly.
    A target with large gaps has a decomposition of its own rows, shared with targets measured on the same rows.
    """

    def __init__(self, alphas=(0.1, 1.0, 10.0), cv=5):
        self.alphas = alphas
        self.cv = cv

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = True
        return tags

    def __getstate__(self):
        state = dict(super().__getstate__())
        return {name: value for name, value in state.items() if name not in ("held_out_", "test_fold_")}

    @threadpool_limits.wrap(limits=1, user_api="blas")  # each fold has a thread: BLAS's would compete
    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> "GroupRidgeCV":
        """X (rows, features); y (rows, targets) or (rows,), NaN where not measured; groups (rows,) or None.

        Raises ValueError if X is not finite, y is infinite or NaN throughout, or a parameter is invalid.
        """
        X = validate_data(self, X, dtype=np.float64)
        if y is None:
            raise ValueError("GroupRidgeCV requires y to be passed, but the target y is None")
        y = check_array(y, dtype=np.float64, ensure_2d=False, ensure_all_finite="allow-nan", input_name="y")
        check_consistent_length(X, y, groups)
        alphas = np.sort(np.asarray(self.alphas, float).ravel())[::-1]
        if not (len(alphas) and np.isfinite(alphas).all() and alphas[-1] > 0 and self.cv >= 2):
            raise ValueError(f"alphas={self.alphas}, cv={self.cv}: positive alphas and 2 folds or more are needed")
        if np.isnan(y).all():
            raise ValueError("all values of y are NaN")

        splits = [np.arange(len(X)) % self.cv]
        if groups is not None:
            splits.insert(0, _folds(groups, self.cv))
        splits = [split for split in splits if split.max() > 0]
        mean = X.mean(axis=0)
        x = np.hstack([X - mean, np.ones((len(X), 1))])
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            alpha, whole, by_fold = _fit(x, y.reshape(len(y), -1), splits, alphas, pool.map)
        self.test_fold_ = splits[0] if splits else np.full(len(X), -1)
        held_out = np.full((len(X), len(alpha)), np.nan)
        for fold, coefficients in enumerate(by_fold):
            held = self.test_fold_ == fold
            held_out[held] = x[held] @ coefficients
        one = 0 if y.ndim == 1 else slice(None)  # for one-dimensional y, the only target
        self.alpha_, self.held_out_ = alpha[one], held_out[:, one]
        self.coef_, self.intercept_ = whole[:-1].T[one], (whole[-1] - mean @ whole[:-1])[one]
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """X (rows, features) to (rows, targets), or (rows,) if y was 1-dimensional; NaN for a target never measured."""
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, reset=False) @ self.coef_.T + self.intercept_


def _folds(groups, most):
    """Return the fold (rows,) of each row: groups stay whole, and each, largest first, goes to the smallest fold.

    This is scikit-learn's GroupKFold, except that groups of equal size are ordered by name on every machine.
    """
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    fold_of, fold_sizes = np.empty(len(sizes), int), np.zeros(min(most, len(sizes)))
    for number in np.argsort(-sizes, kind="stable"):
        fold_of[number] = fold_sizes.argmin()
        fold_sizes[fold_of[number]] += sizes[number]
    return fold_of[group]


def _fit(x, y, splits, alphas, map):
    """Return alphas (targets,), coefficients (features + 1, targets), and the like for folds of the first split.

    x (rows, features + 1): the last column is one. y (rows, targets): NaN in gaps. splits: arrays (rows,) of folds.
    """
    counts = [split.max() + 1 for split in splits]  # of folds; if few rows were measured, some folds are empty
    folds = counts[0] if splits else 0
    alpha, results = np.full(y.shape[1], np.nan), np.full((1 + folds, x.shape[1], y.shape[1]), np.nan)
    measured = ~np.isnan(y)
    rows = measured.any(axis=1).sum()
    scattered = (measured.sum(axis=0) > (1 - SCATTERED) * rows) & (rows >= max(MANY * x.shape[1], ENOUGH))
    pattern_of = _patterns(measured)
    jobs = [np.flatnonzero(scattered)]
    jobs += [np.flatnonzero(pattern_of == number) for number in np.unique(pattern_of[~scattered])]
    while jobs:
        targets = jobs.pop()
        rows = measured[:, targets].any(axis=1)
        if rows.any():
            rows = slice(None) if rows.all() else rows
            shared = _Shared(x[rows], [split[rows] for split in splits], counts, map)
            for chunk in _chunks(targets, ~measured[rows], x.shape[1]):
                solved, alpha[chunk], results[:, :, chunk] = _solve(shared, y[rows][:, chunk], alphas)
                jobs += [np.array([target]) for target in chunk[~solved]]  # on its own rows, where it has no gap
    return alpha, results[0], results[1:]


def _patterns(measured):
    """Return numbers (targets,), equal for targets that are measured on the same rows; measured (rows, targets)."""
    numbers = {}
    return np.array([numbers.setdefault(column.tobytes(), len(numbers)) for column in measured.T], int)


def _chunks(targets, gaps, features):
    """Yield the targets without gaps, then parts of the others whose rows with gaps take about CHUNK bytes."""
    size = 8 * features * gaps[:, targets].sum(axis=0)
    part = np.where(size > 0, np.cumsum(size) // CHUNK, -1)
    for number in np.unique(part):
        yield targets[part == number]


class _Shared:
    """What all targets share: the features x; for each fold its held-out rows, their X'X, and a solver of the others.

    splits: for each split a slice of the lists, its folds. The last in each list is the whole, with nothing held out.
    """

    def __init__(self, x, splits, counts, map):
        self.map, self.basis = map, None
        if len(x) < x.shape[1] - 1:  # all coefficients lie in the space that the rows span
            self.basis = np.linalg.qr(x[:, :-1].T)[0]
            x = np.hstack([x[:, :-1] @ self.basis, x[:, -1:]])
        self.x, self.held, self.splits = x, [], []
        for split, count in zip(splits, counts, strict=True):
            self.splits.append(slice(len(self.held), len(self.held) + count))
            self.held += [split == fold for fold in range(count)]
        self.held.append(np.zeros(len(x), bool))
        self.grams = list(map(lambda held: x[held].T @ x[held], self.held))
        whole = sum(self.grams[self.splits[0]]) if splits else x.T @ x
        self.solvers = list(map(lambda gram: _Solver(whole - gram) if gram[-1, -1] < len(x) else None, self.grams))


class _Solver:
    """Ridge with an intercept, cheap at any alpha after one eigen-decomposition of X'X, xx (features + 1,) * 2.

    The inverse of xx plus alpha, which is not added for the intercept, is basis @ diag(inverse(alpha)) @ basis.T.
    """

    def __init__(self, xx):
        rows, mean = xx[-1, -1], xx[-1, :-1] / xx[-1, -1]
        values, vectors = np.linalg.eigh(xx[:-1, :-1] - rows * np.outer(mean, mean))
        self.xx, self.values = xx, np.append(values.clip(0.0), rows)[:, None]
        self.basis = np.block([[vectors, np.zeros((len(values), 1))], [-mean @ vectors, 1.0]])
        self.single = self.basis.astype(np.float32)
        self.penalised = np.append(np.ones(len(values)), 0.0)[:, None]

    def inverse(self, alphas):
        """(features + 1, columns) for alphas (columns,)."""
        return 1 / (self.values + self.penalised * alphas)

    def correct(self, right, scales, goal, gap_product, targets):
        """Solve the equations minus gap_product in scaled coordinates of the basis, where they are the identity.

        right (features + 1, columns): the right side. Returns the solution, and which columns' squared residuals are
        at most goal (columns,). Conjugate gradients (Hestenes and Stiefel 1952) in single precision; a column leaves
        once it has converged. gap_product(b, targets): of coefficients b (columns, features + 1), targets (columns,).
        """
        residual, scales = (np.ascontiguousarray(each.T, np.float32) for each in (right, scales))
        solution, current, direction = np.zeros_like(residual), np.zeros_like(residual), residual
        active = np.arange(len(residual))
        size = np.einsum("ij,ij->i", residual, residual)
        for step in range(STEPS + 1):
            going = ~(size <= goal[active])
            if not going.all():
                solution[active[~going]] = current[~going]
                arrays = (active, residual, direction, current, scales, size)
                active, residual, direction, current, scales, size = (array[going] for array in arrays)
            if not len(active) or step == STEPS:
                break
            b = (scales * direction) @ self.single.T
            product = direction - scales * (gap_product(b, targets[active]) @ self.single)
            length = np.einsum("ij,ij->i", direction, product)
            length = np.divide(size, length, out=np.zeros_like(size), where=length > 0)[:, None]
            current, residual, before = current + length * direction, residual - length * product, size
            size = np.einsum("ij,ij->i", residual, residual)
            direction = residual + (size / before)[:, None] * direction
        solution[active] = current
        return solution.T, ~np.isin(np.arange(len(solution)), active)


class _Gap:
    """The rows where some neighbouring targets (a slice) have gaps, and copies of the features there, x and single.

    rows (rows,): True where the gaps are. The copy in single precision is the one that is read many times.
    """

    def __init__(self, rows, x, targets):
        self.rows, self.x, self.single, self.targets = np.flatnonzero(rows), x[rows], x[rows].astype("f"), targets

    def columns(self, targets):
        """Return the slice of `targets`, rising numbers, that belong to this gap, or None."""
        start, stop = np.searchsorted(targets, [self.targets.start, self.targets.stop])
        return slice(start, stop) if start < stop else None


class _Part:
    """The targets in one fold or the whole: fitted to all rows but the held-out ones, judged by those."""

    def __init__(self, shared, number, y, measured, gaps, right):
        held = shared.held[number]
        self.gram, self.solver = shared.grams[number], shared.solvers[number]
        self.held_right, self.squares = shared.x[held].T @ y[held], (y[held] ** 2).sum(axis=0)
        self.learns = measured[~held].any(axis=0)  # which targets have a row to be fitted to
        self.right = self.filled = np.where(self.learns, right - self.held_right, 0.0)
        self.gaps = [(gap, held[gap.rows], (~held[gap.rows]).astype(np.float32)) for gap in gaps]

    def fill(self, alphas):
        """Fill the gaps of the training rows with predictions at these alphas (targets,)."""
        targets = np.arange(len(self.learns))
        b, _ = self.solve(targets, alphas, 1e-2)
        self.filled = np.where(self.learns, self.right + self.gap_product(b.T, targets).T, 0.0)

    def gap_product(self, b, targets, exact=False):
        """Return X'X of the gaps' training rows times coefficients: b and the result are (columns, features + 1)."""
        product = np.zeros_like(b)
        for gap, _, trained in self.gaps:
            if columns := gap.columns(targets):
                x = gap.x if exact else gap.single
                product[columns] = (b[columns].astype(x.dtype, copy=False) @ x.T * trained) @ x
        return product

    def errors(self, b, targets, exact=False):
        """Return squared errors (columns,) of coefficients (features + 1, columns) on the measured held-out rows.

        Computed, except in gaps, from products whose size does not grow with the rows. targets: numbers, rising.
        """
        products = self.gram @ b - 2 * self.held_right[:, targets]
        errors = self.squares[targets] + np.einsum("ij,ij->j", products, b)
        for gap, held, _ in self.gaps:
            if columns := gap.columns(targets):
                x = (gap.x if exact else gap.single)[held]
                errors[columns] -= ((x @ b[:, columns].astype(x.dtype, copy=False)) ** 2).sum(axis=0)
        return np.where(self.learns[targets], errors, 0.0)

    def judge(self, targets, alphas, tolerance):
        """Return the errors (columns,) of the solutions, and which solutions are as exact as `tolerance`."""
        b, converged = self.solve(targets, alphas, tolerance)
        return self.errors(b, targets, exact=tolerance == FINE), converged

    def solve(self, targets, alphas, tolerance, right=None):
        """Return coefficients (features + 1, columns), and which of them are as exact as `tolerance` (columns,).

        targets, alphas (columns,); right: another X'y than the targets' own. The solution with filled gaps, which is
        returned if tolerance is None, is corrected in single precision by its residual in double precision.
        """
        if self.solver is None:
            return np.full((len(self.right), len(targets)), np.nan), np.ones(len(targets), bool)
        basis, inverse = self.solver.basis, self.solver.inverse(alphas)
        guess, columns = (self.filled, targets) if right is None else (right, slice(None))
        b, converged = basis @ (inverse * (basis.T @ guess)[:, columns]), np.ones(len(targets), bool)
        if tolerance is None or not self.gaps:
            return b, converged
        guess, right = guess[:, columns], self.right[:, targets] if right is None else right
        scales, goal = np.sqrt(inverse), tolerance**2 * np.abs(guess * b).sum(axis=0)
        residual, active = right - guess + self.gap_product(b.T, targets).T, np.arange(len(targets))
        for _ in range(ROUNDS):
            scaled = scales[:, active] * (basis.T @ residual)
            size = (scaled**2).sum(axis=0)
            going = ~(size <= goal[active])
            converged[active], active = ~going, active[going]
            if not len(active):
                break
            numbers, reachable = targets[active], np.maximum(goal[active], LOOSE**2 * size[going])
            arrays = scaled[:, going], scales[:, active], reachable
            correction, reached = self.solver.correct(*arrays, self.gap_product, numbers)
            b[:, active] += basis @ (scales[:, active] * correction)
            if tolerance >= LOOSE:
                converged[active] = reached
                break
            product = self.solver.xx @ b[:, active] + self.solver.penalised * alphas[active] * b[:, active]
            residual = right[:, active] - product + self.gap_product(b[:, active].T, numbers, exact=True).T
        return b, converged


def _solve(shared, y, alphas):
    """Return which targets were solved (targets,), alphas (targets,), coefficients (1 + folds, features + 1, targets).

    y (rows, targets) with scattered gaps. A target is not solved if the conjugate gradients did not converge, as with
    very little regularisation and few more rows than features.
    """
    pattern_of = _patterns(~np.isnan(y))
    order = np.argsort(pattern_of, kind="stable")  # targets with the same gaps are neighbours
    y, bounds = y[:, order], np.searchsorted(pattern_of[order], np.arange(pattern_of.max() + 2))
    measured, level = ~np.isnan(y), np.nanmean(y, axis=0)
    y = np.where(measured, y - level, 0.0)
    scale = abs(y).max(axis=0)
    y /= np.where(scale > 0, scale, 1.0)
    gaps = [_Gap(~measured[:, start], shared.x, slice(start, stop)) for start, stop in itertools.pairwise(bounds)]
    gaps = [gap for gap in gaps if len(gap.x)]
    right, targets = shared.x.T @ y, np.arange(y.shape[1])
    *folds, whole = shared.map(lambda number: _Part(shared, number, y, measured, gaps, right), range(len(shared.held)))
    chosen, solved = _choose(shared, folds, gaps, (y**2).sum(axis=0), alphas) if folds else (0 * targets, targets >= 0)
    alpha, coefficients = alphas[chosen], []
    kept = [whole, *(folds[shared.splits[0]] if folds else ())]
    solutions = shared.map(lambda part: part.solve(targets, alpha, TIGHT), kept)
    for part, (b, converged) in zip(kept, solutions, strict=True):
        solved &= converged
        if part is whole:  # a step of iterative refinement gives the same digits on any machine
            residual = shared.x.T @ np.where(measured, y - shared.x @ b, 0.0)
            residual[:-1] -= alpha * b[:-1]
            b = b + whole.solve(targets, alpha, 1e-2, residual)[0]
        b = np.where(part.learns, b * scale, np.nan)  # zero where all values are the same
        b[-1] += level
        coefficients.append(b if shared.basis is None else np.vstack([shared.basis @ b[:-1], b[-1:]]))
    original = np.argsort(order)
    return solved[original], alpha[original], np.array(coefficients)[:, :, original]


def _choose(shared, folds, gaps, variation, alphas):
    """Return the number of each target's alpha (targets,), and which targets were solved (targets,).

    Without gaps all alphas are judged. With gaps a few are judged first, and the best of them fills the gaps; with the
    gaps filled, some more are, and all near a good one. Those that may be the best, by how far the errors with filled
    gaps were from the exact ones so far, are judged exactly, and nearly equal ones once more, to more digits.
    """
    targets, number = np.arange(len(variation)), np.arange(len(alphas))[:, None]
    solved = np.ones(len(targets), bool)

    def total(errors):  # over the splits, each capped at the variation
        return sum(np.minimum(errors[split].sum(axis=0), variation) for split in shared.splits)

    def judge(wanted, tolerance):
        columns, strengths = np.nonzero(wanted.T)
        results = shared.map(lambda fold: fold.judge(columns, alphas[strengths], tolerance), folds)
        for fold, (squares, converged) in enumerate(results):
            errors[fold, strengths, columns], solved[columns[~converged]] = squares, False

    errors = np.full((len(folds), len(alphas), len(targets)), np.nan)
    judge((number % (FIRST if gaps else 1) == 0) & (targets >= 0), None)
    if not gaps:
        return total(errors).argmin(axis=0), solved
    first, errors = np.nanargmin(total(errors), axis=0), np.full_like(errors, np.nan)
    list(shared.map(lambda fold: fold.fill(alphas[first]), folds))
    judge((number % COARSE == 0) & (targets >= 0), None)
    rough = total(errors)[::COARSE]
    near = (abs(number - number[::COARSE].T) <= COARSE) @ (rough <= rough.min(axis=0) * (1 + GOOD))
    judge(near & (number % COARSE > 0), None)
    filled = total(errors)
    chosen, exact = np.nanargmin(filled, axis=0), np.zeros(filled.shape, bool)
    wanted = abs(number - chosen) <= 1
    while wanted.any():
        judge(wanted, LOOSE)
        exact |= wanted
        totals = total(errors)
        chosen = np.where(exact, totals, np.inf).argmin(axis=0)
        offset, distance = totals - filled, abs(number - chosen)  # NaN where not judged with filled gaps
        known = exact & ~np.isnan(offset)
        spread = np.where(known, offset, -np.inf).max(axis=0) - np.where(known, offset, np.inf).min(axis=0)
        likely = filled + offset[chosen, targets] - 2 * spread * distance <= totals[chosen, targets] + NOISE * variation
        wanted = ~exact & solved & (likely | (distance == 1))
    equal = exact & solved & (totals <= totals[chosen, targets] * (1 + EQUAL) + NOISE * variation)
    judge(equal & (equal.sum(axis=0) > 1), FINE)
    return np.where(exact, total(errors), np.inf).argmin(axis=0), solved
