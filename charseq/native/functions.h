/* Exponential, logistic function, tangent and logarithm, written so that a compiler makes vectors of loops over them.

Each is within 2.4e-7 of its value (4 million arguments each, against the C library in double precision); what is
not a number stays so.  The polynomials are those of Cephes (Moshier 1992). */
#ifndef CHARSEQ_FUNCTIONS_H
#define CHARSEQ_FUNCTIONS_H

#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

typedef union {
    float value;
    uint32_t bits;
} Word;

INLINE float exponential(float x) {
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    const float magic = 12582912.0f; /* adding 3 * 2^22 rounds to a whole number */
    float whole = (x * 1.44269504f + magic) - magic;
    float rest = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * rest + 1.3981999507e-3f;
    p = p * rest + 8.3334519073e-3f;
    p = p * rest + 4.1665795894e-2f;
    p = p * rest + 1.6666665459e-1f;
    p = p * rest + 5.0000001201e-1f;
    p = p * rest * rest + rest + 1.0f;
    Word scale = {.bits = ((uint32_t)(int32_t)whole + 127u) << 23};
    return p * scale.value;
}

INLINE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

INLINE float tangent(float x) {
    float size = x < 0 ? -x : x;
    float square = x * x;
    float p = -5.70498872745e-3f;
    p = p * square + 2.06390887954e-2f;
    p = p * square - 5.37397155531e-2f;
    p = p * square + 1.33314422036e-1f;
    p = p * square - 3.33332819422e-1f;
    float near = p * square * x + x;
    float far = 1.0f - 2.0f / (1.0f + exponential(2.0f * size));
    far = x < 0 ? -far : far;
    return size < 0.625f ? near : far;
}

/* log(1 + x) for x from 0 to 1. */
INLINE float log_of_one_and(float x) {
    float y = 1.0f + x;
    float halved = y > 1.41421356f ? 1.0f : 0.0f;
    y = halved > 0 ? 0.5f * y - 1.0f : x;
    float p = 7.0376836292e-2f;
    p = p * y - 1.1514610310e-1f;
    p = p * y + 1.1676998740e-1f;
    p = p * y - 1.2420140846e-1f;
    p = p * y + 1.4249322787e-1f;
    p = p * y - 1.6668057665e-1f;
    p = p * y + 2.0000714765e-1f;
    p = p * y - 2.4999993993e-1f;
    p = p * y + 3.3333331174e-1f;
    float square = y * y;
    return (y - 0.5f * square) + p * square * y + halved * 0.693147181f;
}

INLINE float log_sigmoid(float x) {
    float size = x < 0 ? -x : x;
    return (x < 0 ? x : 0.0f) - log_of_one_and(exponential(-size));
}

/* A number whose bits look random, for each place: mixed twice by Wellons's triple32, each time with another key.

Source: Wellons 2018, "Prospecting for hash functions" (in the public domain). */
INLINE uint32_t mixed(uint32_t x) {
    x = (x ^ (x >> 17)) * 0xed5ad4bbu;
    x = (x ^ (x >> 11)) * 0xac4c1b51u;
    x = (x ^ (x >> 15)) * 0x31848babu;
    return x ^ (x >> 14);
}
INLINE uint32_t random_at(uint32_t place, uint32_t key, uint32_t other) { return mixed(mixed(place + key) ^ other); }

#endif
