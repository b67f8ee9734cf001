"""The emulator process, `python -m sandbox.emulator FD`: patch MiniStack, then serve the inherited socket."""

import asyncio
import os
import sys
from importlib import import_module
from importlib.util import find_spec

from sandbox import accounts
from sandbox.emulator import (
    alarm_resource,
    bucket_resource,
    change_records,
    closed_shards,
    delivery_streams,
    function_resource,
    glue_tables,
    glue_versions,
    inspection,
    named_query_resource,
    policies,
    resource_arns,
    security_configuration_resource,
    stream_resource,
    streams,
    table_resource,
)
from sandbox.processes import exit_with_parent


def install_seams(speed: float) -> None:
    """Patch MiniStack, every seam in its own module; each refuses to run on a MiniStack that has moved."""
    policies.install()
    resource_arns.install()
    streams.install()
    closed_shards.install()
    delivery_streams.install()
    glue_tables.install()
    glue_versions.install()
    change_records.install(speed)
    table_resource.install()
    stream_resource.install()
    function_resource.install()
    bucket_resource.install()
    named_query_resource.install()
    alarm_resource.install()
    security_configuration_resource.install()
    for name in ("sandbox.athena", "sandbox.crawler"):
        if find_spec(name) and hasattr(module := import_module(name), "install"):
            module.install()


def main(descriptor: int) -> None:
    """Serve until the parent is gone."""
    exit_with_parent()
    install_seams(float(os.environ.get("SANDBOX_SPEED", "1")))
    from hypercorn.asyncio import serve  # noqa: PLC0415  after the seams: what they patch is not yet in use
    from hypercorn.config import Config  # noqa: PLC0415
    from ministack import app  # noqa: PLC0415
    from ministack.core import tls  # noqa: PLC0415

    config = Config()
    config.bind = [f"fd://{descriptor}"]
    config.certfile, config.keyfile = tls.resolve_tls_material()
    config.keep_alive_timeout = 75
    config.loglevel = app.LOG_LEVEL
    asyncio.run(serve(inspection.with_inspection(app.app, accounts.REGION), config))


if __name__ == "__main__":
    main(int(sys.argv[1]))
