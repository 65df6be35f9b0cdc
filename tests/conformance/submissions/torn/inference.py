"""The model does not load."""


def model_fn(model_dir):
    raise OSError("model.pkl is torn")
