"""The floor: the work of each step in pyarrow and numpy, as directly as it can be written, and nothing else.

    python benchmarks/floor.py preprocess DATA.csv.gz INPUTS.csv
    python benchmarks/floor.py train DATA.csv.gz MODEL
    python benchmarks/floor.py predict MODEL DATA.csv.gz PREDICTIONS.csv
    python benchmarks/floor.py score DATA.csv.gz PREDICTIONS.csv

No check, no message, no option, no pandas and no scikit-learn; the whole file in memory; every assay measured. Same
bins, same folds over holes, same strengths as the scripts have: what they take more is what their care costs.
"""

import pickle
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv

ALPHAS = np.geomspace(1e5, 1e-5, 50)
FOLDS = 5
BIN = 7
FIRST_TARGET, LAST_TARGET = "AgPPM", "YPPM"


def read(path, *, spectra=False, assays=False, holes=False):
    """The index and whole columns of a data file: (index, spectra (rows, channels), names, assays, holes)."""
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
    """Bins (rows, bins) of spectra (rows, channels)."""
    maximum = spectra[:, [float(name) > 1110 for name in channels]].max(axis=1)
    whole = len(channels) // BIN * BIN
    return np.round(sum(spectra[:, first:whole:BIN] for first in range(BIN)) / maximum[:, None], 5)


def fit(x, y, holes, alphas, folds):
    """Ridge with a strength per target: one eigen-decomposition a fold and one for the model; y (rows, 49) complete.

    Returns coefficients (bins, 49) and intercepts (49,).
    """
    _, hole = np.unique(holes, return_inverse=True)
    fold_of = np.argsort(np.argsort(-np.bincount(hole)))[hole] % folds  # whole holes, the largest to different folds
    x1 = np.column_stack([x, np.ones(len(x))])
    grams = [(own.T @ own, own.T @ y[fold_of == fold]) for fold in range(folds) for own in [x1[fold_of == fold]]]
    whole = [sum(parts) for parts in zip(*grams, strict=True)]
    errors = 0.0
    for gram, right in grams:
        b = ridge(whole[0] - gram, whole[1] - right, alphas[:, None, None])
        errors = errors + (b * (gram @ b - 2 * right)).sum(axis=1)  # and y'y, the same for all strengths
    b = ridge(*whole, alphas[errors.argmin(axis=0)])
    return b[:-1], b[-1]


def ridge(gram, right, alphas):
    """Coefficients, intercept last, from x'x and x'y of x with a last column of ones; for all `alphas` at once."""
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
        b, intercepts = pickle.load(file)
    _, spectra, channels, _, _ = read(data, spectra=True)
    predicted = (to_bins(spectra, channels) @ b + intercepts).clip(0).T
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
