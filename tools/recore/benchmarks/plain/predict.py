"""Predict with the simplest code."""

import pickle
import sys

import pandas as pd
from preprocess import preprocess

with open(sys.argv[1], "rb") as file:
    model = pickle.load(file)
inputs, _ = preprocess(sys.argv[2])
pd.DataFrame(model.predict(inputs).clip(min=0)).to_csv(sys.argv[3], header=False, index=False)
