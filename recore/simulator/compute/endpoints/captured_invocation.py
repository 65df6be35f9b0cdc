"""An invocation as data capture writes it: a line of JSON in SageMaker's format, and the folder of its file."""

import base64
import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recore.simulator.state.records import Record


@dataclass(frozen=True)
class Message:
    """The body of a request or of a response, and its content type if it has one."""

    body: bytes
    content_type: str | None


@dataclass(frozen=True)
class CapturedInvocation:
    """folder: below which its file is. config: of its capture. time: when it ended."""

    folder: str
    config: Record
    request: Message
    response: Message
    inference_id: str | None
    custom_attributes: str | None
    time: datetime

    @property
    def size(self) -> int:
        return len(self.request.body) + len(self.response.body)

    @property
    def hour(self) -> str:
        return f"{self.folder}/{self.time:%Y/%m/%d/%H}"

    def line(self) -> bytes:
        """A line of a file."""
        modes = {option["CaptureMode"] for option in self.config["CaptureOptions"]}
        messages = {"Input": self.request, "Output": self.response}
        data = {
            f"endpoint{mode}": {"mode": mode.upper()} | _encode(message, self.config)
            for mode, message in messages.items()
            if modes & {mode, "InputAndOutput"}
        }
        metadata: Record = {"eventId": str(uuid.uuid4())}
        if self.inference_id:
            metadata["inferenceId"] = self.inference_id
        if self.custom_attributes:
            metadata["customAttributes"] = [self.custom_attributes]
        metadata["inferenceTime"] = f"{self.time:%Y-%m-%dT%H:%M:%SZ}"
        return json.dumps({"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}).encode() + b"\n"


def _encode(message: Message, config: Record) -> dict[str, Any]:
    """A message's text where its content type is declared as text of some kind, and else its base64."""
    headers = config.get("CaptureContentTypeHeader", {})
    kind = (message.content_type or "").partition(";")[0].strip().lower()
    encoding = "BASE64"
    for name in ("Csv", "Json"):
        if kind in [declared.lower() for declared in headers.get(f"{name}ContentTypes", [])]:
            encoding = name.upper()
    observed = {"observedContentType": message.content_type} if message.content_type else {}
    try:
        data = message.body.decode() if encoding != "BASE64" else base64.b64encode(message.body).decode()
    except UnicodeDecodeError:
        encoding, data = "BASE64", base64.b64encode(message.body).decode()
    return observed | {"data": data, "encoding": encoding}
