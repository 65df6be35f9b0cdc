"""Rows by their group, for example their drill hole."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def rows_by_group(groups: NDArray[Any]) -> dict[str, NDArray[np.intp]]:
    """The row numbers of each group, in the order of the groups' first rows.

    groups: (rows,) the name of each row's group.
    """
    import pandas as pd

    if not len(groups):
        return {}
    codes, names = pd.factorize(groups)
    rows = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))[:-1]
    return dict(zip(names.tolist(), np.split(rows, ends), strict=True))
