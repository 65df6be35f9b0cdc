"""Write a table of houses and their prices, the training data for tools/recore/docs/model-classes-tutorial.md."""

import numpy as np
import pandas as pd

ROWS = 500


def write_house_prices(path):
    """Write a CSV file of houses: area (m2), rooms, age (years), distance to the centre (km), price (1,000 euros)."""
    random = np.random.default_rng(0)
    houses = pd.DataFrame(
        {
            "area": random.uniform(40, 200, ROWS).round(1),
            "rooms": random.integers(1, 7, ROWS),
            "age": random.uniform(0, 100, ROWS).round(),
            "distance": random.uniform(0, 30, ROWS).round(1),
        }
    )
    price = 80 + 2.5 * houses["area"] + 12 * houses["rooms"] - 0.6 * houses["age"] - 4 * houses["distance"]
    houses["price"] = (price + random.normal(0, 20, ROWS)).round(1)
    houses.to_csv(path, index=False)


if __name__ == "__main__":
    write_house_prices("house-prices.csv")
