"""The plain way to score: read the entire data file for its 49 columns."""

import sys

import pandas as pd
from sklearn.metrics import r2_score

actual = pd.read_csv(sys.argv[1], index_col=0).iloc[:, -49:]
predicted = pd.read_csv(sys.argv[2], header=None)
print(r2_score(actual, predicted))
