"""An upgrade of MiniStack that moves a patched function stops here, with the function's name."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest

import sandbox
from sandbox.emulator import change_records
from sandbox.emulator.seam import Seam, SeamMovedError, source_digest


def seams() -> Iterator[tuple[str, Seam]]:
    """Every seam that a module of the sandbox declares."""
    for found in pkgutil.walk_packages(sandbox.__path__, "sandbox."):
        if not found.name.endswith("__main__"):
            for seam in getattr(import_module(found.name), "SEAMS", ()):
                yield found.name, seam


@pytest.mark.parametrize(
    ("module", "seam"), [pytest.param(name, seam, id=f"{name}-{seam.name}") for name, seam in seams()]
)
def test_the_patched_function_is_the_one_the_patch_was_written_for(module: str, seam: Seam) -> None:
    """The digest of its source is the one the module names."""
    assert source_digest(seam.current()) == seam.digest, module


def test_a_moved_function_is_refused_by_name() -> None:
    """Replacing a function whose source has another digest raises, naming function and new digest."""
    moved = Seam("services.dynamodb", "_set_item", "0" * 16)

    with pytest.raises(SeamMovedError, match=rf"_set_item.*{change_records.SET_ITEM.digest}"):
        moved.replace(lambda: None)


def test_a_removed_function_is_refused_by_name() -> None:
    """A function that is gone raises too."""
    with pytest.raises(SeamMovedError, match=r"no function services\.dynamodb\._no_such"):
        Seam("services.dynamodb", "_no_such", "").check()
