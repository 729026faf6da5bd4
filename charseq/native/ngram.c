/* Count n-grams, and read texts with an n-gram model; charseq/model/ngram.py has the equations. */
#include <string.h>

#include "library.h"

/* A group of at most this many positions is sorted by insertion. */
enum { SMALL_GROUP = 48 };

static void insertion_sort(long count, uint32_t *positions, const uint32_t *next) {
    for (long i = 1; i < count; i++) {
        uint32_t position = positions[i], symbol = next[position];
        long j = i;
        for (; j > 0 && next[positions[j - 1]] > symbol; j--) positions[j] = positions[j - 1];
        positions[j] = position;
    }
}

/* Sort by the symbols' bytes, the lowest first. */
static void radix_sort(long count, uint32_t *positions, uint32_t *scratch, const uint32_t *next, long V) {
    for (int shift = 0; shift < 32 && (V - 1) >> shift; shift += 8) {
        uint32_t ends[257] = {0};
        for (long i = 0; i < count; i++) ends[(next[positions[i]] >> shift & 255) + 1]++;
        for (long byte = 0; byte < 256; byte++) ends[byte + 1] += ends[byte];
        for (long i = 0; i < count; i++) scratch[ends[next[positions[i]] >> shift & 255]++] = positions[i];
        memcpy(positions, scratch, count * sizeof(uint32_t));
    }
}

long charseq_refine(long groups, const uint32_t *starts, uint32_t *positions, uint32_t *scratch,
                    const uint32_t *symbols, const uint8_t *left, long length, long V, uint32_t *new_starts,
                    uint32_t *parents) {
    const uint32_t *next = symbols + length;
    long kept = 0, count = 0;
    for (long group = 0; group < groups; group++) {
        long first = kept;
        for (long i = starts[group]; i < starts[group + 1]; i++)
            if (left[positions[i]] > length) positions[kept++] = positions[i];
        if (kept - first <= SMALL_GROUP)
            insertion_sort(kept - first, positions + first, next);
        else
            radix_sort(kept - first, positions + first, scratch, next, V);
        for (long i = first; i < kept; i++)
            if (i == first || next[positions[i]] != next[positions[i - 1]]) {
                new_starts[count] = (uint32_t)i;
                parents[count++] = (uint32_t)group;
            }
    }
    new_starts[count] = (uint32_t)kept;
    return count;
}

/* The child of a node for a symbol; -1 without one. */
static int32_t child(const Ngram *ngram, int32_t node, uint32_t symbol) {
    if (node < 0) return -1;
    uint32_t low = ngram->first_child[node], end = ngram->first_child[node + 1], high = end;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ngram->symbols[middle] < symbol)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && ngram->symbols[low] == symbol ? (int32_t)low : -1;
}

/* Read a symbol; contexts [order] holds the node of the last k symbols at index k, or -1. */
static void advance(const Ngram *ngram, int32_t *contexts, uint32_t symbol) {
    for (long k = ngram->order - 1; k > 0; k--) contexts[k] = child(ngram, contexts[k - 1], symbol);
}

/* The same where a label begins every line: it stays the first symbol of every context of the line. */
static void advance_labeled(const Ngram *ngram, int32_t *contexts, uint32_t symbol) {
    int32_t label = ngram->order > 1 ? contexts[1] : -1;
    if (ngram->is_label[symbol]) {
        for (long k = 1; k < ngram->order; k++) contexts[k] = k < 3 ? child(ngram, contexts[k - 1], symbol) : -1;
        return;
    }
    advance(ngram, contexts, symbol);
    if (label >= 0 && ngram->is_label[ngram->symbols[label]]) contexts[1] = label;
}

/* Write the probabilities q [V]; return the longest context with a node that has children. */
static int32_t distribution(const Ngram *ngram, const int32_t *contexts, float *restrict q) {
    const uint32_t *symbols = ngram->symbols;
    float scale = 1.0f;
    int32_t depth = 0;
    memset(q, 0, ngram->V * sizeof(float));
    for (long k = ngram->order - 1; k >= 0; k--) {
        int32_t node = contexts[k];
        if (node < 0) continue;
        uint32_t first = ngram->first_child[node], end = ngram->first_child[node + 1];
        if (first == end) continue;
        depth = k > depth ? (int32_t)k : depth;
        for (uint32_t c = first; c < end; c++) q[symbols[c]] += scale * ngram->alpha[c];
        scale *= ngram->gamma[node];
    }
    float uniform = scale / (float)ngram->V;
    for (long v = 0; v < ngram->V; v++) q[v] += uniform;
    return depth;
}

void charseq_ngram_read(const Ngram *ngram, long T, long B, const int64_t *ids, int32_t *contexts, float *q,
                        int32_t *depths, long threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (long b = 0; b < B; b++)
        for (long t = 0; t < T; t++) {
            long position = t * B + b;
            int32_t *row = contexts + b * ngram->order;
            if (ngram->is_label)
                advance_labeled(ngram, row, (uint32_t)ids[position]);
            else
                advance(ngram, row, (uint32_t)ids[position]);
            if (q) depths[position] = distribution(ngram, row, q + position * ngram->V);
        }
}
