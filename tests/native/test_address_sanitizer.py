"""No kernel reads or writes outside of its arrays, for random sizes, under AddressSanitizer.

python -m pytest -n 0 -m long tests/native/test_address_sanitizer.py takes about a minute.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import charseq
from charseq import native

ROUNDS = 3_000
ROOT = Path(charseq.__file__).parents[1]
SANITIZERS = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-shared", "-fPIC"]

CALLS = """
import ctypes, random, sys
import numpy as np
from charseq.native import MLSTMChunk, Product, Recurrence, loader

lib = ctypes.CDLL(sys.argv[1])
assert lib.charseq_interface_version() == loader.INTERFACE_VERSION
lib.charseq_cell.argtypes, lib.charseq_cell.restype = [ctypes.c_long], ctypes.POINTER(loader._Cell)
cells = [kernel for _, kernel in loader._cell_table(lib)]
in_bfloat16 = [0, 1] if lib.charseq_has_bf16() else [0]
random.seed(int(sys.argv[2]))
numbers = np.random.default_rng(int(sys.argv[2]))

def floats(*shape):  # by malloc, so that the sanitizer knows the size
    return numbers.standard_normal(shape).astype(np.float32)

def rounded(x):
    bits = x.view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)

def sequence():
    cell, T, B, H, V = random.choice(cells), *(random.randint(1, most) for most in (4, 9, 70, 7))
    call = Recurrence(cell=cell.number, threads=random.randint(1, 3), T=T, B=B, H=H)
    call.bf16 = random.choice(in_bfloat16)
    has_ids, has_saved = random.random() < 0.5, random.random() < 0.8
    ids = numbers.integers(0, V, (T, B))
    x_gates = floats(V, cell.x_blocks * H) if has_ids else floats(T, B, cell.x_blocks * H)
    w_h, h_bias = floats(cell.h_blocks * H, H), floats(cell.separate_blocks * H)
    states = [np.abs(floats(T + 1, B, H)) for _ in range(cell.states)]
    saved, d_outputs, d_table = floats(T, B, cell.saved_blocks * H), floats(T, B, H), np.empty_like(x_gates)
    d_states = [floats(B, H) for _ in range(cell.states)]
    call.x_gates, call.W_h, call.h_bias = x_gates.ctypes.data, w_h.ctypes.data, h_bias.ctypes.data
    call.ids = ids.ctypes.data if has_ids else None
    call.saved = saved.ctypes.data if has_saved else None
    call.states[:cell.states] = [field.ctypes.data for field in states]
    assert lib.charseq_forward(ctypes.byref(call)) == 0
    assert all(np.isfinite(field).all() for field in states)
    if has_saved:
        call.d_outputs, call.d_table, call.V = d_outputs.ctypes.data, d_table.ctypes.data, V
        call.d_states[:cell.states] = [field.ctypes.data for field in d_states]
        assert lib.charseq_backward(ctypes.byref(call)) == 0
        assert np.isfinite(saved[..., : cell.x_blocks * H]).all()

def chunk():
    T, B, H, V = (random.randint(1, most) for most in (80, 5, 70, 7))
    has_ids, has_final, has_initial = (random.random() < 0.5 for _ in range(3))
    ids, x = numbers.integers(0, V, (B, T)), floats(V if has_ids else B * T, 4 * H + 2)
    shapes = {"C": (B, H, H), "n": (B, H), "m": (B,)}
    arrays = {f"{name}{end}": floats(*shape) for name, shape in shapes.items() for end in ("", "_next")}
    arrays |= {name: np.empty((B, T, H), np.float32) for name in ("h", "r")}
    arrays |= {"x": x, "norm": np.empty((B, T), np.float32)} | ({"ids": ids} if has_ids else {})
    call = MLSTMChunk(threads=random.randint(1, 3), T=T, B=B, H=H, k_scale=H**-0.5)
    for name, array in arrays.items():
        setattr(call, name, array.ctypes.data)
    assert lib.charseq_mlstm_forward(ctypes.byref(call)) == 0
    gradients = {"d_h": floats(B, T, H), "d_x": np.empty((B, T, 4 * H + 2), np.float32)}
    gradients |= {"d_table": np.empty_like(x)} if has_ids else {}
    for name, shape in shapes.items():
        gradients |= {f"d_{name}_next": floats(*shape)} if has_final else {}
        gradients |= {f"d_{name}": floats(*shape)} if has_initial else {}
    for name, array in gradients.items():
        setattr(call, name, array.ctypes.data)
    call.V = V
    assert lib.charseq_mlstm_backward(ctypes.byref(call)) == 0
    assert all(np.isfinite(array).all() for array in (*arrays.values(), *gradients.values()))

def mlstm_step():
    B, H = random.randint(1, 5), random.randint(1, 70)
    x_proj, gates, h, C, n, m = (floats(*s) for s in ((B, 4 * H), (B, 2), (B, H), (B, H, H), (B, H), (B,)))
    pointers = (ctypes.c_void_p(array.ctypes.data) for array in (x_proj, gates, h, C, n, m))
    sizes, threads = (ctypes.c_long(B), ctypes.c_long(H)), ctypes.c_long(random.randint(1, 3))
    lib.charseq_mlstm_step(*sizes, *pointers, ctypes.c_float(H**-0.5), threads)
    assert all(np.isfinite(array).all() for array in (h, C, n, m))

def product():
    M, N, K = (random.choice([random.randint(1, 70), random.choice([32, 64, 1024, 1025])]) for _ in "MNK")
    transposed = [random.random() < 0.5 for _ in "ab"]
    a, b = floats(*((K, M) if transposed[0] else (M, K))), floats(*((N, K) if transposed[1] else (K, N)))
    bias, c = floats(N), np.empty((M, N), np.float32)
    has_bias = random.random() < 0.5
    call = Product(threads=random.randint(1, 3), M=M, K=K, N=N, c=c.ctypes.data)
    call.bf16 = random.choice(in_bfloat16)
    call.a, call.a_stride, call.a_transposed = a.ctypes.data, a.shape[1], transposed[0]
    call.b, call.b_stride, call.b_transposed = b.ctypes.data, b.shape[1], transposed[1]
    call.bias = bias.ctypes.data if has_bias else None
    assert lib.charseq_product(ctypes.byref(call)) == 0
    if call.bf16:
        a, b = rounded(a), rounded(b)
    a, b = (x.T if t else x for x, t in zip((a, b), transposed))
    np.testing.assert_allclose(c, a @ b + bias * has_bias, atol=1e-2, rtol=1e-3)

def layer_norm():
    rows, H, threads = random.randint(0, 70), random.randint(1, 70), random.randint(1, 3)
    if random.random() < 0.1:
        rows = random.randint(1000, 1100)  # blocks of more rows
    x, gain, bias, d, moments = floats(rows, H), floats(H), floats(H), floats(rows, H), floats(rows, 2)
    out, dx, d_gain, d_bias = np.empty_like(x), np.empty_like(x), np.empty_like(gain), np.empty_like(gain)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (x, gain, bias, out, moments)]
    sizes, floor = [ctypes.c_long(rows), ctypes.c_long(H)], ctypes.c_float(1e-5)
    lib.charseq_layer_norm(*sizes, *pointers[:3], floor, *pointers[3:], ctypes.c_long(threads))
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (x, gain, moments, d, dx, d_gain, d_bias)]
    assert lib.charseq_layer_norm_backward(*sizes, *pointers, ctypes.c_long(threads)) == 0
    z = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(out, z * gain + bias, atol=1e-3)
    np.testing.assert_allclose(d_gain, (d * z).sum(0), atol=1e-2)
    np.testing.assert_allclose(d_bias, d.sum(0), atol=1e-2)
    assert np.isfinite(dx).all()

for _ in range(int(sys.argv[3])):
    sequence()
    layer_norm()
    if random.random() < 0.2:
        chunk()
        mlstm_step()
    if random.random() < 0.2:
        product()
print("done")
"""


@pytest.mark.long
@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
@pytest.mark.parametrize("level", [level for level in native.BUILDS if native.can_run(level)])
def test_kernels_stay_inside_of_their_arrays(level: int, tmp_path: Path) -> None:
    modules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["ext-modules"]
    module = next(module for module in modules if module["name"] == native.BUILDS[level])
    options = [option for option in module["extra-compile-args"] if option != "-O3"]
    library = tmp_path / "library.so"
    sources = [str(ROOT / source) for source in module["sources"]]
    subprocess.run(["gcc", *options, *SANITIZERS, *sources, "-o", str(library)], check=True, timeout=300)
    runtime = subprocess.run(
        ["gcc", "-print-file-name=libasan.so"], check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()
    if not Path(runtime).exists():
        pytest.skip("gcc has no AddressSanitizer")
    environment = {"LD_PRELOAD": runtime, "ASAN_OPTIONS": "detect_leaks=0", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", CALLS, str(library), "1", str(ROUNDS)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.stdout == "done\n", done.stderr[-5000:]
    assert done.returncode == 0
