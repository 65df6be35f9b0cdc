"""Steps 1 and 3: training and prediction."""

import os
import pickle


def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)


def input_fn(input_data, content_type):
    return input_data.splitlines()[1:]


TARGETS = """
    AgPPM AsPPM AuPPM BaPPM BiPPM CdPPM CoPPM CuPPM FePCT MnPPM MoPPM NiPPM PPCT PbPPM SPPM SbPPM
    SePPM SnPPM SrPPM TePPB ThPPB UPPB VPCT WPPM ZnPPM ZrPPM BePPM AlPPM CaPPM CePPM CrPPM CsPPM
    GaPPM GePPM HfPPM InPPM KPPM LaPPM LiPPM MgPPM NaPPM NbPPM RbPPM RePPM ScPPM TaPPM TiPPM TlPPM
    YPPM
""".split()
WEIGHTS = {
    "RePPM": 0.01,
    "AsPPM": 0.01,
    "CaPPM": 0.01,
    "SPPM": 0.01,
    "KPPM": 0.01,
    "PPCT": 0.01,
    "AgPPM": 0.01,
    "AlPPM": 0.01,
    "TlPPM": 0.01,
    "CuPPM": 0.01,
    "GePPM": 0.01,
    "HfPPM": 0.01,
    "ThPPB": 0.01,
    "YPPM": 0.01,
    "CdPPM": 0.01,
    "LiPPM": 0.01,
    "NiPPM": 0.01,
    "WPPM": 0.01,
    "NaPPM": 0.01,
    "SbPPM": 0.01,
    "MoPPM": 0.01,
    "UPPB": 0.01,
    "TiPPM": 0.01,
    "BaPPM": 0.01,
    "MnPPM": 0.01,
    "BiPPM": 0.01,
    "NbPPM": 0.01,
    "RbPPM": 0.01,
    "MgPPM": 0.01,
    "SnPPM": 0.01,
    "CePPM": 0.01,
    "TaPPM": 0.01,
    "CoPPM": 0.01,
    "InPPM": 0.01,
    "SrPPM": 0.01,
    "FePCT": 0.01,
    "ScPPM": 0.01,
    "PbPPM": 0.01,
    "LaPPM": 0.01,
    "VPCT": 0.01,
    "CrPPM": 0.01,
    "TePPB": 0.01,
    "ZrPPM": 0.01,
    "CsPPM": 0.01,
    "GaPPM": 0.01,
    "SePPM": 0.01,
    "AuPPM": 0.01,
    "BePPM": 0.01,
    "ZnPPM": 0.01,
}
METALS = ["CuPPM", "AuPPM", "AgPPM"]
