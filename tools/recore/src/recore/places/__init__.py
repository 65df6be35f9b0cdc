"""Backends that run the jobs: the embedded simulator, as processes or in Docker, another endpoint, or AWS."""

from recore.places.opening import choose_isolation, is_third_party, open_embedded, open_backend
from recore.places.place import IMAGE, Backend, BackendError, BackendSettings, Services, SimulatorGoneError
from stagemaker import ROLE_ARN
