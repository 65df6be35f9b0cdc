"""Steps 1 and 3, with model_fn and input_fn alone: the server's own functions do the rest."""

import argparse
import logging
import sys
from io import StringIO
from os import getenv
from os.path import abspath, join

import pandas as pd
from bands import STRENGTHS
from joblib import dump, load
from preprocess import TARGETS, preprocess
from regressor import PositiveRidgeCV

logging.basicConfig(level=logging.INFO)
logger = logging.getLogger(__name__)

if abspath("/opt/ml/code") not in sys.path:
    sys.path.append(abspath("/opt/ml/code"))


def train(args):
    data = preprocess(join(args.data_dir, "public.csv.gz"))
    inputs = data.drop(columns=TARGETS)
    logger.info("training on %s", inputs.shape)
    model = PositiveRidgeCV(alphas=STRENGTHS, scoring="r2")
    save_model(model.fit(inputs, data[TARGETS]), args.model_dir)


def save_model(model, model_dir):
    dump(model, join(model_dir, "model.joblib"))


def model_fn(model_dir):
    return load(join(model_dir, "model.joblib"))


def input_fn(input_data, content_type):
    return pd.read_csv(StringIO(input_data), index_col=0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--model_dir", type=str, default=getenv("SM_MODEL_DIR", "/opt/ml/models"))
    parser.add_argument("--data_dir", type=str, default=getenv("SM_CHANNEL_TRAINING", "/opt/ml/input/data/training"))
    train(parser.parse_args())
