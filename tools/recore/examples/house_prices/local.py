"""Train the house-price model locally, and predict the price of a house.

Run it with the code's folder on Python's path: PYTHONPATH=src python local.py
"""

from pathlib import Path

from create_house_prices_csv import write_house_prices
from model import HousePrices

from recore.model import LocalEnv


def main():
    Path("local/input/data/training").mkdir(parents=True, exist_ok=True)
    env = LocalEnv("local", "ml2p.yml")
    write_house_prices(env.dataset_folder() / "house-prices.csv")
    env.clean_model_folder()
    HousePrices().trainer(env).train()
    predictor = HousePrices().predictor(env)
    predictor.setup()
    print(predictor.invoke({"area": 80, "rooms": 3, "age": 10, "distance": 5}))
    predictor.teardown()


if __name__ == "__main__":
    main()
