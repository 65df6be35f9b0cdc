"""Data files in the challenge's schema, as the methods need them: raw spectra, our model's inputs, assays, holes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
from preprocess import TARGETS, DataError, batches_of, channels_of, header_of, preprocess
from score import read_actual

LEAST_ROWS = 20  # with fewer, five folds within five folds are too small


@dataclass(frozen=True)
class Data:
    """Rows of public and private together.

    spectra: (rows, channels), absorbance by falling wavenumber. inputs: DataFrame (rows, bins), preprocessed by
    preprocess.py. targets: (rows, 49), NaN where not measured. sites, private: (rows,).
    """

    spectra: np.ndarray
    inputs: pd.DataFrame
    targets: np.ndarray
    sites: np.ndarray
    private: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: np.ndarray) -> Self:
        """Return some of the rows, by number or by mask."""
        parts = self.spectra[rows], self.inputs.iloc[rows], self.targets[rows], self.sites[rows], self.private[rows]
        return type(self)(*parts)

    def with_largest_groups(self, count: int) -> Self:
        """Return only the rows of the `count` largest public groups. Raises DataError if these have too few rows."""
        names, sizes = np.unique(self.sites[~self.private], return_counts=True)
        largest = names[np.argsort(-sizes, kind="stable")[:count]]
        rows = ~self.private & np.isin(self.sites, largest)
        if len(largest) < count:
            raise DataError(f"only {len(largest)} public groups (SiteID), but --groups needs {count}")
        if rows.sum() < LEAST_ROWS:
            raise DataError(f"{rows.sum()} rows in the {count} largest groups; {LEAST_ROWS} or more are needed")
        return self.take(rows)


def read(public: Path, private: Path | None = None, actual: Path | None = None) -> Data:
    """Read the rows of the public file, then those of the private one with their assays. Raises DataError."""
    spectra, sites, inputs, targets = read_file(public)
    if targets is None:
        raise DataError(f"{public}: it has no assay columns")
    held_back = np.zeros(len(targets), bool)
    if private and actual:
        more_spectra, more_sites, more_inputs, _ = read_file(private)
        if list(more_inputs.columns) != list(inputs.columns) or more_spectra.shape[1] != spectra.shape[1]:
            raise DataError(f"{private}: its channels differ from those of {public}")
        assays = read_actual(actual)
        if len(assays) != len(more_inputs):
            raise DataError(f"{actual} has {len(assays)} rows, but {private} has {len(more_inputs)}")
        spectra, sites = np.vstack([spectra, more_spectra]), np.concatenate([sites, more_sites])
        inputs, targets = pd.concat([inputs, more_inputs]), pd.concat([targets, assays])
        held_back = np.arange(len(targets)) >= len(held_back)
    if infinite := [name for name in TARGETS if np.isinf(targets[name]).any()]:
        raise DataError(f"{public}: column {infinite[0]!r}: an infinite value")
    if (targets.notna().sum() < 2).all():
        raise DataError(f"{public}: no target was measured twice, so there is nothing to score")
    if len(targets) < LEAST_ROWS:
        raise DataError(f"{public}: {len(targets)} rows; {LEAST_ROWS} or more are needed to compare methods")
    return Data(spectra, inputs, targets.to_numpy(float), sites, held_back)


def read_file(path: Path) -> tuple[np.ndarray, np.ndarray, pd.DataFrame, pd.DataFrame | None]:
    """Return spectra, holes, and preprocess.py's inputs and assays of one file."""
    inputs, targets = preprocess(path)
    header = header_of(path)
    if "SiteID" not in header:
        raise DataError(f"{path}: no column 'SiteID', the drill hole, to make folds by")
    channels = channels_of(header, path)
    types = {"SiteID": pa.string()} | dict.fromkeys(channels, pa.float64())
    table = pa.Table.from_batches(batches_of(path, header, types))
    spectra = np.column_stack([table[name].to_numpy() for name in channels])
    return spectra, table["SiteID"].to_numpy().astype(str), inputs, targets
