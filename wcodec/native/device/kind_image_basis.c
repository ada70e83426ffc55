/* tent, pool and dct (factorizations.md): the inputs of a dense layer are an image, and its weights one in a basis. */
#include "kinds.h"

#define MAX_EXTENT 1024

enum { TENT = 25, POOL = 26, DCT = 27 };

/* Slices: channels of the image. */
static int view(const wcz_record *record, unsigned params, wcz_extents *x) {
    uint32_t height, width;
    if (record->rank != 2 || record->param_count > params ||
        wcz_natural_param(record, 0, '!', MAX_EXTENT, &height) || wcz_natural_param(record, 1, '!', MAX_EXTENT, &width)) {
        return WCZ_FACTORIZATION;
    }
    x->rows = record->shape[0];
    x->columns = record->shape[1];
    x->slices = x->rows / (height * width);
    return x->rows % (height * width) ? WCZ_FACTORIZATION : 0;
}

/* Entry (k, i) of the matrix for an axis of n pixels. `size`: pixels of an axis for each coefficient. */
static double entry_of(uint32_t kind, const double *room, uint32_t size, uint32_t n, uint32_t k, uint32_t i) {
    if (kind == DCT) {
        return wcz_cosine(room, n, i, k);
    }
    if (kind == POOL) {
        return k / size == i;
    }
    const uint32_t past = k + 1 - 2 * i;       /* where the tent begins; far beyond it for what is before */
    return past > 3 ? 0 : past == 1 || past == 2 ? 0.375 : 0.125;
}

static double element(wcz_product_state *p, uint32_t row, uint32_t unit) {
    const wcz_extents *x = (const wcz_extents *)p->own;
    const uint32_t height = x->params[0], width = x->params[1], size = x->params[2];
    const uint32_t kind = p->job->kind->number, *shape = p->factors[0].shape, channels = shape[2];
    const uint32_t channel = row % channels, pixel = row / channels;
    double sum = 0;
    double *const room = p->room, *const room_across = room + 4 * height + 1;
    if (!p->next && kind == DCT) {
        wcz_fill_cosines(room, height);
        wcz_fill_cosines(room_across, width);
        p->next = 1;
    }
    for (uint32_t i = 0; i < shape[0]; i++) {
        const double down = entry_of(kind, room, size, height, pixel / width, i);
        for (uint32_t j = 0; down != 0 && j < shape[1]; j++) {
            const double across = entry_of(kind, room_across, size, width, pixel % width, j);
            sum += down * across * wcz_value(p, 0, ((i * shape[1] + j) * channels + channel) * shape[3] + unit);
        }
    }
    return sum;
}

#define IMAGE(more_params, work, down, across) \
    PLAN(SIZE("1024") SIZE("1024") more_params, work, FACTOR("latent", down "," across ",S,C"))

static const char tent_plan[] = IMAGE("", "0,a/2*(b/2)", "a/2", "b/2");
static const char pool_plan[] = IMAGE(DEFAULT("2", "1024"), "0,a/c*(b/c)", "a/c", "b/c");
static const char dct_plan[] = IMAGE("", "4*(a+b)+2,a*b", "a", "b");

const wcz_kind wcz_kind_tent = {TENT, tent_plan, view, wcz_describe_plan, wcz_build_plan, element};
const wcz_kind wcz_kind_pool = {POOL, pool_plan, view, wcz_describe_plan, wcz_build_plan, element};
const wcz_kind wcz_kind_dct = {DCT, dct_plan, view, wcz_describe_plan, wcz_build_plan, element};
