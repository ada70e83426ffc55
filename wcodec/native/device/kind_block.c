/* block (factorizations.md): a weight that is zero outside of one corner, which is of another kind. */
#include "kinds.h"

enum { DENSE = 0, RDFT = 1, FIRST_IMAGE = 25, LAST_IMAGE = 27 };

/* The record of the corner, and the shape of which it is one: the first axis of the tensor split into places and the rest. */
static int corner_of(const wcz_record *record, wcz_record *corner, uint32_t view[WCZ_MAX_RANK]) {
    wcz_list kept, inner;
    wcz_object object;
    uint32_t places = 1;
    int error = record->param_count > 2 ? WCZ_FACTORIZATION : wcz_list_param(record, 0, 0, &kept);
    if (error || (error = wcz_list_param(record, 1, 1, &inner)) || record->rank == 0 || kept.count < record->rank) {
        return error ? error : WCZ_FACTORIZATION;
    }
    if (kept.count > WCZ_MAX_RANK) {
        return WCZ_LIMIT;
    }
    const unsigned split = kept.count - record->rank;
    for (unsigned i = 0; i < split; i++) {
        view[i] = kept.values[i];
        places = wcz_times(places, kept.values[i]);
    }
    if (places == 0 || record->shape[0] % places) {
        return WCZ_FACTORIZATION;
    }
    *corner = *record;
    corner->kind = inner.count ? inner.values[0] : (uint32_t)DENSE;
    corner->rank = (uint8_t)kept.count;
    wcz_param(record, 1, &object, &corner->params);
    corner->param_count = 0;
    if (inner.count) {
        wcz_skip_object(&corner->params);
        corner->param_count = (uint16_t)(inner.count - 1);
    }
    if ((object.type == WCZ_ARRAY && inner.count == 0) ||
        !(corner->kind <= RDFT || (corner->kind >= FIRST_IMAGE && corner->kind <= LAST_IMAGE))) {
        return WCZ_FACTORIZATION;
    }
    for (unsigned i = 0; i < kept.count; i++) {
        view[i] = i < split ? view[i] : i == split ? record->shape[0] / places : record->shape[i - split];
        corner->shape[i] = kept.values[i];
        if (kept.values[i] > view[i]) {
            return WCZ_FACTORIZATION;
        }
    }
    return 0;
}

static int describe(const wcz_kind *kind, const wcz_record *record, wcz_factor *factors) {
    wcz_record corner;
    uint32_t view[WCZ_MAX_RANK];
    int error = corner_of(record, &corner, view);
    if (error) {
        return error;
    }
    kind = wcz_find_kind(corner.kind);
    return kind ? kind->describe(kind, &corner, factors) : WCZ_UNKNOWN_KIND;
}

static int build(const wcz_job *job) {
    const unsigned nbytes = wcz_dtype_nbytes(job->dtype);
    const uint32_t elements = wcz_count_of(job->record->shape, job->record->rank);
    wcz_record corner;
    uint32_t view[WCZ_MAX_RANK];
    wcz_job inner = *job;
    (void)corner_of(job->record, &corner, view);
    const uint32_t count = wcz_count_of(corner.shape, corner.rank);
    int error = wcz_allocate(job->memory, count, nbytes, &inner.out);
    inner.record = &corner;
    inner.kind = wcz_find_kind(corner.kind);
    error = error ? error : inner.kind->build(&inner);
    for (uint32_t i = 0; !error && i < elements; i++) {
        wcz_store(job->out, job->dtype, i, 0);
    }
    for (uint32_t i = 0; !error && i < count; i++) {
        uint32_t rest = i, place = 0, stride = 1;
        for (unsigned axis = corner.rank; axis-- > 0; rest /= corner.shape[axis]) {
            place += rest % corner.shape[axis] * stride;
            stride *= view[axis];
        }
        wcz_copy((uint8_t *)job->out + (size_t)place * nbytes, (uint8_t *)inner.out + (size_t)i * nbytes, nbytes);
    }
    wcz_release(job->memory, &inner.out);
    return error;
}

const wcz_kind wcz_kind_block = {28, NULL, NULL, describe, build, NULL};
