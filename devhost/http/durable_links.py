"""The URLs of the management API that callers are given, and the text of the durable client's binding."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import quote

__all__ = ["WEBHOOK_PATH", "DurableLinks"]

WEBHOOK_PATH = "/runtime/webhooks/durabletask"
_INSTANCE_ACTIONS = {
    "statusQueryGetUri": "?",
    "sendEventPostUri": "/raiseEvent/{eventName}?",
    "terminatePostUri": "/terminate?reason={text}&",
    "rewindPostUri": "/rewind?reason={text}&",
    "purgeHistoryDeleteUri": "?",
    "restartPostUri": "/restart?",
    "suspendPostUri": "/suspend?reason={text}&",
    "resumePostUri": "/resume?reason={text}&",
}


@dataclass(frozen=True)
class DurableLinks:
    """What the URLs of one task hub are made of. ``code`` is the system key of the Durable extension."""

    hub: str
    code: str
    connection: str = "Storage"

    def of_instance(self, origin: str, instance_id: str) -> dict[str, str]:
        """Return ``id`` and the URLs of an instance; ``origin`` is ``http://host:port``; no id is encoded."""
        start = f"{origin}{WEBHOOK_PATH}/instances/{instance_id}"
        query = f"taskHub={self.hub}&connection={self.connection}&code={self.code}"
        urls = {name: f"{start}{suffix}{query}" for name, suffix in _INSTANCE_ACTIONS.items()}
        return {"id": instance_id, **urls}

    def start_answer(self, origin: str, instance_id: str) -> dict[str, str]:
        """Return the body of the host's own 202, which names no rewind URL, in the order of the real host."""
        urls = self.of_instance(origin, quote(instance_id, safe=""))
        del urls["rewindPostUri"]
        return {**urls, "id": instance_id}

    def client_binding(self, origin: str, rpc_base_url: str) -> str:
        """Return the text that a ``durableClient`` binding hands to the function.

        ``rpc_base_url`` must end in a slash, since the SDK puts paths right behind it.
        """
        start = f"{origin}{WEBHOOK_PATH}/orchestrators/{{functionName}}[/{{instanceId}}]"
        wait = "timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}"
        return json.dumps(
            {
                "taskHubName": self.hub,
                "creationUrls": {
                    "createNewInstancePostUri": f"{start}?code={self.code}",
                    "createAndWaitOnNewInstancePostUri": f"{start}?{wait}&code={self.code}",
                },
                "managementUrls": self.of_instance(origin, "INSTANCEID"),
                "baseUrl": f"{origin}{WEBHOOK_PATH}",
                "requiredQueryStringParameters": f"code={self.code}",
                "rpcBaseUrl": rpc_base_url,
            }
        )
