"""A project: what its file ml2p.yml says, and clients of the place where its resources are."""

import difflib
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore import xform_name

from recore.model.core import S3URL, ModellingSubCfg
from recore.model.errors import ConfigError
from recore.model.project_file import read_project_file
from recore.model.uploads import make_s3_client

SECTIONS = ("defaults", "dataset", "train", "deploy", "notebook")
KEYS = ("project", "s3folder", "models", *SECTIONS)
SETTINGS = (
    # of ML2P
    *("image", "role", "instance_type", "vpc_config", "record_invokes", "volume_size", "direct_internet_access"),
    *("repo_url", "repo_branch", "repo_secret_arn", "security_group_ids", "subnet_id", "on_start", "on_create"),
    # of this package
    *("source_dir", "packages", "hyperparameters", "metric_definitions"),
)
TAG = "ml2p-project"


class Project:
    """cfg: the path of the project file. session: of boto3, by default its default session.

    Raises ConfigError if the file is invalid, or a name in it looks like a mistyped one.
    """

    def __init__(self, cfg: str | os.PathLike[str], session: Any = None):
        self.file, self.session = Path(cfg), session or boto3
        self._settings = read_project_file(cfg)
        self.name: str = self._settings["project"]
        self.s3 = S3URL(self._settings["s3folder"])
        self._check_names(self._settings, KEYS, "the file")
        for name in SECTIONS:
            self._check_names(self._mapping(name), SETTINGS, f"the section {name!r}")

    @cached_property
    def s3_client(self) -> Any:
        """boto3's client for S3."""
        return make_s3_client(self.session)

    @cached_property
    def sagemaker(self) -> Any:
        """boto3's client for SageMaker."""
        return self.session.client("sagemaker")

    def full_name(self, name: str) -> str:
        """Return the name of a resource in the account, where several projects may have one of this name."""
        return f"{self.name}-{name}"

    def owns(self, full_name: str) -> bool:
        """Whether a resource in the account is one of this project's, by its name."""
        return full_name.startswith(self.full_name(""))

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """Return SageMaker's answer to a request. operation: in the API, such as CreateModel."""
        answer: dict[str, Any] = getattr(self.sagemaker, xform_name(operation))(**request)
        return answer

    def tags(self) -> list[dict[str, str]]:
        """Return the tags of all resources of the project."""
        return [{"Key": TAG, "Value": self.name}]

    def variables(self, model_class: str | None) -> dict[str, str]:
        """Return the variables of all jobs and servers. model_class: its dotted name, if the image does not name it."""
        variables = {"ML2P_PROJECT": self.name, "ML2P_S3_URL": self.s3.url()}
        return variables | ({"ML2P_MODEL_CLS": model_class} if model_class else {})

    def setting(self, section: str, key: str, default: Any = None) -> Any:
        """Return a setting of a section, or of the section `defaults`."""
        return ModellingSubCfg(self._settings, section).get(key, default)

    def text(self, section: str, key: str) -> str:
        """Return a setting that must be there and be a text. Raises ConfigError."""
        value = self.setting(section, key)
        if value is None:
            raise ConfigError(f"{self.file} has no {key!r} in the section {section!r} or in 'defaults'")
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{self.file}: {key!r} in the section {section!r} must be a string, not {value!r}")
        return value

    def texts(self, section: str, key: str) -> list[str]:
        """Return a setting that is a list of texts; empty if it is missing. Raises ConfigError."""
        value = self.setting(section, key) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(
                f"{self.file}: {key!r} in the section {section!r} must be a list of strings, not {value!r}"
            )
        return value

    def mapping(self, section: str, key: str) -> dict[str, Any]:
        """Return a setting that is a mapping; empty if it is missing. Raises ConfigError."""
        value = self.setting(section, key) or {}
        if not isinstance(value, Mapping):
            raise ConfigError(f"{self.file}: {key!r} in the section {section!r} must be a mapping, not {value!r}")
        return dict(value)

    def flag(self, section: str, key: str) -> bool:
        """Return a setting that is true or false; false if it is missing. Raises ConfigError."""
        value = self.setting(section, key, False)
        if not isinstance(value, bool):
            raise ConfigError(f"{self.file}: {key!r} in the section {section!r} must be true or false, not {value!r}")
        return value

    def network(self, section: str) -> dict[str, Any]:
        """Return the member VpcConfig of a request, if the section has a `vpc_config`. Raises ConfigError."""
        config = self.mapping(section, "vpc_config")
        if not config:
            return {}
        groups, subnets = config.get("security_groups"), config.get("subnets")
        if not (isinstance(groups, list) and groups and isinstance(subnets, list) and subnets):
            raise ConfigError(
                f"{self.file}: 'vpc_config' in the section {section!r} needs the lists 'security_groups' and 'subnets'"
            )
        return {"VpcConfig": {"SecurityGroupIds": groups, "Subnets": subnets}}

    def model_settings(self, model_type: str | None) -> Any:
        """Return what the section `models` says of a type: the dotted name of a class, or a mapping of containers.

        If the file lists one type, it is the default; None if it lists none. Raises ConfigError if there is no such
        type, or several to choose from.
        """
        types = self._mapping("models")
        if model_type is None and len(types) > 1:
            raise ConfigError(f"{self.file} lists several models ({', '.join(types)}): choose one with --model-type")
        if model_type is None:
            return next(iter(types.values()), None)
        if model_type not in types:
            known = f"it lists {', '.join(types)}" if types else "it lists none"
            raise ConfigError(f"{self.file} has no model {model_type!r} in the section 'models': {known}")
        return types[model_type]

    def model_class(self, model_type: str | None) -> str | None:
        """Return the dotted name of the class of a type; None if the file lists no types, so that the image names it.

        Raises ConfigError if there is no such type, or several to choose from.
        """
        name = self.model_settings(model_type)
        if isinstance(name, Mapping):
            name = (name.get("model-defaults") or {}).get("cls")
        if name is not None and not isinstance(name, str):
            raise ConfigError(
                f"{self.file}: a model in the section 'models' must be the dotted name of a class, not {name!r}"
            )
        return name

    def _mapping(self, name: str) -> dict[str, Any]:
        value = self._settings.get(name) or {}
        if not isinstance(value, Mapping):
            raise ConfigError(f"{self.file}: the section {name!r} must be a mapping, not {value!r}")
        return dict(value)

    def _check_names(self, names: Mapping[Any, Any], known: tuple[str, ...], place: str) -> None:
        """Other names are allowed, as programs of the project's own may read them; not those that look like typos."""
        for name in names:
            close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.8)
            if name not in known and close:
                raise ConfigError(f"{self.file}: there is no key {name!r} in {place}: did you mean {close[0]!r}?")
