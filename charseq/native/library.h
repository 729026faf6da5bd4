/* The functions that Python calls.

Arrays are contiguous float32 unless stated.  Axes: T time steps, B rows, H hidden, V vocabulary.  Raise
charseq_interface_version, and INTERFACE_VERSION in loader.py, when a signature or a struct changes. */
#ifndef CHARSEQ_LIBRARY_H
#define CHARSEQ_LIBRARY_H

#include <stdint.h>

#include "cells.h"

#define EXPORT __attribute__((visibility("default")))

/* A sequence through a cell; sizes in blocks are those of the cell, in cells.h. */
typedef struct {
    long cell, threads; /* the number of the cell in CELLS; the number of threads */
    long T, B, H;
    const int64_t *ids;          /* [T B], the row of x_gates for each input; NULL: rows are in order */
    const float *x_gates;        /* [V x_blocks*H] with ids, else [T B x_blocks*H] */
    const float *W_h;            /* [h_blocks*H H]; NULL if h_blocks is 0 */
    const float *packed_W_h;     /* W_h from charseq_pack; NULL: charseq_forward packs it */
    const float *h_bias;         /* [separate_blocks*H]; NULL if that is 0 */
    float *states[MAX_STATES];   /* [T+1 B H] per field; the first step holds the initial state */
    float *saved;                /* [T B saved_blocks*H], for the backward pass; NULL without one */
    float *d_outputs;            /* [T B H], dL/dh from the layer above */
    float *d_states[MAX_STATES]; /* [B H] per field: dL/d(final state), replaced by dL/d(initial state) */
    float *d_table;              /* [V x_blocks*H], dL/dx_gates with ids */
    long V;
} Recurrence;

/* Compute all states.  Return 0, or 1 if memory cannot be allocated. */
EXPORT int charseq_forward(const Recurrence *r);

/* Compute all gradients but that of W_h.  `saved` is replaced by the gradients of the gates (see cells.h).
Return 0, or 1 if memory cannot be allocated. */
EXPORT int charseq_backward(const Recurrence *r);

/* One step of an mLSTM: x_proj [B 4H] (q, k, v, o), gates [B 2] (i, f).  The state is replaced: h [B H],
C [B H H], n [B H], m [B]. */
EXPORT void charseq_mlstm_step(long B, long H, const float *x_proj, const float *gates, float *h, float *C,
                               float *n, float *m, float k_scale, long threads);

/* w [columns depth] -> packed, of charseq_packed_size floats. */
EXPORT void charseq_pack(long columns, long depth, const float *w, float *packed);
EXPORT long charseq_packed_size(long columns, long depth);

/* out [rows columns] = x [rows depth] times packed + bias [columns].  `scratch` has
charseq_packed_size(columns, rows) floats. */
EXPORT void charseq_linear(long rows, long columns, long depth, const float *x, const float *packed,
                           const float *bias, float *scratch, float *out, long threads);

/* out [count] = x * scale where a 32-bit hash of the position and the keys is below `threshold`, else 0. */
EXPORT void charseq_dropout(long count, const float *x, float *out, uint32_t key_1, uint32_t key_2,
                            uint32_t threshold, float scale, long threads);

/* The cell of a number, or, past the last one, a cell whose name is NULL. */
EXPORT const Cell *charseq_cell(long number);

/* The number of processor cores, or what OMP_NUM_THREADS or torch set. */
EXPORT int charseq_max_threads(void);

/* The x86-64 level of this processor: 4, 3, or 0 for any other. */
EXPORT int charseq_cpu_level(void);

EXPORT int charseq_interface_version(void);
EXPORT long charseq_recurrence_size(void);

#endif
