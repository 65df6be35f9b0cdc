"""Tables of assays that are valid."""

import gzip
from pathlib import Path

import numpy as np

from recore.production.arrived_assays import read_assays
from recore.schema import TARGETS


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    lines = [
        "\ufeff,CuPPM,DepthTo, SiteID ,Lab,DepthFrom,AuPPM",
        "0,5,2.50,H1,x,1,",
        "",
        "1,NA,3,H1,x,2.5,0.25",
        "0,5,2.5,H1,x,1.0,",
    ]
    text = "\r\n".join(lines)
    plain_file, compressed = tmp_path / "assays.csv", tmp_path / "assays.csv.gz"
    plain_file.write_text(text, newline="")
    compressed.write_bytes(gzip.compress(text.encode()))
    for file in (plain_file, compressed):
        assays = read_assays(file)
        assert assays.joined_by == "SiteID and depths"
        assert assays.rows == {("H1", 1.0, 2.5): 0, ("H1", 2.5, 3.0): 1}
        assert assays.samples == [("H1", 1.0, 2.5), ("H1", 2.5, 3.0)]
        columns = [TARGETS.index(name) for name in ("CuPPM", "AuPPM")]
        np.testing.assert_array_equal(assays.values[:, columns], [[5, np.nan], [np.nan, 0.25]])
        assert np.isnan(np.delete(assays.values, columns, axis=1)).all()


def test_an_inference_id_is_preferred(tmp_path: Path) -> None:
    file = tmp_path / "assays.csv"
    file.write_text("InferenceId,SiteID,DepthFrom,DepthTo,ZnPPM\nfirst,H1,1,2,5\nsecond,,,,6\n")
    assays = read_assays(file)
    assert (assays.joined_by, assays.rows) == ("InferenceId", {"first": 0, "second": 1})
    assert assays.samples == [("H1", 1.0, 2.0), None]
