/* The cells: one time step of one row, forward and backward.

A cell adds h_gates to x_gates, so their gradients are equal.  Only the last separate_blocks blocks of h_gates
are not just added: in a GRU, r multiplies h_n.

The forward pass stores in `saved` what the backward pass reads.  The backward pass replaces it by gradients:
dL/dx_gates, and then dL/dh_gates of the separate blocks. */
#ifndef CHARSEQ_CELLS_H
#define CHARSEQ_CELLS_H

#include "range.h"

#define MAX_STATES 4

/* The fields of a state, [H] each; the first is the output h. */
typedef float *const *State;

/* h_gates is W_h h_prev, without b_h.  The caller adds b_h to x_gates, except for the separate blocks: their
part of b_h is h_bias.  Only `units` are computed, from h_gates of the same units; with
whole_rows, these are all units. */
typedef void Forward(long H, Range units, const float *restrict x_gates, const float *restrict h_gates,
                     const float *restrict h_bias, float *restrict saved, State prev, State next);

/* On entry, `d` is dL/d(next).  On return, it is dL/d(prev) without the path through W_h. */
typedef void Backward(long H, float *restrict saved, State prev, State next, State d);

typedef struct {
    const char *name; /* as in charseq/cells */
    long x_blocks;    /* blocks of H units in x_gates */
    long h_blocks;    /* in h_gates; 0 if the gates depend on x alone */
    long separate_blocks;
    long saved_blocks; /* in `saved`: at least x_blocks + separate_blocks */
    long states;       /* fields of the state */
    long whole_rows;   /* 1 if a unit depends on h_gates of other units */
    Forward *forward;
    Backward *backward;
} Cell;

/* Ends with a cell whose name is NULL. */
extern const Cell CELLS[];

#endif
