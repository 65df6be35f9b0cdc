"""The floor: the work of each step in pyarrow and numpy, written as directly as possible, and nothing else.

    python tools/benchmarks/floor.py preprocess DATA.csv.gz INPUTS.csv
    python tools/benchmarks/floor.py train DATA.csv.gz MODEL
    python tools/benchmarks/floor.py predict MODEL DATA.csv.gz PREDICTIONS.csv
    python tools/benchmarks/floor.py score DATA.csv.gz PREDICTIONS.csv

It has no checks, messages or options, uses neither pandas nor scikit-learn, and holds the whole file in memory. Bins,
features, folds and regularisation strengths are those of the scripts: the difference in time is the cost of their
checks.
"""

import pickle
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv

ALPHAS = np.geomspace(1e5, 1e-5, 31)
FOLDS = 5
BIN = 7
LANDMARKS = 200
LINEAR = 0.2
VARIANCE = 4
FIRST_TARGET, LAST_TARGET = "AgPPM", "YPPM"


def read(path, *, spectra=False, assays=False, holes=False):
    """Return the index and columns of a data file: (index, spectra (rows, channels), names, assays, holes)."""
    header = pa.csv.open_csv(path).schema.names
    channels = [name for name in header if spectra and name[:1].isdigit()]
    targets = header[header.index(FIRST_TARGET) : header.index(LAST_TARGET) + 1] if assays else []
    types = dict.fromkeys([*channels, *targets], pa.float64()) | {header[0]: pa.string()}
    types |= {"SiteID": pa.string()} if holes else {}
    convert = pa.csv.ConvertOptions(column_types=types, include_columns=list(types))
    table = pa.csv.read_csv(path, pa.csv.ReadOptions(block_size=1 << 24), convert_options=convert)
    (batch,) = table.combine_chunks().to_batches()
    matrices = [as_matrix(batch.select(names)) if names else None for names in (channels, targets)]
    return batch[header[0]], matrices[0], channels, matrices[1], batch["SiteID"] if holes else None


def as_matrix(batch):
    return batch.to_tensor(null_to_nan=True, row_major=False).to_numpy()


def to_bins(spectra, channels):
    """Return bins (rows, bins) of spectra (rows, channels)."""
    maximum = spectra[:, [float(name) > 1110 for name in channels]].max(axis=1)
    whole = len(channels) // BIN * BIN
    return np.round(sum(spectra[:, first:whole:BIN] for first in range(BIN)) / maximum[:, None], 5)


def fit(bins, y, holes, alphas, folds):
    """Fit Ridge with an alpha for each target: one eigen-decomposition per fold, by hole and by row, and one more.

    y (rows, 49): NaN where not measured; targets that are measured on the same rows share their decompositions.
    Returns the similarity map, which `features` needs, and coefficients (features + 1, 49), the intercepts last.
    """
    similarity = fit_similarity(bins)
    x = np.column_stack([features(bins, similarity), np.ones(len(bins))])
    _, hole = np.unique(holes, return_inverse=True)
    by_hole = np.argsort(np.argsort(-np.bincount(hole)))[hole] % folds  # the largest holes to different folds
    splits = [by_hole, np.arange(len(x)) % folds]
    masks = [split == fold for split in splits for fold in range(folds)]
    all_grams = [x[mask].T @ x[mask] for mask in masks]
    coefficients = np.empty((x.shape[1], y.shape[1]))
    patterns, pattern_of = np.unique(~np.isnan(y), axis=1, return_inverse=True)
    for number, measured in enumerate(patterns.T):
        columns = np.nan_to_num(y[:, pattern_of == number])
        gaps = [x[mask & ~measured] for mask in masks]
        grams = [gram - rows.T @ rows for gram, rows in zip(all_grams, gaps, strict=True)]
        rights = [x[mask].T @ columns[mask] for mask in masks]
        gram, right = sum(grams[:folds]), sum(rights[:folds])
        squares = (columns**2).sum(axis=0)
        errors = np.zeros((2, len(alphas), len(squares)))
        for fold, (held, held_right) in enumerate(zip(grams, rights, strict=True)):
            b = ridge(gram - held, right - held_right, alphas[:, None, None])
            errors[fold // folds] += (b * (held @ b - 2 * held_right)).sum(axis=1)
        variation = squares - right[-1] ** 2 / gram[-1, -1]
        best = np.minimum(errors + squares, variation).sum(axis=0).argmin(axis=0)
        coefficients[:, pattern_of == number] = ridge(gram, right, alphas[best])
    return similarity, coefficients


def slopes(bins):
    spectra = (bins - bins.mean(axis=1, keepdims=True)) / bins.std(axis=1, keepdims=True)
    return np.diff(spectra, axis=1, prepend=0.0)


def kernel(a, b):
    products = a @ b.T
    distances = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * products
    near = 1 / (1 + distances * (0.25 / a.shape[1]))
    return near * np.sqrt(near) + LINEAR / a.shape[1] * products


def fit_similarity(bins):
    """Return Nystroem's map of these spectra's slopes: mean, deviation, landmarks, matrix, weight of the bins."""
    z = slopes(bins)
    mean, deviation = z.mean(axis=0), z.std(axis=0)
    z = (z - mean) / deviation
    landmarks = z[np.random.RandomState(0).permutation(len(z))[:LANDMARKS]]
    values, vectors = np.linalg.eigh(kernel(landmarks, landmarks))
    matrix = vectors / np.sqrt(values.clip(1e-12))
    weight = 1 / np.sqrt((kernel(z, landmarks) @ matrix).var(axis=0).sum())
    return mean, deviation, landmarks, matrix * weight, np.sqrt(VARIANCE / bins.var(axis=0).sum())


def features(bins, similarity):
    mean, deviation, landmarks, matrix, weight = similarity
    return np.column_stack([bins * weight, kernel((slopes(bins) - mean) / deviation, landmarks) @ matrix])


def ridge(gram, right, alphas):
    """Return coefficients, intercept last, for all `alphas`, from x'x and x'y of x with a last column of ones."""
    rows, sums, means = gram[-1, -1], gram[-1, :-1], right[-1] / gram[-1, -1]
    values, vectors = np.linalg.eigh(gram[:-1, :-1] - np.outer(sums, sums) / rows)
    b = vectors @ ((vectors.T @ (right[:-1] - np.outer(sums, means))) / (values.clip(0)[:, None] + alphas))
    return np.concatenate([b, (means - sums / rows @ b)[..., None, :]], axis=-2)


def preprocess(data, output):
    index, spectra, channels, _, _ = read(data, spectra=True)
    bins = to_bins(spectra, channels).T
    columns = [pa.Array.from_buffers(pa.float64(), len(index), [None, pa.py_buffer(each.copy())]) for each in bins]
    names = [f"bin_{channels[number * BIN]}" for number in range(len(bins))]
    pa.csv.write_csv(pa.RecordBatch.from_arrays([index, *columns], ["", *names]), output)


def train(data, output):
    _, spectra, channels, assays, holes = read(data, spectra=True, assays=True, holes=True)
    with open(output, "wb") as file:
        pickle.dump(fit(to_bins(spectra, channels), assays, np.array(holes.to_pylist()), ALPHAS, FOLDS), file)


def predict(model, data, output):
    with open(model, "rb") as file:
        similarity, b = pickle.load(file)
    _, spectra, channels, _, _ = read(data, spectra=True)
    predicted = (features(to_bins(spectra, channels), similarity) @ b[:-1] + b[-1]).clip(0).T
    columns = [pa.Array.from_buffers(pa.float64(), len(each), [None, pa.py_buffer(each.copy())]) for each in predicted]
    table = pa.RecordBatch.from_arrays(columns, [str(number) for number in range(len(columns))])
    pa.csv.write_csv(table, output, pa.csv.WriteOptions(include_header=False))


def score(data, predictions):
    _, _, _, y, _ = read(data, assays=True)
    table = pa.csv.read_csv(predictions, pa.csv.ReadOptions(autogenerate_column_names=True))
    (batch,) = table.combine_chunks().to_batches()
    print(1 - ((y - as_matrix(batch)) ** 2).sum(axis=0) / ((y - y.mean(axis=0)) ** 2).sum(axis=0))


if __name__ == "__main__":
    {"preprocess": preprocess, "train": train, "predict": predict, "score": score}[sys.argv[1]](*sys.argv[2:])
