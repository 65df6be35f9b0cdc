"""A model class by its dotted name."""

import importlib
from typing import Any

from .classes import Model


class ModelClassError(ImportError):
    """There is no such class, or it is not a model."""


def import_string(name: str) -> Any:
    """Return the class, or whatever else it is, with a dotted name such as package.module.Class.

    Raises ModelClassError if there is no such module or it has no such name. What the module raises when it is
    imported is not caught.
    """
    module_name, _, attribute = name.rpartition(".")
    if not module_name or not all(part.isidentifier() for part in name.split(".")):
        raise ModelClassError(f"{name!r} is not a dotted name such as package.module.Class")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # a module that it imports is missing
        raise ModelClassError(f"{name!r} cannot be imported: there is no module {error.name!r}") from error
    if not hasattr(module, attribute):
        raise ModelClassError(f"{name!r} cannot be imported: the module {module_name!r} has no {attribute!r}")
    return getattr(module, attribute)


def load_model(name: str) -> Model:
    """Return an instance of the model class with a dotted name. Raises ModelClassError if it is not such a class."""
    model = import_string(name)
    if not isinstance(model, type) or not issubclass(model, Model):
        raise ModelClassError(f"{name!r} is not a model class: it must be a subclass of Model")
    return model()
