"""Client tokens: a request that is repeated with the same token is not carried out again."""

import hashlib
import json
from collections.abc import Callable

from stagemaker.resources.resource import Resource
from stagemaker.state.records import Record, to_json


def run_once(resource: Resource, operation: str, request: Record, act: Callable[[Record], Record]) -> Record:
    """Carry out a request with `act`, or return the first response again if the request's client token is repeated.

    act: receives the request without its token, and returns the response. Raises ServiceError if the token was used
    with a different request.
    """
    token = request.pop("ClientToken", None) or request.pop("ClientRequestToken", None)
    if token is None:
        return act(request)
    key, text = f"{operation}/{token}", json.dumps(json.loads(to_json(request)), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    with resource.store.transaction():  # a second request with the same token waits for the response of the first
        earlier_request = resource.store.get("ClientToken", key)
        if earlier_request is None:
            response = act(request)
            resource.store.add("ClientToken", key, {"Request": digest, "Answer": response})
            return response
    if earlier_request["Request"] != digest:
        message = f"The client token '{token}' was already used with a different {operation} request"
        raise resource.error(operation, "ConflictException", message)
    return dict(earlier_request["Answer"])
