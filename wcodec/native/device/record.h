/* Records of tensors, and what their options give (wcz.md, section 5.2). */
#ifndef WCZ_RECORD_H
#define WCZ_RECORD_H

#include "device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* -- record.c -------------------------------------------------------------------------------------------------------- */

typedef struct {
    uint8_t dtype, form, scan, rank;
    uint32_t shape[WCZ_MAX_RANK];
    uint32_t kind;              /* 2^32 - 1: none that has a number */
    uint16_t factor_count;
    uint16_t param_count;
    wcz_cursor params, heads, axes, streams, bands;     /* entries of the options; `at` NULL: left out */
} wcz_record;

/* Parses the record at the cursor. Dimensions beyond 2^32 - 1, and more than `rank` of them, are over a limit. */
int wcz_parse_record(wcz_cursor *cursor, uint64_t rank, wcz_record *record);

/* Parameter `index`: type WCZ_NO_OBJECT where it is left out. Of an array, `list` is set to its entries. */
void wcz_param(const wcz_record *record, unsigned index, wcz_object *object, wcz_cursor *list);
int wcz_integer_param(const wcz_record *record, unsigned index, int64_t low, int64_t high, int64_t *value);

/* Factors as kind, heads and options give them; everything but data and steps. `streams` is how many the chunk has. */
int wcz_join_factors(const wcz_record *record, uint32_t streams, wcz_factor *factors);

uint32_t wcz_extent(const uint32_t *shape, unsigned rank);     /* elements, a dimension of 0 counting as 1 */
uint32_t wcz_count_of(const uint32_t *shape, unsigned rank);

/* Order of the axes in a scan, outermost first. */
void wcz_scan_order(unsigned scan, unsigned rank, unsigned order[WCZ_MAX_RANK]);

#ifdef __cplusplus
}
#endif

#endif
