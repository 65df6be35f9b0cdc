"""Fit a FourierRegression, and serve it with a single function."""

import json
import os
import pickle
import sys

import numpy as np
from fourier import FourierRegression

from preprocess import Reader

NAMES = (
    "AgPPM,AsPPM,AuPPM,BaPPM,BiPPM,CdPPM,CoPPM,CuPPM,FePCT,MnPPM,MoPPM,NiPPM,PPCT,PbPPM,SPPM,SbPPM,SePPM,SnPPM,SrPPM,"
    "TePPB,ThPPB,UPPB,VPCT,WPPM,ZnPPM,ZrPPM,BePPM,AlPPM,CaPPM,CePPM,CrPPM,CsPPM,GaPPM,GePPM,HfPPM,InPPM,KPPM,LaPPM,"
    "LiPPM,MgPPM,NaPPM,NbPPM,RbPPM,RePPM,ScPPM,TaPPM,TiPPM,TlPPM,YPPM"
).split(",")


class Settings:
    """The paths of the job's data and model."""

    def __init__(self):
        self.data = os.path.join(os.environ.get("SM_CHANNEL_TRAINING", "/opt/ml/input/data/training"), "public.csv.gz")
        self.model = os.environ.get("SM_MODEL_DIR", "/opt/ml/model")


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def transform_fn(model, body, content_type, accept):
    if content_type.split(";")[0].strip() != "text/csv":
        raise ValueError(f"content type {content_type!r} is not text/csv")
    content = body if isinstance(body, str) else bytes(body).decode()
    answer = []
    for index, line in enumerate(content.splitlines()):
        cells = line.split(",")[1:]
        if index == 0 and cells[0].startswith("snv"):
            continue
        if len(cells) != len(model.frequencies):
            raise ValueError(f"line {index + 1} has {len(cells)} numbers, not {len(model.frequencies)}")
        answer.append(model.predict(np.array([cells], dtype=float))[0])
    lines = (",".join("" if np.isnan(value) else f"{value!r}" for value in map(float, row)) for row in answer)
    return "".join(line + "\n" for line in lines)


def held_out(inputs, assays, holes):
    """Return predictions for ten groups of drill holes, each from a model that was not trained on the group."""
    groups = np.unique(holes, return_inverse=True)[1] % 10
    predicted = np.full(assays.shape, np.nan)
    for group in np.unique(groups):
        in_group = groups == group
        if not in_group.all():
            predicted[in_group] = (
                FourierRegression().fit(inputs[~in_group], assays[~in_group]).predict(inputs[in_group])
            )
    return predicted


def main():
    settings = Settings()
    reader = Reader(settings.data)
    inputs = reader.inputs()
    assays = np.array([[float(cell or "nan") for cell in reader.column(name)] for name in NAMES]).T
    model = FourierRegression().fit(inputs, assays)
    with open(os.path.join(settings.model, "model.pkl"), "wb") as file:
        pickle.dump(model, file)
    with open(os.path.join(settings.model, "held_out.csv"), "w") as file:
        file.write(",".join(["index", *NAMES]) + "\n")
        for name, row in zip(reader.index, held_out(inputs, assays, reader.column("SiteID")), strict=True):
            file.write(",".join([name, *("" if np.isnan(value) else str(value) for value in row)]) + "\n")
    json.dump({"rows": len(inputs)}, sys.stdout)


if __name__ == "__main__":
    main()
