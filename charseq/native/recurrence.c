/* Whole sequences through a cell, forward and backward.

Each thread takes some rows from the first step to the last, and waits for others only at the end.  If there
are fewer rows than threads, threads share the columns of W_h instead, and meet at every step.  Time is the
first axis, so that the rows of a step are adjacent. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"
#include "product.h"
#include "sum_by_id.h"

static float *allocate(long count) { return aligned_alloc(64, (sizeof(float) * count + 63) / 64 * 64 + 64); }

static void state_at(const Recurrence *r, long t, long b, float **state) {
    for (long field = 0; field < CELLS[r->cell].states; field++)
        state[field] = r->states[field] + (t * r->B + b) * r->H;
}

static void pack_weights(const Recurrence *r, long columns, long depth, int transposed, const float *w,
                         float *packed) {
#pragma omp parallel for num_threads(r->threads) schedule(static)
    for (long p = 0; p < panels_for(columns); p++)
        pack_panels(r->bf16, (Range){p, p + 1}, columns, depth, transposed, w, transposed ? columns : depth,
                    packed);
}

/* c += a [rows depth] times packed; `pairs` [rows pairs_for(depth)] is scratch for the rows in bfloat16. */
static void multiply(const Recurrence *r, long rows, Range panels, long depth, const float *a, long a_stride,
                     const float *packed, float *pairs, float *c, long c_stride) {
#if BUILT_BF16
    if (r->bf16) {
        convert_rows(rows, depth, a, a_stride, (Pair *)pairs);
        a = pairs, a_stride = pairs_for(depth);
    }
#endif
    multiply_panels(r->bf16, rows, panels, depth, a, a_stride, packed, c, c_stride);
}

int charseq_forward(const Recurrence *r) {
    const Cell *cell = &CELLS[r->cell];
    const long T = r->T, B = r->B, H = r->H;
    const long columns = cell->h_blocks * H, all_panels = panels_for(columns), width = all_panels * PANEL;
    const long pairs = r->bf16 ? pairs_for(H) : 0, teams = B < r->threads ? r->threads : 1;
    float *packed_here = r->packed_W_h ? NULL : allocate(packed_size(r->bf16, columns, H));
    const float *packed_W_h = r->packed_W_h ? r->packed_W_h : packed_here;
    float *scratch = allocate(B * width + r->threads * cell->saved_blocks * H + teams * B * pairs);
    if (!packed_W_h || !scratch) {
        free(packed_here), free(scratch);
        return 1;
    }
    if (columns && packed_here) pack_weights(r, columns, H, 0, r->W_h, packed_here);
#pragma omp parallel num_threads(r->threads) if (r->threads > 1)
    {
        long thread = omp_get_thread_num(), threads = omp_get_num_threads();
        int share_columns = B < threads;
        Range rows = share_columns ? (Range){0, B} : range_of(B, thread, threads);
        Range panels = share_columns ? range_of(all_panels, thread, threads) : (Range){0, all_panels};
        long row_count = rows.last - rows.first;
        float *h_gates = scratch + rows.first * width;
        float *not_saved = scratch + B * width + thread * cell->saved_blocks * H; /* for all steps alike */
        float *h_pairs = scratch + B * width + r->threads * cell->saved_blocks * H +
                         (share_columns ? thread * B : rows.first) * pairs;
        for (long t = 0; t < T && row_count; t++) {
            const float *h_prev = r->states[0] + (t * B + rows.first) * H;
            for (long b = 0; b < row_count; b++)
                memset(h_gates + b * width + panels.first * PANEL, 0,
                       sizeof(float) * (panels.last - panels.first) * PANEL);
            multiply(r, row_count, panels, H, h_prev, H, packed_W_h, h_pairs, h_gates, width);
            if (share_columns) {
#pragma omp barrier
            }
            for (long b = rows.first; b < rows.last && (!share_columns || thread == 0); b++) {
                float *prev[MAX_STATES], *next[MAX_STATES];
                long position = t * B + b, x_row = r->ids ? r->ids[position] : position;
                state_at(r, t, b, prev);
                state_at(r, t + 1, b, next);
                cell->forward(H, r->x_gates + x_row * cell->x_blocks * H, h_gates + (b - rows.first) * width,
                              r->h_bias, r->saved ? r->saved + position * cell->saved_blocks * H : not_saved,
                              prev, next);
            }
            if (share_columns) {
#pragma omp barrier
            }
        }
    }
    free(packed_here), free(scratch);
    return 0;
}

int charseq_backward(const Recurrence *r) {
    const Cell *cell = &CELLS[r->cell];
    const long T = r->T, B = r->B, H = r->H;
    const long separate = cell->separate_blocks * H, added = cell->h_blocks * H - separate;
    const long width = panels_for(H) * PANEL, stride = cell->saved_blocks * H;
    const long added_size = packed_size(r->bf16, H, added), separate_size = packed_size(r->bf16, H, separate);
    const long pairs = r->bf16 ? pairs_for(added > separate ? added : separate) : 0;
    float *W_added = allocate(added_size + separate_size), *W_separate = W_added + added_size; /* packed */
    float *scratch = allocate(B * (width + pairs));
    if (!W_added || !scratch) {
        free(W_added), free(scratch);
        return 1;
    }
    if (added) pack_weights(r, H, added, 1, r->W_h, W_added);
    if (separate) pack_weights(r, H, separate, 1, r->W_h + added * H, W_separate);
#pragma omp parallel num_threads(r->threads)
    {
        long thread = omp_get_thread_num(), threads = omp_get_num_threads();
        Range rows = range_of(B, thread, threads), panels = {0, panels_for(H)};
        long row_count = rows.last - rows.first;
        float *dh = scratch + rows.first * width, *d_pairs = scratch + B * width + rows.first * pairs;
        for (long b = 0; b < row_count; b++)
            memcpy(dh + b * width, r->d_states[0] + (rows.first + b) * H, sizeof(float) * H);
        for (long t = T - 1; t >= 0 && row_count; t--) {
            float *saved = r->saved + (t * B + rows.first) * stride;
            for (long b = rows.first; b < rows.last; b++) {
                float *prev[MAX_STATES], *next[MAX_STATES], *d[MAX_STATES] = {dh + (b - rows.first) * width};
                const float *d_output = r->d_outputs + (t * B + b) * H;
                for (long field = 1; field < cell->states; field++) d[field] = r->d_states[field] + b * H;
                for (long j = 0; j < H; j++) d[0][j] += d_output[j];
                state_at(r, t, b, prev);
                state_at(r, t + 1, b, next);
                cell->backward(H, saved + (b - rows.first) * stride, prev, next, d);
            }
            /* h_gates = W_h h_prev, so dh_prev += W_h^T dh_gates */
            const float *d_separate = saved + cell->x_blocks * H;
            if (added) multiply(r, row_count, panels, added, saved, stride, W_added, d_pairs, dh, width);
            if (separate)
                multiply(r, row_count, panels, separate, d_separate, stride, W_separate, d_pairs, dh, width);
        }
        for (long b = 0; b < row_count; b++)
            memcpy(r->d_states[0] + (rows.first + b) * H, dh + b * width, sizeof(float) * H);
#pragma omp barrier
        const long table_width = cell->x_blocks * H;
        if (r->ids)
            sum_by_id(range_of(table_width, thread, threads), r->V, table_width, r->d_table, T * B, r->ids,
                      r->saved, stride);
    }
    free(W_added), free(scratch);
    return 0;
}
