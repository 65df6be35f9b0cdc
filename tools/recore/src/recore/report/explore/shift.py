"""Section that compares private and public SNV spectra.

New holes always differ from known holes. Each public hole is therefore compared with the other public holes in the same
way: private rows are unusual only if they differ more than public holes do.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from recore.challenge import challenge
from recore.listing import count
from recore.production.containers.domain import CONFIDENCE, MAX_COMPONENTS
from recore.report.page import figures as draw
from recore.report.page.content import Figure, Level, PageFinding, Section, Table, short_name
from recore.report.statistics import BinnedData, Components, principal_components
from recore.spectral_data import Floats, SpectralData, rows_by_group

FOLDS = 5
MAX_ROWS = 4000  # per set, for the classifier
MAX_HOLES = 200  # of each set
RANDOM_SPLITS = 20  # random splits of the public holes, for comparison


@dataclass(frozen=True)
class TwoSampleTest:
    """Performance of a classifier that separates two sets of rows.

    auc: area under the ROC curve: 0.5 if the sets do not differ, NaN if there are too few rows. by_hole: whether holes
    were held out instead of rows. usual: ascending AUCs for random splits of the public holes; empty if there are fewer
    than four holes, or if by_hole is False.
    """

    auc: float
    by_hole: bool
    usual: tuple[float, ...]


def compare_sets(public: Floats, public_holes: np.ndarray, private: Floats, private_holes: np.ndarray) -> TwoSampleTest:
    """Cross-validate, by hole, a classifier that separates private rows (n, bins) from public rows (m, bins)."""
    random = np.random.default_rng(0)
    selected = [_select(label, random) for label in (public_holes, private_holes)]
    values = np.concatenate([public[selected[0]], private[selected[1]]])
    # components are fitted on both sets together, so that they do not reveal which set a row belongs to
    scores = principal_components(values, MAX_COMPONENTS).transform(values)
    labels = np.repeat([0, 1], [len(rows) for rows in selected])
    # holes with the same name in both files are different holes for the folds
    holes = np.concatenate([_hole_numbers(public_holes)[selected[0]], -1 - _hole_numbers(private_holes)[selected[1]]])
    public_names, private_names = np.unique(holes[labels == 0]), np.unique(holes[labels == 1])
    by_hole = min(len(public_names), len(private_names)) >= 2
    usual_aucs = []
    if by_hole and len(public_names) >= 4:
        public_scores, hole_of_row = scores[labels == 0], holes[labels == 0]
        for _ in range(RANDOM_SPLITS):
            part = random.choice(public_names, min(len(private_names), len(public_names) // 2), replace=False)
            usual_aucs.append(_auc(public_scores, np.isin(hole_of_row, part).astype(int), hole_of_row))
    known = tuple(sorted(value for value in usual_aucs if not np.isnan(value)))
    return TwoSampleTest(_auc(scores, labels, holes if by_hole else None), by_hole, known)


def _hole_numbers(names: np.ndarray) -> np.ndarray:
    return np.asarray(np.unique(names.astype(str), return_inverse=True)[1])


def _select(holes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    rows = list(rows_by_group(holes).values())
    candidates = np.concatenate([rows[position] for position in random.permutation(len(rows))[:MAX_HOLES]])
    return np.sort(random.permutation(candidates)[:MAX_ROWS])


def _auc(scores: Floats, labels: np.ndarray, holes: np.ndarray | None) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    units = np.arange(len(labels)) if holes is None else holes
    folds = min(FOLDS, *(len(np.unique(units[labels == label])) for label in (0, 1)))
    if folds < 2:
        return float("nan")
    parts = StratifiedKFold(folds) if holes is None else StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    splits = [(fit, test) for fit, test in parts.split(scores, labels, holes) if len(np.unique(labels[fit])) == 2]
    if sum(len(test) for _, test in splits) < len(labels):  # one set is missing from the training part of a fold
        return float("nan")
    probabilities = cross_val_predict(classifier, scores, labels, cv=splits, method="predict_proba")[:, 1]
    return float(roc_auc_score(labels, probabilities))


HELD_OUT_HOLES = 20  # maximum number of public holes that are compared with the other public holes
DRAWN_ROWS = 2000  # maximum per file
MAX_OUTLIERS = 0.05  # a larger share of private rows beyond a limit is a finding
TOLERANCE = 1.5  # a share up to this multiple of that in held-out public holes is usual
HIGH_AUC = 0.8

TITLE = "Private against public"
READING = (
    "Good: the private rows are inside the public cloud, the fraction outside the public range (beyond a limit) is "
    "about the same as for held-out public rows, and a classifier separates private from public rows hardly better "
    "than it separates random groups of public holes. Bad: a separate private cloud, or most private rows beyond the "
    "limit of Q: they have features that no public row has, so predictions for them are guesses."
)
NOTE = (
    "The limits are computed from the public rows, at {confidence:.0%}. {holes} held out, one at a time. The "
    "classifier is a logistic regression on the scores of at most {rows} rows and {most_holes} holes of each file, "
    "tested on held-out holes. For comparison, it is also trained {splits} times to separate two random groups of "
    "public holes, one of which is as large as the private data."
)
ALL_HELD_OUT = "All public holes are"
SOME_HELD_OUT = f"The first {HELD_OUT_HOLES} of {{holes}} public holes are"
NOT_COMPARABLE = "private data cannot be compared with public data: {reason}"
POINTS = (
    "Scores of private and public rows on the principal components of the public rows. At most {rows:,} evenly spaced "
    "rows of each file are drawn."
)
HELD_OUT = (
    "For each hole, the percentage of its rows beyond the limits; the components were not fitted to it. Dashed: 1%."
)


def section(binned: BinnedData, private_data: SpectralData, private: BinnedData | None) -> Section:
    """Return the section. private: the binned private data, or None if the channels of the two files differ."""
    reason, model = channel_difference(binned.data, private_data), None
    if private is not None and not len(private.rows):
        reason = "no private row has a valid spectrum"
    if not reason:
        try:
            model = Components(binned.values)
        except ValueError as error:
            reason = str(error)
    if model is None or private is None:
        finding = PageFinding("bad", "shift", NOT_COMPARABLE.format(reason=reason), "shift")
        return Section("shift", TITLE, READING, (), f"Not drawn: {reason}.", [finding])
    holes = held_out_holes(binned, private, model)
    comparison = compare_sets(binned.values, binned.holes, private.values, private.holes)
    holes_of_file = len(set(binned.data.hole))
    note = NOTE.format(
        confidence=CONFIDENCE,
        holes=ALL_HELD_OUT if holes_of_file <= HELD_OUT_HOLES else SOME_HELD_OUT.format(holes=holes_of_file),
        rows=MAX_ROWS,
        most_holes=MAX_HOLES,
        splits=RANDOM_SPLITS,
    )
    furthest = holes.sort_values("either", ascending=False, kind="stable")
    table = Table("shift-by-hole", "Held-out holes", "The furthest first.", furthest)
    items = (_points(binned, private, model), _held_out_figure(holes), table)
    findings = [_share_finding(holes)]
    if not np.isnan(comparison.auc):
        findings.append(_auc_finding(comparison))
    return Section("shift", TITLE, READING, items, note, findings)


def channel_difference(data: SpectralData, private: SpectralData) -> str:
    """Return a phrase on how the channels of the two files differ, or "" if they are the same."""
    if len(data.wavenumbers) != len(private.wavenumbers):
        return f"{count(len(data.wavenumbers), 'public channel')} and {count(len(private.wavenumbers), 'private one')}"
    if not np.array_equal(data.wavenumbers, private.wavenumbers):
        position = int(np.argmax(data.wavenumbers != private.wavenumbers))
        return f"channel {data.wavenumbers[position]:g} is {private.wavenumbers[position]:g} in the private data"
    return ""


def held_out_holes(binned: BinnedData, private: BinnedData, model: Components) -> pd.DataFrame:
    """Return each hole's number of rows and the fractions of them beyond the limits of components fitted without it.

    For a private hole, the components are fitted to all public rows; for a public hole, to the other public holes.
    """
    group = challenge().group
    holes = []
    for name, rows in list(rows_by_group(binned.holes).items())[:HELD_OUT_HOLES]:
        try:
            others = Components(np.delete(binned.values, rows, axis=0))
        except ValueError:  # there is no other hole, or the others have too few rows
            continue
        holes.append({"file": "public", group: name, **_outlier_shares(others, binned.values[rows])})
    for name, rows in rows_by_group(private.holes).items():
        holes.append({"file": "private", group: name, **_outlier_shares(model, private.values[rows])})
    return pd.DataFrame(holes)


def _outlier_shares(model: Components, values: Floats) -> dict[str, float]:
    t2, q = model.t2(values) > model.t2_limit, model.q(values) > model.q_limit
    return {
        "rows": len(values),
        "beyond T2": float(t2.mean()),
        "beyond Q": float(q.mean()),
        "either": float((t2 | q).mean()),
    }


def _points(binned: BinnedData, private: BinnedData, model: Components) -> Figure:
    group = challenge().group
    tables = []
    for name, part in (("public", binned), ("private", private)):
        columns = {"file": name, "index": part.data.index[part.rows], group: part.holes}
        columns |= {f"PC{order + 1}": scores for order, scores in enumerate(model.scores(part.values).T)}
        tables.append(pd.DataFrame(columns | {"T2": model.t2(part.values), "Q": model.q(part.values)}))
    second = "PC2" if model.kept > 1 else "Q"
    plot = draw.new_figure(460, xaxis_title_text="PC1 of the public rows", yaxis_title_text=second)
    for table, colour, symbol in zip(tables, (draw.BLUE, draw.VERMILION), ("circle", "diamond-open"), strict=True):
        drawn = draw.sample_evenly(table, DRAWN_ROWS)
        ids = zip(drawn["index"], drawn[group], strict=True)
        labels = [f"index {short_name(index)}, {short_name(hole)}" for index, hole in ids]
        hover = f"%{{text}}<br>PC1 %{{x:.3g}}, {second} %{{y:.3g}}<extra>%{{fullData.name}}</extra>"
        marker = {"color": colour, "symbol": symbol, "size": 6, "opacity": 0.85}
        draw.add_points(plot, drawn["PC1"], drawn[second], table["file"].iloc[0], hover, marker, text=labels)
    numbers = pd.concat(tables, ignore_index=True)
    return Figure("shift", "Private rows among the public ones", POINTS.format(rows=DRAWN_ROWS), plot, numbers)


def _held_out_figure(holes: pd.DataFrame) -> Figure:
    plot = draw.new_figure(360, yaxis={"tickformat": ".0%", "range": [-0.03, 1.03]})
    plot.update_yaxes(title_text="rows of the hole beyond a limit")
    plot.update_xaxes(tickvals=[0, 1, 2], ticktext=["T2", "Q", "T2 or Q"], range=[-0.5, 2.5])
    styles = (
        ("public", "public holes held out", draw.BLUE, "circle", -0.18),
        ("private", "private holes", draw.VERMILION, "diamond", 0.18),
    )
    for file, name, colour, symbol, offset in styles:
        drawn = holes[holes["file"] == file].head(draw.DRAWN_HOLES)
        jitter = np.linspace(-0.12, 0.12, len(drawn)) + offset  # so that equal shares do not hide each other
        sizes = zip(drawn[challenge().group], drawn["rows"], strict=True)
        labels = [f"{short_name(hole)}, {count(rows, 'row')}" for hole, rows in sizes]
        marker = {"color": colour, "symbol": symbol, "size": 9, "opacity": 0.8}
        hover = "%{text}: %{y:.1%}<extra></extra>"
        for position, column in enumerate(("beyond T2", "beyond Q", "either")):
            legend = {"legendgroup": file, "showlegend": position == 0}
            draw.add_points(plot, position + jitter, drawn[column], name, hover, marker, text=labels, **legend)
    plot.add_hline(0.01, line={"color": draw.GREY, "dash": "dash"})
    return Figure("holes-held-out", "New holes, private and public", HELD_OUT, plot, holes)


def _share_finding(holes: pd.DataFrame) -> PageFinding:
    shares = {}
    for file in ("public", "private"):
        part = holes[holes["file"] == file]
        shares[file] = float(np.average(part["either"], weights=part["rows"])) if len(part) else float("nan")
    message = f"{shares['private']:.1%} of the private rows lie outside the public range"
    level: Level = "bad" if shares["private"] > MAX_OUTLIERS else "good"
    if not np.isnan(shares["public"]):
        message += f", compared with {shares['public']:.1%} of the rows of held-out public holes"
        if level == "bad" and shares["private"] <= TOLERANCE * shares["public"]:
            level, message = "note", f"{message}, so this is usual for new holes"
    values = {"private": shares["private"], "public_held_out": shares["public"]}
    return PageFinding(level, "shift", message, "shift", values)


def _auc_finding(comparison: TwoSampleTest) -> PageFinding:
    message = f"a classifier separates private from public spectra with an AUC of {comparison.auc:.2f} (chance: 0.5)"
    level: Level = "note"
    if comparison.usual:
        lowest, median, highest = np.quantile(comparison.usual, (0, 0.5, 1))
        message += f"; random groups of public holes: median {median:.2f}, {lowest:.2f} to {highest:.2f}"
        if comparison.auc > max(highest, HIGH_AUC):
            level = "bad"
    if not comparison.by_hole:
        message += "; tested on held-out rows, because one file has only one hole, which any classifier recognises"
    return PageFinding(level, "shift auc", message, "shift", dict(vars(comparison)))
