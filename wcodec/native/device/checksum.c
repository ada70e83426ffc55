/* CRC-32 of a chunk (wcz.md, section 3) and SHA-256 of a file (FIPS 180-4). */
#include "device.h"

/* Four bits at a time: 64 bytes of table. */
uint32_t wcz_crc32(uint32_t crc, const uint8_t *data, size_t nbytes) {
    static const uint32_t TABLE[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
        0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };
    crc = ~crc;
    for (size_t i = 0; i < nbytes; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ TABLE[crc & 15];
        crc = crc >> 4 ^ TABLE[crc & 15];
    }
    return ~crc;
}

static const uint32_t SHA256_ROUNDS[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotated(uint32_t x, unsigned n) {
    return x >> n | x << (32 - n);
}

static void sha256_block(wcz_sha256 *hash) {
    uint32_t words[16], s[8];
    for (unsigned i = 0; i < 16; i++) {
        const uint8_t *at = hash->block + 4 * i;
        words[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    }
    for (unsigned i = 0; i < 8; i++) {
        s[i] = hash->state[i];
    }
    for (unsigned i = 0; i < 64; i++) {
        uint32_t w = words[i % 16], sum1 = rotated(s[4], 6) ^ rotated(s[4], 11) ^ rotated(s[4], 25);
        uint32_t sum0 = rotated(s[0], 2) ^ rotated(s[0], 13) ^ rotated(s[0], 22);
        uint32_t t1 = s[7] + sum1 + ((s[4] & s[5]) ^ (~s[4] & s[6])) + SHA256_ROUNDS[i] + w;
        uint32_t t2 = sum0 + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        uint32_t w1 = words[(i + 1) % 16], w14 = words[(i + 14) % 16];
        for (unsigned j = 7; j > 0; j--) {
            s[j] = s[j - 1];
        }
        s[4] += t1;
        s[0] = t1 + t2;
        words[i % 16] = w + words[(i + 9) % 16] + (rotated(w1, 7) ^ rotated(w1, 18) ^ w1 >> 3) +
                        (rotated(w14, 17) ^ rotated(w14, 19) ^ w14 >> 10);      /* of round i + 16 */
    }
    for (unsigned i = 0; i < 8; i++) {
        hash->state[i] += s[i];
    }
}

void wcz_sha256_start(wcz_sha256 *hash) {
    static const uint32_t START[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    hash->nbytes = 0;
    for (unsigned i = 0; i < 8; i++) {
        hash->state[i] = START[i];
    }
}

void wcz_sha256_add(wcz_sha256 *hash, const uint8_t *data, size_t nbytes) {
    for (size_t i = 0; i < nbytes; i++) {
        hash->block[hash->nbytes++ % 64] = data[i];
        if (hash->nbytes % 64 == 0) {
            sha256_block(hash);
        }
    }
}

void wcz_sha256_end(wcz_sha256 *hash, uint8_t digest[32]) {
    uint64_t nbits = 8 * hash->nbytes;
    uint8_t tail[8], one = 0x80, zero = 0;
    for (unsigned i = 8; i-- > 0; nbits >>= 8) {
        tail[i] = (uint8_t)nbits;
    }
    wcz_sha256_add(hash, &one, 1);
    while (hash->nbytes % 64 != 56) {
        wcz_sha256_add(hash, &zero, 1);
    }
    wcz_sha256_add(hash, tail, 8);
    for (unsigned i = 0; i < 32; i++) {
        digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
    }
}
