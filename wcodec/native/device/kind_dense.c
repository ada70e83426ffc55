/* dense (factorizations.md): the tensor is its one factor. */
#include "kinds.h"

static int describe(const wcz_kind *kind, const wcz_record *record, wcz_factor *factors) {
    int error = wcz_describe_plan(kind, record, factors);
    factors->integer = !wcz_dtype_is_float(record->dtype);
    return error;
}

/* Row-major elements of the factor's own dtype: verbatim ones bit for bit. */
static int build(const wcz_job *job) {
    const wcz_factor *factor = job->factors;
    unsigned nbytes = wcz_dtype_nbytes(job->dtype), exact = factor->form == WCZ_VERBATIM && job->dtype == factor->dtype;
    uint32_t index[WCZ_MAX_RANK] = {0};
    size_t place = 0, step = 0;
    for (uint32_t i = 0; i < factor->count; i++) {
        if (exact) {
            wcz_copy((uint8_t *)job->out + (size_t)i * nbytes, (const uint8_t *)factor->data + place * nbytes, nbytes);
        } else if (factor->form == WCZ_QUANTIZED) {
            float symbol = (float)wcz_load_integer(factor->data, factor->stored, place);
            wcz_store(job->out, job->dtype, i, (double)(float)(symbol * factor->steps[step]));
        } else if (wcz_dtype_is_float(job->dtype)) {
            wcz_store(job->out, job->dtype, i, wcz_load(factor->data, factor->stored, place));
        } else {
            wcz_store_integer(job->out, job->dtype, i, wcz_load_integer(factor->data, factor->stored, place));
        }
        /* To the next element of the odometer. */
        for (unsigned axis = factor->rank; axis-- > 0;) {
            place += factor->strides[axis];
            step += factor->step_strides[axis];
            if (++index[axis] < factor->shape[axis]) {
                break;
            }
            place -= (size_t)index[axis] * factor->strides[axis];
            step -= (size_t)index[axis] * factor->step_strides[axis];
            index[axis] = 0;
        }
    }
    return 0;
}

static const char plan[] = PLAN("", "", FACTOR("weight", "="));

const wcz_kind wcz_kind_dense = {0, plan, wcz_as_column, describe, build, NULL};
