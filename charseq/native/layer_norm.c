/* Layer normalization, forward and backward.

The number of threads changes no bit: one thread computes a row, and every sum has one order.  A sum over the
columns of a row has LANES partial sums.  One over rows adds up blocks of rows, and then the blocks. */
#include <stdlib.h>

#include "approx.h"
#include "library.h"

#define LANES 32       /* enough registers that an addition need not wait for the one before it */
#define MAX_BLOCKS 32  /* few, so that the sums of all blocks stay in the cache */
#define BLOCK_ROWS 32L /* the smallest number of rows in a block */
#define FOR_LANES _Pragma("omp simd") for (long k = 0; k < LANES; k++)

/* Add up partial sums [LANES] in pairs; they are overwritten. */
INLINE float total(float *sums) {
    for (long width = LANES / 2; width; width /= 2)
        for (long k = 0; k < width; k++) sums[k] += sums[k + width];
    return sums[0];
}

static float mean_of(long H, const float *restrict x) {
    const long whole = H - H % LANES;
    float sums[LANES] = {0}, rest = 0;
    for (long j = 0; j < whole; j += LANES) FOR_LANES sums[k] += x[j + k];
#pragma omp simd reduction(+ : rest)
    for (long j = whole; j < H; j++) rest += x[j];
    return (total(sums) + rest) / (float)H;
}

/* Write the mean, and the scale 1 / sqrt(variance + floor).  The deviations d from a first mean correct its
rounding: the mean of d is added to it, and the variance is the mean of d^2 less the square of that of d. */
static void write_moments(long H, const float *restrict x, float floor, float *restrict moments) {
    const long whole = H - H % LANES;
    const float first = mean_of(H, x);
    float sums[LANES] = {0}, squares[LANES] = {0}, sum = 0, square = 0;
    for (long j = 0; j < whole; j += LANES) FOR_LANES {
        float d = x[j + k] - first;
        sums[k] += d;
        squares[k] += d * d;
    }
#pragma omp simd reduction(+ : sum, square)
    for (long j = whole; j < H; j++) {
        float d = x[j] - first;
        sum += d;
        square += d * d;
    }
    const float d_mean = (total(sums) + sum) / (float)H;
    const float variance = (total(squares) + square) / (float)H - d_mean * d_mean;
    moments[0] = first + d_mean;
    moments[1] = 1.0f / __builtin_sqrtf((variance < 0 ? 0 : variance) + floor);
}

void charseq_layer_norm(long rows, long H, const float *x, const float *gain, const float *bias, float floor,
                        float *out, float *moments, long threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (long row = 0; row < rows; row++) {
        const float *restrict values = x + row * H;
        float *restrict normalized = out + row * H;
        write_moments(H, values, floor, moments + 2 * row);
        const float mean = moments[2 * row], scale = moments[2 * row + 1];
#pragma omp simd
        for (long j = 0; j < H; j++) normalized[j] = (values[j] - mean) * scale * gain[j] + bias[j];
    }
}

/* A row of the backward pass, and the sums over rows to which it adds. */
typedef struct {
    const float *x, *d, *gain;
    float mean, scale;
    float *d_gain, *d_bias;
} Row;

/* For `count` columns, add up g = d gain, g z with the normalized z, and the gradients of gain and bias. */
INLINE void add_products(long first, long count, const Row *row, float *restrict g_sums,
                         float *restrict gz_sums) {
    const float *restrict x = row->x + first, *restrict d = row->d + first;
    const float *restrict gain = row->gain + first;
    float *restrict d_gain = row->d_gain + first, *restrict d_bias = row->d_bias + first;
    const float mean = row->mean, scale = row->scale;
#pragma omp simd
    for (long k = 0; k < count; k++) {
        float z = (x[k] - mean) * scale, g = d[k] * gain[k];
        d_gain[k] += d[k] * z;
        d_bias[k] += d[k];
        g_sums[k] += g;
        gz_sums[k] += g * z;
    }
}

/* dx = scale (g - mean(g) - z mean(g z)) */
static void backward_row(long H, const Row *row, float *restrict dx) {
    const long whole = H - H % LANES;
    float g_sums[LANES] = {0}, gz_sums[LANES] = {0};
    for (long j = 0; j < whole; j += LANES) add_products(j, LANES, row, g_sums, gz_sums);
    add_products(whole, H - whole, row, g_sums, gz_sums);
    const float g_mean = total(g_sums) / (float)H, gz_mean = total(gz_sums) / (float)H;
    const float *restrict x = row->x, *restrict d = row->d, *restrict gain = row->gain;
    const float mean = row->mean, scale = row->scale;
#pragma omp simd
    for (long j = 0; j < H; j++)
        dx[j] = scale * (d[j] * gain[j] - g_mean - (x[j] - mean) * scale * gz_mean);
}

int charseq_layer_norm_backward(long rows, long H, const float *x, const float *gain, const float *moments,
                                const float *d, float *dx, float *d_gain, float *d_bias, long threads) {
    const long share = (rows + MAX_BLOCKS - 1) / MAX_BLOCKS;
    const long block_rows = share > BLOCK_ROWS ? share : BLOCK_ROWS;
    const long blocks = (rows + block_rows - 1) / block_rows;
    float *sums = calloc(blocks * 2 * H + 1, sizeof(float)); /* [blocks 2 H], of gain and of bias */
    if (!sums) return 1;
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
#pragma omp for schedule(static)
        for (long block = 0; block < blocks; block++) {
            float *gain_sums = sums + block * 2 * H, *bias_sums = gain_sums + H;
            for (long i = block * block_rows; i < (block + 1) * block_rows && i < rows; i++) {
                const float mean = moments[2 * i], scale = moments[2 * i + 1];
                Row row = {x + i * H, d + i * H, gain, mean, scale, gain_sums, bias_sums};
                backward_row(H, &row, dx + i * H);
            }
        }
#pragma omp for simd schedule(static)
        for (long j = 0; j < H; j++) {
            float gain_sum = 0.0f, bias_sum = 0.0f;
            for (long block = 0; block < blocks; block++) {
                gain_sum += sums[block * 2 * H + j];
                bias_sum += sums[block * 2 * H + H + j];
            }
            d_gain[j] = gain_sum;
            d_bias[j] = bias_sum;
        }
    }
    free(sums);
    return 0;
}
