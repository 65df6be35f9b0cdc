"""Predicts infinity."""


def predict_fn(inputs, means):
    return [[float("inf")] * len(means) for _ in inputs]
