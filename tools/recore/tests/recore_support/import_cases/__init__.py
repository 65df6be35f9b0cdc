"""Made-up input files for `recore import`, each with its expected result written down beforehand.

The expected results are those of a careful laboratory manager: the numbers in a file, or the question that it raises.
They were computed here, not by recore.
"""

from recore_support.import_cases import assay_tables, axes, formats

CASES = [
    *axes.AXES,
    *axes.QUANTITIES,
    *formats.PROGRAMS,
    *formats.MARKS,
    *formats.NAMES,
    *formats.REJECTED,
    *assay_tables.HEADER_CASES,
    *assay_tables.MARK_CASES,
    *assay_tables.COMPANION_CASES,
    *assay_tables.JOINS,
]
