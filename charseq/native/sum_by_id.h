/* The gradient of a table whose rows were looked up by id. */
#ifndef CHARSEQ_SUM_BY_ID_H
#define CHARSEQ_SUM_BY_ID_H

#include <stdint.h>
#include <string.h>

#include "gemm.h"

/* table [V width] = the sums of the rows d [positions stride] of each id, for a range of columns.  If each thread
takes columns of its own, the order, and with it the result, is the same for any number of threads. */
static inline void sum_by_id(Range columns, long V, long width, float *table, long positions, const int64_t *ids,
                             const float *d, long stride) {
    const long count = columns.last - columns.first;
    for (long id = 0; id < V; id++) memset(table + id * width + columns.first, 0, sizeof(float) * count);
    for (long position = 0; position < positions; position++) {
        float *restrict sum = table + ids[position] * width;
        const float *restrict row = d + position * stride;
        for (long j = columns.first; j < columns.last; j++) sum[j] += row[j];
    }
}

#endif
