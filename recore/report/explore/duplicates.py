"""Which rows are the same sample twice? Pairs of spectra that differ by hardly more than the noise.

Repeats that stand in two holes, or in public and private data, let a model look good that has only seen the answer.
"""

from math import comb
from typing import TYPE_CHECKING

import numpy as np

from recore.report.page.content import Figure, Finding, Section, Table
from recore.report.page.figures import BLUE, GREY, LOG_TICKS, VERMILION, new_figure, short_name
from recore.report.reading import Floats, SpectralData
from recore.report.statistics.binning import Binned, snv, usable_channels
from recore.report.statistics.pca import principal_components

if TYPE_CHECKING:
    import pandas as pd

FACTOR = 1.5  # times the distance that noise alone makes: still the same spectrum
USUAL = 0.25  # of the usual distance to the nearest row: also the same, as a sample that was packed anew
ORDER = 6  # of the differences that noise is seen in
NEIGHBOURS = 5  # nearest rows of each that are looked at
SCORES = 12  # principal components in which neighbours are looked for


def section(
    data: SpectralData, shapes: Binned, private: tuple[SpectralData, Binned] | None
) -> tuple[Section, list[Finding]]:
    """The section, and what was found in it."""
    reading = (
        "The distance of each spectrum to the nearest other one, in units of the distance that the noise alone makes "
        "between two measurements of one sample. Good: all are well to the right of the dashed line. Bad: a heap at or "
        "left of it: the same sample is there twice. Two rows of one hole may be repeats on purpose, which must not be "
        "parted between training and testing; two holes, or public and private, with the same spectrum are a mistake."
    )
    note = (
        f"Distance: root mean square over channels after SNV. The dashed line: {FACTOR} times the noise, or {USUAL} of the "
        "usual distance to the nearest row where that is more. Noise: from differences along the channels, so that smoothed "
        f"spectra seem less noisy than they are. Looked at are the {NEIGHBOURS} nearest rows of each in {SCORES} principal "
        "components. Where every sample is there twice, the usual distance is that of repeats: see where the heap lies."
    )
    if len(shapes.rows) + (len(private[1].rows) if private else 0) < 2:
        return Section("duplicates", "Near-duplicates", reading, (), "Not drawn: fewer than 2 rows to compare."), []
    spectra, who = _together(data, shapes, private)
    noise = noise_of(spectra)
    pairs = nearest_pairs(spectra, np.concatenate([shapes.values, *([private[1].values] if private else [])]))
    pairs = pairs.join(who.add_suffix("_1"), on="row_1").join(who.add_suffix("_2"), on="row_2")
    unit = np.sqrt(2) * noise or 1.0
    pairs["distance / noise"] = pairs["distance"] / unit
    nearest = _nearest(pairs)
    limit = max(FACTOR * np.sqrt(2) * noise, USUAL * float(nearest["distance"].median()), 1e-6)
    same = pairs[pairs["distance"] <= limit]
    items: list[Figure | Table] = [_histogram(nearest, unit, limit)]
    if len(same):
        columns = "file_1 index_1 SiteID_1 file_2 index_2 SiteID_2 distance correlation".split()
        title = "Rows with the same spectrum"
        items.append(Table("duplicate-rows", title, "The nearest pairs first.", same[[*columns, "distance / noise"]]))
    return Section("duplicates", "Near-duplicates", reading, items, note), _findings(same, noise)


def noise_of(spectra: Floats) -> float:
    """The noise's standard deviation in spectra (rows, channels): three quarters of the channels have no more.

    Differences of a high order along the channels take away what is smooth and leave the noise, times the root of a
    binomial coefficient. The median over rows of their size (times 1.4826, as for a normal distribution) leaves out the
    rows with a sharp band at a channel, the upper quartile over channels leaves out channels with a sharp band in all.
    """
    if spectra.shape[1] <= ORDER:
        return 0.0
    differences = np.abs(np.diff(spectra, ORDER, axis=1)) / np.sqrt(comb(2 * ORDER, ORDER))
    return float(np.quantile(1.4826 * np.median(differences, axis=0), 0.75))


def nearest_pairs(spectra: Floats, shapes: Floats) -> "pd.DataFrame":
    """Each row's nearest ones as pairs, nearest first: rows row_1 < row_2, distance, correlation; no pair twice.

    A distance between scores is never more than that between spectra, so what is near is near in scores too.
    """
    import pandas as pd
    from scipy.spatial import cKDTree

    scores = principal_components(shapes, SCORES).transform(shapes)
    _, near = cKDTree(scores).query(scores, k=min(NEIGHBOURS + 1, len(scores)), workers=2)
    first = np.repeat(np.arange(len(near)), near.shape[1])
    ends = np.sort(np.column_stack([first, near.ravel()]), axis=1)
    ends = np.unique(ends[ends[:, 0] < ends[:, 1]], axis=0)
    distance = np.empty(len(ends))
    for start in range(0, len(ends), 4000):
        one, other = ends[start : start + 4000].T
        distance[start : start + 4000] = np.sqrt(((spectra[one] - spectra[other]) ** 2).mean(axis=1))
    made = pd.DataFrame({"row_1": ends[:, 0], "row_2": ends[:, 1], "distance": distance})
    made["correlation"] = 1 - distance**2 / 2  # both have mean 0 and standard deviation 1
    return made.sort_values("distance", kind="stable", ignore_index=True)


def _together(
    data: SpectralData, shapes: Binned, private: tuple[SpectralData, Binned] | None
) -> tuple[Floats, "pd.DataFrame"]:
    """SNV spectra of all rows of both files, and who they are."""
    import pandas as pd

    used = usable_channels(data)
    spectra, who = [], []
    for name, file, binned in (("public", data, shapes), *([("private", *private)] if private else [])):
        spectra.append(snv(file.spectra[np.ix_(binned.rows, used)]).astype(np.float32))
        columns = {"file": name, "index": file.index[binned.rows], "SiteID": file.hole[binned.rows]}
        who.append(pd.DataFrame(columns, index=range(len(binned.rows))))
    return np.concatenate(spectra), pd.concat(who, ignore_index=True)


def _nearest(pairs: "pd.DataFrame") -> "pd.DataFrame":
    """For each row the pair with its nearest."""
    import pandas as pd

    ends = [pairs[[f"row_{side}", "distance", "SiteID_1", "SiteID_2", "file_1", "file_2"]] for side in (1, 2)]
    both = pd.concat([end.set_axis(["row", *end.columns[1:]], axis=1) for end in ends])
    return both.sort_values("distance", kind="stable").drop_duplicates("row")


def _histogram(nearest: "pd.DataFrame", unit: float, limit: float) -> Figure:
    import pandas as pd

    floor = 1e-3
    logs = np.log10(np.maximum(nearest["distance"].to_numpy(dtype=float) / unit, floor))
    edges = np.linspace(min(logs.min(), 0) - 0.05, max(logs.max(), 0.5) + 0.05, 61)
    within = ((nearest["SiteID_1"] == nearest["SiteID_2"]) & (nearest["file_1"] == nearest["file_2"])).to_numpy()
    numbers = pd.DataFrame({"from": 10 ** edges[:-1], "to": 10 ** edges[1:]})
    plot = new_figure(
        320,
        barmode="stack",
        bargap=0.05,
        xaxis={"title": {"text": "distance to the nearest row / distance that noise makes"}} | LOG_TICKS,
        yaxis={"title": {"text": "rows"}},
    )
    kinds = (("nearest is in the same hole", within, BLUE), ("nearest is elsewhere", ~within, VERMILION))
    for name, chosen, colour in kinds:
        counts = np.histogram(logs[chosen], edges)[0]
        numbers[name] = counts
        plot.add_bar(
            x=10 ** ((edges[:-1] + edges[1:]) / 2),
            width=10 ** edges[1:] - 10 ** edges[:-1],
            y=counts,
            name=name,
            marker={"color": colour},
            hovertemplate="%{x:.3g}: %{y} rows<extra>%{fullData.name}</extra>",
        )
    plot.add_vline(limit / unit, line={"color": GREY, "dash": "dash"})
    words = "How far each row's nearest neighbour is. What is left of the dashed line is taken for the same sample."
    return Figure("neighbours", "The nearest spectrum", words, plot, numbers)


def _findings(same: "pd.DataFrame", noise: float) -> list[Finding]:
    apart = same["file_1"] != same["file_2"]
    holes = ~apart & (same["SiteID_1"] != same["SiteID_2"])
    within = ~apart & ~holes
    found = []
    kinds = (
        ("bad", "duplicates across files", apart, "the public and the private file"),
        ("bad", "duplicates across holes", holes, "different holes"),
        ("note", "duplicates within holes", within, "one hole"),
    )
    for level, name, chosen, where in kinds:
        if chosen.any():
            pair = same[chosen].iloc[0]
            text = (
                f"{int(chosen.sum())} pairs of rows of {where} have the same spectrum, hardly more than noise apart, the nearest index "
                f"{short_name(pair['index_1'])} of {short_name(pair['SiteID_1'])} and {short_name(pair['index_2'])} of {short_name(pair['SiteID_2'])}"
            )
            found.append(Finding(level, name, text, "duplicates", {"pairs": int(chosen.sum())}))  # type: ignore[arg-type]
    if not found:
        text = f"no two rows have the same spectrum (noise after SNV: {noise:.2g})"
        found.append(Finding("good", "no duplicates", text, "duplicates", {"noise": noise}))
    return found
