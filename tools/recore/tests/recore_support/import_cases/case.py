"""A case: files, the options of an import, and the right answer, which is values, a question, or either."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

ANY = "any refusal"  # in the questions of a case: nothing written is right, whatever the reason

Assays = dict[str, list[float | str | None]]


@dataclass(frozen=True)
class Values:
    """The content of the data file: names of rows, wavenumbers (cm-1, falling), absorbance (rows, channels), assays.

    `assays` holds one value a row for each column of the schema; None is a missing assay.
    """

    index: list[str]
    wavenumbers: NDArray[np.float64]
    absorbance: NDArray[np.float64]
    assays: Assays = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """Files to import and the right answer.

    `files` maps names to contents. `assays` is the name of the assay table among them, and `like` that of a data file;
    the other files are spectra. `values` None: only one of the `questions` is right. `note`: a remark must contain it.
    `header`: of the column of assays that the case is about.
    """

    name: str
    files: dict[str, bytes]
    values: Values | None
    questions: frozenset[str] = frozenset()
    assays: str = ""
    like: str = ""
    options: dict[str, object] = field(default_factory=dict)
    note: str = ""
    header: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether only the values are right."""
        return self.values is not None and not self.questions

    def asks(self, *questions: str) -> "Case":
        """This case, if only a question is right."""
        return replace(self, values=None, questions=frozenset(questions))

    def or_asks(self, *questions: str) -> "Case":
        """This case, if a question is right, too."""
        return replace(self, questions=frozenset(questions))

    def with_options(self, **options: object) -> "Case":
        """This case with these options of the import."""
        name = ", ".join([self.name, *(f"{key} {value}" for key, value in options.items())])
        return replace(self, name=name, options={**self.options, **options})

    def notes(self, text: str) -> "Case":
        """This case, if a remark must contain `text`."""
        return replace(self, note=text)
