"""The model cannot be loaded."""


def model_fn(model_dir):
    raise OSError("model.pkl is torn")
