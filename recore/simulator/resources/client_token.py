"""Client tokens: a request that is repeated with the token of the first one is not carried out again."""

import hashlib
import json
from collections.abc import Callable

from recore.simulator.resources.resource import Resource
from recore.simulator.state.records import Record, to_json

MEMBERS = ("ClientToken", "ClientRequestToken")


def once(resource: Resource, operation: str, request: Record, act: Callable[[Record], Record]) -> Record:
    """What `act` makes of a request without its client token; where a token comes again, the first answer.

    Raises ServiceError where the token came with another request before.
    """
    tokens = [request.pop(member, None) for member in MEMBERS]
    token = tokens[0] or tokens[1]
    if token is None:
        return act(request)
    key, digest = f"{operation}/{token}", _digest(request)
    with resource.store.transaction():  # of two requests with one token, the second finds the answer of the first
        earlier = resource.store.get("ClientToken", key)
        if earlier is None:
            answer = act(request)
            resource.store.add("ClientToken", key, {"Request": digest, "Answer": answer})
            return answer
    if earlier["Request"] != digest:
        message = f"The client token '{token}' was used with another request of {operation}"
        raise resource.error(operation, "ConflictException", message)
    first: Record = earlier["Answer"]
    return first


def _digest(request: Record) -> str:
    """A short text that is the same for the same request, in whatever order its members come."""
    text = json.dumps(json.loads(to_json(request)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
