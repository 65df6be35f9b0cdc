"""Responds with one column more than there are targets."""


def predict_fn(inputs, means):
    return [[*means, 1.0] for _ in inputs]
