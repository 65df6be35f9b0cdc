"""The default model's inputs, computed from raw data with pandas as docs/default-model.md describes."""

import numpy as np
import pandas as pd


def expected_bins(data: pd.DataFrame) -> np.ndarray:
    """Return the bins (rows, bins) of raw spectra: clipped, divided by their maximum, summed over seven channels,
    rounded."""
    channels = sorted((name for name in data if name[0].isdigit()), key=float)
    edge = min(100, len(channels) * 5 // 100)
    window = data[channels[edge : len(channels) - edge]]
    clipped = data[channels].clip(window.min(axis=1), window.max(axis=1), axis=0)
    normalised = clipped.div(window.max(axis=1), axis=0).to_numpy()
    return np.column_stack([normalised[:, end - 7 : end].sum(axis=1) for end in range(7, len(channels) + 1, 7)]).round(
        5
    )
