/* The cells: one time step of one row, forward and backward.

The forward pass stores in `saved` what the backward pass reads.  The backward pass replaces it by gradients:
the first x_blocks blocks are dL/dx_gates, the last h_blocks are dL/dh_gates.  If a cell reads only the sum of
x_gates and h_gates, their gradients are equal, and the blocks are the same. */
#ifndef CHARSEQ_CELLS_H
#define CHARSEQ_CELLS_H

#define MAX_STATES 4

/* The fields of a state, [H] each; the first is the output h. */
typedef float *const *State;

/* h_gates is W_h h_prev, without b_h.  The caller adds b_h to x_gates, except its last h_bias_blocks blocks:
those are h_bias, which the forward pass adds to h_gates. */
typedef void Forward(long H, const float *restrict x_gates, const float *restrict h_gates,
                     const float *restrict h_bias, float *restrict saved, State prev, State next);

/* On entry, `d` is dL/d(next).  On return, it is dL/d(prev) without the path through W_h. */
typedef void Backward(long H, float *restrict saved, State prev, State next, State d);

typedef struct {
    const char *name;   /* as in charseq/cells */
    long x_blocks;      /* blocks of H units in x_gates */
    long h_blocks;      /* in h_gates; 0 if the gates depend on x alone */
    long saved_blocks;  /* in `saved` */
    long h_bias_blocks; /* in h_bias: the last blocks of b_h */
    long states;        /* fields of the state */
    Forward *forward;
    Backward *backward;
} Cell;

/* Ends with a cell whose name is NULL. */
extern const Cell CELLS[];

#endif
