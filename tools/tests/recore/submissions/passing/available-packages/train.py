"""Steps 1 and 3: training and prediction."""

import os
import pickle

import importlib.util

import cv2
import joblib
import lightgbm
import xgboost
from threadpoolctl import threadpool_limits

try:
    import catboost
except ImportError:
    catboost = None
if importlib.util.find_spec("tabpfn"):
    import tabpfn


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return input_data.splitlines()[1:]


MODELS = (cv2, joblib, lightgbm, xgboost, threadpool_limits)
