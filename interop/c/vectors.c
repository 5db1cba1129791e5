#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

static struct bytes unhex(const char *text) {
    struct bytes bytes = {NULL, 0};
    if (strcmp(text, "-") == 0) return bytes;
    bytes.size = strlen(text) / 2;
    bytes.data = malloc(bytes.size + 1);
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] = (unsigned char)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
    }
    return bytes;
}

static void parse_headers(struct vector *vector, char *text) {
    if (strcmp(text, "-") == 0) return;
    for (char *one; (one = strsep(&text, ";")) != NULL;) {
        char *value = one;
        char *name = strsep(&value, "=");
        vector->headers = realloc(vector->headers, (vector->header_count + 1) * sizeof *vector->headers);
        vector->headers[vector->header_count].name = strdup(name);
        vector->headers[vector->header_count++].value = unhex(value);
    }
}

struct vectors read_vectors(const char *path) {
    struct vectors vectors = {NULL, 0};
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t size; (size = getline(&line, &capacity, file)) > 0;) {
        if (line[size - 1] == '\n') line[size - 1] = '\0';
        char *rest = line;
        vectors.all = realloc(vectors.all, (vectors.count + 1) * sizeof *vectors.all);
        struct vector *vector = &vectors.all[vectors.count++];
        memset(vector, 0, sizeof *vector);
        vector->name = strdup(strsep(&rest, "\t"));
        strsep(&rest, "\t"); /* librdkafka can express whatever a record may need. */
        vector->timestamp_ms = strtoll(strsep(&rest, "\t"), NULL, 10);
        vector->key = unhex(strsep(&rest, "\t"));
        vector->value = unhex(strsep(&rest, "\t"));
        parse_headers(vector, strsep(&rest, "\t"));
    }
    free(line);
    fclose(file);
    return vectors;
}
