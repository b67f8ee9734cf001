"""How an environment is created: from a lock, with uv or pip, from the indexes of pip's configuration."""

from __future__ import annotations

import base64
import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from scripts.build import environment
from scripts.build.environment import EnvironmentFailure, install_with_uv, make, pip_settings, uv_variables
from tests.environments import ROOT, bare_environment

UV = Path(sys.executable).with_name("uv")
WHEEL = "tiny-1.0-py3-none-any.whl"


@dataclass
class Index:
    """A package index on this machine with one wheel, a lock for it, and the requests that arrived."""

    url: str
    lock: Path
    requests: list[tuple[str, str]] = field(default_factory=list)  # path, the client's name

    def clients(self) -> set[str]:
        """The programs that downloaded the wheel."""
        return {client for path, client in self.requests if path.endswith(WHEEL)}


def wheel(path: Path) -> str:
    """Write a wheel with one module and return its SHA-256."""
    files = {
        "tiny.py": "x = 1\n",
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {
        name: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        for name, text in files.items()
    }
    record = "".join(f"{name},sha256={digests[name]},{len(text)}\n" for name, text in files.items())
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, "tiny-1.0.dist-info/RECORD": record}.items():
            archive.writestr(name, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """The index, named only in pip's configuration file. There is no cache, and no setting of the user."""
    served = tmp_path / "index" / "simple" / "tiny"
    served.mkdir(parents=True)
    digest = wheel(served / WHEEL)
    (served / "index.html").write_text(f'<a href="{WHEEL}#sha256={digest}">{WHEEL}</a>')
    lock = tmp_path / "tiny.lock"
    lock.write_text(f"tiny==1.0 \\\n    --hash=sha256:{digest}\n")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def send_head(self) -> object:  # type: ignore[override]
            found.requests.append((self.path, self.headers.get("User-Agent", "").partition("/")[0]))
            return super().send_head()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Handler, directory=str(tmp_path / "index"))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = Index(f"http://127.0.0.1:{server.server_port}/simple", lock)
        for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
            monkeypatch.delenv(name)
        (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {found.url}\nretries = 0\n")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
        monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
        yield found
        server.shutdown()


def has_module(python: Path) -> bool:
    """Whether this Python can import the wheel's module."""
    return (
        subprocess.run([str(python), "-c", "import tiny"], check=False, capture_output=True).returncode == 0
    )


def variables() -> dict[str, str]:
    """The environment variables for uv with pip's current settings."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    return uv_variables(pip_settings(listed.stdout), dict(os.environ))


def test_uv_uses_the_index_of_pips_configuration(index: Index, tmp_path: Path) -> None:
    """uv uses a company's mirror even if only pip.conf names it."""
    python = bare_environment(tmp_path / "environment")
    assert install_with_uv(UV, python, index.lock, variables()) is None
    assert has_module(python)
    assert index.clients() == {"uv"}


@pytest.mark.parametrize(("forbidden", "compiled"), [("", 0), ("1", 1)])
def test_bytecode_is_compiled_if_python_may_not_write_it(
    index: Index, tmp_path: Path, forbidden: str, compiled: int
) -> None:
    """Otherwise every command would compile its imports again at each start."""
    environ = uv_variables({"index-url": index.url}, {**os.environ, "PYTHONDONTWRITEBYTECODE": forbidden})
    folder = tmp_path / "environment"
    assert install_with_uv(UV, bare_environment(folder), index.lock, environ) is None
    assert len(list(folder.rglob("tiny.*.pyc"))) == compiled


def test_uv_refuses_another_hash(index: Index, tmp_path: Path) -> None:
    """A package is installed only if its hash is in the lock."""
    index.lock.write_text(f"tiny==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    python = bare_environment(tmp_path / "environment")
    refusal = install_with_uv(UV, python, index.lock, variables())
    assert refusal is not None
    assert not has_module(python)


def test_uv_refuses_a_package_without_a_hash(index: Index, tmp_path: Path) -> None:
    """Somebody forgot to pin this line."""
    index.lock.write_text("tiny==1.0\n")
    python = bare_environment(tmp_path / "environment")
    refusal = install_with_uv(UV, python, index.lock, variables())
    assert refusal is not None
    assert "hash" in refusal
    assert not has_module(python)


def test_pip_installs_if_uv_cannot(index: Index, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Without uv, the installation only takes longer, and one line states that."""
    folder = tmp_path / "environment"
    make(index.lock, folder)
    printed = capfd.readouterr()
    assert has_module(folder / "bin" / "python")
    assert (folder / ".ready").exists()
    assert index.clients() == {"pip"}
    assert printed.out.count("uv cannot install here (") == 1
    assert printed.err == ""
    assert [path.name for path in folder.glob(".uv-*")] == []


def test_a_lock_that_cannot_be_installed_leaves_nothing_ready(index: Index, tmp_path: Path) -> None:
    """The next run of make tries again."""
    index.lock.write_text(f"tiny==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    with pytest.raises(EnvironmentFailure, match=r"could not install .*\nnext: "):
        make(index.lock, tmp_path / "environment")
    assert not (tmp_path / "environment" / ".ready").exists()


def test_a_link_is_never_emptied(tmp_path: Path) -> None:
    """The link may lead to the environment of another clone."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "kept").touch()
    (tmp_path / "environment").symlink_to(tmp_path / "other")
    with pytest.raises(EnvironmentFailure, match="is a link"):
        make(ROOT / "requirements" / "deploy.lock", tmp_path / "environment")
    assert (tmp_path / "other" / "kept").exists()


def test_an_older_python_creates_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message states the required version and how to name another Python."""
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    with pytest.raises(EnvironmentFailure, match=r"needs Python 3\.11 or newer.*\nnext: .*PYTHON=python3"):
        make(ROOT / "requirements" / "deploy.lock", tmp_path / "environment")


def test_the_aws_command_runs_in_a_folder_with_a_space(tmp_path: Path) -> None:
    """A script's first line cannot contain a path with a space."""
    folder = tmp_path / "a folder"
    python = bare_environment(folder)
    (folder / "bin" / "aws").write_text(f"#!{python}\nraise SystemExit(1)\n")
    site = next(folder.glob("lib/*/site-packages"))
    (site / "awscli.py").write_text("import sys; print('aws', *sys.argv[1:])")
    environment._aws_command(folder)
    done = subprocess.run(
        [str(folder / "bin" / "aws"), "s3", "ls"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "aws s3 ls\n"


def test_the_last_setting_of_pip_wins() -> None:
    """In any order of the lines, the environment overrides `install`, and `install` overrides `global`."""
    listed = (
        ":env:.index-url='https://env.example/simple'\n"
        "global.index-url='https://global.example/simple'\n"
        "global.extra-index-url='\\nhttps://one.example/simple\\nhttps://two.example/simple'\n"
        "install.find-links='/wheels'\n"
        "global.find-links='/old'\n"
        "download.index-url='https://download.example/simple'\n"
    )
    assert pip_settings(listed) == {
        "index-url": "https://env.example/simple",
        "extra-index-url": "\nhttps://one.example/simple\nhttps://two.example/simple",
        "find-links": "/wheels",
    }


def test_uv_receives_pips_settings() -> None:
    """Lists get uv's separators. If pip has no certificate, uv gets that of requests."""
    settings = {
        "index-url": "https://mirror.example/simple",
        "extra-index-url": "\nhttps://one.example/simple\nhttps://two.example/simple",
        "find-links": "/a /b",
        "cert": "/etc/company.pem",
    }
    exported = uv_variables(settings, {"REQUESTS_CA_BUNDLE": "/etc/other.pem"})
    assert exported["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert exported["UV_INDEX"] == "https://one.example/simple https://two.example/simple"
    assert exported["UV_FIND_LINKS"] == "/a,/b"
    assert exported["SSL_CERT_FILE"] == "/etc/company.pem"
    assert uv_variables({}, {"REQUESTS_CA_BUNDLE": "/etc/other.pem"})["SSL_CERT_FILE"] == "/etc/other.pem"
    assert exported["UV_PYTHON_DOWNLOADS"] == "never"


def test_the_users_settings_for_uv_stay() -> None:
    """A variable of the user is kept, also an older name for it or one with a wider effect."""
    settings = {"index-url": "https://pip.example/simple", "cert": "/pip.pem", "proxy": "http://pip.example"}
    user = {"UV_DEFAULT_INDEX": "https://uv.example/simple", "UV_NATIVE_TLS": "1", "HTTPS_PROXY": "http://p"}
    assert uv_variables(settings, user) == {**environment.UV_DEFAULTS, **user}
    older = {"UV_INDEX_URL": "https://uv.example/simple"}
    assert "UV_DEFAULT_INDEX" not in uv_variables(settings, older)


def test_one_uv_is_pinned() -> None:
    """The same uv compiles the locks and installs the environments."""
    assert shutil.which("uv", path=UV.parent) is not None
    printed = subprocess.run([str(UV), "--version"], capture_output=True, text=True, check=True).stdout
    assert f"uv=={printed.split()[1]} " in (ROOT / "requirements" / "uv.lock").read_text()
