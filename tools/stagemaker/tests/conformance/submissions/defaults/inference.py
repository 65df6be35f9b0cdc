"""model_fn is the only hook. The image's default hooks do the rest."""

import numpy as np

# The prediction for each single number. Any other input is returned unchanged.
PREDICTIONS = {
    0: np.array(["basalt, grey", 'so-called "ore"', "plain"]),
    1: np.float32(1.5),
    2: np.arange(8.0).reshape(2, 2, 2),
    3: [[1, 2.5], [3, 4]],
    4: np.array([0.1, 1 / 3], dtype=np.float32),
    5: np.array([True, False]),
    6: None,
    7: np.array([[1.0, np.nan]]),
}


class Model:
    def predict(self, data):
        return PREDICTIONS[int(data)] if data.shape == () else data


def model_fn(model_dir):
    return Model()
