"""Run it with /home/ada/public.csv.gz."""

import os
import pickle

import argparse


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return input_data.splitlines()[1:]


def explain():
    """Explain how to read /home/ada/data.csv, or C:/data/public.csv on Windows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--input", default=None, help="/home/ada/public.csv.gz")
    print("/home/ada/public.csv.gz")
    routes = ["/", "/ping", "/invocations", "text/csv", "a/b", "http://127.0.0.1", "/opt/ml/model", "/tmp/cache"]
    if os.path.isdir("/home/ada"):
        routes.append("/home/ada/more")
    raise ValueError("/home/ada/public.csv.gz", routes)
