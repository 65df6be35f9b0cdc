import argparse

import pandas as pd

GROUP = "SiteID"
ASSAYS = (
    "AgPPM AsPPM AuPPM BaPPM BiPPM CdPPM CoPPM CuPPM FePCT MnPPM MoPPM NiPPM PPCT PbPPM SPPM SbPPM SePPM "
    "SnPPM SrPPM TePPB ThPPB UPPB VPCT WPPM ZnPPM ZrPPM BePPM AlPPM CaPPM CePPM CrPPM CsPPM GaPPM GePPM "
    "HfPPM InPPM KPPM LaPPM LiPPM MgPPM NaPPM NbPPM RbPPM RePPM ScPPM TaPPM TiPPM TlPPM YPPM"
).split()


def preprocess(data_file):
    data = pd.read_csv(data_file, index_col=0)
    assays = [name for name in data if name in ASSAYS]
    channels = sorted((name for name in data if name[0].isdigit()), key=float)
    spectra = data[channels].T.rolling(15).mean().iloc[14::15]
    inputs = spectra.diff().iloc[1:].T.add_prefix("slope at ")
    return inputs, data[assays] if assays else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--input", default="/opt/ml/processing/input/public/public.csv.gz")
    parser.add_argument("--output", default="/opt/ml/processing/output/preprocess/public.csv")
    arguments, _ = parser.parse_known_args()
    preprocess(arguments.input)[0].to_csv(arguments.output)
