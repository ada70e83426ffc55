/* The current tensor: its description, its values, its symbols. */
#include "decoder.h"
#include "kinds.h"

#define TERMS 1024      /* products for each element that the limits allow */

const wcz_tensor *wcz_current(const wcz_decoder *decoder) {
    return decoder->tensor.factors ? &decoder->tensor : NULL;
}

/* Elements of `from` to float32 in place: narrower ones stand in the front half, so the last one goes first. */
static void spread(void *out, unsigned from, uint32_t count) {
    for (uint32_t i = count; i-- > 0;) {
        double value = wcz_load(out, from, i);
        wcz_store(out, WCZ_FLOAT32, i, value);
    }
}

/* As its own dtype, and from there to float32: a value is rounded to its dtype first. */
static int read_as_float32(wcz_job *job, uint32_t count) {
    const unsigned dtype = job->dtype;
    void *block, *out = job->out;
    int error;
    if (wcz_dtype_nbytes(dtype) <= sizeof(float)) {
        error = job->kind->build(job);
        if (!error) {
            spread(out, dtype, count);
        }
        return error;
    }
    if ((error = wcz_allocate(job->memory, count, wcz_dtype_nbytes(dtype), &block))) {
        return error;
    }
    job->out = block;
    error = job->kind->build(job);
    for (uint32_t i = 0; !error && i < count; i++) {
        wcz_store(out, WCZ_FLOAT32, i, wcz_load(block, dtype, i));
    }
    wcz_release(job->memory, &block);
    return error;
}

int wcz_read(wcz_decoder *decoder, wcz_dtype dtype, void *out, size_t nbytes) {
    const wcz_tensor *tensor = wcz_current(decoder);
    const wcz_kind *kind = tensor ? wcz_find_kind(tensor->kind) : NULL;
    wcz_job job;
    if (!kind || ((unsigned)dtype != tensor->dtype && dtype != WCZ_FLOAT32) ||
        nbytes != wcz_product(tensor->count, wcz_dtype_nbytes(dtype))) {
        return WCZ_ERROR_CALL;
    }
    if (!kind->build) {
        return WCZ_ERROR_PRODUCT;
    }
    job.memory = &decoder->memory;
    job.kind = kind;
    job.record = &decoder->chunk.current;
    job.factors = tensor->factors;
    job.out = out;
    job.dtype = tensor->dtype;
    job.most_terms = TERMS * decoder->limits.elements;
    if ((unsigned)dtype == tensor->dtype) {
        return kind->build(&job);
    }
    return read_as_float32(&job, tensor->count);
}

int wcz_narrow(wcz_decoder *decoder, unsigned number, wcz_dtype dtype) {
    const wcz_tensor *tensor = wcz_current(decoder);
    wcz_factor *factor = tensor && number < tensor->factor_count ? &decoder->chunk.factors[number] : NULL;
    if (!factor || factor->stored != WCZ_INT32 || (dtype != WCZ_INT8 && dtype != WCZ_INT16)) {
        return WCZ_ERROR_CALL;
    }
    for (uint32_t i = 0; i < factor->count; i++) {
        if (!wcz_fits(((const int32_t *)factor->data)[i], (unsigned)dtype)) {
            return WCZ_ERROR_RANGE;
        }
    }
    for (uint32_t i = 0; i < factor->count; i++) {      /* element i of the narrow ones lies in what has been read */
        int32_t value = ((const int32_t *)factor->data)[i];
        wcz_store_integer(factor->data, (unsigned)dtype, i, value);
    }
    factor->stored = (uint8_t)dtype;
    return 0;
}
