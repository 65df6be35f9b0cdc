"""A model of house prices with ML2P's interface."""

import json
import tempfile

import joblib
import pandas as pd
from create_house_prices_csv import write_house_prices
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split

from recore.model import Model, ModelDatasetGenerator, ModelPredictor, ModelTrainer

FILE = "house-prices.csv"


class HousePricesGenerator(ModelDatasetGenerator):
    def generate(self):
        """Write the table of houses, and upload it to the dataset."""
        with tempfile.TemporaryDirectory() as folder:
            write_house_prices(f"{folder}/{FILE}")
            self.upload_to_s3(f"{folder}/{FILE}")


class HousePricesTrainer(ModelTrainer):
    def train(self):
        """Fit a linear model to three quarters of the houses, and test it on the rest."""
        houses = pd.read_csv(self.env.dataset_folder() / FILE)
        training, test = train_test_split(houses, random_state=0)
        features = sorted(houses.columns.drop("price"))
        model = LinearRegression().fit(training[features], training["price"])
        error = mean_absolute_error(test["price"], model.predict(test[features]))
        print(f"mean absolute error: {error:.3f}")
        joblib.dump({"model": model, "features": features}, self.env.model_folder() / "model.joblib")
        validation = {"mean_absolute_error": round(error, 3)}
        (self.env.model_folder() / "validation.json").write_text(json.dumps(validation))


class HousePricesPredictor(ModelPredictor):
    def setup(self):
        """Load the model."""
        loaded = joblib.load(self.env.model_folder() / "model.joblib")
        self.model, self.features = loaded["model"], loaded["features"]

    def result(self, data):
        """Predict the price of a house."""
        return self.batch_result([data])[0]

    def batch_result(self, data):
        """Predict the prices of several houses at once."""
        houses = pd.DataFrame(data)[self.features]
        return [{"price": round(price, 3)} for price in self.model.predict(houses).tolist()]


class HousePrices(Model):
    DATASET_GENERATOR = HousePricesGenerator
    TRAINER = HousePricesTrainer
    PREDICTOR = HousePricesPredictor
