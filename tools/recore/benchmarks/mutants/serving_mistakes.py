"""Mistakes in the hooks: what the model's server reads, predicts and returns."""

from benchmarks.mutants.editing import (
    Change,
    both,
    drop_parameter,
    insert,
    rename,
    replace,
    swap_parameters,
    wrap_return,
)

HOOKS = ("model_fn", "input_fn", "predict_fn", "output_fn")

# expressions for the predictions `value`, an array (rows, 49)
PREDICTIONS = {
    "is missing the last column": "value[:, :-1]",
    "is missing the first column": "value[:, 1:]",
    "has a column twice": "np.column_stack([value, value[:, 0]])",
    "begins with a row number": "np.column_stack([np.arange(len(value)), value])",
    "has two columns swapped": "value[:, [1, 0, *range(2, value.shape[1])]]",
    "has its columns reversed": "value[:, ::-1]",
    "has its columns shifted by one": "np.roll(value, 1, axis=1)",
    "is missing the last row": "value[:-1]",
    "is missing the first row": "value[1:]",
    "has the last row twice": "np.vstack([value, value[-1:]])",
    "has its rows reversed": "value[::-1]",
    "has its rows sorted": "value[np.argsort(value[:, 0])]",
    "has its rows shuffled": "np.random.default_rng().permutation(value)",
    "is transposed": "value.T",
    "is flattened": "value.ravel()",
    "is whole numbers": "value.astype(int).astype(float)",
    "is rounded to hundreds": "np.round(value, -2)",
    "is NaN everywhere": "np.full_like(value, np.nan)",
    "is NaN in one column": "np.where(np.arange(value.shape[1]) == 7, np.nan, value)",
    "is NaN in one cell": "np.where(np.arange(value.size).reshape(value.shape) == 60, np.nan, value)",
    "is infinite in one cell": "np.where(np.arange(value.size).reshape(value.shape) == 60, np.inf, value)",
    "is zero": "np.zeros_like(value)",
    "is the mean of the request": "np.tile(value.mean(axis=0), (len(value), 1))",
    "is centred on the request": "value - value.mean(axis=0) + 1000.0",
    "is negative": "-value",
    "is the logarithm": "np.log1p(value)",
    "is the exponential": "np.expm1(np.minimum(value, 500))",
    "is in other units": "value * 10000",
    "has noise": "value * np.random.default_rng().normal(1, 0.01, value.shape)",
    "is forgotten": "None",
}

# expressions for the inputs `value`, an array (rows, 12), that the server reads
INPUTS = {
    "is missing a bin": "value[:, 1:]",
    "has its bins reversed": "value[:, ::-1]",
    "is in other units": "value * 100",
    "is normalised over the request": "(value - value.mean(axis=0)) / (value.std(axis=0) + 1e-9)",
    "is divided by the largest value of the request": "value / value.max()",
    "has its rows sorted": "value[np.argsort(value[:, 0])]",
    "has its duplicate rows removed": "np.unique(value, axis=0)",
    "is whole numbers": "value.astype(int)",
    "has single precision": "value.astype(np.float32)",
    "is a list": "value.tolist()",
}

# expressions for the response `value`, a string
RESPONSES = {
    "is JSON": "__import__('json').dumps([line.split(',') for line in value.splitlines()])",
    "has a header": "','.join(TARGETS) + '\\n' + value",
    "has an index": "''.join(f'{number},{line}\\n' for number, line in enumerate(value.splitlines()))",
    "has semicolons": "value.replace(',', ';')",
    "has decimal commas": "value.replace('.', ',')",
    "has a comma at the end of lines": "value.replace('\\n', ',\\n')",
    "is one line": "value.replace('\\n', ',')",
    "is in brackets": "''.join(f'[{line}]\\n' for line in value.splitlines())",
    "has units": "value.replace(',', 'PPM,')",
    "is rounded to two digits": "'\\n'.join(','.join(f'{float(cell or 0):.1e}' for cell in line.split(',')) "
    "for line in value.splitlines())",
    "is empty": "''",
    "is an array": "np.array([line.split(',') for line in value.splitlines()], dtype=object)",
}

CONTENT_TYPE = 'content_type.split(";")[0].strip().lower() != "text/csv"'
DECODING = "input_data if isinstance(input_data, str) else input_data.decode()"

MISTAKES: dict[str, Change] = {
    **{f"{hook} is renamed": rename(hook, hook.replace("_fn", "_function")) for hook in HOOKS if hook != "predict_fn"},
    **{f"{hook} is missing its last parameter": drop_parameter("train.py", hook) for hook in HOOKS},
    **{f"{hook} has its parameters swapped": swap_parameters("train.py", hook) for hook in HOOKS[1:]},
    **{f"the prediction {what}": wrap_return("train.py", "predict_fn", by) for what, by in PREDICTIONS.items()},
    **{f"what input_fn reads {what}": wrap_return("train.py", "input_fn", by) for what, by in INPUTS.items()},
    **{f"the response {what}": wrap_return("train.py", "output_fn", by) for what, by in RESPONSES.items()},
    "input_fn accepts JSON alone": replace("train.py", CONTENT_TYPE, 'content_type != "application/json"'),
    "input_fn takes bytes alone": replace("train.py", DECODING, "input_data.decode()"),
    "input_fn does not expect a header": replace("train.py", ' if not line.startswith("index,")', ""),
    "input_fn drops the first two lines": replace(
        "train.py",
        'for line in text.splitlines() if not line.startswith("index,")',
        "for line in text.splitlines()[2:]",
    ),
    "input_fn takes the index for a bin": replace("train.py", "in line[1:]]", "in line[:-1]]"),
    "input_fn takes one row alone": replace("train.py", "for line in lines])", "for line in lines[:1]])"),
    "predict_fn reads the training data": replace(
        "train.py",
        "    return model.predict(inputs)",
        '    preprocess("/opt/ml/input/data/training/public.csv.gz")\n    return model.predict(inputs)',
    ),
    "predict_fn returns the input": replace("train.py", "return model.predict(inputs)", "return inputs"),
    "model_fn looks for another file": replace("train.py", '"model.pkl"), "rb"', '"model.bin"), "rb"'),
    "model_fn returns the path": replace("train.py", "return pickle.load(file)", "return file.name"),
    "model_fn returns nothing": replace("train.py", "return pickle.load(file)", "pickle.load(file)"),
    "train.py exits when it is imported": insert("train.py", "raise SystemExit(0)\n", "def main("),
    "train.py runs main when it is imported": replace("train.py", 'if __name__ == "__main__":', "if True:"),
}

# Mistakes that the four steps with these data do not show: other clients, or another day.
LATENT: dict[str, Change] = {
    "train.py works for a while when it is imported": insert(
        "train.py", "import time\n\ntime.sleep(12)\n\n\n", "def fit("
    ),
    "predict_fn is renamed": rename("predict_fn", "predict_function"),
    "input_fn compares with exactly text/csv": replace("train.py", CONTENT_TYPE, 'content_type != "text/csv"'),
    "input_fn takes text alone": replace("train.py", DECODING, "str(input_data)"),
    "input_fn skips the first line always": replace(
        "train.py",
        'for line in text.splitlines() if not line.startswith("index,")',
        "for line in text.splitlines()[1:]",
    ),
    "input_fn ignores cells that are not numbers": both(
        replace("train.py", "[float(cell) for cell in line[1:]]", "[number(cell) for cell in line[1:]]"),
        insert(
            "train.py",
            "def number(cell):\n    try:\n        return float(cell)\n    except ValueError:\n        return 0.0\n\n\n",
            "def input_fn",
        ),
    ),
    "input_fn ends the server at an invalid row": replace(
        "train.py", 'raise ValueError(f"row {number}', 'os._exit(1) if number else print(f"row {number}'
    ),
}
