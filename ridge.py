"""The regressor of the default model: ridge regression for many targets with gaps.

A scikit-learn estimator that passes its estimator checks and knows nothing of this project. Other models do without it.
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
MANY = 3  # times as many rows as features are needed for it: with fewer, errors have several minima to get lost in
CHUNK = 1 << 27  # bytes of copied rows that are held at a time, and half as many in single precision
TIGHT, FINE, LOOSE = 1e-11, 1e-9, 1e-5  # relative residuals: of what is kept; of what ranks nearly equal alphas, others
EQUAL = 3e-4  # alphas whose errors differ by less, relatively, are ranked again to more digits
STEPS, ROUNDS = 60, 6  # of the conjugate gradients in single precision, and how often they are started
FIRST, COARSE, GOOD = 5, 3, 0.05  # of so many alphas one fills gaps; one is tried then; those near to ones so good


class GroupRidgeCV(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Ridge regression with a regularisation strength for each target, whose gaps (NaN in y) may differ.

    Each target is fitted on its own measured rows. Its alpha has the least sum of squared errors over two
    cross-validations, by whole groups and by single rows. Groups tell of new groups, but are few; rows are steadier,
    but tell of known groups. Each sum counts at most as much as predicting the mean would cost: beyond that it only
    says that groups cannot be predicted from each other, and extrapolation would rule the choice.

    Parameters
    ----------
    alphas : regularisation strengths to choose from, all positive; of equal ones the strongest is chosen.
    cv : int, the largest number of folds of each cross-validation. The folds are the same for all targets.

    Attributes (for one-dimensional y without the targets' axis)
    ----------
    alpha_ (targets,), coef_ (targets, features), intercept_ (targets,) : NaN for a target without any measured row.
    held_out_ (rows, targets) : predictions of each row by the model, with the chosen alpha, of the other folds of
        groups (of rows, where there is one group); NaN where nothing was measured to learn from. Not pickled.
    test_fold_ (rows,) : the fold in which each row was held out for held_out_; all -1 for a single row. Not pickled.

    Method: Targets share one eigen-decomposition of X'X for each fold, which solves all alphas at once. A target with
    scattered gaps is solved by conjugate gradients (Hestenes and Stiefel 1952) that the shared decomposition
    preconditions; its alphas are ranked with gaps filled by predictions, and those close to the best again exactly.
    A target with large gaps has decompositions of its own rows, shared with those measured on the same ones.
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

    @threadpool_limits.wrap(limits=1, user_api="blas")  # folds have a thread each: BLAS's own would compete with them
    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> "GroupRidgeCV":
        """X (rows, features); y (rows, targets) or (rows,), NaN where not measured; groups (rows,) or None.

        Raises ValueError where X is not finite, y is infinite or holds no number at all, or a parameter is invalid.
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
            raise ValueError("y is NaN throughout: there is nothing to learn from")

        ways = [np.arange(len(X)) % self.cv]
        if groups is not None:
            ways.insert(0, _folds(groups, self.cv))
        ways = [way for way in ways if way.max() > 0]
        mean = X.mean(axis=0)
        x = np.hstack([X - mean, np.ones((len(X), 1))])
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            alpha, whole, by_fold = _fit(x, y.reshape(len(y), -1), ways, alphas, pool.map)
        self.test_fold_ = ways[0] if ways else np.full(len(X), -1)
        held_out = np.full((len(X), len(alpha)), np.nan)
        for fold, coefficients in enumerate(by_fold):
            held = self.test_fold_ == fold
            held_out[held] = x[held] @ coefficients
        one = 0 if y.ndim == 1 else slice(None)
        self.alpha_, self.held_out_ = alpha[one], held_out[:, one]
        self.coef_, self.intercept_ = whole[:-1].T[one], (whole[-1] - mean @ whole[:-1])[one]
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """X (rows, features) to (rows, targets), or (rows,) after a fit to such y; NaN for a target never measured."""
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, reset=False) @ self.coef_.T + self.intercept_


def _folds(groups, most):
    """The fold (rows,) of each row: whole groups, the largest first, each to the fold that is smallest by then.

    As scikit-learn's GroupKFold, but groups of one size are taken in the order of their names on every machine.
    """
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    count = min(most, len(sizes))
    fold_of, filled = np.empty(len(sizes), int), np.zeros(count)
    for number in np.argsort(-sizes, kind="stable"):
        fold_of[number] = filled.argmin()
        filled[fold_of[number]] += sizes[number]
    return fold_of[group]


def _fit(x, y, ways, alphas, map):
    """Alphas (targets,), coefficients (features + 1, targets), and those of each fold of the first way, in a list.

    x (rows, features + 1): the last column is one. y (rows, targets): NaN in gaps. ways: arrays (rows,) of folds.
    """
    counts = [way.max() + 1 for way in ways]  # of folds; where few rows were measured, some are empty
    folds = counts[0] if ways else 0
    alpha, results = np.full(y.shape[1], np.nan), np.full((1 + folds, x.shape[1], y.shape[1]), np.nan)
    measured = ~np.isnan(y)
    rows = measured.any(axis=1).sum()
    scattered = (measured.sum(axis=0) > (1 - SCATTERED) * rows) & (rows >= MANY * x.shape[1])
    pattern_of = _patterns(measured)
    jobs = [np.flatnonzero(scattered)]
    jobs += [np.flatnonzero(pattern_of == number) for number in np.unique(pattern_of[~scattered])]
    while jobs:
        targets = jobs.pop()
        rows = measured[:, targets].any(axis=1)
        if rows.any():
            rows = slice(None) if rows.all() else rows
            shared = _Shared(x[rows], [way[rows] for way in ways], counts, map)
            for chunk in _chunks(targets, ~measured[rows], x.shape[1]):
                solved, alpha[chunk], results[:, :, chunk] = _solve(shared, y[rows][:, chunk], alphas)
                jobs += [np.array([target]) for target in chunk[~solved]]  # on its own rows, where it has no gap
    return alpha, results[0], results[1:]


def _patterns(measured):
    """Numbers (targets,), equal for targets that are measured on the same rows; measured (rows, targets)."""
    numbers = {}
    return np.array([numbers.setdefault(column.tobytes(), len(numbers)) for column in measured.T], int)


def _chunks(targets, gaps, features):
    """Yield the targets without gaps, then parts of the others whose rows with gaps, copied, take some CHUNK bytes."""
    size = 8 * features * gaps[:, targets].sum(axis=0)
    part = np.where(size > 0, np.cumsum(size) // CHUNK, -1)
    for number in np.unique(part):
        yield targets[part == number]


class _Shared:
    """What all targets share: features x, and for each fold and the whole its held rows, their X'X, and a solver.

    ways: for each way the numbers of its folds in the lists; the whole, which holds nothing out, is the last.
    """

    def __init__(self, x, ways, counts, map):
        self.map, self.basis = map, None
        if len(x) < x.shape[1] - 1:  # the rows span all directions that matter
            self.basis = np.linalg.qr(x[:, :-1].T)[0]
            x = np.hstack([x[:, :-1] @ self.basis, x[:, -1:]])
        self.x, self.held, self.ways = x, [], []
        for way, count in zip(ways, counts, strict=True):
            self.ways.append(slice(len(self.held), len(self.held) + count))
            self.held += [way == fold for fold in range(count)]
        self.held.append(np.zeros(len(x), bool))
        self.grams = list(map(lambda held: x[held].T @ x[held], self.held))
        whole = sum(self.grams[self.ways[0]]) if ways else x.T @ x
        self.solvers = list(map(lambda gram: _Solver(whole - gram) if gram[-1, -1] < len(x) else None, self.grams))


class _Solver:
    """Ridge with an intercept, cheap at any alpha after one eigen-decomposition of X'X: xx (features + 1, features + 1).

    The inverse of xx plus alpha, but none for the intercept, is basis @ diag(inverse(alpha)) @ basis.T.
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

    def correct(self, left, scales, aim, of_gaps, targets):
        """Solve the equations less of_gaps in scaled coordinates of the basis, where those without it are the identity.

        left (features + 1, columns): the right side. Returns the like, and which columns' squared residuals came down
        to aim (columns,). By conjugate gradients (Hestenes and Stiefel 1952) in single precision; a column that
        converged leaves. of_gaps(b, targets): for coefficients b (columns, features + 1) of such targets (columns,).
        """
        left, scales = (np.ascontiguousarray(each.T, np.float32) for each in (left, scales))
        found, part, direction, active = np.zeros_like(left), np.zeros_like(left), left, np.arange(len(left))
        size = np.einsum("ij,ij->i", left, left)
        for step in range(STEPS + 1):
            going = ~(size <= aim[active])
            if not going.all():
                found[active[~going]] = part[~going]
                arrays = (active, left, direction, part, scales, size)
                active, left, direction, part, scales, size = (array[going] for array in arrays)
            if not len(active) or step == STEPS:
                break
            b = (scales * direction) @ self.single.T
            product = direction - scales * (of_gaps(b, targets[active]) @ self.single)
            length = np.einsum("ij,ij->i", direction, product)
            length = np.divide(size, length, out=np.zeros_like(size), where=length > 0)[:, None]
            part, left, before = part + length * direction, left - length * product, size
            size = np.einsum("ij,ij->i", left, left)
            direction = left + (size / before)[:, None] * direction
        found[active] = part
        return found.T, ~np.isin(np.arange(len(found)), active)


class _Gap:
    """The rows that some neighbouring targets (a slice) lack, and copies of the features there, x and single.

    rows (rows,): True there. Half as large in single precision is what is passed over again and again.
    """

    def __init__(self, rows, x, targets):
        self.rows, self.x, self.single, self.targets = np.flatnonzero(rows), x[rows], x[rows].astype("f"), targets

    def columns(self, targets):
        """The slice of rising target numbers that are this gap's, or None."""
        start, stop = np.searchsorted(targets, [self.targets.start, self.targets.stop])
        return slice(start, stop) if start < stop else None


class _Part:
    """Targets in one fold or the whole: trained on all but its held rows, judged by those."""

    def __init__(self, shared, number, y, measured, gaps, right):
        held = shared.held[number]
        self.gram, self.solver = shared.grams[number], shared.solvers[number]
        self.held_right, self.squares = shared.x[held].T @ y[held], (y[held] ** 2).sum(axis=0)
        self.learns = measured[~held].any(axis=0)  # a row is left to learn from
        self.right = self.filled = np.where(self.learns, right - self.held_right, 0.0)
        self.gaps = [(gap, held[gap.rows], (~held[gap.rows]).astype(np.float32)) for gap in gaps]

    def fill(self, alphas):
        """Fill the gaps of training rows with predictions at these alphas (targets,)."""
        targets = np.arange(len(self.learns))
        b, _ = self.solve(targets, alphas, 1e-2)
        self.filled = np.where(self.learns, self.right + self.of_gaps(b.T, targets).T, 0.0)

    def of_gaps(self, b, targets, exact=False):
        """X'X of the gaps' training rows times coefficients: b and result (columns, features + 1)."""
        product = np.zeros_like(b)
        for gap, _, trained in self.gaps:
            if columns := gap.columns(targets):
                x = gap.x if exact else gap.single
                product[columns] = (b[columns].astype(x.dtype, copy=False) @ x.T * trained) @ x
        return product

    def errors(self, b, targets, exact=False):
        """Squared errors (columns,) of coefficients (features + 1, columns) on the held measured rows.

        From products alone, whose size has no rows in it. targets: those of the columns, in rising order.
        """
        products = self.gram @ b - 2 * self.held_right[:, targets]
        errors = self.squares[targets] + np.einsum("ij,ij->j", products, b)
        for gap, held, _ in self.gaps:
            if columns := gap.columns(targets):
                x = (gap.x if exact else gap.single)[held]
                errors[columns] -= ((x @ b[:, columns].astype(x.dtype, copy=False)) ** 2).sum(axis=0)
        return np.where(self.learns[targets], errors, 0.0)

    def judge(self, targets, alphas, tolerance):
        """Errors (columns,) of such solutions as solve finds, and which are as exact as that."""
        b, converged = self.solve(targets, alphas, tolerance)
        return self.errors(b, targets, exact=tolerance == FINE), converged

    def solve(self, targets, alphas, tolerance, right=None):
        """Coefficients (features + 1, columns), and which are as exact as `tolerance` (columns,).

        targets, alphas (columns,); right: another X'y than the targets' own. From the solution with filled gaps, which
        is what no tolerance (None) asks for, by corrections in single precision of what double precision finds left.
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
        residual, left = right - guess + self.of_gaps(b.T, targets).T, np.arange(len(targets))
        for _ in range(ROUNDS):
            scaled = scales[:, left] * (basis.T @ residual)
            size = (scaled**2).sum(axis=0)
            going = ~(size <= goal[left])
            converged[left], left = ~going, left[going]
            if not len(left):
                break
            own, aim = targets[left], np.maximum(goal[left], LOOSE**2 * size[going])
            more, done = self.solver.correct(scaled[:, going], scales[:, left], aim, self.of_gaps, own)
            b[:, left] += basis @ (scales[:, left] * more)
            if tolerance >= LOOSE:
                converged[left] = done
                break
            product = self.solver.xx @ b[:, left] + self.solver.penalised * alphas[left] * b[:, left]
            residual = right[:, left] - product + self.of_gaps(b[:, left].T, own, exact=True).T
        return b, converged


def _solve(shared, y, alphas):
    """Which targets were solved (targets,), alphas (targets,), coefficients (1 + folds, features + 1, targets).

    y (rows, targets) with scattered gaps. A target is not solved where the conjugate gradients did not converge, as
    with hardly any regularisation and hardly more rows than features.
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
    kept = [whole, *(folds[shared.ways[0]] if folds else ())]
    solutions = shared.map(lambda part: part.solve(targets, alpha, TIGHT), kept)
    for part, (b, converged) in zip(kept, solutions, strict=True):
        solved &= converged
        if part is whole:  # a step of iterative refinement: the same digits on any machine
            left = shared.x.T @ np.where(measured, y - shared.x @ b, 0.0)
            left[:-1] -= alpha * b[:-1]
            b = b + whole.solve(targets, alpha, 1e-2, left)[0]
        b = np.where(part.learns, b * scale, np.nan)  # zero where all values are the same
        b[-1] += level
        coefficients.append(b if shared.basis is None else np.vstack([shared.basis @ b[:-1], b[-1:]]))
    back = np.argsort(order)
    return solved[back], alpha[back], np.array(coefficients)[:, :, back]


def _choose(shared, folds, gaps, variation, alphas):
    """The number of the alpha of each target (targets,), and which targets were solved (targets,).

    Without gaps all alphas are judged. Else a few are, to fill the gaps by the best of them; with gaps filled, some
    more and all near to a good one; then exactly those that may be the best, by how far the filled errors were from
    the exact ones so far; and once more, to more digits, those that are nearly equal.
    """
    targets, number = np.arange(len(variation)), np.arange(len(alphas))[:, None]
    solved = np.ones(len(targets), bool)

    def total(errors):  # of the ways, each at most the variation
        return sum(np.minimum(errors[way].sum(axis=0), variation) for way in shared.ways)

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
        off, away = totals - filled, abs(number - chosen)  # NaN where not filled
        known = exact & ~np.isnan(off)
        spread = np.where(known, off, -np.inf).max(axis=0) - np.where(known, off, np.inf).min(axis=0)
        likely = filled + off[chosen, targets] - 2 * spread * away <= totals[chosen, targets]
        wanted = ~exact & solved & (likely | (away == 1))
    equal = exact & solved & (totals <= totals[chosen, targets] * (1 + EQUAL))
    judge(equal & (equal.sum(axis=0) > 1), FINE)
    return np.where(exact, total(errors), np.inf).argmin(axis=0), solved
