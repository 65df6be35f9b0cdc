"""Backends that run the jobs: the embedded simulator, as processes or in Docker, another endpoint, or AWS."""

from recore.places.opening import choose_isolation, is_strangers, open_embedded, open_place
from recore.places.place import IMAGE, OpenPlace, PlaceError, PlaceSettings, Services, SimulatorGoneError
from stagemaker import ROLE_ARN
