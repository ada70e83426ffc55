/* Names of errors, as Python's classes (registry.md). */
#include "device.h"

const char *wcz_error_name(int error) {
    static const struct {
        int error;
        const char *name;
    } NAMES[] = {
        {0, "no error"}, {1, "NotWczError"}, {2, "VersionError"}, {3, "TruncatedError"}, {4, "ChecksumError"},
        {5, "DigestError"}, {6, "UnknownChunkError"}, {7, "ChunkOrderError"}, {8, "LimitError"},
        {9, "IndexTableError"}, {13, "BaseMissingError"}, {20, "RecordError"}, {21, "NameTableError"}, {22, "UnknownKindError"},
        {23, "UnknownCoderError"}, {24, "UnknownDtypeError"}, {25, "FactorizationError"}, {26, "StepCodeError"},
        {40, "PayloadError"}, {41, "SymbolError"}, {WCZ_ERROR_MEMORY, "out of memory"}, {WCZ_ERROR_CALL, "wrong call"},
        {WCZ_ERROR_PRODUCT, "factors only"}, {WCZ_ERROR_RANGE, "out of range"},
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (NAMES[i].error == error) {
            return NAMES[i].name;
        }
    }
    return "unknown error";
}
