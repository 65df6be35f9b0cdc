"""Write spectra as OPUS files, and run `recore import` on them."""

from pathlib import Path

import numpy as np
import pandas as pd
from click.testing import CliRunner, Result

from recore.cli import main
from recore.dataset.importing import ImportOptions, ImportResult, import_files
from recore_support.opus_files import block, opus_bytes

X = np.linspace(4000, 600, 86)
TABLE = "sample,SiteID,DepthFrom,DepthTo,CuPPM,FePCT\nb,D1,0,1.5,120,3.1\na,D1,1.5,2,<0.5,\n"


def absorbance(x: np.ndarray, height: float = 1.0) -> np.ndarray:
    return 0.4 + height * np.exp(-(((x - 1050) / 120) ** 2)) + 0.3 * np.exp(-(((x - 3400) / 200) ** 2))


def write_opus(path: Path, height: float = 1.0, x: np.ndarray = X) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(opus_bytes(block("absorbance", absorbance(x, height), x[0], x[-1])))
    return path


def run_import(
    folder: Path, *files: str | Path, table: str = TABLE, **options: object
) -> tuple[ImportResult, pd.DataFrame | None]:
    """Import `files`, by default the folder spectra, together with an assay table unless `table` is empty."""
    out = folder / "out.csv.gz"
    out.unlink(missing_ok=True)
    if table:
        (folder / "assays.csv").write_text(table)
        options["assays"] = folder / "assays.csv"
    paths = tuple(folder / file for file in files or ("spectra",))
    result = import_files(ImportOptions(paths, out, **options))
    assert out.exists() == bool(result.rows)
    assert not list(folder.glob("*.part"))
    return result, pd.read_csv(out, index_col=0) if result.rows else None


def import_command(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["import", *map(str, arguments)])
