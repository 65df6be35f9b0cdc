"""Opens the place that settings choose."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from recore.places.place import OpenPlace, PlaceError, PlaceSettings
from recore.places.remote import connect


def open_place(settings: PlaceSettings, show: Callable[[str], None]) -> AbstractContextManager[OpenPlace]:
    """Return a context manager for the place that the settings choose. show: called with lines about the work.

    Raises PlaceError if the settings exclude each other or do not lead to a place that can be used.
    """
    if settings.engine == "docker" or (settings.engine == "process" and not os.environ.get("AWS_ENDPOINT_URL")):
        if settings.role or settings.bucket:
            raise PlaceError("--role and --bucket are for --engine aws")
        from recore.places.embedded import open_embedded

        return open_embedded(settings, show)
    return nullcontext(connect(settings))
