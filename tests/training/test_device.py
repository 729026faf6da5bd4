import pytest
import torch

from charseq.settings.network_size import TWO_CORES_FLOPS, TWO_NATIVE_CORES_FLOPS
from charseq.training.device import GPU_FLOPS, device_flops


@pytest.mark.parametrize("in_c", [False, True])
def test_the_power_of_a_cpu_grows_with_the_cores_that_it_may_use(
    monkeypatch: pytest.MonkeyPatch, in_c: bool
) -> None:
    monkeypatch.setattr("charseq.training.device.library", lambda: object() if in_c else None)
    two = TWO_NATIVE_CORES_FLOPS if in_c else TWO_CORES_FLOPS
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert device_flops("cpu") == two
        torch.set_num_threads(1)
        assert device_flops("cpu") == two / 2
    finally:
        torch.set_num_threads(before)


def test_where_there_is_no_gpu_auto_is_the_cpu() -> None:
    expected = GPU_FLOPS if torch.cuda.is_available() else device_flops("cpu")
    assert device_flops("auto") == expected
