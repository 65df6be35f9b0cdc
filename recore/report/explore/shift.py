"""How far do the private spectra lie from the public ones? Without a target: by their shapes alone.

New holes always differ. So each public hole is held against the other public ones in the same way, and the private
rows are far only when they are further than that.
"""

from typing import TYPE_CHECKING

import numpy as np

from recore.report.page.content import Figure, Finding, Section, Table
from recore.report.page.figures import BLUE, DRAWN_HOLES, GREY, VERMILION, as_float32, new_figure, short_name, thin_out
from recore.report.reading import Floats, SpectralData
from recore.report.statistics.binning import Binned
from recore.report.statistics.groups import rows_by_group
from recore.report.statistics.pca import Components, fit_components
from recore.report.statistics.two_sample import SHUFFLES, TELLING_HOLES, TELLING_ROWS, TwoSample, tell_apart

if TYPE_CHECKING:
    import pandas as pd

LEFT_OUT = 20  # public holes held against the others, at the most


def section(
    data: SpectralData, shapes: Binned, private: SpectralData, private_shapes: Binned | None
) -> tuple[Section, list[Finding]]:
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
        model = None if why else fit_components(shapes.values)
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


def differ(data: SpectralData, private: SpectralData) -> str:
    """Why the two cannot be compared, or nothing: their channels must be the same."""
    if len(data.wavenumbers) != len(private.wavenumbers):
        return f"{len(data.wavenumbers)} public channels and {len(private.wavenumbers)} private ones"
    if not np.array_equal(data.wavenumbers, private.wavenumbers):
        place = int(np.argmax(data.wavenumbers != private.wavenumbers))
        return f"channel {data.wavenumbers[place]:g} is {private.wavenumbers[place]:g} in the private data"
    return ""


def held_out(
    data: SpectralData, shapes: Binned, private: SpectralData, private_shapes: Binned, model: Components
) -> "pd.DataFrame":
    """A row for each hole: rows, and the shares beyond the limits of T2 and Q of components that have not seen it.

    Private holes are held against all public rows, public ones against the public rows of other holes.
    """
    import pandas as pd

    rows = []
    for name, own in list(rows_by_group(data.hole[shapes.rows]).items())[:LEFT_OUT]:
        try:
            others = fit_components(np.delete(shapes.values, own, axis=0))
        except ValueError:  # there is no other hole, or hardly a row in it
            continue
        rows.append({"file": "public", "SiteID": name, **_beyond(others, shapes.values[own])})
    rows += [
        {"file": "private", "SiteID": name, **_beyond(model, private_shapes.values[own])}
        for name, own in rows_by_group(private.hole[private_shapes.rows]).items()
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


def _clouds(
    data: SpectralData, shapes: Binned, private: SpectralData, private_shapes: Binned, model: Components
) -> Figure:
    import pandas as pd

    tables = []
    for name, file, binned in (("public", data, shapes), ("private", private, private_shapes)):
        columns = {"file": name, "index": file.index[binned.rows], "SiteID": file.hole[binned.rows]}
        columns |= {f"PC{order + 1}": scores for order, scores in enumerate(model.scores(binned.values).T)}
        tables.append(pd.DataFrame(columns | {"T2": model.t2(binned.values), "Q": model.q(binned.values)}))
    second = "PC2" if model.kept > 1 else "Q"
    plot = new_figure(460, xaxis={"title": {"text": "PC1 of the public rows"}}, yaxis={"title": {"text": second}})
    for table, colour, symbol in zip(tables, (BLUE, VERMILION), ("circle", "diamond-open"), strict=True):
        drawn = table.iloc[thin_out(len(table), np.zeros(len(table), dtype=bool), 2000)]
        plot.add_scatter(
            x=as_float32(drawn["PC1"].to_numpy()),
            y=as_float32(drawn[second].to_numpy()),
            mode="markers",
            name=table["file"].iloc[0],
            marker={"color": colour, "symbol": symbol, "size": 6, "opacity": 0.85},
            text=[
                f"index {short_name(index)}, {short_name(hole)}"
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
                text=[
                    f"{short_name(name)}, {rows} rows" for name, rows in zip(own["SiteID"], own["rows"], strict=True)
                ],
                hovertemplate="%{text}: %{y:.1%}<extra></extra>",
            )
    plot.update_xaxes(tickvals=[0, 1, 2], ticktext=["T2", "Q", "T2 or Q"], range=[-0.5, 2.5])
    plot.add_hline(0.01, line={"color": GREY, "dash": "dash"})
    words = "Each point a hole that the components have not seen: the share of its rows beyond the limits. Dashed: 1 %."
    return Figure("holes-held-out", "New holes, private and public", words, plot, holes)


def _table(holes: "pd.DataFrame") -> Table:
    ordered = holes.sort_values("either", ascending=False, kind="stable")
    return Table("shift-by-hole", "Holes that components have not seen", "The furthest first.", ordered)


def _findings(holes: "pd.DataFrame", told: TwoSample) -> list[Finding]:
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
    if np.isnan(told.auc):
        return found
    text = f"a classifier tells private from public spectra with an AUC of {told.auc:.2f} (0.5: not at all)"
    unusual = False
    if told.usual:
        text += (
            f"; public holes parted by chance: {np.median(told.usual):.2f}, {told.usual[0]:.2f} to {told.usual[-1]:.2f}"
        )
        unusual = told.auc > told.usual[-1]
    if not told.by_hole:
        text += "; tested by rows, as one side is a single hole: any hole can be told so"
    found.append(Finding("bad" if unusual and told.auc > 0.8 else "note", "shift auc", text, "shift", dict(vars(told))))
    return found
