"""Sample data with missing assays, and runs: a good one, one whose private score fails, and one full of markup."""

import gzip
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from support.checkout import ROOT
from support.data_files import write_csv

from recore.dataset.sample_files import Plan, make_sample
from recore_support.run_command import file_options, run_recore
from recore_support.tiny_submission import TARGETS, stub

NOTE = "means of the training data\n<b>as a baseline</b>"
HOSTILE = "</script><script>document.title='broken'</script><a href='http://example.com'>&lt;%{x}</a><img src=x>"


def make_sample_with_gaps(folder: Path, rows: int, holes: int) -> None:
    """Write sample data in which two assays are missing in up to 20 rows of each file.

    Both are missing in the same rows, because the model fits targets measured in the same rows together.
    """
    make_sample(folder, Plan(rows=rows, holes=holes, channels=424, seed=7, missing=0))
    for path in (folder / "public/public.csv.gz", folder / "private/actual.csv.gz"):
        data = pd.read_csv(path, index_col=0, float_precision="round_trip")
        data.loc[data.index[::10][:20], ["AgPPM", "CuPPM"]] = np.nan
        write_csv(path, data)


class Runs:
    """Paths of the files that make_runs wrote: the submission, the data, both runs, and the good run's output."""

    def __init__(self, folder: Path):
        self.submission = folder / "mine"
        self.public, self.actual = folder / "public.csv", folder / "actual.csv"
        self.good, self.failed = folder / "runs/good", folder / "runs/failed"
        self.stdout, self.stderr, self.commit = (folder / name for name in ("stdout", "stderr", "commit"))


def make_runs(folder: Path, sample: Path) -> None:
    """Make two runs of the tiny submission: one on valid data, one with a private assay that is not a number.

    Private assays have many digits, so that a test can recognise them anywhere. The private spectra are gzipped; the
    public data and the private assays are not.
    """
    submission = stub(folder / "mine")
    public = folder / "public.csv"
    public.write_bytes(gzip.decompress((sample / "public/public.csv.gz").read_bytes()))
    actual = pd.read_csv(sample / "private/actual.csv.gz", index_col=0)
    actual[list(TARGETS)] *= 1 + 1e-4 * np.random.default_rng(0).random((len(actual), len(TARGETS)))
    actual.to_csv(folder / "actual.csv")
    options = [*file_options(sample, "private"), "--public", public, "--actual", folder / "actual.csv"]
    (folder / "commit").write_bytes(subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=ROOT))
    result = run_recore(submission, *options, "--out", folder / "runs/good", "--note", NOTE)
    assert result.returncode == 0, result.stderr
    (folder / "stdout").write_text(result.stdout)
    (folder / "stderr").write_text(result.stderr)
    invalid_assays = actual.astype({"CuPPM": object})
    invalid_assays.iloc[3, invalid_assays.columns.get_loc("CuPPM")] = "7731.n.d."
    options[-1] = write_csv(folder / "wrong.csv.gz", invalid_assays)
    result = run_recore(submission, *options, "--out", folder / "runs/failed")
    assert result.returncode == 1, result.stderr


def read_numbers(run: Path, name: str) -> pd.DataFrame:
    """Read a CSV file from a run's report."""
    return pd.read_csv(run / f"report/{name}.csv", float_precision="round_trip")


def change_record(run: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """Apply `change` to a run's record, and return the run's folder."""
    record = json.loads((run / "run.json").read_text())
    change(record)
    (run / "run.json").write_text(json.dumps(record))
    return run


def make_hostile(run: Path, sample: Path) -> Path:
    """Put markup wherever a report shows text from a run: names, reasons, logs, holes and neighbouring runs."""
    name = HOSTILE.replace("/", "\\")
    public = pd.read_csv(sample / "public/public.csv.gz", index_col=0, dtype=str)
    data = write_csv(run.parent / f"{name}.csv.gz", public.assign(SiteID=HOSTILE))

    def change(record: dict[str, Any]) -> None:
        record["data"]["public"] = {"path": str(data), "sha256": hashlib.sha256(data.read_bytes()).hexdigest()}
        record["submission"]["path"] = record["endpoint"] = record["isolation"] = HOSTILE
        record["versions"]["recore"] = record["settings"]["training"]["type"] = HOSTILE
        record["steps"][5] |= {"state": "Failed", "reason": HOSTILE, "kind": HOSTILE}
        record["steps"][6]["state"] = HOSTILE
        record["state"] = "Failed"

    change_record(run, change)
    (run / "logs/private-preprocess.log").write_text(f"{HOSTILE}\n\x1b[31m{HOSTILE}\n")
    for neighbour in (name, f"{name}\x1b[31m"):
        shutil.copytree(run, run.parent / neighbour)
        change_record(
            run.parent / neighbour, lambda record: record["scores"]["private"]["r2"].update(CuPPM=0.9, AuPPM=0.9)
        )
    return run
