/* Constants of the mixing coder; format_spec/coders.md holds the same ones. Internal to the kernel. */
#ifndef WCZ_MIXING_PRIOR_H
#define WCZ_MIXING_PRIOR_H

#include <stdint.h>

/* Squash: 65536 / (1 + exp(-x / 4)) for x = -32 .. 0, rounded; squash(-x) = 65536 - squash(x). */
static const uint16_t SQUASH_KNOTS[33] = {
    22, 28, 36, 47, 60, 77, 98, 126, 162, 208, 267, 342, 439, 562, 720, 922, 1179, 1506, 1921, 2446, 3108, 3938,
    4971, 6249, 7812, 9702, 11955, 14595, 17625, 21025, 24743, 28693, 32768,
};

/* Initial log-odds in sixteenths of a nat, fitted on networks that no benchmark uses (docs/notes/mixing_coder.md). */

/* [scale bin][node] */
static const int8_t PRIOR_SCALE[26][14] = {
    {-52, -86, -10, 1, -8, -20, 16, -32, -4, 9, -4, 26, 20, 29},
    {-46, -82, -7, -2, -5, -12, 17, -22, 0, 13, 0, 25, 21, 30},
    {-42, -79, -7, -2, -4, -4, 17, -12, 4, 16, 5, 25, 21, 30},
    {-38, -77, -10, -1, -3, 3, 18, -2, 9, 20, 9, 24, 21, 30},
    {-35, -76, -18, 0, 0, 9, 19, 7, 13, 23, 13, 24, 22, 31},
    {-29, -75, -27, -1, 5, 13, 20, 14, 16, 26, 18, 23, 22, 31},
    {-27, -72, -31, -5, 8, 15, 20, 18, 18, 28, 21, 21, 22, 30},
    {-21, -64, -36, -12, 5, 14, 19, 20, 18, 29, 24, 21, 22, 30},
    {-23, -54, -40, -16, -1, 11, 16, 22, 18, 29, 26, 21, 25, 30},
    {-15, -44, -39, -21, -6, 4, 11, 21, 18, 27, 25, 22, 28, 29},
    {-12, -39, -36, -22, -9, -1, 5, 17, 16, 24, 25, 24, 30, 28},
    {-5, -34, -34, -21, -12, -3, 2, 12, 13, 19, 24, 26, 29, 28},
    {2, -25, -28, -18, -12, -4, -1, 8, 11, 13, 22, 26, 26, 28},
    {12, -14, -22, -19, -11, -4, -1, 6, 9, 9, 19, 24, 21, 27},
    {20, -5, -14, -18, -14, -10, -2, 1, 3, 9, 15, 20, 17, 25},
    {28, 7, 0, -5, -8, -8, -6, -3, 2, 7, 11, 16, 16, 21},
    {32, 13, 8, 4, 1, 0, 0, 2, 6, 8, 10, 13, 15, 17},
    {36, 20, 18, 15, 12, 11, 11, 10, 11, 13, 13, 12, 17, 14},
    {41, 12, 8, 4, 1, 3, 4, 6, 9, 11, 10, 12, 12, 13},
    {49, 23, 19, 15, 8, 6, 5, 3, 8, 11, 8, 8, 6, 12},
    {60, 22, 15, 11, 5, 2, 1, 3, 4, 12, 5, 4, 0, 10},
    {70, 25, 18, 13, 7, 2, 1, 4, 0, 13, 0, 0, -5, 7},
    {76, 18, 11, 7, 2, 0, -7, 0, -4, 13, -5, -3, -9, 4},
    {83, 14, 6, 5, -3, -4, -16, -3, -7, 13, -10, -7, -14, 2},
    {89, 9, 1, 3, -8, -8, -24, -7, -11, 13, -14, -10, -19, -1},
    {95, 5, -4, 0, -13, -12, -33, -10, -14, 12, -19, -14, -24, -3},
};

/* [decision class][3 * magnitude to the left + magnitude before that] */
static const int8_t PRIOR_LEFT[3][12] = {
    {-7, -5, -4, -5, -1, -3, -3, 1, 0, -4, -2, 0},
    {-1, -2, 3, -2, -3, 1, 4, 2, 4, 4, 3, 6},
    {3, 2, 3, 2, 1, 1, 2, 0, 0, 4, 3, 2},
};

/* [decision class][agreement with the signed prediction] */
static const int8_t PRIOR_PREDICTION[3][15] = {
    {-8, -7, -4, 0, 6, 11, 16, 24, 0, 0, 0, 0, 0, 0, 0},
    {-2, -2, -1, 1, 4, 8, 11, 16, -3, -5, -9, -12, -12, -12, -8},
    {3, 2, 0, -2, -2, -1, 2, 8, 3, 1, -2, -6, -7, -8, 5},
};

/* [node], and [decision class][neighbour][magnitude] */
static const int8_t PRIOR_NODE[14] = {4, -2, -10, -7, -5, -5, -4, -2, 2, 4, 5, 6, 10, 10};
static const int8_t PRIOR_NEIGHBOURS[3][4][3] = {
    {{-4, 1, 8}, {-6, 1, 10}, {-7, 1, 11}, {-8, 1, 12}},
    {{-6, -2, 6}, {-7, -3, 8}, {-7, -4, 9}, {-8, -5, 10}},
    {{0, 1, 4}, {0, 1, 4}, {-1, 1, 4}, {0, 1, 4}},
};

/* [sign of neighbour 0][sign of neighbour 1], and [prediction bin][sign of neighbour 2] */
static const int8_t PRIOR_SIGN_PAIR[9] = {16, 12, 1, 12, 0, -12, -1, -12, -16};
static const int8_t PRIOR_SIGN_PREDICTION[45] = {
    75, 74, 67, 62, 58, 51, 51, 48, 40, 38, 36, 29, 26, 25, 18, 12, 13, 8, 4, 4, 2, 0, 0, 0, -2, -4, -4, -8, -13,
    -12, -18, -25, -26, -29, -36, -38, -40, -48, -51, -51, -58, -62, -67, -74, -75,
};

/* Mixing weights in 2^-14: the three counters' and the last input's. */
static const int32_t MIXER_START[4] = {5200, 6400, 4800, 512};
static const int32_t SIGN_MIXER_START[4] = {6200, 5400, 0, 2500};

/* Weights of the scale regression in 2^-20: row, column, channel, two recent means, previous channel. */
static const int32_t SCALE_START[6] = {333824, 390656, 208896, 111104, 81408, 15872};

/* Weights of the signed prediction in 2^-16, by kind of kernel: none, one row, several rows. */
static const int32_t TAPS_START[3][8] = {
    {0, 0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0}, {9600, 13900, 1700, -600, -3200, 400, 400, -1200}};

/* 4096 / (16 + i): a power of two over the scale, by the sixteenth of the octave. */
static const int16_t PREDICTION_UNITS[16] = {256, 240, 227, 215, 204, 195, 186, 178, 170, 163, 157, 151, 146, 141, 136, 132};

#endif
