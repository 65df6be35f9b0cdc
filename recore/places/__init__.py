"""Where the AWS calls go: the embedded simulator, as processes or in Docker, another endpoint, or AWS."""

from recore.places.machine import has_docker_image, sandbox_works
from recore.places.opening import open_place
from recore.places.place import IMAGE, OpenPlace, PlaceError, PlaceSettings, Services
