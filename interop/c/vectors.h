/* The shared records; interop/runner/vectors.ts says what the file looks like. */
#ifndef VECTORS_H
#define VECTORS_H

#include <stddef.h>
#include <stdint.h>

/* Null has no data; empty has data and no size. */
struct bytes {
    unsigned char *data;
    size_t size;
};

struct header {
    char *name;
    struct bytes value;
};

struct vector {
    char *name;
    int64_t timestamp_ms;
    struct bytes key;
    struct bytes value;
    struct header *headers;
    size_t header_count;
};

struct vectors {
    struct vector *all;
    size_t count;
};

/* Ends the process with a message when the file cannot be read. */
struct vectors read_vectors(const char *path);

#endif
