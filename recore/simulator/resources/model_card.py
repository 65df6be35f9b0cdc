"""The model card of a model package: a JSON document and its status."""

import json
from typing import Any

from recore.simulator.protocol.errors import ValidationException
from recore.simulator.state.records import Record

# what DescribeModelPackage answers of a card's content with IncludedData MetadataOnly
METADATA = {
    "model_overview": ("model_id", "model_name"),
    "intended_uses": ("risk_rating",),
    "model_package_details": ("model_package_group_name", "model_package_arn"),
}


def check_model_card(card: Record) -> None:
    """Raise ServiceError where the content of a card is not a JSON object."""
    if "ModelCardContent" in card and not isinstance(_parsed(card["ModelCardContent"]), dict):
        raise ValidationException("ModelCard: ModelCardContent must be a JSON object")


def metadata_only(card: Record) -> Record:
    """A card with the few members of its content that are never encrypted."""
    if "ModelCardContent" not in card:
        return card
    content: dict[str, Any] = {}
    for section, names in METADATA.items():
        members = _parsed(card["ModelCardContent"]).get(section)
        if isinstance(members, dict) and (kept := {name: members[name] for name in names if name in members}):
            content[section] = kept
    return card | {"ModelCardContent": json.dumps(content)}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
