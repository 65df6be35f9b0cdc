"""transform_fn together with one of the hooks that it replaces."""


def model_fn(model_dir):
    return None


def input_fn(data, content_type):
    return data


def transform_fn(model, data, content_type, accept):
    return data
