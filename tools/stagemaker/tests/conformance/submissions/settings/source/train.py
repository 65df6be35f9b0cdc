"""transform_fn instead of three hooks, a module and a file beside it, and parameters for Batch Transform."""

import json
import os
import time

import neighbour

loads = []


def model_fn(model_dir):
    loads.append(model_dir)
    return "the model"


def transform_fn(model, data, content_type, accept):
    if data == "sleep":
        time.sleep(20)
    if data == "work":  # keep the processor busy, so that the next request goes to the other worker
        sum(range(10_000_000))
    settings = {
        "model": model,
        "size": len(data),
        "content_type": content_type,
        "accept": accept,
        "process": os.getpid(),
        "loads": len(loads),
        "name": __name__,
        "neighbour": neighbour.ROCK,
        "file": neighbour.read(),
        "greeting": os.environ["GREETING"],
    }
    return json.dumps(settings), "application/json"


def execution_parameters_fn():
    return {"MaxConcurrentTransforms": 3, "BatchStrategy": "SINGLE_RECORD", "MaxPayloadInMB": 7}
