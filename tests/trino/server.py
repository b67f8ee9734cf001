"""A Trino server as a child process. Its Hive connector uses one account of a sandbox.

Settings: Trino 435 documentation, "Deploying Trino", "Hive connector", "Hive connector with Amazon S3" and
"Metastores" (AWS Glue). The `[athena]` lines below set Athena's behaviour if Trino's default differs.
"""

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from sandbox import accounts
from sandbox.engines.truststore import write_trust_store
from tests.engines.process import EngineProcess
from tests.sandbox.lake import Lake
from tests.trino.assembly import HERE, VERSION, Server
from tests.trino.client import CATALOG, Client, TrinoError

_START_SECONDS = 180.0
_LOG_LINES = 25
_NOT_YET = ("SERVER_STARTING_UP", "NO_NODES_AVAILABLE", "CATALOG_NOT_FOUND")
_CODE_CACHE_FULL = "CodeCache is full"  # HotSpot prints this once

MEMORY_MEGABYTES = 1_500
JVM = [
    "-XX:TieredStopAtLevel=1",  # half the processor time of the full compiler in a short run
    # As in Trino's own jvm.config. With this compiler Java reserves 48 MB, but these tests need 70. A query
    # fails if there is no room for a method handle.
    "-XX:ReservedCodeCacheSize=512M",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djdk.attach.allowAttachSelf=true",
    "-Djdk.nio.maxCachedBufferSize=2000000",
    "-Duser.timezone=UTC",
]


class TrinoStartError(Exception):
    """The server did not start. The message ends with the end of its log."""


class TrinoRoomError(Exception):
    """Java had no room for code, so any later query could fail. Raised at the end even if none failed."""


class Trino:
    """A running server; a context manager. `client` runs statements."""

    def __init__(
        self,
        server: Server,
        folder: Path,
        *,
        endpoint: str,
        authority: Path,
        region: str,
        access_key: str,
        secret_key: str,
        probe: str,
        memory_megabytes: int = MEMORY_MEGABYTES,
    ) -> None:
        """`folder` is empty and private. It stores the configuration, which contains the keys, and the log.

        The server counts as up when `probe`, a query of a table, has run. Two fifths of its memory are a
        query's.
        """
        self._server = server
        self._probe = probe
        self._memory = memory_megabytes
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.client = Client(f"http://127.0.0.1:{port}")
        self._trust = write_trust_store(authority, folder / "trust.p12")
        _write(
            folder / "config.properties",
            {
                "coordinator": "true",
                "node-scheduler.include-coordinator": "true",
                "http-server.http.port": str(port),
                "discovery.uri": self.client.address,
                "node.environment": "test",
                "node.internal-address": "127.0.0.1",
                "query.max-memory": f"{memory_megabytes * 2 // 5}MB",
                "query.max-memory-per-node": f"{memory_megabytes * 2 // 5}MB",
                "plugin.dir": str(server.home / "plugin"),
                "catalog.config-dir": str(folder / "catalog"),
            },
        )
        _write(
            folder / "catalog" / f"{CATALOG}.properties",
            {
                "connector.name": "hive",
                "hive.metastore": "glue",
                "hive.metastore.glue.endpoint-url": endpoint,
                "hive.metastore.glue.region": region,
                "hive.metastore.glue.aws-access-key": access_key,
                "hive.metastore.glue.aws-secret-key": secret_key,
                "hive.partition-projection-enabled": "true",  # [athena]
                "hive.recursive-directories": "true",  # [athena] also reads folders below a location
                "fs.hadoop.enabled": "false",
                "fs.native-s3.enabled": "true",
                "s3.endpoint": endpoint,
                "s3.region": region,
                "s3.path-style-access": "true",
                "s3.aws-access-key": access_key,
                "s3.aws-secret-key": secret_key,
            },
        )

    @classmethod
    def over(
        cls,
        lake: Lake,
        server: Server,
        folder: Path,
        *,
        probed_day: str,
        memory_megabytes: int = MEMORY_MEGABYTES,
    ) -> "Trino":
        """A server on a deployed lake, with the consumer account's keys. The probe reads one day."""
        keys = lake.sandbox.session("consumer").get_credentials()
        assert keys is not None
        return cls(
            server,
            folder,
            endpoint=lake.sandbox.endpoint,
            authority=lake.sandbox.folder / "ca.pem",
            region=accounts.REGION,
            access_key=keys.access_key,
            secret_key=keys.secret_key,
            probe=f"SELECT count(*) FROM {lake.database}.changes WHERE dt = '{probed_day}'",
            memory_megabytes=memory_megabytes,
        )

    def __enter__(self) -> "Trino":
        command = [self._server.java, f"-Xmx{self._memory}m", *JVM, *self._trust]
        command += [f"-Dconfig={self._folder / 'config.properties'}"]
        command += ["-cp", f"{self._server.home / 'lib'}/*", str(HERE / "Launcher.java"), VERSION]
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        # Launcher.java ends the process at the end of its stdin.
        self._process = EngineProcess(command, self._folder, self._folder / "trino.log", environment)
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait_until_ready(self) -> None:
        """Wait until a table can be read: the server answers before its only node can use a connector."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            if (code := self._process.exit_code()) is not None:
                raise TrinoStartError(f"Trino ended with code {code}:\n{self._process.tail(_LOG_LINES)}")
            try:
                self.client.execute(self._probe)
                return
            except (OSError, TrinoError) as error:
                starting = isinstance(error, OSError) or error.name in _NOT_YET
                if not starting or time.monotonic() > deadline:
                    log = self._process.tail(_LOG_LINES)
                    raise TrinoStartError(f"Trino is not ready ({error}):\n{log}") from error
                time.sleep(0.25)

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        self._process.stop()
        if kind is None and _CODE_CACHE_FULL in self._process.log():
            raise TrinoRoomError("Java ran out of room for code; raise ReservedCodeCacheSize in this file")


def _write(path: Path, properties: Mapping[str, str]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
