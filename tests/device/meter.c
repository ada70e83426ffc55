/* What memory libwcz takes for files of one tensor: "NAME: decoder, names, chunk, coder" in bytes, without the values
 * themselves and without the file, which is fed as a whole and not copied.
 */
#include <stdio.h>
#include <stdlib.h>

#include "wcz.h"

static size_t used, peak;

static void *allocate(void *context, size_t nbytes) {
    size_t *block = (size_t *)malloc(nbytes + 16);
    (void)context;
    block[0] = nbytes;
    used += nbytes;
    peak = used > peak ? used : peak;
    return block + 2;
}

static void release(void *context, void *data) {
    size_t *block = (size_t *)data - 2;
    (void)context;
    used -= block[0];
    free(block);
}

int main(int argc, char **argv) {
    const wcz_memory memory = {allocate, release, NULL};
    static unsigned char data[1 << 22];
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        const uint8_t *next = data;
        size_t nbytes = file ? fread(data, 1, sizeof data, file) : 0, decoder_nbytes, names_nbytes, frame;
        if (!file) {
            return 2;
        }
        fclose(file);
        wcz_decoder *decoder = wcz_open(&memory, NULL);
        decoder_nbytes = used;
        frame = 8 + 2 + data[9] + 4;      /* preamble and names chunk, which is short */
        nbytes -= frame;
        if (wcz_decode(decoder, &next, &frame) != WCZ_NEED_MORE_INPUT) {
            return 1;
        }
        names_nbytes = used - decoder_nbytes;
        peak = used;
        if (wcz_decode(decoder, &next, &nbytes) != WCZ_TENSOR) {
            return 1;
        }
        size_t chunk = used - decoder_nbytes - names_nbytes - wcz_current(decoder)->count * sizeof(int32_t);
        printf("%zu %zu %zu %zu\n", decoder_nbytes, names_nbytes, chunk, peak - used);
        wcz_close(decoder);
    }
    return 0;
}
