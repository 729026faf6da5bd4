import pytest
import torch

from charseq.settings.network_size import (
    TWO_BFLOAT16_CORES_FLOPS,
    TWO_CORES_FLOPS,
    TWO_NATIVE_CORES_FLOPS,
)
from charseq.training.device import GPU_FLOPS, device_flops


@pytest.mark.parametrize(
    ("in_c", "bfloat16", "two"),
    [
        (False, False, TWO_CORES_FLOPS),
        (True, False, TWO_NATIVE_CORES_FLOPS),
        (True, True, TWO_BFLOAT16_CORES_FLOPS),
    ],
)
def test_the_power_of_a_cpu_grows_with_the_cores_that_it_may_use(
    monkeypatch: pytest.MonkeyPatch, in_c: bool, bfloat16: bool, two: float
) -> None:
    monkeypatch.setattr("charseq.training.device.library", lambda: object() if in_c else None)
    monkeypatch.setattr("charseq.training.device.bfloat16_is_fast", lambda: bfloat16)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert device_flops("cpu") == two
        torch.set_num_threads(1)
        assert device_flops("cpu") == two / 2
    finally:
        torch.set_num_threads(before)


def test_the_power_of_a_cpu_is_that_of_the_precision_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("charseq.training.device.library", object)
    monkeypatch.setattr("charseq.training.device.bfloat16_is_fast", lambda: True)
    in_float32 = TWO_NATIVE_CORES_FLOPS / 2 * torch.get_num_threads()
    assert device_flops("cpu", "float32") == in_float32
    assert device_flops("cpu", "auto", "torch") == in_float32
    assert device_flops("cpu", "bfloat16") == TWO_BFLOAT16_CORES_FLOPS / 2 * torch.get_num_threads()


def test_where_there_is_no_gpu_auto_is_the_cpu() -> None:
    expected = GPU_FLOPS if torch.cuda.is_available() else device_flops("cpu")
    assert device_flops("auto") == expected
