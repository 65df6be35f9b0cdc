"""Step 2: writes IDs, summed channels and means of each drill hole, and the assays if the file has them."""

import argparse
import logging

import pandas as pd

logging.basicConfig(level=logging.INFO)
logger = logging.getLogger(__name__)

IDS = ["DepthTo", "SiteID", "DepthFrom"]
TARGETS = (
    "AgPPM AsPPM AuPPM BaPPM BiPPM CdPPM CoPPM CuPPM FePCT MnPPM MoPPM NiPPM PPCT PbPPM SPPM SbPPM SePPM "
    "SnPPM SrPPM TePPB ThPPB UPPB VPCT WPPM ZnPPM ZrPPM BePPM AlPPM CaPPM CePPM CrPPM CsPPM GaPPM GePPM "
    "HfPPM InPPM KPPM LaPPM LiPPM MgPPM NaPPM NbPPM RbPPM RePPM ScPPM TaPPM TiPPM TlPPM YPPM"
).split()


def preprocess(data_file):
    data = pd.read_csv(data_file, index_col=0)
    logger.info("%s has the shape %s", data_file, data.shape)
    try:
        targets = data[TARGETS]
        data = data.drop(columns=TARGETS)
    except KeyError:
        targets = None
    product = data["350"] * data["351"]
    channels = data.drop(columns=IDS)
    bins = channels.T.rolling(5, min_periods=1).sum().T.iloc[:, 4::5]
    means = bins.groupby(data["SiteID"]).transform("mean").add_suffix("_mean")
    parts = [data[IDS], product.rename("350*351"), bins, means]
    return pd.concat(parts if targets is None else [*parts, targets], axis=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--input", type=str, default="/opt/ml/processing/input/public/public.csv.gz")
    parser.add_argument("--output", type=str, default="/opt/ml/processing/output/preprocess/public.csv")
    args, _ = parser.parse_known_args()
    preprocess(args.input).to_csv(args.output)
