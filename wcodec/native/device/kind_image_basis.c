/* tent, pool and dct (factorizations.md): the inputs of a dense layer are an image, and its weights one in a basis. */
#include "device.h"

#define MAX_EXTENT 1024

enum { TENT = 25, POOL = 26, DCT = 27 };

typedef struct {
    uint32_t height, width, channels, units;
    uint32_t size;              /* pixels of an axis for each coefficient; rounded up */
} image;

static int image_of(const wcz_record *record, image *im) {
    uint64_t height, width;
    int64_t size = record->kind == DCT ? 1 : 2;
    int error = record->rank != 2 || record->param_count > 2u + (record->kind == POOL) ? WCZ_FACTORIZATION : 0;
    if (error || (error = wcz_size_param(record, 0, MAX_EXTENT, &height)) ||
        (error = wcz_size_param(record, 1, MAX_EXTENT, &width)) ||
        (record->kind == POOL && (error = wcz_integer_param(record, 2, 1, MAX_EXTENT, &size)))) {
        return error;
    }
    im->height = (uint32_t)height;
    im->width = (uint32_t)width;
    im->size = (uint32_t)size;
    im->channels = record->shape[0] / (im->height * im->width);
    im->units = record->shape[1];
    return record->shape[0] % (im->height * im->width) ? WCZ_FACTORIZATION : 0;
}

static int describe(const wcz_record *record, wcz_factor *factors) {
    image im;
    int error = image_of(record, &im);
    if (error || record->factor_count != 1) {
        return error ? error : WCZ_RECORD;
    }
    return wcz_set_extents(factors, "latent", 4, (im.height + im.size - 1) / im.size, (im.width + im.size - 1) / im.size,
                           im.channels, im.units);
}

/* Entry (k, i) of the matrix for an axis of n pixels. */
static double entry_of(const wcz_record *record, const image *im, const double *room, uint32_t n, uint32_t k, uint32_t i) {
    if (record->kind == DCT) {
        return wcz_cosine(room, n, i, k);
    }
    if (record->kind == POOL) {
        return k / im->size == i;
    }
    const int64_t distance = (int64_t)k - 2 * (int64_t)i;
    return distance < -1 || distance > 2 ? 0 : distance == 0 || distance == 1 ? 0.375 : 0.125;
}

static double element(wcz_product_state *p, uint64_t row, uint64_t unit) {
    const wcz_record *record = p->job->record;
    const uint32_t *shape = p->factors[0].shape;
    image im;
    double sum = 0;
    (void)image_of(record, &im);
    if (!p->next && record->kind == DCT) {
        wcz_fill_cosines(p->room, im.height);
        wcz_fill_cosines(p->room + 4 * im.height, im.width);
        p->next = 1;
    }
    const uint64_t channel = row % im.channels, pixel = row / im.channels;
    const uint32_t y = (uint32_t)(pixel / im.width), x = (uint32_t)(pixel % im.width);
    for (uint32_t i = 0; i < shape[0]; i++) {
        const double down = entry_of(record, &im, p->room, im.height, y, i);
        for (uint32_t j = 0; down != 0 && j < shape[1]; j++) {
            const double across = entry_of(record, &im, p->room + 4 * im.height, im.width, x, j);
            sum += down * across * wcz_value(p, 0, (((uint64_t)i * shape[1] + j) * im.channels + channel) * im.units + unit);
        }
    }
    return sum;
}

static int build(const wcz_job *job) {
    const uint32_t *shape = job->factors[0].shape;
    image im;
    (void)image_of(job->record, &im);
    return wcz_build_elements(job, im.units, 4 * ((uint64_t)im.height + im.width), (uint64_t)shape[0] * shape[1], element);
}

const wcz_kind wcz_kind_tent = {TENT, describe, NULL, build};
const wcz_kind wcz_kind_pool = {POOL, describe, NULL, build};
const wcz_kind wcz_kind_dct = {DCT, describe, NULL, build};
