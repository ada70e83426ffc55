/* Coders: their list, and the streams of arrays that they decode. */
#ifndef WCZ_CODERS_H
#define WCZ_CODERS_H

#include "device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* -- coders: one file each ---------------------------------------------------------------------- */

typedef struct {
    uint8_t dtype;              /* of the elements that the coder gives */
    uint8_t rank;
    uint32_t shape[WCZ_MAX_RANK];
    uint32_t count;
} wcz_array;

typedef struct wcz_stream wcz_stream;

typedef struct {
    uint32_t number;
    uint8_t symbols;            /* gives int32 for every dtype of integers and bool; carries no floats */
    uint8_t runs;               /* takes neighbouring arrays of one dtype together: wants run_elements */
    int (*start)(const wcz_memory *memory, wcz_stream *stream);
    int (*read)(const wcz_memory *memory, wcz_stream *stream, const wcz_array *array, void *values);
    int (*finish)(const wcz_stream *stream);       /* WCZ_PAYLOAD unless the arrays took the payload as a whole */
} wcz_coder;

struct wcz_stream {
    const wcz_coder *coder;
    const uint8_t *payload;
    size_t size, next;          /* of the payload; bytes taken by coders that go byte by byte */
    void *state, *run;          /* the coder's; allocated */
    float *steps;               /* of all its quantized factors; codes before they are turned into steps */
    uint32_t step_count, steps_given;
    uint32_t elements;          /* of all its arrays */
    uint32_t run_elements;      /* of the current array and those behind it that share its dtype, for float_planes */
    uint32_t run_end;           /* of the run as a whole */
    uint32_t arrays, done;
    uint32_t stepped;           /* whether its first array holds step codes */
};

/* Every coder, a line each; wcz_coder_<name> is in coder_<name>.c, the two of run lengths in one. */
#define WCZ_ALL_CODERS(CODER) \
    CODER(raw) \
    CODER(elias_gamma) \
    CODER(context) \
    CODER(float_planes) \
    CODER(rice) \
    CODER(rans) \
    CODER(mixing)

#define WCZ_DECLARE_CODER(name) extern const wcz_coder wcz_coder_##name;
WCZ_ALL_CODERS(WCZ_DECLARE_CODER)

const wcz_coder *wcz_find_coder(uint32_t number);
int wcz_status_error(int status);              /* of a kernel function */

/* An array as the coders see it. */
void wcz_view_of(const wcz_array *array, wcz_view *view);

/* -- stream.c -------------------------------------------------------------------------------------------------------- */

/* Element type of a factor's array as its coder sees it. */
unsigned wcz_coded_dtype(const wcz_factor *factor);
void wcz_band_of(const wcz_factor *factor, unsigned band, wcz_array *array);

/* Before its first array: the coder's state, and the steps. */
int wcz_stream_start(const wcz_memory *memory, wcz_stream *stream);

/* Decodes one band of a factor to `to`; after the last one, checks that the payload is used up. */
int wcz_stream_read(const wcz_memory *memory, wcz_stream *stream, wcz_factor *factor, unsigned band, void *to);
void wcz_stream_reset(const wcz_memory *memory, wcz_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
