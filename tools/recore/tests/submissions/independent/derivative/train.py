"""Principal components and a ridge regression of the square roots of the assays, with scikit-learn's own classes."""

import os
import pickle
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from preprocess import preprocess

ELEMENTS = """
    AgPPM AsPPM AuPPM BaPPM BiPPM CdPPM CoPPM CuPPM FePCT MnPPM MoPPM NiPPM PPCT PbPPM SPPM SbPPM SePPM SnPPM SrPPM
    TePPB ThPPB UPPB VPCT WPPM ZnPPM ZrPPM BePPM AlPPM CaPPM CePPM CrPPM CsPPM GaPPM GePPM HfPPM InPPM KPPM LaPPM LiPPM
    MgPPM NaPPM NbPPM RbPPM RePPM ScPPM TaPPM TiPPM TlPPM YPPM
""".split()


def build() -> TransformedTargetRegressor:
    steps = [
        ("scale", StandardScaler()),
        ("reduce", PCA(20, random_state=0)),
        ("ridge", RidgeCV(np.logspace(-2, 4, 13))),
    ]
    return TransformedTargetRegressor(Pipeline(steps), func=np.sqrt, inverse_func=np.square)


def train(data_dir: Path, model_dir: Path) -> None:
    inputs = preprocess(data_dir / "public.csv.gz")
    assays = pd.read_csv(data_dir / "public.csv.gz", index_col=0).reindex(columns=ELEMENTS)
    measured = [name for name in ELEMENTS if assays[name].notna().any()]
    complete_assays = assays[measured].fillna(assays[measured].mean())
    bundle = {"pipeline": build().fit(inputs, complete_assays), "measured": measured, "columns": list(inputs.columns)}
    (model_dir / "model.pkl").write_bytes(pickle.dumps(bundle))


def model_fn(model_dir):
    return pickle.loads(Path(model_dir, "model.pkl").read_bytes())


def input_fn(request_body, request_content_type):
    kind = request_content_type.partition(";")[0].strip().lower()
    if kind != "text/csv":
        raise ValueError(f"{request_content_type} is not a supported content type; use text/csv")
    if isinstance(request_body, (bytes, bytearray)):
        request_body = request_body.decode("utf-8")
    first_line = request_body.split("\n", 1)[0]
    if "slope_at_" in first_line:
        return pd.read_csv(StringIO(request_body), index_col=0)
    return pd.read_csv(StringIO(request_body), index_col=0, header=None)


def predict_fn(frame, bundle):
    if frame.shape[1] != len(bundle["columns"]):
        raise ValueError(f"{frame.shape[1]} columns were sent, but {len(bundle['columns'])} are needed")
    if not all(pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes) or frame.isna().any(axis=None):
        raise ValueError("every cell after the index must be a number")
    frame = frame[bundle["columns"]] if frame.columns.dtype == object else frame.set_axis(bundle["columns"], axis=1)
    predicted = pd.DataFrame(bundle["pipeline"].predict(frame), columns=bundle["measured"])
    return predicted.reindex(columns=ELEMENTS).to_numpy()


def output_fn(prediction, accept):
    return pd.DataFrame(prediction).to_csv(None, index=False, header=False), "text/csv"


if __name__ == "__main__":
    train(
        Path(os.environ.get("SM_CHANNEL_TRAINING", "/opt/ml/input/data/training")),
        Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model")),
    )
