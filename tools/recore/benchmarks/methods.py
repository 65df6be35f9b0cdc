"""Our model and the methods with which it is compared. All are fitted to, and predict from, raw spectra."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import train
from preprocess import IDS, TARGETS, DataError, numbers, read, to_bins
from score import read_actual
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, scale

MIN_MEASURED = 20  # minimum training rows with an assay for a target to be fitted and scored, because of PLS
ALPHAS = np.logspace(-5, 5, 50)


@dataclass(frozen=True)
class Data:
    """Samples with assays.

    channels: (channels,), wavenumbers in the order of the file. spectra: (rows, channels). targets: (rows, targets),
    NaN if not measured. sites: (rows,), the SiteID.
    """

    channels: np.ndarray
    spectra: np.ndarray
    targets: pd.DataFrame
    sites: np.ndarray

    def __len__(self) -> int:
        return len(self.spectra)

    def take(self, rows: np.ndarray) -> Self:
        """Return the samples selected by row numbers or a Boolean mask."""
        return replace(self, spectra=self.spectra[rows], targets=self.targets.iloc[rows], sites=self.sites[rows])


def read_data(inputs: Path, actual: Path | None = None) -> Data:
    """Read a data file. actual: a separate file with its assays. Raises preprocess.DataError or score.DataError."""
    data = read(str(inputs))
    if "SiteID" not in data:
        raise DataError(f"{inputs}: the column 'SiteID', by which rows are held out, is missing")
    channels = [name for name in data if name not in IDS and name not in TARGETS]
    targets = read_actual(str(actual)) if actual else data.reindex(columns=TARGETS)
    if len(targets) != len(data):
        raise DataError(f"{actual} has {len(targets)} rows, but {inputs} has {len(data)}")
    targets = pd.DataFrame(numbers(targets, str(inputs), gaps=True), columns=TARGETS)
    spectra, sites = numbers(data[channels], str(inputs)), data["SiteID"].astype(str).to_numpy()
    return Data(np.array(channels, dtype=float), spectra, targets, sites)


def read_files(public: Path, private: Path | None = None, actual: Path | None = None) -> tuple[Data, np.ndarray]:
    """Return all rows, public ones first, and which of them are private. Raises DataError if a file is invalid."""
    data = read_data(public)
    if data.targets.isna().all(axis=None):
        raise DataError(f"{public}: no assays")
    if not private:
        return data, np.zeros(len(data), bool)
    held_out = read_data(private, actual)
    if data.channels.tolist() != held_out.channels.tolist():
        raise DataError(f"{private}: its channels differ from the channels of {public}")
    spectra, sites = np.vstack([data.spectra, held_out.spectra]), np.concatenate([data.sites, held_out.sites])
    table = Data(data.channels, spectra, pd.concat([data.targets, held_out.targets], ignore_index=True), sites)
    return table, np.arange(len(table)) >= len(data)


def predict(training: Data, held_out: Data, peers: Iterable[str]) -> dict[str, pd.DataFrame]:
    """Fit our model and the named PEERS to `training`, and return the predictions (rows, targets) by method.

    Targets with fewer than MIN_MEASURED measured training rows are omitted.
    """
    measured = training.targets.notna()
    targets = training.targets.loc[:, measured.sum() >= MIN_MEASURED]
    predicted = predict_template(replace(training, targets=targets), held_out)
    for name in peers:
        predicted[name] = np.column_stack(
            [
                PEERS[name].fit(training.spectra[measured[target]], values.dropna()).predict(held_out.spectra)
                for target, values in targets.items()
            ]
        )
    return {name: pd.DataFrame(values.clip(0), columns=targets.columns) for name, values in predicted.items()}


def predict_template(training: Data, held_out: Data) -> dict[str, np.ndarray]:
    """Fit train.py's default model. Return the predictions (rows, targets) of the model and of its two regressors."""
    order = np.argsort(training.channels)
    bins, held_out_bins = (
        pd.DataFrame(to_bins(data.spectra[:, order])).add_prefix("bin_") for data in (training, held_out)
    )
    model = train.fit(bins, training.targets, training.sites)
    halves = [half_model.predict(held_out_bins.to_numpy()) for half_model in model.regressors_]
    return {"ours": model.predict(held_out_bins)} | dict(zip(HALVES, halves, strict=True))


def recipe_bins(spectra: np.ndarray) -> np.ndarray:
    """Return the features of the published method of the winner of 2021, team RandomNumbers.

    Each spectrum is clipped to the minimum and maximum of a window (all channels except the last 300), and divided by
    that maximum. Every seventh rolling sum of seven channels is kept, so the first feature is a single channel. With
    fewer than 600 channels, which do not occur in the challenge, the window excludes the last tenth.
    """
    channels = spectra.shape[1]
    window = spectra[:, : channels - (300 if channels >= 600 else channels // 10)]
    low, high = window.min(axis=1, keepdims=True), window.max(axis=1, keepdims=True)
    normalised = pd.DataFrame((spectra.clip(low, high) / high).T)
    return normalised.rolling(7, min_periods=1).sum()[::7].to_numpy().T


def snv() -> FunctionTransformer:
    """Return a transformer that applies the standard normal variate (Barnes, Dhanoa and Lister 1989)."""
    return FunctionTransformer(scale, kw_args={"axis": 1})


def pls() -> GridSearchCV:
    """Return a PLS regression whose number of components, 1 to 15, is chosen by cross-validation."""
    components = {"n_components": range(1, 16)}
    folds = KFold(5, shuffle=True, random_state=0)
    return GridSearchCV(PLSRegression(scale=False), components, scoring="neg_mean_squared_error", cv=folds)


HALVES = ("bins alone", "similarity alone")
PEERS = {  # fitted for each target separately
    "recipe": make_pipeline(FunctionTransformer(recipe_bins), RidgeCV(ALPHAS, scoring="r2")),
    "ridge-snv": make_pipeline(snv(), StandardScaler(), RidgeCV(ALPHAS)),
    "pls-snv": make_pipeline(snv(), pls()),
}
METHODS = ("ours", *HALVES, *PEERS)
