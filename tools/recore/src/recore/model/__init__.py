"""Models as classes: a single class generates a dataset, trains and predicts, locally, in Docker and on SageMaker.

The package imports nothing else from this repository, because it is copied into jobs' code archives.
"""

from . import core
from .core import *  # noqa: F403  the names are listed only in core
from .environment import __version__

__all__ = ["__version__"]
__all__ += core.__all__
