"""Models as classes: one class generates a dataset, trains and predicts, on this machine, in Docker and on SageMaker.

The package imports nothing else of this repository, because it travels in the code archive of a job.
"""

from . import core
from .core import *  # noqa: F403  core has the only list of these names
from .environment import __version__

__all__ = ["__version__"]
__all__ += core.__all__
