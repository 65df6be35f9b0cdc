"""Each request says what a hook should return or raise."""

import os
import sys
import time

from sagemaker_inference.errors import BaseInferenceToolkitError

waiting = set()


class Response:
    """A WSGI application, like the response objects of Flask and Werkzeug."""

    def __call__(self, environ, start_response):
        start_response("202 Accepted", [("Content-Type", "text/x-rock"), ("X-Rock", "basalt")])
        return [b"from a ", b"response"]


ANSWERS = {
    "text": "copper é",
    "empty text": "",
    "bytes": b"\xff\x00",
    "bytearray": bytearray(b"ab"),
    "typed csv": ("1,2\n", "text/csv"),
    "typed json": ("[1]", "application/json"),
    "typed bytes": (b"\xff\x00", "application/x-rock"),
    "dictionary": {"Cu": 1.5, "Ag": None},
    "list": [1, 2.5],
    "response": Response(),
    "none": None,
    "number": 1.5,
}


def model_fn(model_dir):
    return None


def input_fn(data, content_type):
    if data == "input_fn raises":
        raise ValueError("no copper in it")
    if data == "the toolkit's own error":
        raise BaseInferenceToolkitError(422, "too few columns", "Unprocessable")
    if data == "exit":
        sys.exit("the hook called exit")
    return data


def predict_fn(inputs, model):
    if inputs == "predict_fn raises":
        raise KeyError("CuPPM")
    if inputs in ("first", "second"):
        return wait_for_other_request(inputs)
    return inputs


def output_fn(prediction, accept):
    if prediction == "output_fn raises":
        raise RuntimeError("no such format")
    if prediction == "process":
        return str(os.getpid())
    if prediction == "parts":
        return iter(["1,2\n", "3,4\n"])
    return ANSWERS.get(prediction, prediction)


def wait_for_other_request(name):
    """Wait up to two seconds for this process to run the other request, too. Return "met" if it does, else "alone"."""
    waiting.add(name)
    deadline = time.monotonic() + 2
    while len(waiting) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    return "met" if len(waiting) == 2 else "alone"
