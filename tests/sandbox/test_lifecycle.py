"""`python -m sandbox`: what a command gets, how it ends, and that nothing stays behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.accounts import lines_to_paste
from sandbox.lifecycle import Sandbox
from sandbox.processes import REPOSITORY
from tests.sandbox.waiting import wait_until

pytestmark = pytest.mark.sandbox
SANDBOX = (sys.executable, "-m", "sandbox")


def run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SANDBOX, *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **(environment or {})},
    )


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, check=False).stdout
    return not state.strip().startswith(b"Z")


def wait_for(path: Path, seconds: float = 30) -> dict[str, object]:
    text = wait_until(lambda: path.exists() and path.read_text(), f"{path} is written", seconds, pause=0.05)
    written: dict[str, object] = json.loads(text)
    return written


SHOW = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w')); raise SystemExit(7)"


COPY_STATE = """
import os, shutil, sys, time
shutil.copy(os.environ["SANDBOX_STATE"] + "/state.json", sys.argv[1])
time.sleep(60)
"""


def test_exec_returns_the_commands_code_and_leaves_nothing(tmp_path: Path) -> None:
    """The exit code passes through; children and the state folder are gone afterwards."""
    done = run("exec", "--no-stacks", "--", sys.executable, "-c", SHOW, str(tmp_path / "seen"))

    assert done.returncode == 7, done.stderr
    assert not Path(json.loads((tmp_path / "seen").read_text())["SANDBOX_STATE"]).exists()


def test_exec_gives_the_command_no_way_out(tmp_path: Path) -> None:
    """Credentials, endpoints and trust of the caller would reach real AWS: the command does not see them."""
    leaks = {
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_SESSION_TOKEN": "real",
        "AWS_PROFILE": "production",
        "AWS_ENDPOINT_URL_S3": "https://real",
        "AWS_CA_BUNDLE": "/etc/ssl/real.pem",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    }
    run("exec", "--no-stacks", "--", sys.executable, "-c", SHOW, str(tmp_path / "seen"), environment=leaks)

    seen = json.loads((tmp_path / "seen").read_text())
    assert {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "SANDBOX_STATE"} <= set(seen)
    assert not leaks.keys() & seen.keys()


ASK = """
import boto3
for profile in ("producer", "consumer"):
    boto3.Session(profile_name=profile).client("s3").list_buckets()
"""


def test_a_proxy_is_not_asked_for_this_machine() -> None:
    """Who downloads through a proxy has it in the environment; nobody answers at this one."""
    nobody = {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "no_proxy": "intranet",
    }
    done = run("exec", "--no-stacks", "--", sys.executable, "-c", ASK, environment=nobody)

    assert done.returncode == 0, done.stderr


def test_a_killed_command_ends_as_in_a_shell() -> None:
    """128 + the signal's number, as a shell reports it."""
    done = run("exec", "--no-stacks", "--", sys.executable, "-c", "import os; os.kill(os.getpid(), 15)")

    assert done.returncode == 128 + signal.SIGTERM


def test_a_taken_port_says_so() -> None:
    """Nothing is started, and the message names the port and the way out."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        done = run("serve", "--port", port)

    assert done.returncode == 1
    assert port in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["exec", "--no-stacks", "--", "no-such-command"], "no command 'no-such-command'"),
        (["exec", "--producer-template", "/no/such.yaml", "--", "true"], "no template /no/such.yaml"),
        (["exec", "--no-stacks", "--speed", "0", "--", "true"], "above 0"),
        (["exec", "--no-stacks", "--speed", "nan", "--", "true"], "above 0"),
        (["exec", "--no-stacks", "--port", "65536", "--", "true"], "no port 65536"),
        (["exec", "--single-account", "--consumer-template", "x", "--", "true"], "not launched"),
        (["exec", "--single-account", "--columnar-parameter", "x=y", "--", "true"], "--with columnar"),
    ],
)
def test_what_cannot_work_is_said_before_anything_starts(arguments: list[str], said: str) -> None:
    """A clear sentence and exit code 1, in under the time an emulator needs to start."""
    done = run(*arguments)

    assert done.returncode == 1
    assert said in done.stderr
    assert "sandbox: accounts" not in done.stderr


def test_a_failing_launch_shows_deploys_error() -> None:
    """The reason stands in the sandbox's own message, and everything is taken down."""
    done = run("exec", "--consumer-parameter", "ProducerAccountId=12", "--", "true")

    assert done.returncode == 1
    assert "ProducerAccountId" in done.stderr
    assert "Traceback" not in done.stderr


def test_children_die_with_a_killed_sandbox(tmp_path: Path) -> None:
    """SIGKILL leaves no chance to clean up: emulator, delivery, command and folder go by themselves."""
    seen = tmp_path / "state.json"
    command = [*SANDBOX, "exec", "--no-stacks", "--", sys.executable, "-c", COPY_STATE, str(seen)]
    sandbox = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    try:
        state = wait_for(seen)
        pids, folder = state["pids"], Path(str(state["ca_bundle"])).parent
        assert isinstance(pids, dict)
        assert {"sandbox", "emulator", "delivery"} <= set(pids)
    finally:
        sandbox.kill()
        sandbox.wait()

    def left() -> list[str]:
        return [name for name, pid in pids.items() if name != "sandbox" and alive(pid)]

    wait_until(lambda: not left(), "the end of every process:", 15, said=left)
    assert not folder.exists()


def test_a_terminated_sandbox_ends_the_command_first(tmp_path: Path) -> None:
    """SIGTERM reaches the command, and the exit code is the signal's."""
    seen = tmp_path / "state.json"
    command = [*SANDBOX, "exec", "--no-stacks", "--", sys.executable, "-c", COPY_STATE, str(seen)]
    sandbox = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    pids = wait_for(seen)["pids"]
    sandbox.terminate()

    assert sandbox.wait(timeout=20) == 128 + signal.SIGTERM
    assert isinstance(pids, dict)
    assert not any(alive(pid) for pid in pids.values())


KILL_EMULATOR = """
import json, os, signal, time
state = json.load(open(os.environ["SANDBOX_STATE"] + "/state.json"))
os.kill(state["pids"]["emulator"], signal.SIGKILL)
time.sleep(1)
"""


def test_a_sandbox_that_breaks_under_the_command_is_no_success() -> None:
    """The command ended well, the emulator did not: the run says so and fails."""
    done = run("exec", "--no-stacks", "--", sys.executable, "-c", KILL_EMULATOR)

    assert done.returncode == 1
    assert "emulator process ended" in done.stderr


def test_two_sandboxes_know_nothing_of_each_other() -> None:
    """Ports, accounts and folders are their own."""
    with Sandbox() as one, Sandbox() as other:
        one.session("producer").client("s3").create_bucket(Bucket="here")

        assert one.endpoint != other.endpoint
        assert other.session("producer").client("s3").list_buckets()["Buckets"] == []


@pytest.mark.parametrize(
    ("environment", "lines"),
    [
        ({"PATH": "/bin"}, []),
        ({"AWS_CONFIG_FILE": "/a", "AWS_SHARED_CREDENTIALS_FILE": "/b"}, []),
        ({"AWS_PROFILE": "mine", "AWS_CONFIG_FILE": "/a"}, ["unset AWS_PROFILE"]),
        (
            {"HTTPS_PROXY": "http://p", "NO_PROXY": "*.corp"},
            ["export no_proxy='*.corp,localhost,127.0.0.1' NO_PROXY='*.corp,localhost,127.0.0.1'"],
        ),
        ({"https_proxy": "http://p", "no_proxy": "*", "NO_PROXY": "*"}, []),
    ],
)
def test_what_a_shell_has_set_never_leads_out_of_the_sandbox(
    environment: dict[str, str], lines: list[str]
) -> None:
    """The lines may be pasted before or after the exports: none takes back what those have set.

    A proxy stays, and is not asked for this machine.
    """
    assert lines_to_paste(environment) == lines


def test_serve_prints_two_export_lines_and_ends_with_the_signal() -> None:
    """Both lines can be pasted into a shell; the files they name hold the three profiles.

    What the shell has set that would win over the profiles is named, to be unset.
    """
    serving = subprocess.Popen(
        [*SANDBOX, "serve", "--port", "0"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "AWS_PROFILE": "mine"},
    )
    try:
        assert serving.stdout
        lines = [serving.stdout.readline().strip() for _ in range(2)]
        exported = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        config = Path(exported["AWS_CONFIG_FILE"]).read_text()
    finally:
        serving.send_signal(signal.SIGINT)
        rest, said = serving.communicate(timeout=20)

    assert re.search(r"^unset .*\bAWS_PROFILE\b", said, re.MULTILINE), said
    assert sorted(exported) == ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]
    assert all(f"[profile {name}]" in config for name in ("producer", "consumer", "stranger"))
    assert rest == ""
    assert serving.returncode == 0
    assert not Path(exported["AWS_CONFIG_FILE"]).exists()
