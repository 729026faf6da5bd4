import torch

from charseq.sizing import TWO_CORES
from charseq.training.device import GPU_POWER, power_of


def test_the_power_of_a_cpu_grows_with_the_cores_that_it_may_use() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        assert power_of("cpu") == TWO_CORES
        torch.set_num_threads(1)
        assert power_of("cpu") == TWO_CORES / 2
    finally:
        torch.set_num_threads(before)


def test_where_there_is_no_gpu_auto_is_the_cpu() -> None:
    expected = GPU_POWER if torch.cuda.is_available() else power_of("cpu")
    assert power_of("auto") == expected
