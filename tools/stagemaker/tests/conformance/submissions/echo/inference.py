"""Every hook reports its arguments."""

import json


def model_fn(model_dir):
    return model_dir


def input_fn(data, content_type):
    content = data if isinstance(data, str) else data.decode("latin-1")
    return {"kind": type(data).__name__, "data": content, "content_type": content_type}


def predict_fn(inputs, model):
    return inputs | {"model": model}


def output_fn(prediction, accept):
    return json.dumps(prediction | {"accept": accept}), "application/json"
