"""fit() for train.py: a small neural network (PyTorch)."""

from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

BATCH = 128  # rows
torch.set_num_threads(1)  # so that the result does not depend on the number of CPUs


class NetworkRegressor(RegressorMixin, BaseEstimator):
    """A neural network with one hidden layer that predicts all targets at once.

    It is trained with AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019). With double
    precision, a request's other rows change only the last digits of a row's prediction.
    """

    def __init__(self, hidden: int, epochs: int, learning_rate: float, weight_decay: float, seed: int) -> None:
        self.hidden = hidden
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.seed = seed

    def fit(self, X: Any, Y: Any) -> Self:
        """Fit to X (rows, features) and Y (rows, targets); the loss ignores NaN (not measured)."""
        with np.errstate(invalid="ignore"):  # the mean of a target that was never measured
            self.scaler_ = StandardScaler().fit(np.asarray(Y, dtype=float))
        inputs = torch.as_tensor(np.asarray(X, dtype=float))
        targets = torch.as_tensor(self.scaler_.transform(np.asarray(Y, dtype=float)))
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            network = self._make_network(inputs.shape[1], targets.shape[1])
            self._minimise(network, inputs, targets)
        # arrays, because pickled tensors depend on PyTorch's version, and their bytes differ between runs
        self.weights_ = {name: weights.numpy() for name, weights in network.state_dict().items()}
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return predictions (rows, targets), with NaN for targets that were never measured."""
        inputs = torch.as_tensor(np.asarray(X, dtype=float))
        network = self._make_network(inputs.shape[1], len(self.scaler_.mean_))
        network.load_state_dict({name: torch.as_tensor(weights) for name, weights in self.weights_.items()})
        with torch.inference_mode():
            standardised = network(inputs)
        return self.scaler_.inverse_transform(standardised.numpy())

    def _make_network(self, features: int, targets: int) -> nn.Module:
        layers = nn.Linear(features, self.hidden), nn.Tanh(), nn.Linear(self.hidden, targets)
        return nn.Sequential(*layers).double()

    def _minimise(self, network: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Minimise the squared error for inputs (rows, features) and standardised targets (rows, targets)."""
        optimizer = torch.optim.AdamW(network.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)
        for _ in range(self.epochs):
            for rows in torch.randperm(len(inputs)).split(BATCH):
                errors = network(inputs[rows]) - targets[rows]
                loss = errors[~errors.isnan()].square().sum() / errors.numel()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()


def fit(
    inputs: pd.DataFrame,
    targets: pd.DataFrame,
    groups: np.ndarray,
    hidden: int = 64,
    epochs: int = 50,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.1,
    seed: int = 0,
) -> Any:
    """Fit a network for all targets to the standardised bins."""
    network = NetworkRegressor(hidden, epochs, learning_rate, weight_decay, seed)
    return make_pipeline(StandardScaler(), network).fit(inputs, targets)
