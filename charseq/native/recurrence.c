/* Whole sequences through a cell, forward and back, each thread with rows of its own from the first step to the last.

Rows need not meet: threads wait for each other only at the end.  All arrays are float32 and lie time first, so that
a step's rows are side by side.  Axes: T steps, B rows, H hidden, V symbols. */
#include "cells.h"
#include "products.h"

typedef struct {
    long cell, threads, steps, rows, size; /* which of CELLS; T, B, H */
    const int64_t *ids;                    /* [T B], the rows of from_x to read; none where it is read in order */
    const float *from_x;                   /* [V gates*H], or [T B gates*H] */
    const float *w_h;                      /* [recurrent*H H]; none in cells whose gates see x alone */
    const float *b_n;                      /* [H]; in a GRU alone */
    float *states[STATES];                 /* [T+1 B H] each; the first is the state before the first step */
    float *slots;                          /* [T B slots*H]; none where nobody goes back */
    float *d_hs;                           /* [T B H], the gradients by the outputs */
    float *d_states[STATES];               /* [B H], by the final state; left with those by the first */
    float *d_table;                        /* [V gates*H], by from_x where it is a table of so many symbols */
    long symbols;
} Recurrence;

static void fields_at(const Recurrence *r, const Cell *cell, long step, long row, float **fields) {
    for (long i = 0; i < cell->states; i++) fields[i] = r->states[i] + (step * r->rows + row) * r->size;
}

/* Returns 0, or 1 where there is no memory. */
int charseq_forward(const Recurrence *r) {
    const Cell *cell = &CELLS[r->cell];
    long size = r->size, columns = cell->recurrent * size, width = panels_for(columns) * PANEL;
    float *packed = reserve(width * size), *scratch = reserve((r->rows * width) + r->threads * cell->slots * size);
    if (!packed || !scratch) {
        free(packed), free(scratch);
        return 1;
    }
    if (columns) pack(columns, size, 0, r->w_h, packed, r->threads);
#pragma omp parallel num_threads(r->threads)
    {
        long thread = omp_get_thread_num(), team = omp_get_num_threads();
        long first = r->rows * thread / team, last = r->rows * (thread + 1) / team;
        float *u = scratch + first * width, *unsaved = scratch + r->rows * width + thread * cell->slots * size;
        for (long step = 0; step < r->steps && first < last; step++) {
            const float *h = r->states[0] + (step * r->rows + first) * size;
            if (columns) {
                memset(u, 0, sizeof(float) * (last - first) * width);
                product(last - first, columns, size, h, size, packed, u, width);
            }
            for (long row = first; row < last; row++) {
                float *before[STATES], *after[STATES];
                long place = step * r->rows + row, read = r->ids ? r->ids[place] : place;
                fields_at(r, cell, step, row, before);
                fields_at(r, cell, step + 1, row, after);
                cell->forward(size, r->from_x + read * cell->gates * size, u + (row - first) * width, r->b_n,
                              r->slots ? r->slots + place * cell->slots * size : unsaved, before, after);
            }
        }
    }
    free(packed), free(scratch);
    return 0;
}

/* The same way back: `slots` is left with the gradients by the gates.  Returns 0, or 1 where there is no memory. */
int charseq_back(const Recurrence *r) {
    const Cell *cell = &CELLS[r->cell];
    long size = r->size, depth = cell->recurrent * size, width = panels_for(size) * PANEL;
    long slot = cell->slots * size;
    float *packed = reserve(width * depth), *scratch = reserve(r->rows * width);
    if (!packed || !scratch) {
        free(packed), free(scratch);
        return 1;
    }
    if (depth) pack(size, depth, 1, r->w_h, packed, r->threads);
#pragma omp parallel num_threads(r->threads)
    {
        long thread = omp_get_thread_num(), team = omp_get_num_threads();
        long first = r->rows * thread / team, last = r->rows * (thread + 1) / team;
        float *dh = scratch + first * width;
        for (long row = first; row < last; row++)
            memcpy(dh + (row - first) * width, r->d_states[0] + row * size, sizeof(float) * size);
        for (long step = r->steps - 1; step >= 0 && first < last; step--) {
            float *slots = r->slots + (step * r->rows + first) * slot;
            for (long row = first; row < last; row++) {
                float *before[STATES], *after[STATES], *d[STATES] = {dh + (row - first) * width};
                const float *from_above = r->d_hs + (step * r->rows + row) * size;
                for (long i = 1; i < cell->states; i++) d[i] = r->d_states[i] + row * size;
                for (long j = 0; j < size; j++) d[0][j] += from_above[j];
                fields_at(r, cell, step, row, before);
                fields_at(r, cell, step + 1, row, after);
                cell->back(size, slots + (row - first) * slot, before, after, d);
            }
            if (depth) product(last - first, size, depth, slots + slot - depth, slot, packed, dh, width);
        }
        for (long row = first; row < last; row++)
            memcpy(r->d_states[0] + row * size, dh + (row - first) * width, sizeof(float) * size);
#pragma omp barrier
        if (r->ids) { /* each thread adds up columns of its own, so the order is the same for any number of them */
            long columns = cell->gates * size, from = columns * thread / team, to = columns * (thread + 1) / team;
            for (long symbol = 0; symbol < r->symbols; symbol++)
                memset(r->d_table + symbol * columns + from, 0, sizeof(float) * (to - from));
            for (long place = 0; place < r->steps * r->rows; place++) {
                float *restrict into = r->d_table + r->ids[place] * columns;
                const float *restrict d = r->slots + place * slot;
                for (long j = from; j < to; j++) into[j] += d[j];
            }
        }
    }
    free(packed), free(scratch);
    return 0;
}

/* The level of x86-64 that this processor has, of 4, 3 and 0; of any other processor 0. */
int charseq_level(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2")) return 0;
    int wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
    return wide ? 4 : 3;
#else
    return 0;
#endif
}
