"""How far do the private spectra lie from the public ones? Without a target: by their shapes alone.

New holes always differ. So each public hole is held against the other public ones in the same way, and the private
rows are far only when they are further than that.
"""

from typing import TYPE_CHECKING

import numpy as np

from recore.report.figures import BLUE, DRAWN_HOLES, GREY, VERMILION, new_figure, single, some, word
from recore.report.holes import grouped
from recore.report.page import Figure, Finding, Section, Table
from recore.report.pca import MOST, Components, fit, principal
from recore.report.reading import Data, Floats
from recore.report.treatment import Binned

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 5
LEFT_OUT = 20  # public holes held against the others, at the most
TELLING_ROWS = 4000  # of each side, at the most, that the classifier learns from
TELLING_HOLES = 200
SHUFFLES = 20  # times that whole public holes are parted by chance


def section(data: Data, shapes: Binned, private: Data, private_shapes: Binned | None) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it."""
    reading = (
        "Good: the private rows lie in the public cloud, the share of them beyond the public limits is like that of public "
        "holes held out, and a classifier can tell private from public hardly better than it can tell any other holes "
        "apart. Bad: a private cloud of its own, or most private rows beyond the limit of Q: they hold what no public row "
        "has, and predictions for them are guesses."
    )
    try:
        why = differ(data, private) or (
            "" if private_shapes and len(private_shapes.rows) else "no private row has a spectrum"
        )
        model = None if why else fit(shapes.values)
    except ValueError as error:
        why, model = str(error), None
    if model is None or private_shapes is None:
        found = [Finding("bad", "shift", f"private data cannot be held against public ones: {why}", "shift")]
        return Section("shift", "Private against public", reading, (), f"Not drawn: {why}."), found
    holes = held_out(data, shapes, private, private_shapes, model)
    told = tell_apart(shapes.values, data.hole[shapes.rows], private_shapes.values, private.hole[private_shapes.rows])
    note = (
        f"The limits are those of the public rows, 99 %. Of {len(set(data.hole))} public holes the "
        f"first {LEFT_OUT} at the most are held out, one at a time. The classifier is a logistic regression on the scores, "
        f"of {TELLING_ROWS} rows and {TELLING_HOLES} holes a side at the most, tested on holes that it has not seen; {SHUFFLES} times it has to tell "
        "public holes from each other that were parted by chance, as many as there are private ones."
    )
    items = (_clouds(data, shapes, private, private_shapes, model), _shares(holes), _table(holes))
    return Section("shift", "Private against public", reading, items, note), _findings(holes, told)


def differ(data: Data, private: Data) -> str:
    """Why the two cannot be compared, or nothing: their channels must be the same."""
    if len(data.wavenumbers) != len(private.wavenumbers):
        return f"{len(data.wavenumbers)} public channels and {len(private.wavenumbers)} private ones"
    if not np.array_equal(data.wavenumbers, private.wavenumbers):
        place = int(np.argmax(data.wavenumbers != private.wavenumbers))
        return f"channel {data.wavenumbers[place]:g} is {private.wavenumbers[place]:g} in the private data"
    return ""


def held_out(data: Data, shapes: Binned, private: Data, private_shapes: Binned, model: Components) -> "pd.DataFrame":
    """A row for each hole: rows, and the shares beyond the limits of T2 and Q of components that have not seen it.

    Private holes are held against all public rows, public ones against the public rows of other holes.
    """
    import pandas as pd

    rows = []
    for name, own in list(grouped(data.hole[shapes.rows]).items())[:LEFT_OUT]:
        try:
            others = fit(np.delete(shapes.values, own, axis=0))
        except ValueError:  # there is no other hole, or hardly a row in it
            continue
        rows.append({"file": "public", "SiteID": name, **_beyond(others, shapes.values[own])})
    rows += [
        {"file": "private", "SiteID": name, **_beyond(model, private_shapes.values[own])}
        for name, own in grouped(private.hole[private_shapes.rows]).items()
    ]
    return pd.DataFrame(rows)


def _beyond(model: Components, values: Floats) -> dict[str, float]:
    t2, q = model.t2(values) > model.t2_limit, model.q(values) > model.q_limit
    return {
        "rows": len(values),
        "beyond T2": float(t2.mean()),
        "beyond Q": float(q.mean()),
        "either": float((t2 | q).mean()),
    }


def tell_apart(
    public: Floats, public_holes: np.ndarray, private: Floats, private_holes: np.ndarray
) -> dict[str, object]:
    """How well a classifier tells private rows from public ones: the area under its ROC curve, 0.5 is not at all.

    auc: by cross-validation over holes (over rows where a side has one hole: grouped says which). usual: the same for
    public holes that were parted by chance, in rising order; empty where there are fewer than four.
    """
    random = np.random.default_rng(0)
    chosen = [_at_most(side, random) for side in (public_holes, private_holes)]
    values = np.concatenate([public[chosen[0]], private[chosen[1]]])
    mean, directions, _ = principal(values)
    values = (values - mean) @ directions[:MOST].T  # knows no side: nothing leaks
    sides = np.repeat([0, 1], [len(chosen[0]), len(chosen[1])])
    # a hole's name may stand in both files; for the folds these are two
    holes = np.concatenate([_numbers(public_holes)[chosen[0]], -1 - _numbers(private_holes)[chosen[1]]])
    grouped = min(len(set(holes[sides == side])) for side in (0, 1)) >= 2
    found: dict[str, object] = {"auc": _auc(values, sides, holes if grouped else None), "grouped": grouped, "usual": []}
    own, names = values[sides == 0], np.unique(holes[sides == 0])
    if grouped and len(names) >= 4:
        count = min(len(set(holes[sides == 1])), len(names) // 2)
        taken = (np.isin(holes[sides == 0], random.choice(names, count, replace=False)) for _ in range(SHUFFLES))
        found["usual"] = sorted(_auc(own, one.astype(int), holes[sides == 0]) for one in taken)
    return found


def _numbers(names: np.ndarray) -> np.ndarray:
    numbers: np.ndarray = np.unique(names.astype(str), return_inverse=True)[1]
    return numbers


def _at_most(holes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Places of at most TELLING_ROWS rows of at most TELLING_HOLES holes."""
    rows = list(grouped(holes).values())
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


def _clouds(data: Data, shapes: Binned, private: Data, private_shapes: Binned, model: Components) -> Figure:
    import pandas as pd

    tables = []
    for name, file, binned in (("public", data, shapes), ("private", private, private_shapes)):
        columns = {"file": name, "index": file.index[binned.rows], "SiteID": file.hole[binned.rows]}
        columns |= {f"PC{order + 1}": scores for order, scores in enumerate(model.scores(binned.values).T)}
        tables.append(pd.DataFrame(columns | {"T2": model.t2(binned.values), "Q": model.q(binned.values)}))
    second = "PC2" if model.kept > 1 else "Q"
    plot = new_figure(460, xaxis={"title": {"text": "PC1 of the public rows"}}, yaxis={"title": {"text": second}})
    for table, colour, symbol in zip(tables, (BLUE, VERMILION), ("circle", "diamond-open"), strict=True):
        drawn = table.iloc[some(len(table), np.zeros(len(table), dtype=bool), 2000)]
        plot.add_scatter(
            x=single(drawn["PC1"].to_numpy()),
            y=single(drawn[second].to_numpy()),
            mode="markers",
            name=table["file"].iloc[0],
            marker={"color": colour, "symbol": symbol, "size": 6, "opacity": 0.85},
            text=[
                f"index {word(index)}, {word(hole)}"
                for index, hole in zip(drawn["index"], drawn["SiteID"], strict=True)
            ],
            hovertemplate="%{text}<br>PC1 %{x:.3g}, " + second + " %{y:.3g}<extra>%{fullData.name}</extra>",
        )
    words = "Private rows among the public ones, in components of the public rows. Every k-th row, 2,000 a side at the most."
    return Figure("shift", "Private rows among the public ones", words, plot, pd.concat(tables, ignore_index=True))


def _shares(holes: "pd.DataFrame") -> Figure:
    plot = new_figure(360, boxmode="group", yaxis={"tickformat": ".0%", "range": [-0.03, 1.03]})
    plot.update_yaxes(title_text="rows of the hole beyond a limit")
    for side, colour, symbol in (("public", BLUE, "circle"), ("private", VERMILION, "diamond")):
        own = holes[holes["file"] == side].head(DRAWN_HOLES)
        # beside each other and not on one line, so that equal shares are seen
        spread = np.linspace(-0.12, 0.12, len(own)) + (0.18 if side == "private" else -0.18)
        for place, column in enumerate(("beyond T2", "beyond Q", "either")):
            plot.add_scatter(
                x=place + spread,
                y=own[column],
                mode="markers",
                name=f"{side} holes" + (" held out" if side == "public" else ""),
                legendgroup=side,
                showlegend=place == 0,
                marker={"color": colour, "symbol": symbol, "size": 9, "opacity": 0.8},
                text=[f"{word(name)}, {rows} rows" for name, rows in zip(own["SiteID"], own["rows"], strict=True)],
                hovertemplate="%{text}: %{y:.1%}<extra></extra>",
            )
    plot.update_xaxes(tickvals=[0, 1, 2], ticktext=["T2", "Q", "T2 or Q"], range=[-0.5, 2.5])
    plot.add_hline(0.01, line={"color": GREY, "dash": "dash"})
    words = "Each point a hole that the components have not seen: the share of its rows beyond the limits. Dashed: 1 %."
    return Figure("holes-held-out", "New holes, private and public", words, plot, holes)


def _table(holes: "pd.DataFrame") -> Table:
    ordered = holes.sort_values("either", ascending=False, kind="stable")
    return Table("shift-by-hole", "Holes that components have not seen", "The furthest first.", ordered)


def _findings(holes: "pd.DataFrame", told: dict[str, object]) -> list[Finding]:
    import pandas as pd

    shares = {}
    for side in ("public", "private"):
        own = holes[holes["file"] == side]
        shares[side] = float(np.average(own["either"], weights=own["rows"])) if len(own) else float("nan")
    text = f"{shares['private']:.1%} of the private rows lie beyond the public limits"
    values: dict[str, object] = {"private": shares["private"], "public_held_out": shares["public"]}
    level = "bad" if shares["private"] > 0.05 else "good"
    if pd.notna(shares["public"]):
        text += f"; of public holes held out it is {shares['public']:.1%}"
        level = "note" if 0.05 < shares["private"] <= 1.5 * shares["public"] else level
    found = [Finding(level, "shift", text, "shift", values)]  # type: ignore[arg-type]
    auc, usual = float(told["auc"]), list(told["usual"])  # type: ignore[arg-type, call-overload]
    usual = [value for value in usual if not np.isnan(value)]
    if np.isnan(auc):
        return found
    text = f"a classifier tells private from public spectra with an AUC of {auc:.2f} (0.5: not at all)"
    if usual:
        text += f"; public holes parted by chance: {np.median(usual):.2f}, {usual[0]:.2f} to {usual[-1]:.2f}"
    if not told["grouped"]:
        text += "; tested by rows, as one side is a single hole: any hole can be told so"
    level = "note" if not usual or auc <= usual[-1] else "bad" if auc > 0.8 else "note"
    found.append(Finding(level, "shift auc", text, "shift", {"auc": auc, "usual": usual, "grouped": told["grouped"]}))  # type: ignore[arg-type]
    return found
