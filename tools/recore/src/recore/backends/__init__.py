"""Backends that run the jobs: the embedded simulator (processes or Docker), a simulator at another endpoint, or AWS."""

from recore.backends.backend import IMAGE, Backend, BackendError, BackendSettings, Services, SimulatorGoneError
from recore.backends.selection import choose_isolation, is_third_party, open_backend, open_embedded
from stagemaker import ROLE_ARN
