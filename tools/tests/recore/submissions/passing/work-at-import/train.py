"""Steps 1 and 3: training and prediction."""

import os
import pickle

import mdl


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return input_data.splitlines()[1:]


def main():
    return mdl.main()


if os.environ.get("SM_CHANNEL_TRAINING") and __name__ == "__main__":
    raise SystemExit(main())
