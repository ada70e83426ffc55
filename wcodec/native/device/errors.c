/* Names of errors, as Python's classes (registry.md). */
#include "device.h"

/* Number and name of each; the library's own, from -1 downwards, as 256 less. */
static const char NAMES[] =
    "\x00" "no error\0" "\x01" "NotWczError\0" "\x02" "VersionError\0" "\x03" "TruncatedError\0" "\x04" "ChecksumError\0"
    "\x05" "DigestError\0" "\x06" "UnknownChunkError\0" "\x07" "ChunkOrderError\0" "\x08" "LimitError\0"
    "\x09" "IndexTableError\0" "\x0D" "BaseMissingError\0" "\x14" "RecordError\0" "\x15" "NameTableError\0"
    "\x16" "UnknownKindError\0" "\x17" "UnknownCoderError\0" "\x18" "UnknownDtypeError\0" "\x19" "FactorizationError\0"
    "\x1A" "StepCodeError\0" "\x28" "PayloadError\0" "\x29" "SymbolError\0" "\xFF" "out of memory\0" "\xFE" "wrong call\0"
    "\xFD" "factors only\0" "\xFC" "out of range\0";

const char *wcz_error_name(int error) {
    for (const char *at = NAMES; at < NAMES + sizeof NAMES - 1;) {
        const char *name = at + 1;
        if (error == (signed char)*at) {
            return name;
        }
        for (at = name; *at++;) {
        }
    }
    return "unknown error";
}
