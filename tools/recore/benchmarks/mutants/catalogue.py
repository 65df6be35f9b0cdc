"""All mutants. KINDS describes what each is meant to be; check_mutants.py measures what it is."""

from benchmarks.mutants import preprocessing_mistakes, serving_mistakes, sound_changes, training_mistakes
from benchmarks.mutants.editing import Mutant

KINDS = {
    "mistake": "the four steps fail with it, or give other predictions than the model's author wants",
    "latent": "a mistake that the four steps with the sample do not show: with other clients, or the client's build",
    "equivalent": "the same submission, written otherwise",
    "other": "another good submission: other inputs or another model, and so another score",
}

TABLES = (
    ("mistake", training_mistakes.MISTAKES),
    ("mistake", preprocessing_mistakes.PREPROCESSING),
    ("mistake", serving_mistakes.MISTAKES),
    ("mistake", preprocessing_mistakes.PACKAGING),
    ("latent", serving_mistakes.LATENT),
    ("latent", preprocessing_mistakes.LATENT),
    ("equivalent", sound_changes.EQUIVALENT),
    ("other", sound_changes.OTHER),
)

MUTANTS = [Mutant(name, kind, change) for kind, table in TABLES for name, change in table.items()]
