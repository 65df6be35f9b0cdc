"""There is no model_fn, for which the image has no default."""


def predict_fn(data, model):
    return data
