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
    long bf16;                   /* 1: products in bfloat16, for which charseq_has_bf16() must be 1; 0: float32 */
    const int64_t *ids;          /* [T B], the row of x_gates for each input; NULL: rows are in order */
    const float *x_gates;        /* [V x_blocks*H] with ids, else [T B x_blocks*H] */
    const float *W_h;            /* [h_blocks*H H]; NULL if h_blocks is 0 */
    const float *packed_W_h;     /* with bf16 0: W_h from charseq_pack; NULL: charseq_forward packs it */
    const float *h_bias;         /* [separate_blocks*H]; NULL if that is 0 */
    float *states[MAX_STATES];   /* [T+1 B H] per field; the first step holds the initial state */
    float *saved;                /* [T B saved_blocks*H], for the backward pass; NULL without one */
    float *d_outputs;            /* [T B H], dL/dh from the layer above */
    float *d_states[MAX_STATES]; /* [B H] per field: dL/d(final state), replaced by dL/d(initial state) */
    float *d_table;              /* [V x_blocks*H], dL/dx_gates with ids */
    long V;
} Recurrence;

/* An mLSTM over a chunk of T steps.  The columns of x are q, x_k, v, x_o, g_i and g_f: 4H + 2. */
typedef struct {
    long threads;
    long T, B, H;
    float k_scale;         /* k = k_scale * x_k */
    const int64_t *ids;    /* [B T], the row of x for each input; NULL: rows are in order */
    const float *x;        /* [V 4H+2] with ids, else [B T 4H+2] */
    const float *C, *n, *m; /* the initial state: [B H H], [B H], [B] */
    float *h;              /* [B T H] */
    float *C_next, *n_next, *m_next; /* the final state */
    float *r, *norm;       /* [B T H], [B T], for the backward pass */
    const float *d_h;      /* [B T H] */
    const float *d_C_next, *d_n_next, *d_m_next; /* dL/d(final state); all NULL: zeros */
    float *d_x;            /* [B T 4H+2] */
    float *d_C, *d_n, *d_m; /* dL/d(initial state); NULL where it is not wanted */
    float *d_table;        /* [V 4H+2], dL/dx with ids, else NULL */
    long V;
} MLSTMChunk;

/* c [M N] = a [M K] times b [K N] + bias [N].  Rows are a_stride and b_stride floats apart. */
typedef struct {
    long threads;
    long bf16; /* 1: a and b are rounded to bfloat16, for which charseq_has_bf16() must be 1; 0: float32 */
    long M, K, N;
    const float *a;          /* [M K], or [K M] if a_transposed */
    long a_stride, a_transposed;
    const float *b;          /* [K N], or [N K] if b_transposed */
    long b_stride, b_transposed;
    const float *bias;       /* NULL: zeros */
    float *c;
} Product;

/* An n-gram model as a tree: a node is an n-gram, its parent the n-gram without its last symbol.  Node 0 is
empty; nodes are in order of length, the children of a node adjacent and sorted. */
typedef struct {
    long order, V;
    const uint32_t *symbols;     /* [nodes], the last symbol */
    const uint32_t *first_child; /* [nodes+1]; the children end where those of the next node begin */
    const float *alpha;          /* [nodes], the discounted probability of the last symbol after the others */
    const float *gamma;          /* [nodes], the weight of the shorter context: 1 without children */
    const uint8_t *is_label;     /* [V], whether a symbol is a label, which begins a line; NULL without labels */
} Ngram;

/* The number of values that the gate reads of the two distributions. */
enum { GATE_FEATURES = 7 };

/* The gate of a mixture; z, the sum of its terms, gives the network's share sigmoid(z). */
typedef struct {
    long V, H;
    const float *depths;   /* by the length of the longest known context, with the constant */
    const float *features; /* [GATE_FEATURES] */
    const float *hidden;   /* [H] */
} Gate;

/* A text with its suffix array, and what finds the copies of at least `min_length` symbols in another text. */
typedef struct {
    long length, width;           /* the symbols of the text; the bytes of a symbol: 1, 2 or 4 */
    long min_length, filter_words;
    const void *text;             /* [length] */
    const uint32_t *suffixes;     /* [length], where the suffixes start, in the order of the suffixes */
    uint32_t *ranks;              /* [length], the inverse of `suffixes` */
    uint32_t *prefixes;           /* [length], symbols that a suffix shares with the one before it in the order */
    uint64_t *filter;             /* [filter_words], a Bloom filter of all windows of min_length symbols */
    uint32_t *suffix_minima;      /* [charseq_minima_size(length)], minima of blocks of `suffixes` */
    uint32_t *prefix_minima;      /* [charseq_minima_size(length)], minima of blocks of `prefixes` */
} SuffixIndex;

/* Compute all states.  Return 0, or 1 if memory cannot be allocated. */
EXPORT int charseq_forward(const Recurrence *r);

/* Compute all gradients but that of W_h.  `saved` is replaced by the gradients of the gates (see cells.h).
Return 0, or 1 if memory cannot be allocated. */
EXPORT int charseq_backward(const Recurrence *r);

/* One step of an mLSTM: x_proj [B 4H] (q, k, v, o), gates [B 2] (i, f).  The state is replaced: h [B H],
C [B H H], n [B H], m [B]. */
EXPORT void charseq_mlstm_step(long B, long H, const float *x_proj, const float *gates, float *h, float *C,
                               float *n, float *m, float k_scale, long threads);

/* Compute the outputs and the final state of an mLSTM, or its gradients.  Return 0, or 1 if memory cannot be
allocated. */
EXPORT int charseq_mlstm_forward(const MLSTMChunk *chunk);
EXPORT int charseq_mlstm_backward(const MLSTMChunk *chunk);

/* w [columns depth] -> packed, of charseq_packed_size floats. */
EXPORT void charseq_pack(long columns, long depth, const float *w, float *packed);
EXPORT long charseq_packed_size(long columns, long depth);

/* out [rows columns] = x [rows depth] times packed + bias [columns].  `scratch` has
charseq_packed_size(columns, rows) floats. */
EXPORT void charseq_linear(long rows, long columns, long depth, const float *x, const float *packed,
                           const float *bias, float *scratch, float *out, long threads);

/* Whether this build and this processor have products in bfloat16 (AVX512-BF16). */
EXPORT int charseq_has_bf16(void);

/* Compute a product with sums in float32.  The result does not depend on the number of threads.
Return 0, or 1 if memory cannot be allocated. */
EXPORT int charseq_product(const Product *product);

/* Whether this build's products in float32 were measured to be faster than MKL's, which PyTorch uses, on this
kind of processor: one of AMD with AVX-512. */
EXPORT int charseq_products_are_fast(void);

/* out [count] = x * scale where a 32-bit hash of the position and the keys is below `threshold`, else 0. */
EXPORT void charseq_dropout(long count, const float *x, float *out, uint32_t key_1, uint32_t key_2,
                            uint32_t threshold, float scale, long threads);

/* out [rows H] = (x - mean) scale gain + bias, where mean and scale = 1 / sqrt(variance + floor) are those of the
row; gain and bias [H].  Write `moments` [rows 2]: the mean and the scale of each row.  Neither this function nor
the next depends on the number of threads. */
EXPORT void charseq_layer_norm(long rows, long H, const float *x, const float *gain, const float *bias,
                               float floor, float *out, float *moments, long threads);

/* d [rows H], dL/d(out) -> dx [rows H], d_gain [H], d_bias [H].  Return 0, or 1 if memory cannot be allocated. */
EXPORT int charseq_layer_norm_backward(long rows, long H, const float *x, const float *gain,
                                       const float *moments, const float *d, float *dx, float *d_gain,
                                       float *d_bias, long threads);

/* Split groups of positions [starts[g], starts[g+1]) where the same `length` symbols begin into groups with the
same length + 1 symbols, sorted by the last one; leave out positions whose text ends before (`left`: symbols
from a position to the end of its text, at most 255).  `scratch` has the size of `positions`.  Return the number
of groups; write their starts, one more than groups, and the numbers of the groups that they were. */
EXPORT long charseq_refine(long groups, const uint32_t *starts, uint32_t *positions, uint32_t *scratch,
                           const uint32_t *symbols, const uint8_t *left, long length, long V,
                           uint32_t *new_starts, uint32_t *parents);

/* Read ids [T B]: replace the contexts [B order]; write the probabilities q [T B V] of the next symbols and the
lengths of the longest known contexts `depths` [T B], unless q is NULL. */
EXPORT void charseq_ngram_read(const Ngram *ngram, long T, long B, const int64_t *ids, int32_t *contexts,
                               float *q, int32_t *depths, long threads);

/* Write what the gate reads of the distributions, out [P GATE_FEATURES], from logits [P V] and q [P V]; `p` [P V]
gets the probabilities of the logits. */
EXPORT void charseq_gate_features(long P, long V, const float *logits, const float *q, float *p, float *out,
                                  long threads);

/* Write the logarithms of the mixed probabilities, out [P V], from logits [P V], q [P V], depths [P], h [P H]. */
EXPORT void charseq_mix(const Gate *gate, long P, const float *logits, const float *q, const int32_t *depths,
                        const float *h, float *out, long threads);

/* Sort the suffixes of a text whose symbols, of `width` bytes, are below V; a suffix that begins another one comes
first.  suffixes [length+1] gets `length` itself, for the empty suffix, and then all others.  Return 0, or 1 if
memory cannot be allocated. */
EXPORT int charseq_suffix_array(long length, long width, const void *text, long V, uint32_t *suffixes);

/* Fill `ranks`, `prefixes`, `filter` and the minima of an index. */
EXPORT void charseq_index_suffixes(const SuffixIndex *index);
EXPORT long charseq_minima_size(long length);

/* Find the copies in a query [length] of the index's width: its substrings of at least min_length symbols that
occur in the text and are no part of a longer one.  Write their starts and lengths, both in rising order of the
start, and the first positions in the text, each [length].  Return their number. */
EXPORT long charseq_copies(const SuffixIndex *index, long length, const void *query, uint32_t *starts,
                           uint32_t *lengths, uint32_t *positions);

/* The cell of a number, or, past the last one, a cell whose name is NULL. */
EXPORT const Cell *charseq_cell(long number);

/* The number of processor cores, or what OMP_NUM_THREADS or torch set. */
EXPORT int charseq_max_threads(void);

/* The x86-64 level of this processor: 4, 3, or 0 for any other. */
EXPORT int charseq_cpu_level(void);
EXPORT int charseq_interface_version(void);
EXPORT long charseq_recurrence_size(void);
EXPORT long charseq_mlstm_chunk_size(void);

#endif
