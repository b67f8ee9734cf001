"""`python -m sandbox.delivery`: discover the accounts' delivery streams and deliver until the sandbox ends.

Needs `SANDBOX_STATE` and the profiles' variables, which `python -m sandbox` sets for its children.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lake.terminal import tell
from sandbox.delivery import status
from sandbox.delivery.description import UnsupportedDeliveryStreamError, parse
from sandbox.delivery.pipeline import Pipeline
from sandbox.processes import exit_with_parent
from sandbox.running import RunningSandbox

log = logging.getLogger("delivery")

STATUS_SECONDS = 0.2
DISCOVERY_SECONDS = 1.0
SHORTEST_DISCOVERY_SECONDS = 0.5


class Delivery:
    """All delivery streams of the sandbox's accounts."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.pipelines: dict[str, Pipeline] = {}
        self.refused: dict[str, str] = {}
        self.discovered_at = 0.0
        self._clients = {
            account: sandbox.client("firehose", sandbox.root(account))
            for account in sandbox.accounts.values()
        }

    def discover(self) -> None:
        """Start new delivery streams, follow changed ones, stop deleted ones."""
        asked_at = time.time()
        seen: set[str] = set()
        for client in self._clients.values():
            for name in _names(client):
                described = client.describe_delivery_stream(DeliveryStreamName=name)
                self._follow(described["DeliveryStreamDescription"], seen)
        for arn in set(self.pipelines) - seen:
            log.info("%s is gone", arn)
            self.pipelines.pop(arn).stop()
        for arn in set(self.refused) - seen:
            del self.refused[arn]
        self.discovered_at = asked_at

    def _follow(self, description: dict[str, Any], seen: set[str]) -> None:
        arn = description["DeliveryStreamARN"]
        seen.add(arn)
        if description["DeliveryStreamStatus"] != "ACTIVE":
            return
        try:
            stream = parse(description)
        except UnsupportedDeliveryStreamError as error:
            if self.refused.get(arn) != str(error):
                log.error("%s", error)
            self.refused[arn] = str(error)
            return
        running = self.pipelines.get(arn)
        if running and running.stream.started == stream.started:
            if bool(running.stream.partition_keys) != bool(stream.partition_keys):
                # Developer guide, "Enable dynamic partitioning": only at creation, and permanently.
                reason = f"{stream.name}: dynamic partitioning was chosen when it was made and cannot change"
                self.refused[arn] = reason
                return
            self.refused.pop(arn, None)
            running.stream = stream
            return
        self.refused.pop(arn, None)
        if running:  # deleted and created again between two discoveries
            running.stop()
        log.info("delivering %s", arn)
        self.pipelines[arn] = Pipeline(self.sandbox, stream)
        self.pipelines[arn].start()

    def status(self) -> dict[str, Any]:
        """The whole content of `delivery.json`."""
        return {
            "written_at": time.time(),
            "discovered_at": self.discovered_at,
            "streams": [pipeline.status() for pipeline in self.pipelines.values()],
            "refused": [{"arn": arn, "reason": reason} for arn, reason in self.refused.items()],
        }


def _names(client: Any) -> list[str]:
    names: list[str] = []
    while True:
        start = {"ExclusiveStartDeliveryStreamName": names[-1]} if names else {}
        answer = client.list_delivery_streams(Limit=100, **start)
        names += answer["DeliveryStreamNames"]
        if not answer["HasMoreDeliveryStreams"]:
            return names


def main() -> int:
    """Run until the parent process ends."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    logging.getLogger("botocore").setLevel(logging.WARNING)
    folder = os.environ.get("SANDBOX_STATE")
    if not folder:
        tell("error: SANDBOX_STATE is not set: `python -m sandbox` starts delivery; do not start it by hand")
        return 2
    exit_with_parent()
    sandbox = RunningSandbox.read(Path(folder))
    delivery = Delivery(sandbox)
    next_discovery = 0.0
    while True:
        if time.monotonic() >= next_discovery:
            try:
                delivery.discover()
            except (ClientError, BotoCoreError) as error:
                log.warning("discovery: %s", error)
            next_discovery = time.monotonic() + max(
                SHORTEST_DISCOVERY_SECONDS, DISCOVERY_SECONDS / sandbox.speed
            )
        status.write(sandbox.folder, delivery.status())
        time.sleep(STATUS_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
