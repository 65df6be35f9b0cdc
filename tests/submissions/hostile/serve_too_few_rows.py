"""Responds with one row, whatever is asked."""


def predict_fn(inputs, means):
    return [means]
