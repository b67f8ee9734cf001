"""The emulator process, `python -m sandbox.emulator FD`: patch MiniStack, then serve the inherited socket."""

import asyncio
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from sandbox import accounts
from sandbox.emulator import (
    account_secrets,
    admission,
    inspection,
    lambda_runtime,
    principal_permissions_resource,
)
from sandbox.processes import exit_with_parent

# Every module with an `install()`, in this order; each raises an error when MiniStack's source has changed.
INSTALLED = (
    "sandbox.emulator.account_secrets",
    "sandbox.emulator.policies",
    "sandbox.emulator.multipart_uploads",
    "sandbox.emulator.key_use",
    "sandbox.emulator.refusals",
    "sandbox.emulator.object_acls",
    "sandbox.emulator.function_sessions",
    "sandbox.emulator.function_logs",
    "sandbox.emulator.resource_arns",
    "sandbox.emulator.streams",
    "sandbox.emulator.closed_shards",
    "sandbox.emulator.delivery_streams",
    "sandbox.emulator.glue_tables",
    "sandbox.emulator.glue_versions",
    "sandbox.emulator.glue_partitions",
    "sandbox.emulator.glue_jobs",
    "sandbox.emulator.event_targets",
    "sandbox.emulator.item_numbers",
    "sandbox.emulator.change_records",
    "sandbox.emulator.point_in_time",
    "sandbox.emulator.exports.destination",
    "sandbox.emulator.exports.service",
    "sandbox.emulator.resource_names",
    "sandbox.emulator.change_sets",
    "sandbox.emulator.log_group_resource",
    "sandbox.emulator.table_resource",
    "sandbox.emulator.stream_resource",
    "sandbox.emulator.function_resource",
    "sandbox.emulator.role_resource",
    "sandbox.emulator.bucket_resource",
    "sandbox.emulator.named_query_resource",
    "sandbox.emulator.alarm_resource",
    "sandbox.emulator.security_configuration_resource",
    "sandbox.emulator.principal_permissions_resource",
    "sandbox.emulator.existing_resources",
    "sandbox.emulator.endpoint_description",
    "sandbox.athena.api.service",
    "sandbox.crawler.service",
    "sandbox.jobs.service",
)


def _ignore_abandoned_connections(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A client that disconnects without closing TLS is not an error of the emulator."""
    if not isinstance(context.get("exception"), TimeoutError):
        loop.default_exception_handler(context)


def main(descriptor: int) -> None:
    """Serve until the parent process ends."""
    state = Path(os.environ["SANDBOX_STATE"])
    exit_with_parent()
    for name in INSTALLED:
        import_module(name).install()
    lambda_runtime.install(state / "lambda-runtime")
    from hypercorn.asyncio import serve  # noqa: PLC0415  after the seams: they patch modules that are not in use yet
    from hypercorn.config import Config  # noqa: PLC0415
    from ministack import app  # noqa: PLC0415
    from ministack.core import tls  # noqa: PLC0415

    config = Config()
    config.bind = [f"fd://{descriptor}"]
    config.certfile, config.keyfile = tls.resolve_tls_material()
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.5  # requests that still wait are ended too
    config.loglevel = app.LOG_LEVEL

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(_ignore_abandoned_connections)
        emulated = principal_permissions_resource.with_list_permissions(app.app)
        inspected = inspection.with_inspection(emulated, accounts.REGION)
        port, roots = int(os.environ["GATEWAY_PORT"]), account_secrets.read_secrets(state)
        await serve(admission.with_admission(inspected, port, roots), config)

    asyncio.run(run())


if __name__ == "__main__":
    main(int(sys.argv[1]))
