"""A Trino server as a child process, its Hive connector on one account of a sandbox.

Settings: Trino 435 documentation, "Deploying Trino", "Hive connector", "Hive connector with Amazon S3" and
"Metastores" (AWS Glue). The `[athena]` lines below make it what Athena is rather than what Trino defaults to.
"""

import os
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509 import load_pem_x509_certificate

from tests.trino.assembly import HERE, VERSION, Server
from tests.trino.client import CATALOG, Client, TrinoError

_START_SECONDS = 180.0
_STOP_SECONDS = 20.0
_NOT_YET = ("SERVER_STARTING_UP", "NO_NODES_AVAILABLE", "CATALOG_NOT_FOUND")
_CODE_CACHE_FULL = "CodeCache is full"  # what HotSpot prints, once
_TRUST_PASSWORD = "not-a-secret"  # a trust store holds no secret, but must have a password

MEMORY_MEGABYTES = 1_500
JVM = [
    "-XX:TieredStopAtLevel=1",  # half the processor time of the full compiler, over a run this short
    # As Trino's own jvm.config has it. With the one compiler Java takes 48 MB, these tests fill 70, and a
    # method handle that finds no room fails its query.
    "-XX:ReservedCodeCacheSize=512M",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djdk.attach.allowAttachSelf=true",
    "-Djdk.nio.maxCachedBufferSize=2000000",
    "-Duser.timezone=UTC",
]


class TrinoStartError(Exception):
    """The server did not come up; the message ends with the end of its log."""


class TrinoRoomError(Exception):
    """From here on queries may fail by chance, whichever comes next: the end says so, if none did."""


class Trino:
    """A running server; a context manager. `client` runs statements on it."""

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
        """`folder` is empty and private: it takes the configuration, which holds the keys, and the log.

        The server counts as up when `probe`, a query of a table, has run. Two fifths of its memory are a
        query's.
        """
        self._server = server
        self._probe = probe
        self._memory = memory_megabytes
        self._folder = folder
        self._log = folder / "trino.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.client = Client(f"http://127.0.0.1:{port}")
        self._write_trust(authority)
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
                "hive.recursive-directories": "true",  # [athena] reads folders below a location too
                "fs.hadoop.enabled": "false",
                "fs.native-s3.enabled": "true",
                "s3.endpoint": endpoint,
                "s3.region": region,
                "s3.path-style-access": "true",
                "s3.aws-access-key": access_key,
                "s3.aws-secret-key": secret_key,
            },
        )

    def _write_trust(self, authority: Path) -> None:
        certificate = load_pem_x509_certificate(authority.read_bytes())
        store = pkcs12.serialize_java_truststore(
            [pkcs12.PKCS12Certificate(certificate, b"sandbox")],
            BestAvailableEncryption(_TRUST_PASSWORD.encode()),
        )
        (self._folder / "trust.p12").write_bytes(store)

    def __enter__(self) -> "Trino":
        command = [self._server.java, f"-Xmx{self._memory}m", *JVM]
        command += [f"-Djavax.net.ssl.trustStore={self._folder / 'trust.p12'}"]
        command += [f"-Djavax.net.ssl.trustStorePassword={_TRUST_PASSWORD}"]
        command += [f"-Dconfig={self._folder / 'config.properties'}"]
        command += ["-cp", f"{self._server.home / 'lib'}/*", str(HERE / "Launcher.java"), VERSION]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env={name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait_until_ready(self) -> None:
        """Until a table was read: the server answers well before its one node may work on a connector."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            if self._process.poll() is not None:
                raise TrinoStartError(f"Trino ended with code {self._process.returncode}:\n{self.tail()}")
            try:
                self.client.execute(self._probe)
                return
            except (OSError, TrinoError) as error:
                starting = isinstance(error, OSError) or error.name in _NOT_YET
                if not starting or time.monotonic() > deadline:
                    raise TrinoStartError(f"Trino is not ready ({error}):\n{self.tail()}") from error
                time.sleep(0.25)

    def tail(self, lines: int = 25) -> str:
        """The last lines of the log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()  # Launcher.java ends the process
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if kind is None and _CODE_CACHE_FULL in self._log.read_text(errors="replace"):
            raise TrinoRoomError("Java ran out of room for code; raise ReservedCodeCacheSize in this file")


def _write(path: Path, properties: Mapping[str, str]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
