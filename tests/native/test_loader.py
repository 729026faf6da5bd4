"""The loader finds a build that fits, and ignores one that does not."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from charseq.cells import CELLS
from charseq.native import loader

OPEN_BUILD = loader.open_build
LIBRARY = loader.library()
needs_library = pytest.mark.skipif(LIBRARY is None, reason="no C compiler")


def clear_caches() -> None:
    for cached in (loader.library, loader.kernels, OPEN_BUILD):
        cached.cache_clear()


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Each test loads the library anew."""
    clear_caches()
    yield
    clear_caches()


def test_without_a_build_there_is_no_library_and_no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "BUILDS", dict.fromkeys(loader.BUILDS, "charseq.native.nothing"))
    assert loader.library() is None
    assert loader.kernels() == {}
    assert not loader.can_run(0)


@needs_library
def test_a_build_with_another_interface_version_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loader.library() is not None
    clear_caches()
    monkeypatch.setattr(loader, "INTERFACE_VERSION", loader.INTERFACE_VERSION + 1)
    assert loader.library() is None


def test_an_unrelated_library_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "BUILDS", dict.fromkeys(loader.BUILDS, "_ctypes"))
    assert loader.library() is None


def test_the_library_is_the_fastest_build_that_the_processor_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Base:
        level = 0

        def charseq_cpu_level(self) -> int:
            return self.level

    builds = {level: Base() for level in loader.BUILDS}
    monkeypatch.setattr(loader, "open_build", builds.get)
    for level in (0, 3, 4):
        clear_caches()
        Base.level = level
        assert loader.library() is builds[level]  # type: ignore[comparison-overlap]


@needs_library
def test_the_struct_has_the_size_of_the_one_in_c() -> None:
    assert LIBRARY is not None
    assert LIBRARY.charseq_recurrence_size() == ctypes.sizeof(loader.Recurrence)
    assert LIBRARY.charseq_mlstm_chunk_size() == ctypes.sizeof(loader.MLSTMChunk)


@needs_library
def test_the_cell_table_in_c_agrees_with_the_python_cells() -> None:
    kernels = loader.kernels()
    assert list(kernels) == ["rnn", "rnn-relu", "rnn-norm", "lstm", "gru", "slstm", "mingru", "minlstm"]
    for name, kernel in kernels.items():
        params = CELLS[name].params
        assert params["W_x"].axes == f"{kernel.x_blocks}H I".replace("1H", "H")
        assert kernel.states == len(CELLS[name].state._fields)
        assert kernel.saved_blocks >= kernel.x_blocks + kernel.separate_blocks
        if kernel.h_blocks:
            assert params["W_h"].axes == f"{kernel.h_blocks}H H".replace("1H", "H")
        else:
            assert "W_h" not in params


def in_a_new_process(code: str, environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", f"import os; from charseq import native; native.share_cores(); {code}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


@needs_library
@pytest.mark.parametrize(("preset", "expected"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "2"}, "2")])
def test_numpy_uses_one_thread_unless_the_environment_says_otherwise(
    preset: dict[str, str], expected: str
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    code = "print(os.environ['OPENBLAS_NUM_THREADS'])"
    assert in_a_new_process(code, {**environment, **preset}) == expected


@pytest.mark.parametrize(
    ("preset", "expected"),
    [({}, "3000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_waiting_threads_sleep_soon_unless_the_environment_says_otherwise(
    preset: dict[str, str], expected: str
) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("GOMP_", "OMP_"))
    }
    assert in_a_new_process("print(os.environ.get('GOMP_SPINCOUNT'))", {**environment, **preset}) == expected


@pytest.mark.parametrize(("preset", "expected"), [({}, "AUTO,STRICT"), ({"MKL_CBWR": "AVX2"}, "AVX2")])
def test_products_of_mkl_repeat_unless_the_environment_says_otherwise(
    preset: dict[str, str], expected: str
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"}
    assert in_a_new_process("print(os.environ['MKL_CBWR'])", {**environment, **preset}) == expected
