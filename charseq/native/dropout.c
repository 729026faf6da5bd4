/* Dropout whose mask is a hash of the position, so that the backward pass computes it again. */
#include "approx.h"
#include "library.h"

/* Wellons's triple32.  Source: Wellons 2018, "Prospecting for hash functions" (in the public domain). */
INLINE uint32_t hash(uint32_t x) {
    x = (x ^ (x >> 17)) * 0xed5ad4bbu;
    x = (x ^ (x >> 11)) * 0xac4c1b51u;
    x = (x ^ (x >> 15)) * 0x31848babu;
    return x ^ (x >> 14);
}

/* Two rounds with a key each, so that masks of nearby keys are unrelated. */
INLINE uint32_t random_bits(uint32_t position, uint32_t key_1, uint32_t key_2) {
    return hash(hash(position + key_1) ^ key_2);
}

void charseq_dropout(long count, const float *x, float *out, uint32_t key_1, uint32_t key_2,
                     uint32_t threshold, float scale, long threads) {
#pragma omp parallel for simd num_threads(threads) schedule(static)
    for (long i = 0; i < count; i++)
        out[i] = random_bits((uint32_t)i, key_1, key_2) < threshold ? x[i] * scale : 0.0f;
}
