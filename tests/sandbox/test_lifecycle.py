"""`python -m sandbox`: the environment of a command, how it ends, and that nothing remains."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox.accounts import lines_to_paste
from sandbox.errors import BROKEN
from sandbox.guard import processes_of
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


def test_exec_returns_the_exit_code_of_the_command_and_leaves_nothing(tmp_path: Path) -> None:
    """Afterwards the state folder is gone too."""
    done = run("exec", "--no-stacks", "--", sys.executable, "-c", SHOW, str(tmp_path / "seen"))

    assert done.returncode == 7, done.stderr
    assert not Path(json.loads((tmp_path / "seen").read_text())["SANDBOX_STATE"]).exists()


def test_exec_hides_the_callers_aws_settings_from_the_command(tmp_path: Path) -> None:
    """Credentials, endpoints and CA bundles of the caller would lead the command to real AWS."""
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


LIST_BUCKETS = """
import boto3
for profile in ("producer", "consumer"):
    boto3.Session(profile_name=profile).client("s3").list_buckets()
"""


def test_proxy_is_not_used_for_this_machine() -> None:
    """A user who downloads through a proxy has it in the environment; nothing listens at this one."""
    proxy = {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "no_proxy": "intranet",
    }
    done = run("exec", "--no-stacks", "--", sys.executable, "-c", LIST_BUCKETS, environment=proxy)

    assert done.returncode == 0, done.stderr


def test_exit_code_of_a_killed_command_is_the_shells() -> None:
    """128 + the signal's number, as a shell reports it."""
    done = run("exec", "--no-stacks", "--", sys.executable, "-c", "import os; os.kill(os.getpid(), 15)")

    assert done.returncode == 128 + signal.SIGTERM


def test_message_for_a_port_in_use_names_the_port_and_the_option() -> None:
    """Nothing is started."""
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
    ("arguments", "message"),
    [
        (["exec", "--no-stacks", "--", "no-such-command"], "the command 'no-such-command' was not found"),
        (["exec", "--producer-template", "/no/such.yaml", "--", "true"], "/no/such.yaml is not a file"),
        (["exec", "--no-stacks", "--speed", "0", "--", "true"], "above 0"),
        (["exec", "--no-stacks", "--speed", "nan", "--", "true"], "above 0"),
        (["exec", "--no-stacks", "--port", "65536", "--", "true"], "65536 is not a port"),
        (["exec", "--single-account", "--consumer-template", "x", "--", "true"], "not launched"),
        (["exec", "--single-account", "--backfill-parameter", "x=y", "--", "true"], "--with backfill"),
    ],
)
def test_impossible_options_are_rejected_before_anything_starts(arguments: list[str], message: str) -> None:
    """With a clear sentence and exit code 1."""
    done = run(*arguments)

    assert done.returncode == 1
    assert message in done.stderr
    assert "sandbox: accounts" not in done.stderr


def test_failed_launch_shows_the_error_of_deploy() -> None:
    """The sandbox's message contains the reason, and everything is removed."""
    done = run("exec", "--consumer-parameter", "ProducerAccountId=12", "--", "true")

    assert done.returncode == 1
    assert "ProducerAccountId" in done.stderr
    assert "Traceback" not in done.stderr


def test_terminated_sandbox_ends_the_command_first(tmp_path: Path) -> None:
    """SIGTERM reaches the command, and the exit code is that of the signal."""
    seen = tmp_path / "state.json"
    command = [*SANDBOX, "exec", "--no-stacks", "--", sys.executable, "-c", COPY_STATE, str(seen)]
    sandbox = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    pids = wait_for(seen)["pids"]
    sandbox.terminate()

    assert sandbox.wait(timeout=20) == 128 + signal.SIGTERM
    assert isinstance(pids, dict)
    assert not any(alive(pid) for pid in pids.values())


KILL = """
import json, os, signal, subprocess, sys, time
def state_of(pid):
    return subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True).stdout[:1]
name, code, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
state = json.load(open(os.environ["SANDBOX_STATE"] + "/state.json"))
os.kill(state["pids"][name], signal.SIGKILL)
while state_of(state["pids"][name]) not in ("Z", ""):
    time.sleep(0.01)
time.sleep(seconds)
sys.exit(code)
"""
PARTS = ("emulator", "delivery", "guard")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    ("code", "seconds"), [(0, 1000.0), (3, 0.0)], ids=["while the command runs", "as the command ends"]
)
def test_death_of_a_process_is_reported_at_once_while_the_command_runs(
    part: str, code: int, seconds: float
) -> None:
    """With the process, the cause and the log; the command is ended and its exit code ignored."""
    begun = time.monotonic()
    command = (sys.executable, "-c", KILL, part, str(code), str(seconds))
    done = run("exec", "--no-stacks", "--", *command)

    assert done.returncode == BROKEN
    assert f"the sandbox's {part} process was ended by signal 9 (SIGKILL)" in done.stderr
    assert f"/{part}.log" in done.stderr
    assert done.stderr.count("error:") == 1
    assert time.monotonic() - begun < 60


def test_death_of_a_process_is_reported_before_the_command_ends(tmp_path: Path) -> None:
    """The user of a command that ends slowly can read why it ends."""
    seen = tmp_path / "state.json"
    stubborn = f"trap '' TERM; cp $SANDBOX_STATE/state.json {seen}; while :; do sleep 0.1; done"
    sandbox = subprocess.Popen(
        [*SANDBOX, "exec", "--no-stacks", "--", "bash", "-c", stubborn],
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
    )
    pids = wait_for(seen)["pids"]
    assert isinstance(pids, dict)
    assert sandbox.stderr
    sandbox.stderr.readline()
    command = [row for row in processes_of(seen_folder(seen)) if row.pid not in pids.values()]
    os.kill(pids["delivery"], signal.SIGKILL)
    message = sandbox.stderr.readline()
    still = [row.pid for row in command if alive(row.pid)]
    rest = sandbox.communicate(timeout=60)[1]

    assert "delivery process was ended" in message
    assert still, f"the command had ended before the message: {rest}"
    assert sandbox.returncode == BROKEN
    assert not any(alive(row.pid) for row in command)


def seen_folder(state: Path) -> Path:
    """The state folder of the sandbox whose state was copied to this file."""
    return Path(str(json.loads(state.read_text())["ca_bundle"])).parent


def test_death_of_a_process_is_reported_at_once_during_a_launch() -> None:
    """The launch itself would retry, and report a network error at the end."""
    sandbox = subprocess.Popen(
        [*SANDBOX, "exec", "--", "true"], cwd=REPOSITORY, stderr=subprocess.PIPE, text=True
    )
    assert sandbox.stderr
    first = sandbox.stderr.readline()
    emulator = wait_until(lambda: children_of(sandbox.pid, "sandbox.emulator"), "an emulator", 30)
    wait_until(lambda: children_of(sandbox.pid, "scripts.deploy"), "a launch", 30)
    os.kill(emulator[0], signal.SIGKILL)
    output = first + sandbox.communicate(timeout=60)[1]

    assert sandbox.returncode == BROKEN, output
    assert "emulator process was ended by signal 9" in output
    assert "not launched" not in output


def children_of(pid: int, module: str) -> list[int]:
    """The processes of a sandbox that run a module."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [int(row[0]) for row in rows if int(row[1]) == pid and f"-m {module} " in f"{row[2]} "]


@pytest.mark.parametrize("part", PARTS)
def test_serve_reports_at_once_which_process_died(part: str) -> None:
    """It ends then: a sandbox without delivery is useless."""
    serving = subprocess.Popen(
        [*SANDBOX, "serve", "--port", "0"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert serving.stdout
    config = Path(serving.stdout.readline().strip().partition("=")[2])
    pids = json.loads((config.parent / "state.json").read_text())["pids"]
    os.kill(pids[part], signal.SIGKILL)
    output = serving.communicate(timeout=20)[1]

    assert serving.returncode == BROKEN
    assert f"the sandbox's {part} process was ended by signal 9 (SIGKILL)" in output
    assert not config.parent.exists()
    assert not any(alive(pid) for pid in pids.values())


LEAVE = """
import os, subprocess, sys
state = os.environ["SANDBOX_STATE"]
def start(*command, **options):
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options).pid
left = [
    start("sleep", "1000"),
    start("sleep", "1000", start_new_session=True),
    start("bash", "-c", "trap '' INT TERM HUP; while :; do sleep 0.1; done"),
    start("bash", "-c", "nohup sleep 1000 & exit"),
]
if sys.argv[2] == "cleared":
    left.append(start("sleep", "1000", env={}, start_new_session=True))
with open(sys.argv[1] + ".part", "w") as file:
    print(state, *left, file=file)
os.rename(sys.argv[1] + ".part", sys.argv[1])
if sys.argv[3] == "wait":
    import time
    time.sleep(1000)
"""


def left_by(marker: Path) -> tuple[Path, list[int]]:
    """The output of the command LEAVE: the state folder and the processes it started."""
    text = wait_until(lambda: marker.exists() and marker.read_text(), f"{marker} is written", 60, pause=0.05)
    folder, *pids = str(text).split()
    return Path(folder), [int(pid) for pid in pids]


def of_sandbox(folder: Path) -> list[str]:
    """The command lines of the processes whose environment names the folder; on Linux."""
    lines = []
    for process in processes_of(folder):
        with contextlib.suppress(FileNotFoundError):  # it ended in between
            lines.append((Path("/proc") / str(process.pid) / "cmdline").read_text().replace("\0", " "))
    return lines


def test_processes_that_a_command_leaves_are_ended(tmp_path: Path) -> None:
    """Also one in another session, without an environment, or one that ignores signals."""
    done = run(
        "exec", "--no-stacks", "--", sys.executable, "-c", LEAVE, str(tmp_path / "left"), "cleared", ""
    )
    folder, pids = left_by(tmp_path / "left")

    assert done.returncode == 0, done.stderr
    assert [pid for pid in pids if alive(pid)] == []
    assert of_sandbox(folder) == []
    assert not folder.exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_remains_of_a_sandbox_ended_by_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    """No process, including those that a command started, and no folder."""
    command = [sys.executable, "-c", LEAVE, str(tmp_path / "left"), "", "wait"]
    sandbox = subprocess.Popen(
        [*SANDBOX, "exec", "--no-stacks", "--", *command],
        cwd=REPOSITORY,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    folder, pids = left_by(tmp_path / "left")
    if number == signal.SIGINT:
        os.killpg(sandbox.pid, number)  # as a terminal does
    else:
        sandbox.send_signal(number)
    sandbox.wait(timeout=30)

    def left() -> list[Any]:
        return [*(pid for pid in pids if alive(pid)), *of_sandbox(folder)]

    wait_until(lambda: not left(), "the end of every process:", 15, said=left)
    wait_until(lambda: not folder.exists(), "the end of the folder", 15)


def test_nothing_remains_of_a_sandbox_killed_during_a_launch(tmp_path: Path) -> None:
    """The launch ends too, and its unfinished build is removed."""
    sandbox = subprocess.Popen(
        [*SANDBOX, "exec", "--", "true"],
        cwd=REPOSITORY,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    wait_until(lambda: children_of(sandbox.pid, "scripts.deploy"), "a launch", 60, pause=0.05)
    time.sleep(0.3)  # so that it has begun to work
    folder = next(tmp_path.iterdir())
    sandbox.kill()
    sandbox.wait()

    wait_until(lambda: not of_sandbox(folder), "the end of every process", 15)
    wait_until(lambda: not list(tmp_path.iterdir()), "the end of every file", 15)


def test_sandbox_writes_only_into_its_folder(tmp_path: Path) -> None:
    """By default the emulator would leave a private key in the temporary folder, and more in HOME."""
    with Sandbox() as sandbox:
        cognito = sandbox.session("producer").client("cognito-idp")
        cognito.create_user_pool(PoolName="keys")
        environment = emulators_environment(sandbox)
        outside = {
            name: value
            for name, value in environment.items()
            if name in ("HOME", "TMPDIR", "STATE_DIR", "S3_DATA_DIR")
            and not Path(value).is_relative_to(sandbox.folder)
        }
        assert {"HOME", "TMPDIR", "STATE_DIR", "S3_DATA_DIR"} <= set(environment)
        assert outside == {}
        assert "AWS_SECRET_ACCESS_KEY" not in environment
        assert list(sandbox.temporary.rglob("*.pem")), "the key was not created: this test proves nothing"


def emulators_environment(sandbox: Sandbox) -> dict[str, str]:
    """The environment the emulator was started with."""
    emulator = next(child for child in sandbox.children if child.name == "emulator")
    text = (Path("/proc") / str(emulator.process.pid) / "environ").read_text()
    return dict(entry.split("=", 1) for entry in text.split("\0") if entry)


@pytest.mark.parametrize("module", ["sandbox check", "sandbox.demo"])
@pytest.mark.parametrize("folder", ["gone", "left"])
def test_command_reports_in_one_line_that_its_sandbox_has_ended(
    tmp_path: Path, module: str, folder: str
) -> None:
    """Whether the folder is gone, or remains because the machine stopped."""
    state = tmp_path / "ddb-lake-sandbox-ended"
    if folder == "left":
        state.mkdir()
        process = subprocess.Popen(["true"])
        process.wait()
        (state / "state.json").write_text(json.dumps({"pids": {"sandbox": process.pid}}))
    for variables in (
        {"SANDBOX_STATE": str(state)},
        {"AWS_CONFIG_FILE": str(state / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(state / "credentials")},
    ):
        done = subprocess.run(
            [sys.executable, "-m", *module.split()],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **variables},
        )
        lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
        assert done.returncode != 0
        assert len(lines) <= 3, lines  # the width of the terminal wraps it
        assert f"{state} has ended" in " ".join(lines)


VERBS = {
    "query": ["--profile", "consumer", "--workgroup", "ddb-lake", "SELECT 1"],
    "deploy": ["consumer", "--profile", "consumer", "--yes"],
    "remove": ["ddb-lake-consumer", "--profile", "consumer", "--yes"],
    "put_items": ["table", "--profile", "producer"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_verb_reports_that_its_sandbox_has_ended(tmp_path: Path, verb: str) -> None:
    """The folder of the exported profiles is gone, or nothing listens at the endpoint."""
    state = tmp_path / "ddb-lake-sandbox-ended"
    (own := tmp_path / "config").write_text(
        "[profile consumer]\nregion=us-east-1\n[profile producer]\nregion=us-east-1\n"
    )
    (keys := tmp_path / "credentials").write_text(
        "".join(
            f"[{name}]\naws_access_key_id=1\naws_secret_access_key=1\n" for name in ("consumer", "producer")
        )
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"https://localhost:{free.getsockname()[1]}"
    for variables, said in (
        (
            {
                "AWS_CONFIG_FILE": str(state / "config"),
                "AWS_SHARED_CREDENTIALS_FILE": str(state / "credentials"),
            },
            f"the sandbox that AWS_CONFIG_FILE points at has ended: {state / 'config'} does not exist",
        ),
        (
            {
                "AWS_CONFIG_FILE": str(own),
                "AWS_SHARED_CREDENTIALS_FILE": str(keys),
                "AWS_ENDPOINT_URL": nowhere,
            },
            f"nothing answers at {nowhere}: the sandbox there has ended",
        ),
    ):
        done = subprocess.run(
            [sys.executable, "-m", f"scripts.{verb}", *VERBS[verb]],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **variables},
        )
        assert done.returncode == 1
        assert f"error: {said}" in done.stderr, done.stderr
        assert "make sandbox" in done.stderr
        assert "Traceback" not in done.stderr


def test_two_sandboxes_are_independent() -> None:
    """Each has its own port, accounts and folder."""
    with Sandbox() as sandbox, Sandbox() as other:
        sandbox.session("producer").client("s3").create_bucket(Bucket="here")

        assert sandbox.endpoint != other.endpoint
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
def test_variables_of_a_shell_never_lead_out_of_the_sandbox(
    environment: dict[str, str], lines: list[str]
) -> None:
    """The lines can be pasted before or after the exports: none changes what the exports set.

    A proxy stays, but is not used for this machine.
    """
    assert lines_to_paste(environment) == lines


def test_serve_prints_the_lines_to_paste_with_their_number_and_a_line_at_its_end() -> None:
    """Two exports, whose files contain the three profiles.

    A further line unsets the variables of the shell that would override the profiles.
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
        rest, messages = serving.communicate(timeout=20)

    assert "paste these 3 lines" in messages
    assert re.search(r"^unset .*\bAWS_PROFILE\b", messages, re.MULTILINE), messages
    assert messages.splitlines()[-1].startswith("the sandbox has ended")
    assert sorted(exported) == ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]
    assert all(f"[profile {name}]" in config for name in ("producer", "consumer", "stranger"))
    assert rest == ""
    assert serving.returncode == 0
    assert not Path(exported["AWS_CONFIG_FILE"]).exists()
