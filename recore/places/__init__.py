"""Where the AWS calls go: the embedded simulator, a simulator that runs elsewhere, or AWS. boto3 clients for each."""

from recore.places.place import IMAGE, Place, PlaceError, PlaceSettings, Services, open_place

__all__ = ["IMAGE", "Place", "PlaceError", "PlaceSettings", "Services", "open_place"]
