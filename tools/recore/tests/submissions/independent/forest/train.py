"""A single random forest that predicts all assays."""

import argparse
import io
import os
import pickle

import numpy as np
import pandas as pd
from columns import ASSAYS
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import GroupKFold

from preprocess import load, make_inputs


def grow(inputs, assays, trees):
    forest = RandomForestRegressor(trees, min_samples_leaf=5, max_features=8, random_state=7)
    return forest.fit(inputs.to_numpy(), assays.fillna(assays.median()).fillna(0.0).to_numpy())


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(body, content_type):
    if not content_type.lower().startswith("text/csv"):
        raise ValueError(f"Unsupported content type {content_type}; send text/csv")
    content = body.decode("utf-8") if isinstance(body, bytes) else body
    header = 0 if "mean_" in content.partition("\n")[0] else None
    return pd.read_csv(io.StringIO(content), index_col=0, header=header).to_numpy(dtype=float)


def predict_fn(inputs, model):
    if inputs.shape[1] != model["forest"].n_features_in_ or np.isnan(inputs).any():
        raise ValueError(f"each row needs {model['forest'].n_features_in_} numbers after its index")
    predicted = model["forest"].predict(inputs)
    predicted[:, model["never"]] = np.nan
    return predicted


def output_fn(predicted, accept):
    return pd.DataFrame(predicted).to_csv(header=False, index=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data_dir", default=os.environ.get("SM_CHANNEL_TRAINING", "data/public"))
    parser.add_argument("--model_dir", default=os.environ.get("SM_MODEL_DIR", "model"))
    parser.add_argument("--trees", type=int, default=40)
    options, _ = parser.parse_known_args()

    data = load(os.path.join(options.data_dir, "public.csv.gz"))
    inputs, assays = make_inputs(data), data.reindex(columns=ASSAYS)
    held_out = pd.DataFrame(index=data.index, columns=ASSAYS, dtype=float)
    for training, fold in GroupKFold(3).split(inputs, groups=data["SiteID"]):
        forest = grow(inputs.iloc[training], assays.iloc[training], options.trees)
        held_out.iloc[fold] = forest.predict(inputs.iloc[fold].to_numpy())
    held_out.to_csv(os.path.join(options.model_dir, "held_out.csv"), index_label="index")

    model = {"forest": grow(inputs, assays, options.trees), "never": assays.isna().all().to_numpy()}
    with open(os.path.join(options.model_dir, "model.pkl"), "wb") as file:
        pickle.dump(model, file)
    print("grew", options.trees, "trees on", len(data), "samples")


if __name__ == "__main__":
    main()
