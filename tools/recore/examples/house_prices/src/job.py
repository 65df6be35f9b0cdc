"""The script that trains and serves HousePrices in the plain scikit-learn container."""

from model import HousePrices

from recore.model.script import make_hooks, train

model_fn, input_fn, predict_fn, output_fn = make_hooks(HousePrices)

if __name__ == "__main__":
    train(HousePrices)
