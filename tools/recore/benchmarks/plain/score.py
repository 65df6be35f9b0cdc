"""Score with the simplest code, which reads the entire data file to get its 49 assay columns."""

import sys

import pandas as pd
from sklearn.metrics import r2_score

actual = pd.read_csv(sys.argv[1], index_col=0).iloc[:, -49:]
predicted = pd.read_csv(sys.argv[2], header=None)
print(r2_score(actual, predicted))
