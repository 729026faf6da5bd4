/* Parts of rows, panels or units. */
#ifndef CHARSEQ_RANGE_H
#define CHARSEQ_RANGE_H

/* From `first` to before `last`. */
typedef struct {
    long first, last;
} Range;

/* The part of 0..count that belongs to one of `threads` threads. */
static inline Range range_of(long count, long thread, long threads) {
    return (Range){count * thread / threads, count * (thread + 1) / threads};
}

#endif
