/* Whole sequences through a cell, forward and back, each thread with rows of its own from the first step to the last.

Rows need not meet: threads wait for each other only at the end.  All arrays are float32 and lie time first, so that
a step's rows are side by side.  Axes: T steps, B rows, H hidden, V symbols. */
#ifndef CHARSEQ_RECURRENCE_H
#define CHARSEQ_RECURRENCE_H

#include "cells.h"
#include "products.h"

typedef struct {
    long cell, threads, steps, rows, size; /* which of CELLS; T, B, H */
    const int64_t *ids;                    /* [T B], the rows of x_gates to read; none where it is read in order */
    const float *x_gates;                   /* [V gates*H], or [T B gates*H] */
    const float *w_h;                      /* [recurrent*H H]; none in cells whose gates see x alone */
    const float *packed;                   /* the same by charseq_pack; none where that is left to charseq_forward */
    const float *b_n;                      /* [H]; in a GRU alone */
    float *states[STATES];                 /* [T+1 B H] each; the first is the state before the first step */
    float *slots;                          /* [T B slots*H]; none where nobody goes back */
    float *d_hs;                           /* [T B H], the gradients by the outputs */
    float *d_states[STATES];               /* [B H], by the final state; left with those by the first */
    float *d_table;                        /* [V gates*H], by x_gates where it is a table of so many symbols */
    long symbols;
} Recurrence;

static void fields_at(const Recurrence *r, const Cell *cell, long step, long row, float **fields) {
    for (long i = 0; i < cell->states; i++) fields[i] = r->states[i] + (step * r->rows + row) * r->size;
}

/* Returns 0, or 1 where there is no memory. */
int charseq_forward(const Recurrence *r) {
    const Cell *cell = &CELLS[r->cell];
    long size = r->size, columns = cell->recurrent * size, panels = panels_for(columns), width = panels * PANEL;
    float *own = r->packed ? NULL : reserve(width * size);
    const float *packed = r->packed ? r->packed : own;
    float *scratch = reserve((r->rows * width) + r->threads * cell->slots * size);
    if (!packed || !scratch) {
        free(own), free(scratch);
        return 1;
    }
    if (columns && own) pack(columns, size, 0, r->w_h, own, r->threads);
#pragma omp parallel num_threads(r->threads) if (r->threads > 1)
    {
        long thread = omp_get_thread_num(), team = omp_get_num_threads();
        int few = r->rows < team; /* then threads share columns instead of rows, and meet at every step */
        Share mine = few ? (Share){0, r->rows} : share_of(r->rows, thread, team);
        Share across = few ? share_of(panels, thread, team) : (Share){0, panels};
        long rows = mine.last - mine.first;
        float *u = scratch + mine.first * width, *unsaved = scratch + r->rows * width + thread * cell->slots * size;
        for (long step = 0; step < r->steps && rows; step++) {
            const float *h = r->states[0] + (step * r->rows + mine.first) * size;
            for (long row = 0; row < rows; row++)
                memset(u + row * width + across.first * PANEL, 0, sizeof(float) * (across.last - across.first) * PANEL);
            product(rows, across.first, across.last, size, h, size, packed, u, width);
            if (few) {
#pragma omp barrier
            }
            for (long row = mine.first; row < mine.last && (!few || thread == 0); row++) {
                float *before[STATES], *after[STATES];
                long place = step * r->rows + row, read = r->ids ? r->ids[place] : place;
                fields_at(r, cell, step, row, before);
                fields_at(r, cell, step + 1, row, after);
                cell->forward(size, r->x_gates + read * cell->gates * size, u + (row - mine.first) * width, r->b_n,
                              r->slots ? r->slots + place * cell->slots * size : unsaved, before, after);
            }
            if (few) {
#pragma omp barrier
            }
        }
    }
    free(own), free(scratch);
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
        Share rows = share_of(r->rows, thread, team);
        long first = rows.first, last = rows.last;
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
            if (depth) product(last - first, 0, panels_for(size), depth, slots + slot - depth, slot, packed, dh, width);
        }
        for (long row = first; row < last; row++)
            memcpy(r->d_states[0] + row * size, dh + (row - first) * width, sizeof(float) * size);
#pragma omp barrier
        if (r->ids) { /* each thread adds up columns of its own, so the order is the same for any number of them */
            long columns = cell->gates * size;
            Share mine = share_of(columns, thread, team);
            for (long symbol = 0; symbol < r->symbols; symbol++)
                memset(r->d_table + symbol * columns + mine.first, 0, sizeof(float) * (mine.last - mine.first));
            for (long place = 0; place < r->steps * r->rows; place++) {
                float *restrict into = r->d_table + r->ids[place] * columns;
                const float *restrict d = r->slots + place * slot;
                for (long j = mine.first; j < mine.last; j++) into[j] += d[j];
            }
        }
    }
    free(packed), free(scratch);
    return 0;
}

#endif
