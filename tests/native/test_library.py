"""The library in C is found where it is, and left where it does not fit."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from charseq import native

OPENED = native.opened


def forget() -> None:
    native.library.cache_clear()
    OPENED.cache_clear()


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """What was found is looked for again, before and after."""
    forget()
    yield
    forget()


def test_where_nothing_was_built_there_is_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "BUILDS", dict.fromkeys(native.BUILDS, "charseq.native.nothing"))
    assert native.library() is None
    assert not native.can_run(0)


@pytest.mark.skipif(native.library() is None, reason="no C compiler")
def test_a_build_of_other_sources_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert native.library() is not None
    forget()
    monkeypatch.setattr(native, "INTERFACE", native.INTERFACE + 1)
    assert native.library() is None


def test_a_library_of_something_else_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "BUILDS", dict.fromkeys(native.BUILDS, "_ctypes"))
    assert native.library() is None


def test_a_processor_is_never_given_a_build_that_it_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Base:
        level = 0

        def charseq_level(self) -> int:
            return self.level

    builds = {level: Base() for level in native.BUILDS}
    monkeypatch.setattr(native, "opened", builds.get)
    for level, name in ((0, 0), (3, 3), (4, 4)):
        forget()
        Base.level = level
        assert native.library() is builds[name]  # type: ignore[comparison-overlap]


@pytest.mark.skipif(native.library() is None, reason="no C compiler")
def test_the_struct_is_the_one_of_the_source() -> None:
    found = native.library()
    assert found is not None
    assert found.charseq_recurrence_size() == ctypes.sizeof(native.Recurrence)


@pytest.mark.skipif(native.library() is None, reason="no C compiler")
def test_numpy_is_kept_to_one_thread_unless_somebody_says_otherwise() -> None:
    code = "import os; from charseq import native; native.share_cores(); print(os.environ[NAME])"
    code = code.replace("NAME", "'OPENBLAS_NUM_THREADS'")
    for given, expected in ((None, "1"), ("2", "2")):
        environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
        if given:
            environment["OPENBLAS_NUM_THREADS"] = given
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.stdout.strip() == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "3000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_waiting_threads_soon_sleep_unless_somebody_says_otherwise(
    given: dict[str, str], expected: str
) -> None:
    code = (
        "import os; from charseq import native; native.share_cores(); print(os.environ.get('GOMP_SPINCOUNT'))"
    )
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("GOMP_", "OMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**mine, **given}, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == expected
