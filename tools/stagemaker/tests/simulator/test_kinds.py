"""The operations that each kind of resource implements, their documentation, and the behaviour that all kinds share."""

import operator
import re
from types import SimpleNamespace

import pytest
from stagemaker_support.documented_tables import assert_documented

from stagemaker.compute.ineffective_settings import UNUSED_SETTINGS
from stagemaker.protocol.errors import ServiceError
from stagemaker.protocol.service_model import sagemaker_model
from stagemaker.resources.pipeline_execution import PipelineExecutions
from stagemaker.resources.registry import KINDS, EmptyLists
from stagemaker.resources.resource import Resource
from stagemaker.resources.search import Searches
from stagemaker.resources.tags import Tags
from stagemaker.resources.training_job import TrainingJobs
from stagemaker.resources.tuning_job import TuningJobs
from stagemaker.state.records import Store


@pytest.mark.parametrize("kind", [TrainingJobs, TuningJobs, PipelineExecutions], ids=operator.attrgetter("kind"))
def test_a_job_that_has_ended_cannot_be_stopped(kind: type[Resource]) -> None:
    resource = kind(SimpleNamespace(store=Store()))
    resource.add({}, "one", **{f"{kind.kind}Status": "Stopped"})
    noun_phrase = re.sub("(?<!^)(?=[A-Z])", " ", kind.kind).lower()
    with pytest.raises(ServiceError, match=f"rejected because the {noun_phrase} is in status Stopped"):
        resource.handle(f"Stop{kind.kind}", {f"{kind.kind}Arn": resource.arn("one")})


def test_the_settings_without_effect_are_documented() -> None:
    parts = {reason: [each.partition(".") for each in settings.split()] for reason, settings in UNUSED_SETTINGS.items()}
    assert_documented(
        "\n".join(
            f"- {reason}: {', '.join(f'{kind} `{name}`' for kind, _, name in paths)}" for reason, paths in parts.items()
        )
    )


def test_the_docs_list_every_supported_operation() -> None:
    assert_documented(operations_table())


def test_the_table_covers_every_operation_of_the_service() -> None:
    *rows, last_row = operations_table().splitlines()
    named_operations = set(re.findall(r"`(\w+)`", "".join(rows)))
    other_nouns = re.findall(r"`(\w+)`", last_row)
    assert len(other_nouns) < 100
    for operation in set(sagemaker_model().operation_names) - named_operations - set(EmptyLists.operations()):
        assert any(noun.removesuffix("y") in operation for noun in other_nouns), operation
    assert not named_operations & set(other_nouns)


def test_every_operation_is_in_the_service_model_and_belongs_to_one_kind() -> None:
    names = [name for kind in KINDS for name in kind.operations()]
    assert len(names) == len(set(names))
    assert set(names) <= set(sagemaker_model().operation_names)


def operations_table() -> str:
    """Return the table in tools/stagemaker/docs/operations.md: one row per kind, and one for all other operations."""
    rows = ["| resource | simulated | recorded only | not supported |", "|---|---|---|---|"]
    kinds: tuple[type[Resource], ...] = (*KINDS, Tags, Searches)
    operations = (kind.operations() for kind in (*kinds, EmptyLists))
    other_operations = set(sagemaker_model().operation_names).difference(*operations)
    for kind in kinds:
        supported_operations = kind.operations()
        missing_operations = sorted(name for name in other_operations if _noun(name) == kind.kind)
        other_operations -= set(missing_operations)
        run, recorded = (supported_operations, []) if kind.runs else ([], supported_operations)
        cells = " | ".join(", ".join(f"`{name}`" for name in names) for names in (run, recorded, missing_operations))
        rows.append(f"| {kind.title or kind.arn_type.replace('-', ' ')}s | {cells} |")
    nouns = sorted({_noun(name) for name in other_operations})
    shortest_nouns = [noun for noun in nouns if not any(noun != other and noun.startswith(other) for other in nouns)]
    rows.append(f"| everything else |  |  | {', '.join(f'`{noun}`' for noun in shortest_nouns)} |")
    return "\n".join(rows)


def _noun(operation: str) -> str:
    noun = re.sub("^(Batch)?[A-Z][a-z]+(?=[A-Z])", "", operation)
    if not operation.startswith("List"):
        return noun
    for plural, singular in (("ies", "y"), ("ases", "as"), ("s", "")):
        if noun.endswith(plural):
            return noun.removesuffix(plural) + singular
    return noun
