"""Write submissions as participants do: run `recore new`, then edit train.py."""

from dataclasses import dataclass
from pathlib import Path

from journeys.commands import run

RIDGE = """\
    from sklearn.linear_model import Ridge
    return Ridge(alpha).fit(inputs, targets)
"""
PLS = """\
    from sklearn.cross_decomposition import PLSRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    return make_pipeline(StandardScaler(), PLSRegression(2)).fit(inputs, targets)
"""
XGBOOST = """\
    from xgboost import XGBRegressor
    return XGBRegressor(n_estimators=3, n_jobs=1).fit(inputs, targets)
"""
JOBLIB = """\
    import joblib
    os.makedirs(model_dir, exist_ok=True)
    joblib.dump(model, os.path.join(model_dir, "model.joblib"))
"""
LOAD_JOBLIB = """\
    import joblib
    return joblib.load(os.path.join(model_dir, "model.joblib"))
"""


@dataclass
class Model:
    """The function bodies of a model, and its requirement, if any. An empty body keeps the template's function."""

    fit: str = RIDGE
    save: str = ""
    load: str = ""
    requirement: str = ""


MODELS = {
    "pickle": Model(),
    "joblib": Model(save=JOBLIB, load=LOAD_JOBLIB),
    "dictionary": Model(
        PLS,
        JOBLIB.replace("dump(model", 'dump({"model": model, "columns": list(model.feature_names_in_)}'),
        LOAD_JOBLIB.rstrip() + '["model"]\n',
    ),
    "arrays": Model(
        save="""\
    os.makedirs(model_dir, exist_ok=True)
    np.savez(os.path.join(model_dir, "model.npz"), coef=model.coef_, intercept=model.intercept_)
    with open(os.path.join(model_dir, "columns.txt"), "w") as file:
        file.write("\\n".join(model.feature_names_in_))
""",
        load="""\
    from sklearn.linear_model import Ridge
    model = Ridge()
    arrays = np.load(os.path.join(model_dir, "model.npz"))
    model.coef_, model.intercept_ = arrays["coef"], arrays["intercept"]
    with open(os.path.join(model_dir, "columns.txt")) as file:
        model.feature_names_in_ = np.array(file.read().split("\\n"), dtype=object)
    model.n_features_in_ = model.coef_.shape[1]
    return model
""",
    ),
    "xgboost": Model(
        XGBOOST,
        """\
    os.makedirs(model_dir, exist_ok=True)
    model.save_model(os.path.join(model_dir, "model.json"))
""",
        """\
    from xgboost import XGBRegressor
    model = XGBRegressor()
    model.load_model(os.path.join(model_dir, "model.json"))
    return model
""",
        "xgboost-cpu==3.4.1",
    ),
}


def write(folder: Path, model: Model) -> Path:
    """Write a submission with `recore new`, and put a model into train.py and requirements.txt."""
    run(f"recore new {folder.name}", folder.parent)
    signature = "inputs: pd.DataFrame, targets: pd.DataFrame, holes: np.ndarray, alpha: float = 1.0"
    replace_function(folder, "fit", f"def fit({signature}) -> Any:\n{model.fit}")
    if model.save:
        replace_function(folder, "save_model", f"def save_model(model: Any, model_dir: str) -> None:\n{model.save}")
        replace_function(folder, "model_fn", f"def model_fn(model_dir: str) -> Any:\n{model.load}")
    if model.requirement:
        with (folder / "requirements.txt").open("a") as file:
            file.write(f"{model.requirement}\n")
    return folder


def replace_function(folder: Path, name: str, source: str) -> None:
    script = folder / "train.py"
    head, tail = script.read_text().split(f"def {name}(", 1)
    script.write_text(f"{head}{source}\n\ndef {tail.split('\ndef ', 1)[1]}")


def add_to_main(folder: Path, statement: str) -> None:
    script = folder / "train.py"
    script.write_text(script.read_text().replace("\ndef hold_out(", f"    {statement}\n\n\ndef hold_out(", 1))
