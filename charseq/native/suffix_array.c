/* Sort the suffixes of a text, and find copies of the text in another one. */
#include <stdlib.h>
#include <string.h>

#include "library.h"

/* ---- The suffix array, by induced sorting.  Source: Nong, Zhang & Chan 2009, "Linear Suffix Array Construction
by Almost Pure Induced-Sorting" (SA-IS).

The text ends with a symbol 0 that occurs nowhere else.  A suffix is S-type if it is smaller than the next one,
else L-type; an S-type suffix after an L-type one is an LMS suffix.  A bucket holds the suffixes that begin with
one symbol, first the L-type ones. */

/* An entry that holds no suffix yet. */
enum { EMPTY = -1 };

/* Entries between the one that is read and the one that is fetched into the cache. */
enum { AHEAD = 32 };

static inline int is_S(const uint8_t *types, long i) { return types[i >> 3] >> (i & 7) & 1; }

static inline int is_LMS(const uint8_t *types, long i) {
    return i > 0 && is_S(types, i) && !is_S(types, i - 1);
}

/* Write where each bucket begins or, with `ends`, where the next one does. */
static void bucket_bounds(const int32_t *counts, int32_t *bounds, long V, int ends) {
    int32_t sum = 0;
    for (long v = 0; v < V; v++) {
        sum += counts[v];
        bounds[v] = ends ? sum : sum - counts[v];
    }
}

/* Sort all suffixes from the LMS suffixes at the ends of their buckets. */
static void induce(const uint32_t *text, long n, const uint8_t *types, const int32_t *counts, int32_t *bounds,
                   long V, int32_t *suffixes) {
    bucket_bounds(counts, bounds, V, 0);
    for (long i = 0; i < n; i++) {
        if (i + AHEAD < n && suffixes[i + AHEAD] > 0) __builtin_prefetch(text + suffixes[i + AHEAD] - 1);
        int32_t before = suffixes[i] - 1;
        if (before >= 0 && !is_S(types, before)) suffixes[bounds[text[before]]++] = before;
    }
    bucket_bounds(counts, bounds, V, 1);
    for (long i = n - 1; i >= 0; i--) {
        if (i >= AHEAD && suffixes[i - AHEAD] > 0) __builtin_prefetch(text + suffixes[i - AHEAD] - 1);
        int32_t before = suffixes[i] - 1;
        if (before >= 0 && is_S(types, before)) suffixes[--bounds[text[before]]] = before;
    }
}

/* Whether two LMS substrings, each up to the next LMS suffix, are equal. */
static int same_substring(const uint32_t *text, const uint8_t *types, long a, long b) {
    for (long i = 0;; i++) {
        if (text[a + i] != text[b + i] || is_S(types, a + i) != is_S(types, b + i)) return 0;
        if (i > 0 && is_LMS(types, a + i)) return is_LMS(types, b + i);
        if (i > 0 && is_LMS(types, b + i)) return 0;
    }
}

/* Replace the LMS suffixes in the order of their substrings, suffixes [0, count), by the numbers of equal
substrings, in the order of the text, at the end of `suffixes`.  Return how many differ. */
static long name_substrings(const uint32_t *text, long n, const uint8_t *types, long count, int32_t *suffixes) {
    long names = 0, last = EMPTY, end = n;
    for (long i = count; i < n; i++) suffixes[i] = EMPTY;
    for (long i = 0; i < count; i++) {
        int32_t suffix = suffixes[i];
        names += last == EMPTY || !same_substring(text, types, last, suffix);
        suffixes[count + suffix / 2] = (int32_t)names - 1; /* LMS suffixes are at least 2 apart */
        last = suffix;
    }
    for (long i = n - 1; i >= count; i--)
        if (suffixes[i] != EMPTY) suffixes[--end] = suffixes[i];
    return names;
}

/* Put LMS suffixes, sorted in suffixes [0, count), at the ends of their buckets. */
static void spread_to_buckets(const uint32_t *text, long n, const int32_t *counts, int32_t *bounds, long V,
                              long count, int32_t *suffixes) {
    for (long i = count; i < n; i++) suffixes[i] = EMPTY;
    bucket_bounds(counts, bounds, V, 1);
    for (long i = count - 1; i >= 0; i--) {
        int32_t suffix = suffixes[i];
        suffixes[i] = EMPTY;
        suffixes[--bounds[text[suffix]]] = suffix;
    }
}

static int sort_suffixes(const uint32_t *text, long n, long V, int32_t *suffixes) {
    uint8_t *types = calloc(n / 8 + 1, 1);
    int32_t *counts = calloc(2 * V, sizeof(int32_t)), *bounds = counts + V;
    if (!types || !counts) {
        free(types);
        free(counts);
        return 1;
    }
    types[(n - 1) >> 3] |= 1 << ((n - 1) & 7);
    for (long i = n - 2; i >= 0; i--)
        if (text[i] < text[i + 1] || (text[i] == text[i + 1] && is_S(types, i + 1)))
            types[i >> 3] |= 1 << (i & 7);
    for (long i = 0; i < n; i++) counts[text[i]]++;

    for (long i = 0; i < n; i++) suffixes[i] = EMPTY;
    bucket_bounds(counts, bounds, V, 1);
    for (long i = 1; i < n; i++)
        if (is_LMS(types, i)) suffixes[--bounds[text[i]]] = (int32_t)i; /* in any order: sorts substrings only */
    induce(text, n, types, counts, bounds, V, suffixes);
    long count = 0;
    for (long i = 0; i < n; i++)
        if (is_LMS(types, suffixes[i])) suffixes[count++] = suffixes[i];

    long names = name_substrings(text, n, types, count, suffixes);
    int32_t *shorter = suffixes + n - count; /* the numbers of the LMS substrings, itself a text */
    int failed = 0;
    if (names < count)
        failed = sort_suffixes((const uint32_t *)shorter, count, names, suffixes);
    else
        for (long i = 0; i < count; i++) suffixes[shorter[i]] = (int32_t)i;
    for (long i = 1, number = 0; i < n; i++)
        if (is_LMS(types, i)) shorter[number++] = (int32_t)i;
    for (long i = 0; i < count && !failed; i++) suffixes[i] = shorter[suffixes[i]];
    if (!failed) {
        spread_to_buckets(text, n, counts, bounds, V, count, suffixes);
        induce(text, n, types, counts, bounds, V, suffixes);
    }
    free(types);
    free(counts);
    return failed;
}

static inline uint32_t symbol(const void *text, long width, long i) {
    return width == 1   ? ((const uint8_t *)text)[i]
           : width == 2 ? ((const uint16_t *)text)[i]
                        : ((const uint32_t *)text)[i];
}

int charseq_suffix_array(long length, long width, const void *text, long V, uint32_t *suffixes) {
    uint32_t *symbols = malloc((length + 1) * sizeof(uint32_t));
    if (!symbols) return 1;
    for (long i = 0; i < length; i++) symbols[i] = symbol(text, width, i) + 1;
    symbols[length] = 0;
    suffixes[0] = 0;
    int failed = length > 0 && sort_suffixes(symbols, length + 1, V + 1, (int32_t *)suffixes);
    free(symbols);
    return failed;
}

/* ---- Minima of blocks, of blocks of blocks, and so on: the values are level 0. */

enum { BLOCK = 64, LEVELS = 7 };

typedef struct {
    const uint32_t *values[LEVELS];
    long counts[LEVELS];
} Minima;

long charseq_minima_size(long length) {
    long size = 0;
    for (long count = length; count > 1; size += count) count = (count + BLOCK - 1) / BLOCK;
    return size;
}

static void fill_minima(long count, const uint32_t *values, uint32_t *minima) {
    while (count > 1) {
        long blocks = (count + BLOCK - 1) / BLOCK;
        for (long b = 0; b < blocks; b++) {
            uint32_t least = UINT32_MAX;
            for (long i = b * BLOCK; i < count && i < (b + 1) * BLOCK; i++)
                least = values[i] < least ? values[i] : least;
            minima[b] = least;
        }
        values = minima;
        minima += blocks;
        count = blocks;
    }
}

static Minima minima_of(long count, const uint32_t *values, const uint32_t *minima) {
    Minima m = {{values}, {count}};
    for (long level = 1; count > 1; level++) {
        count = (count + BLOCK - 1) / BLOCK;
        m.values[level] = minima;
        m.counts[level] = count;
        minima += count;
    }
    return m;
}

/* The first index from `i` on with a value below a limit; the number of values without one. */
static long next_below(const Minima *m, long i, uint32_t limit) {
    for (long level = 0;;) {
        long count = m->counts[level], end = (i / BLOCK + 1) * BLOCK;
        if (end > count) end = count;
        while (i < end && m->values[level][i] >= limit) i++;
        if (i < end) {
            if (!level--) return i;
            i *= BLOCK;
        } else {
            if (end == count) return m->counts[0];
            i = end / BLOCK;
            level++;
        }
    }
}

/* The last index up to `i` with a value below a limit; -1 without one. */
static long previous_below(const Minima *m, long i, uint32_t limit) {
    for (long level = 0;;) {
        long first = i / BLOCK * BLOCK;
        while (i >= first && m->values[level][i] >= limit) i--;
        if (i >= first) {
            if (!level--) return i;
            i = (i + 1) * BLOCK - 1;
            if (i >= m->counts[level]) i = m->counts[level] - 1;
        } else {
            if (!first) return -1;
            i = first / BLOCK - 1;
            level++;
        }
    }
}

/* The smallest of the values [first, last]. */
static uint32_t range_minimum(const Minima *m, long first, long last) {
    uint32_t least = UINT32_MAX;
    for (long level = 0; first <= last; level++) {
        const uint32_t *values = m->values[level];
        for (; first <= last && first % BLOCK; first++) least = values[first] < least ? values[first] : least;
        for (; first <= last && (last + 1) % BLOCK; last--) least = values[last] < least ? values[last] : least;
        first /= BLOCK;
        last = (last + 1) / BLOCK - 1;
    }
    return least;
}

/* ---- The index.  Longest common prefixes: Kasai et al. 2001. */

static void fill_prefixes(const SuffixIndex *x) {
    long n = x->length, shared = 0;
    for (long i = 0; i < n; i++) {
        uint32_t rank = x->ranks[i];
        if (!rank) {
            x->prefixes[0] = 0;
            shared = 0;
            continue;
        }
        long j = x->suffixes[rank - 1];
        while (i + shared < n && j + shared < n &&
               symbol(x->text, x->width, i + shared) == symbol(x->text, x->width, j + shared))
            shared++;
        x->prefixes[rank] = (uint32_t)shared;
        if (shared) shared--;
    }
}

/* A polynomial hash of the last `min_length` symbols, modulo 2^64. */
static const uint64_t BASE = 0x9E3779B97F4A7C15;

typedef struct {
    uint64_t hash, highest; /* highest: the factor of the symbol that leaves the window */
} Window;

static Window window_of(long length) {
    Window window = {0, 1};
    for (long i = 0; i < length; i++) window.highest *= BASE;
    return window;
}

static inline void roll(Window *window, const void *text, long width, long i, long length) {
    window->hash = window->hash * BASE + symbol(text, width, i) + 1;
    if (i >= length) window->hash -= window->highest * (symbol(text, width, i - length) + 1);
}

/* The word of the filter that a window belongs to, and its four bits. */
static inline uint64_t filter_bits(uint64_t hash, long words, long *word) {
    hash ^= hash >> 32;
    hash *= 0xBF58476D1CE4E5B9;
    hash ^= hash >> 29;
    *word = (long)((hash >> 32) * (uint64_t)words >> 32);
    return 1ull << (hash & 63) | 1ull << (hash >> 6 & 63) | 1ull << (hash >> 12 & 63) | 1ull << (hash >> 18 & 63);
}

static void fill_filter(const SuffixIndex *x) {
    Window window = window_of(x->min_length);
    memset(x->filter, 0, x->filter_words * sizeof(uint64_t));
    for (long i = 0; i < x->length; i++) {
        long word;
        roll(&window, x->text, x->width, i, x->min_length);
        if (i + 1 < x->min_length) continue;
        uint64_t bits = filter_bits(window.hash, x->filter_words, &word);
        x->filter[word] |= bits;
    }
}

void charseq_index_suffixes(const SuffixIndex *x) {
    for (long i = 0; i < x->length; i++) x->ranks[x->suffixes[i]] = (uint32_t)i;
    fill_prefixes(x);
    fill_minima(x->length, x->suffixes, x->suffix_minima);
    fill_minima(x->length, x->prefixes, x->prefix_minima);
    fill_filter(x);
}

/* ---- Copies: for each position of the query the longest match, from that of the position before it, whose
suffix without its first symbol matches, too.  Source: Chang & Lawler 1994, "Sublinear approximate string
matching", with the intervals of the suffix array in place of a suffix tree. */

/* The ranks of the suffixes that share `matched` symbols with the one of a rank. */
typedef struct {
    long first, last;
} Interval;

static Interval interval_of(const Minima *prefixes, long rank, long matched) {
    if (!matched) return (Interval){0, prefixes->counts[0] - 1};
    long first = previous_below(prefixes, rank, (uint32_t)matched);
    return (Interval){first, next_below(prefixes, rank + 1, (uint32_t)matched) - 1};
}

/* The first rank in an interval whose suffix has a symbol at an offset, or -1. */
static long rank_with_symbol(const SuffixIndex *x, Interval in, long offset, uint32_t wanted) {
    long low = in.first, high = in.last + 1;
    while (low < high) {
        long middle = low + (high - low) / 2, at = x->suffixes[middle] + offset;
        if (at >= x->length || symbol(x->text, x->width, at) < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > in.last) return -1;
    return symbol(x->text, x->width, x->suffixes[low] + offset) == wanted ? low : -1;
}

/* Match the query from a start on, where the suffix of *rank matches `matched` symbols.  Return the longest
match, and replace *rank by that of a suffix that has it. */
static long longest_match(const SuffixIndex *x, const Minima *prefixes, long length, const void *query,
                          long start, long matched, long *rank) {
    for (;;) {
        long suffix = x->suffixes[*rank];
        while (start + matched < length && suffix + matched < x->length &&
               symbol(x->text, x->width, suffix + matched) == symbol(query, x->width, start + matched))
            matched++;
        if (start + matched == length) return matched;
        Interval others = interval_of(prefixes, *rank, matched);
        if (others.first == others.last) return matched;
        long next = rank_with_symbol(x, others, matched, symbol(query, x->width, start + matched));
        if (next < 0) return matched;
        *rank = next;
        matched++;
    }
}

long charseq_copies(const SuffixIndex *x, long length, const void *query, uint32_t *starts, uint32_t *lengths,
                    uint32_t *positions) {
    Minima prefixes = minima_of(x->length, x->prefixes, x->prefix_minima);
    Minima suffixes = minima_of(x->length, x->suffixes, x->suffix_minima);
    Window window = window_of(x->min_length);
    long count = 0, end = 0, matched = 0, rank = 0;
    for (long i = 0; i < x->min_length - 1 && i < length; i++) roll(&window, query, x->width, i, x->min_length);
    for (long start = 0; start + x->min_length <= length; start++) {
        roll(&window, query, x->width, start + x->min_length - 1, x->min_length);
        if (!matched) {
            long word;
            uint64_t bits = filter_bits(window.hash, x->filter_words, &word);
            if ((x->filter[word] & bits) != bits) continue;
        }
        matched = longest_match(x, &prefixes, length, query, start, matched, &rank);
        if (matched >= x->min_length && start + matched > end) {
            Interval all = interval_of(&prefixes, rank, matched);
            starts[count] = (uint32_t)start;
            lengths[count] = (uint32_t)matched;
            positions[count++] = range_minimum(&suffixes, all.first, all.last);
            end = start + matched;
        }
        if (matched > x->min_length) {
            rank = x->ranks[x->suffixes[rank] + 1];
            matched--;
        } else {
            matched = 0;
        }
    }
    return count;
}
