"""Does not respond to a request."""

import time


def predict_fn(inputs, means):
    time.sleep(600)
