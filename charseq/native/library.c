/* What Python asks of the library itself; library.h describes it. */
#include "library.h"

#include <omp.h>

const Cell *charseq_cell(long number) { return &CELLS[number]; }

int charseq_max_threads(void) { return omp_get_max_threads(); }

int charseq_interface_version(void) { return 7; }

long charseq_recurrence_size(void) { return sizeof(Recurrence); }

long charseq_mlstm_chunk_size(void) { return sizeof(MLSTMChunk); }

int charseq_cpu_level(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2"))
        return 0;
    int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                 __builtin_cpu_supports("avx512vl");
    return avx512 ? 4 : 3;
#else
    return 0;
#endif
}
