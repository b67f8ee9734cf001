"""`make demo` ends as a command does."""

import pytest

from sandbox import demo


def test_ctrl_c_ends_the_demo_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An interrupt is no error: no traceback, exit code 130."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo.Lake, "from_environment", interrupted)

    assert demo.main() == 130
    assert capsys.readouterr().out == "interrupted\n"
