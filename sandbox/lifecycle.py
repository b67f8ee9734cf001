"""Start and stop the sandbox: state folder, emulator, stacks, delivery.

The state folder (a 0700 temporary directory, `SANDBOX_STATE` for the children and the command) contains
`state.json` (endpoint, accounts, stacks, speed, pids), the profiles, the certificates, the logs and
`refusals.jsonl` (which caller was denied which call).
"""

import json
import math
import os
import signal
import socket
import ssl
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from lake import terminal
from sandbox import accounts
from sandbox.engines.cache import cache_root
from sandbox.errors import SandboxError
from sandbox.guard import remove_folder
from sandbox.launches import Launch
from sandbox.processes import (
    REPOSITORY,
    Child,
    end_command,
    let_guard_end,
    start_command,
    start_guard,
    wait_among,
)
from sandbox.running import PREFIX

DEFAULT_PORT = 4566
_START_SECONDS = 60.0
_DEPLOY_LINES = 40  # the last lines of deploy's messages, which an error repeats


def tell(text: str, since: float) -> None:
    """One line of progress for people, on stderr."""
    terminal.tell(f"sandbox: {text} ({time.monotonic() - since:.1f} s)")


def open_port(port: int) -> socket.socket:
    """A listening socket on localhost; port 0 takes a free one. The emulator inherits it: no race."""
    if not 0 <= port <= 65535:
        raise SandboxError(f"{port} is not a port: choose a number from 1 to 65535, or 0 for a free port")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(100)
    except OSError as error:
        listener.close()
        raise SandboxError(
            f"port {port} cannot be opened ({error}): another sandbox or program may be using it. "
            "Stop that program, or use a free port: python -m sandbox serve --port 0"
        ) from error
    return listener


@dataclass
class Sandbox:
    """A running sandbox: a context manager that removes everything at its end."""

    port: int = 0
    speed: float = 1.0
    folder: Path = field(init=False)
    endpoint: str = field(init=False)
    profiles: accounts.ProfileFiles = field(init=False)
    outputs: dict[str, str] = field(default_factory=dict)
    stacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    guard: Child | None = None
    children: list[Child] = field(default_factory=list)
    sessions: dict[str, boto3.Session] = field(default_factory=dict, repr=False)

    def __enter__(self) -> "Sandbox":
        if not 0 < self.speed < math.inf:  # false for nan too
            raise SandboxError(f"speed {self.speed} cannot divide waiting times: choose a number above 0")
        listener = open_port(self.port)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        try:
            self.guard = start_guard(self.folder)
            self._start(listener)
        except BaseException:
            self.close()
            raise
        finally:
            listener.close()
        return self

    @property
    def temporary(self) -> Path:
        """The folder for temporary files of the emulator, of its functions and of launches."""
        return self.folder / "tmp"

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, listener: socket.socket) -> None:
        started = time.monotonic()
        self.port = listener.getsockname()[1]
        self.endpoint = f"https://localhost:{self.port}"
        certificates = accounts.make_certificates(self.folder)
        self.profiles = accounts.write_profiles(
            self.folder, self.endpoint, certificates.authority, self.speed
        )
        emulator = Child.start(
            "emulator",
            "sandbox.emulator",
            str(listener.fileno()),
            environment=self._emulator_environment(certificates),
            folder=self.folder,
            pass_fds=[listener.fileno()],
        )
        self.children.append(emulator)
        listener.close()  # the child has it: if the child dies, connections fail and do not hang
        self._wait_until_healthy(emulator, certificates.authority)
        self.write_state()
        tell(f"accounts {', '.join(accounts.PROFILES)} at {self.endpoint}", started)

    def _emulator_environment(self, certificates: accounts.Certificates) -> dict[str, str]:
        """The emulator's settings, and what its Lambda functions inherit.

        Of the caller it has PATH, and where Glue jobs find Spark and Java.
        """
        temporary = self.temporary
        temporary.mkdir()
        trust = dict.fromkeys(
            ("AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"),
            str(certificates.authority),
        )
        java = {name: os.environ[name] for name in ("JAVA_HOME",) if name in os.environ}
        return {
            **trust,
            **java,
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "DOCKER_HOST": f"unix://{temporary}/none.sock",  # functions run as processes, never in Docker
            "GATEWAY_PORT": str(self.port),
            "HOME": str(temporary),
            "IOT_MTLS_ENABLED": "0",
            "LANG": "C.UTF-8",
            "LOG_LEVEL": os.environ.get("SANDBOX_LOG_LEVEL", "WARNING"),
            "MINISTACK_REGION": accounts.REGION,
            "MINISTACK_SSL_CERT": str(certificates.chain),
            "MINISTACK_SSL_KEY": str(certificates.key),
            # the interpreter that the functions' zips were built for comes first
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "SANDBOX_SPEED": str(self.speed),
            "SANDBOX_STATE": str(self.folder),
            "S3_DATA_DIR": str(temporary / "s3"),
            "SFTP_ENABLED": "0",
            "STATE_DIR": str(temporary / "state"),  # it contains a private key, even without persistence
            "TMPDIR": str(temporary),
            "TZ": "UTC",
            "USE_SSL": "1",
            "XDG_CACHE_HOME": str(cache_root()),
        }

    def _wait_until_healthy(self, emulator: Child, authority: Path) -> None:
        trust = ssl.create_default_context(cafile=str(authority))
        straight = urllib.request.build_opener(  # without the caller's proxy
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
        )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            emulator.require()
            try:
                with straight.open(f"{self.endpoint}/_ministack/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError) as error:
                if time.monotonic() > deadline:
                    raise SandboxError(
                        f"the emulator did not answer within {_START_SECONDS:.0f} s ({error}). "
                        f"The end of its log:\n{emulator.tail()}"
                    ) from error
                time.sleep(0.05)

    def launch(self, launches: Sequence[Launch]) -> None:
        """Launch the stacks in order, with the command that a user runs on AWS, and keep their outputs."""
        for launch in launches:
            started = time.monotonic()
            outputs = self._deploy(launch)
            described = {"stack": launch.name, "profile": launch.profile, "outputs": outputs}
            self.stacks[launch.kind.name] = described
            self.outputs.update(outputs)
            self.write_state()
            tell(f"launched {launch.name} in account {accounts.PROFILES[launch.profile]}", started)

    def _deploy(self, launch: Launch) -> dict[str, str]:
        log, answer = self.folder / f"deploy-{launch.kind.name}.log", self.temporary / "deploy.json"
        with log.open("wb") as said, answer.open("wb") as answered:
            process = start_command(
                launch.deploy_command(),
                {**self.environment(), "TMPDIR": str(self.temporary)},
                orphaned=signal.SIGINT,  # it removes its unfinished build
                cwd=REPOSITORY,
                stdout=answered,
                stderr=said,
            )
            try:
                code = wait_among(process, self.parts())
            except SystemExit:
                end_command(process, signal.SIGINT)
                raise
        if code in (128 + signal.SIGINT, -signal.SIGINT):  # Ctrl-C reached it too
            raise KeyboardInterrupt
        if code != 0:
            lines = log.read_text(errors="replace").splitlines()[-_DEPLOY_LINES:]
            raise SandboxError(
                f"the {launch.kind.name} stack was not launched; scripts.deploy ended with code {code}:\n"
                + "\n".join(lines)
            )
        outputs: dict[str, str] = json.loads(answer.read_text())["outputs"]
        return outputs

    def start_delivery(self) -> None:
        """Start Firehose's data plane, which discovers the deployed delivery streams."""
        delivery = Child.start(
            "delivery", "sandbox.delivery", environment=self.environment(), folder=self.folder
        )
        self.children.append(delivery)
        self.write_state()

    def environment(self) -> dict[str, str]:
        """The environment of a command: the caller's, without variables that lead out of the sandbox."""
        names = {
            "TABLE_NAME": "SourceTableName",
            "BUCKET_NAME": "LakeBucketName",
            "DATABASE_NAME": "DatabaseName",
            "WORKGROUP_NAME": "WorkgroupName",
        }
        deployed = {name: self.outputs[output] for name, output in names.items() if output in self.outputs}
        return {
            **accounts.without_overrides(),
            **self.profiles.environment(),
            **deployed,
            "SANDBOX_STATE": str(self.folder),
        }

    def session(self, profile: str) -> boto3.Session:
        """The boto3 session of `producer`, `consumer` or `stranger`, created once: loading models is slow."""
        if profile not in self.sessions:
            self.sessions[profile] = self.profiles.session(profile)
        return self.sessions[profile]

    def write_state(self) -> None:
        """Write `state.json` in one step, so that nobody reads half of it."""
        state = {
            "endpoint": self.endpoint,
            "region": accounts.REGION,
            "accounts": dict(accounts.PROFILES),
            "ca_bundle": str(self.profiles.authority),
            "speed": self.speed,
            "stacks": self.stacks,
            "pids": {"sandbox": os.getpid(), **{child.name: child.process.pid for child in self.parts()}},
        }
        staging = self.folder / ".state.json"
        staging.write_text(json.dumps(state, indent=2))
        staging.replace(self.folder / "state.json")

    def run(self, command: Sequence[str]) -> int:
        """Run a command inside the sandbox and return its exit code (128 + n when signal n ended it).

        The terminal sends Ctrl-C to the command too; the sandbox waits until the command ends. Raises
        BrokenSandboxError as soon as a process of the sandbox ends; the command is then ended too.
        """
        process = start_command(command, self.environment())
        try:
            code = wait_among(process, self.parts())
        except SystemExit:  # SIGTERM to the sandbox: end the command first
            end_command(process)
            raise
        return 128 - code if code < 0 else code

    def parts(self) -> list[Child]:
        """The sandbox's processes; when one of them ends, the sandbox is broken."""
        return [*([self.guard] if self.guard else []), *self.children]

    def close(self) -> None:
        """Stop the children, newest first, end the processes they left, and remove the state folder."""
        for child in reversed(self.children):
            child.stop()
        self.children.clear()
        if self.guard:
            let_guard_end(self.guard)
            self.guard = None
        remove_folder(self.folder)
