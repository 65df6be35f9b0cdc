"""Section on near-duplicates: pairs of spectra whose difference hardly exceeds the noise.

Repeats in two holes, or in public and private data, make scores optimistic, because the model has seen the samples.
"""

from math import comb

import numpy as np
import pandas as pd

from recore.challenge import challenge
from recore.listing import count
from recore.production.containers.domain import EDGE
from recore.report.page import figures as draw
from recore.report.page.content import Figure, Level, PageFinding, Section, Table, short_name
from recore.report.statistics import BinnedData, principal_components, usable_channels
from recore.spectral_data import Floats, snv

NOISE_FACTOR = 1.5  # spectra within this multiple of the distance caused by noise count as the same
USUAL_SHARE = 0.25  # share of the usual distance to the nearest row within which a sample may have been repacked
MIN_DISTANCE = 1e-6  # closer spectra count as the same even without noise
DIFFERENCE_ORDER = 6  # order of the differences used to estimate the noise
NEIGHBOURS = 5  # nearest rows with which each row is compared
SCORES = 12  # principal components used to find neighbours
BLOCK = 4000  # pairs compared at once, to limit memory
LOWEST_RATIO = 1e-3  # distance / noise; the end of the axis

TITLE = "Near-duplicates"
READING = (
    "The distance from each spectrum to its nearest neighbour, in units of the distance that noise causes between two "
    "measurements of one sample. Good: all rows are far to the right of the dashed line. Bad: a peak at or left of the "
    "line: the same sample occurs twice. Two such rows in one hole may be intended repeats, which must not be split "
    "between training and test data; in two holes, or in public and private data, they are a mistake."
)
NOTE = (
    "Distance: root mean square difference over the channels after SNV, without the outermost {edge} at either end "
    "(at most 5% of all), where a detector may be noisy. The dashed line: {factor} times the noise, or {share} of the "
    "usual distance to the nearest row if this is larger. The noise is estimated from differences along the channels, "
    "so it is underestimated for smoothed spectra. Each row is compared with its {neighbours} nearest rows in "
    "{scores} principal components. If every sample appears twice, the usual distance is the distance between "
    "repeats; look at the position of the peak."
)
NOT_DRAWN = "Not drawn: fewer than 2 rows have a valid spectrum."
HISTOGRAM = "Distance from each row to its nearest neighbour. Rows left of the dashed line count as the same sample."
IDENTICAL_NOTE = " The first bar includes {rows} whose distance is below the range of the axis."


def section(binned: BinnedData, private: BinnedData | None) -> Section:
    """Return the section."""
    group = challenge().group
    files = {"public": binned} | ({"private": private} if private else {})
    if sum(len(binned.rows) for binned in files.values()) < 2:
        return Section("duplicates", TITLE, READING, (), NOT_DRAWN)
    spectra, ids = _combine(files)
    noise = estimate_noise(spectra)
    pairs = nearest_pairs(spectra, np.concatenate([binned.values for binned in files.values()]))
    pairs = pairs.join(ids.add_suffix("_1"), on="row_1").join(ids.add_suffix("_2"), on="row_2")
    pairs["same hole"] = (pairs[f"{group}_1"] == pairs[f"{group}_2"]) & (pairs["file_1"] == pairs["file_2"])
    noise_distance = np.sqrt(2) * noise
    unit = noise_distance or 1.0
    pairs["distance / noise"] = pairs["distance"] / unit
    nearest = _nearest_of_each(pairs)
    usual_distance = float(nearest["distance"].median())
    limit = max(NOISE_FACTOR * noise_distance, USUAL_SHARE * usual_distance, MIN_DISTANCE)
    duplicates = pairs[pairs["distance"] <= limit]
    items: list[Figure | Table] = [_histogram(nearest, unit, limit)]
    if len(duplicates):
        columns = [f"{name}_{end}" for end in (1, 2) for name in ("file", "index", group)]
        numbers = duplicates[[*columns, "distance", "correlation", "distance / noise"]]
        items.append(Table("duplicate-rows", "Rows with the same spectrum", "Sorted by distance.", numbers))
    note = NOTE.format(edge=EDGE, factor=NOISE_FACTOR, share=USUAL_SHARE, neighbours=NEIGHBOURS, scores=SCORES)
    return Section("duplicates", TITLE, READING, items, note, _findings(duplicates, noise))


def estimate_noise(spectra: Floats) -> float:
    """Return the upper quartile, over channels, of the noise's standard deviation in spectra (rows, channels).

    High-order differences along channels contain only noise, scaled by the root of a binomial coefficient. The median
    over rows (times 1.4826, as for a normal distribution) and the quartile are robust to sharp bands.
    """
    if spectra.shape[1] <= DIFFERENCE_ORDER:
        return 0.0
    scale = np.sqrt(comb(2 * DIFFERENCE_ORDER, DIFFERENCE_ORDER))
    differences = np.abs(np.diff(spectra, DIFFERENCE_ORDER, axis=1)) / scale
    return float(np.quantile(1.4826 * np.median(differences, axis=0), 0.75))


def nearest_pairs(spectra: Floats, binned: Floats) -> pd.DataFrame:
    """Return unique pairs of similar rows, nearest first, with the columns row_1 < row_2, distance and correlation.

    Pairs are found by their principal component scores, because similar spectra have similar scores.
    """
    from scipy.spatial import cKDTree

    scores = principal_components(binned, SCORES).transform(binned)
    _, neighbours = cKDTree(scores).query(scores, k=min(NEIGHBOURS + 1, len(scores)), workers=2)
    first = np.repeat(np.arange(len(neighbours)), neighbours.shape[1])
    pairs = np.sort(np.column_stack([first, neighbours.ravel()]), axis=1)
    pairs = np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)
    distance = np.empty(len(pairs))
    for start in range(0, len(pairs), BLOCK):
        one, other = pairs[start : start + BLOCK].T
        distance[start : start + BLOCK] = np.sqrt(((spectra[one] - spectra[other]) ** 2).mean(axis=1))
    table = pd.DataFrame({"row_1": pairs[:, 0], "row_2": pairs[:, 1], "distance": distance})
    table["correlation"] = 1 - distance**2 / 2  # after SNV both have mean 0 and standard deviation 1
    return table.sort_values("distance", kind="stable", ignore_index=True)


def _combine(files: dict[str, BinnedData]) -> tuple[Floats, pd.DataFrame]:
    """Return all files' SNV spectra, restricted to the public file's usable channels, and the IDs of their rows."""
    channels = usable_channels(files["public"].data)
    spectra, ids = [], []
    for name, binned in files.items():
        spectra.append(snv(binned.data.spectra[np.ix_(binned.rows, channels)]).astype(np.float32))
        ids.append(binned.data.ids[["index", challenge().group]].iloc[binned.rows].assign(file=name))
    return np.concatenate(spectra), pd.concat(ids, ignore_index=True)


def _nearest_of_each(pairs: pd.DataFrame) -> pd.DataFrame:
    ends = pd.concat([pairs.rename(columns={f"row_{end}": "row"})[["row", "distance", "same hole"]] for end in (1, 2)])
    return ends.sort_values("distance", kind="stable").drop_duplicates("row")


def _histogram(nearest: pd.DataFrame, unit: float, limit: float) -> Figure:
    distance = nearest["distance"].to_numpy(dtype=float) / unit
    logs = np.log10(np.maximum(distance, LOWEST_RATIO))
    edges = np.linspace(min(logs.min(), 0) - 0.05, max(logs.max(), 0.5) + 0.05, 61)
    same_hole = nearest["same hole"].to_numpy()
    numbers = pd.DataFrame({"from": 10 ** edges[:-1], "to": 10 ** edges[1:]})
    plot = draw.new_figure(320, barmode="stack", bargap=0.05, yaxis_title_text="rows")
    plot.update_xaxes(draw.LOG_TICKS, title_text="distance to the nearest row / distance caused by noise")
    series = (
        ("nearest row in the same hole", same_hole, draw.BLUE),
        ("nearest row elsewhere", ~same_hole, draw.VERMILION),
    )
    for name, mask, colour in series:
        numbers[name] = np.histogram(logs[mask], edges)[0]
        middles, widths = 10 ** ((edges[:-1] + edges[1:]) / 2), numbers["to"] - numbers["from"]
        hover = "%{x:.3g}: %{y} rows<extra>%{fullData.name}</extra>"
        look = {"width": widths, "name": name, "marker": {"color": colour}, "hovertemplate": hover}
        plot.add_bar(x=middles, y=numbers[name], **look)
    plot.add_vline(limit / unit, line={"color": draw.GREY, "dash": "dash"})
    outside = int((distance < LOWEST_RATIO).sum())
    summary = HISTOGRAM + (IDENTICAL_NOTE.format(rows=count(outside, "row")) if outside else "")
    return Figure("neighbours", "The nearest spectrum", summary, plot, numbers)


def _findings(duplicates: pd.DataFrame, noise: float) -> list[PageFinding]:
    across_files, same_hole = duplicates["file_1"] != duplicates["file_2"], duplicates["same hole"]
    cases: tuple[tuple[Level, str, pd.Series[bool], str], ...] = (
        ("bad", "duplicates across files", across_files, "in the public and the private file"),
        ("bad", "duplicates across holes", ~(across_files | same_hole), "in different holes"),
        ("note", "duplicates within holes", same_hole, "in the same hole"),
    )
    findings = []
    for level, name, is_case, where in cases:
        if is_case.any():
            pair = duplicates[is_case].iloc[0]
            pairs = count(int(is_case.sum()), f"pair of rows {where} has", f"pairs of rows {where} have")
            holes = [short_name(pair[f"{challenge().group}_{end}"]) for end in (1, 2)]
            rows = " and ".join(f"{short_name(pair[f'index_{end}'])} in hole {holes[end - 1]}" for end in (1, 2))
            message = f"{pairs} the same spectrum: their distance is close to the noise (the nearest: index {rows})"
            findings.append(PageFinding(level, name, message, "duplicates", {"pairs": int(is_case.sum())}))
    if not findings:
        message = f"no two rows have the same spectrum (noise after SNV: {noise:.2g})"
        findings.append(PageFinding("good", "no duplicates", message, "duplicates", {"noise": noise}))
    return findings
