"""Find the pickles in a model and the names that loading them would import. Nothing is unpickled."""

from recore.check.pickles.machine import EXTENSIONS
from recore.check.pickles.model_files import find_pickles, get_size, have_same_models, read_pickles
from recore.check.pickles.scanner import Pickle, scan

__all__ = ["EXTENSIONS", "Pickle", "find_pickles", "get_size", "have_same_models", "read_pickles", "scan"]
