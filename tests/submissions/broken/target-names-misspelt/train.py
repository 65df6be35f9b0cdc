"""Steps 1 and 3."""

import os
import pickle


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return input_data.splitlines()[1:]


TARGETS = [
    "AgPPM",
    "AsPPM",
    "AuPPM",
    "BaPPM",
    "BiPPM",
    "CdPPM",
    "CoPPM",
    "CUPPM",
    "FePCT",
    "MnPPM",
    "MoPPM",
    "NiPPM",
    "PPCT",
    "PbPPM",
    "SPPM",
    "SbPPM",
    "SePPM",
    "SnPPM",
    "SrPPM",
    "TePPB",
    "ThPPB",
    "UPPB",
    "VPCT",
    "WPPM",
    "ZnPPM",
    "ZrPPM",
    "BePPM",
    "AlPPM",
    "CaPPM",
    "CePPM",
    "CrPPM",
    "CsPPM",
    "GaPPM",
    "GePPM",
    "HfPPM",
    "InPPM",
    "KPPM",
    "LaPPM",
    "LiPPM",
    "MgPPM",
    "NaPPM",
    "NbPPM",
    "RbPPM",
    "RePPM",
    "ScPPM",
    "TaPPM",
    "TiPPM",
    "TlPPM",
    "YPPM",
]
