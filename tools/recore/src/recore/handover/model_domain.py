"""What the model was trained on, and so for which samples its figures hold."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from recore.data_file import as_csv_gz
from recore.evaluation import sha256_of
from recore.handover.run_files import HandedRun
from recore.production.client_spectra import usual_outside
from recore.production.containers import domain
from recore.spectral_data import rows_by_group


@dataclass(frozen=True)
class ModelDomain:
    """reference: of the spectra; None if they cannot be compared, for this reason. inside: the share of the training
    spectra that are inside a domain that was fitted without their holes. private: the rows of the private data that are
    inside and all of them, None if the file is not there. holes: the rows of each hole, the most first.
    """

    reference: dict[str, Any] | None
    reason: str
    inside: float
    private: tuple[int, int] | None
    holes: list[tuple[str, int]]


def measure_domain(run: HandedRun) -> ModelDomain:
    holes = [(str(name), len(rows)) for name, rows in rows_by_group(run.data.hole).items()]
    holes.sort(key=lambda each: -each[1])
    reference = run.trained.reference
    if not reference:
        return ModelDomain(None, run.trained.reasons["domain.json"], math.nan, None, holes)
    return ModelDomain(reference, "", 1 - usual_outside(reference), _count_private(run, reference), holes)


def _count_private(run: HandedRun, reference: dict[str, Any]) -> tuple[int, int] | None:
    """How many private spectra are inside; None if the file is not there or is not the run's."""
    recorded, sha256 = run.record.data.get("private", ("", None))
    path = run.record.started_in / recorded
    if not recorded or not path.is_file() or sha256_of(path) != sha256:
        return None
    try:
        with as_csv_gz(path) as packed:
            wavenumbers, spectra, _ = domain.read_spectra(packed)
        described = domain.Domain(reference, np.asarray(wavenumbers).tolist()).describe(spectra)
    except domain.DomainError:
        return None
    return sum(1 for each in described if each and each["inside"]), len(described)
