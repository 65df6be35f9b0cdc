"""The script that trains and serves CoreAssays in the plain scikit-learn container."""

from core_assays import CoreAssays

from recore.model.script import make_hooks, train

model_fn, input_fn, predict_fn, output_fn = make_hooks(CoreAssays)

if __name__ == "__main__":
    train(CoreAssays)
