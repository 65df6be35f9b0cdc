"""Find the pickles in a model and the names that loading them would import. Nothing is unpickled."""

from recore.check.pickles.machine import EXTENSIONS
from recore.check.pickles.model_files import find_pickles, read_pickles, same_models, size_of
from recore.check.pickles.scanner import Pickle, scan

__all__ = ["EXTENSIONS", "Pickle", "find_pickles", "read_pickles", "same_models", "scan", "size_of"]
