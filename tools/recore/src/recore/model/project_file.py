"""The project file ml2p.yml: a mapping of settings and sections."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .errors import ConfigError
from .s3_url import S3URL


class ModellingSubCfg:
    """A section of the project file; what it lacks is looked up in the section of defaults.

    cfg: the project file's content. section: its name. defaults: that of the other section, or None. Settings are read
    as attributes or items, and set as items, which does not change the file.
    """

    def __init__(self, cfg: Mapping[str, Any], section: str, defaults: str | None = "defaults"):
        self._settings: dict[str, Any] = {}
        for name in filter(None, (defaults, section)):
            settings = cfg.get(name) or {}
            if not isinstance(settings, Mapping):
                raise ConfigError(f"the section {name!r} of the project file is not a mapping")
            self._settings |= settings

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_settings"][name]
        except KeyError:
            raise AttributeError(f"the project file has no setting {name!r}") from None

    def __getitem__(self, name: str) -> Any:
        return self._settings[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._settings[name] = value

    def keys(self) -> list[str]:
        """Return the names of all settings, sorted."""
        return sorted(self._settings)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a setting, or the default if there is no such setting."""
        return self._settings.get(name, default)


def read_project_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the content of a project file.

    Raises ConfigError if it cannot be read, is not YAML, has no text for `project`, or no address on S3 for
    `s3folder`.
    """
    try:
        content = yaml.safe_load(Path(path).read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"the project file {path} could not be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: not UTF-8, a date such as 2026-02-30
        raise ConfigError(f"the project file {path} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"the project file {path} is not a mapping: it needs the keys project and s3folder")
    for key in ("project", "s3folder"):
        if not isinstance(content.get(key), str) or not content[key]:
            wrong = "has no key" if key not in content else "needs a string for the key"
            raise ConfigError(f"the project file {path} {wrong} {key!r}")
    try:
        S3URL(content["s3folder"])
    except ValueError as error:
        raise ConfigError(f"the key 's3folder' of the project file {path} is invalid: {error}") from error
    return content
