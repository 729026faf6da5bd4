/* Whole sequences through a cell, forward and backward.

Each thread takes some rows from the first step to the last, and waits for others only at the end.  In a
forward pass of few rows, each thread takes some units of all rows instead: it reads only their columns of
W_h, and threads wait for each other at every step.  Time is the first axis, so that the rows of a step are
adjacent. */
#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"
#include "product.h"
#include "sum_by_id.h"

#define FEW_ROWS 3 /* threads take units of them instead of rows */
#define SPINS 600  /* about 15 microseconds */

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

/* How many panels, from the first of a list, follow each other. */
static long adjacent(long count, const long *panels) {
    long together = 1;
    while (together < count && panels[together] == panels[0] + together) together++;
    return together;
}

/* c += a [rows depth] times the packed panels with these numbers; `pairs` [rows pairs_for(depth)] is scratch for
the rows in bfloat16. */
static void multiply(const Recurrence *r, long rows, long count, const long *panels, long depth,
                     const float *a, long a_stride, const float *packed, float *pairs, float *c,
                     long c_stride) {
#if BUILT_BF16
    if (r->bf16) {
        convert_rows(rows, depth, a, a_stride, (Pair *)pairs);
        for (long i = 0, together; i < count; i += together) {
            together = adjacent(count - i, panels + i);
            gemm_bf16(rows, (Range){panels[i], panels[i] + together}, depth, (Pair *)pairs, pairs_for(depth),
                      (const Pair *)packed, c, c_stride);
        }
        return;
    }
#endif
    gemm_of(rows, count, panels, depth, a, a_stride, packed, c, c_stride);
}

/* Write the numbers of the panels that contain these units of every block of `length` columns.  Return the
count. */
static long list_panels(Range units, long length, long blocks, long *panels) {
    long count = 0;
    for (long block = 0; block < blocks && units.first < units.last; block++) {
        long first = (block * length + units.first) / PANEL, last = panels_for(block * length + units.last);
        if (count && panels[count - 1] == first) first++;
        while (first < last) panels[count++] = first++;
    }
    return count;
}

/* The part of 0..count that belongs to a thread.  It begins with a panel, so that a vectorized loop treats
each unit alike whatever the part. */
static Range units_of(long count, long thread, long threads) {
    Range part = range_of(panels_for(count), thread, threads);
    return (Range){part.first * PANEL, part.last * PANEL < count ? part.last * PANEL : count};
}

static int shares_rows(long B, long threads) { return threads > 1 && (B < threads || B <= FEW_ROWS); }

/* A barrier: how often threads have arrived, in a cache line of its own, and those that sleep. */
typedef struct {
    _Alignas(128) atomic_long arrivals;
    _Alignas(128) atomic_long sleepers;
    pthread_mutex_t mutex;
    pthread_cond_t complete;
} Barrier;

/* Wait until threads have arrived `expected` times in all.  With two threads, OpenMP's barrier was measured
to take four times as long.  After a long wait, a thread sleeps: the one that it waits for may need its
core. */
static void wait_at(Barrier *barrier, long expected) {
    if (atomic_fetch_add(&barrier->arrivals, 1) + 1 == expected) {
        if (!atomic_load(&barrier->sleepers)) return;
        pthread_mutex_lock(&barrier->mutex);
        pthread_cond_broadcast(&barrier->complete);
        pthread_mutex_unlock(&barrier->mutex);
        return;
    }
    for (long i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&barrier->arrivals, memory_order_acquire) >= expected) return;
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
    pthread_mutex_lock(&barrier->mutex);
    atomic_fetch_add(&barrier->sleepers, 1);
    while (atomic_load(&barrier->arrivals) < expected) pthread_cond_wait(&barrier->complete, &barrier->mutex);
    atomic_fetch_sub(&barrier->sleepers, 1);
    pthread_mutex_unlock(&barrier->mutex);
}

int charseq_forward(const Recurrence *r) {
    const Cell *cell = &CELLS[r->cell];
    const long T = r->T, B = r->B, H = r->H;
    const long columns = cell->h_blocks * H, all_panels = panels_for(columns), width = all_panels * PANEL;
    const long pairs = r->bf16 ? pairs_for(H) : 0, saved_size = cell->saved_blocks * H;
    const long rows_in_all = shares_rows(B, r->threads) ? r->threads * B : B;
    const long block_length = cell->whole_rows ? columns : H, blocks = columns ? columns / block_length : 0;
    float *packed_here = r->packed_W_h ? NULL : allocate(packed_size(r->bf16, columns, H));
    const float *packed_W_h = r->packed_W_h ? r->packed_W_h : packed_here;
    float *scratch = allocate(rows_in_all * (width + pairs) + r->threads * saved_size);
    long *panel_lists = malloc(sizeof(long) * (r->threads * all_panels + 1));
    Barrier barrier = {.mutex = PTHREAD_MUTEX_INITIALIZER, .complete = PTHREAD_COND_INITIALIZER};
    if (!packed_W_h || !scratch || !panel_lists) {
        free(packed_here), free(scratch), free(panel_lists);
        return 1;
    }
    if (columns && packed_here) pack_weights(r, columns, H, 0, r->W_h, packed_here);
#pragma omp parallel num_threads(r->threads) if (r->threads > 1)
    {
        long thread = omp_get_thread_num(), threads = omp_get_num_threads(), arrivals = 0;
        int shared = shares_rows(B, threads), whole = shared && cell->whole_rows;
        Range rows = shared ? (Range){0, B} : range_of(B, thread, threads);
        Range units = shared ? units_of(block_length, thread, threads) : (Range){0, block_length};
        long row_count = rows.last - rows.first, first_row = shared ? thread * B : rows.first;
        long *panels = panel_lists + thread * all_panels;
        long panel_count = list_panels(units, block_length, blocks, panels);
        float *h_gates = scratch + (whole ? 0 : first_row) * width; /* all threads share whole rows */
        float *h_pairs = scratch + rows_in_all * width + first_row * pairs;
        float *not_saved = scratch + rows_in_all * (width + pairs) + thread * saved_size; /* in every step */
        if (whole) units = (Range){0, thread == 0 ? H : 0};
        for (long t = 0; t < T && row_count; t++) {
            const float *h_prev = r->states[0] + (t * B + rows.first) * H;
            for (long i = 0, together; i < panel_count; i += together) {
                together = adjacent(panel_count - i, panels + i);
                for (long b = 0; b < row_count; b++)
                    memset(h_gates + b * width + panels[i] * PANEL, 0, sizeof(float) * together * PANEL);
            }
            multiply(r, row_count, panel_count, panels, H, h_prev, H, packed_W_h, h_pairs, h_gates, width);
            if (whole) wait_at(&barrier, arrivals += threads);
            for (long b = rows.first; b < rows.last && units.first < units.last; b++) {
                float *prev[MAX_STATES], *next[MAX_STATES];
                long position = t * B + b, x_row = r->ids ? r->ids[position] : position;
                state_at(r, t, b, prev);
                state_at(r, t + 1, b, next);
                cell->forward(H, units, r->x_gates + x_row * cell->x_blocks * H,
                              h_gates + (b - rows.first) * width, r->h_bias,
                              r->saved ? r->saved + position * saved_size : not_saved, prev, next);
            }
            if (shared && columns && t + 1 < T) wait_at(&barrier, arrivals += threads);
        }
    }
    free(packed_here), free(scratch), free(panel_lists);
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
    long *panels = malloc(sizeof(long) * panels_for(H)), panel_count;
    if (!W_added || !scratch || !panels) {
        free(W_added), free(scratch), free(panels);
        return 1;
    }
    panel_count = list_panels((Range){0, H}, H, 1, panels);
    if (added) pack_weights(r, H, added, 1, r->W_h, W_added);
    if (separate) pack_weights(r, H, separate, 1, r->W_h + added * H, W_separate);
#pragma omp parallel num_threads(r->threads)
    {
        long thread = omp_get_thread_num(), threads = omp_get_num_threads();
        Range rows = range_of(B, thread, threads);
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
            if (added)
                multiply(r, row_count, panel_count, panels, added, saved, stride, W_added, d_pairs, dh,
                         width);
            if (separate)
                multiply(r, row_count, panel_count, panels, separate, d_separate, stride, W_separate, d_pairs,
                         dh, width);
        }
        for (long b = 0; b < row_count; b++)
            memcpy(r->d_states[0] + (rows.first + b) * H, dh + b * width, sizeof(float) * H);
#pragma omp barrier
        const long table_width = cell->x_blocks * H;
        if (r->ids)
            sum_by_id(range_of(table_width, thread, threads), r->V, table_width, r->d_table, T * B, r->ids,
                      r->saved, stride);
    }
    free(W_added), free(scratch), free(panels);
    return 0;
}
