/* A sampler in C: draws among the tokens that are at least `floor` times as probable as the best one (min-p).
 *
 *     cc -shared -fPIC -O2 -I core/include -o libmin_p_c.so examples/plugin-c/sampler.c -lm
 *     situs list sampler --plugin ./libmin_p_c.so
 */
#include "situs_plugin.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    double floor;
} min_p;

static int32_t say(const situs_reply *reply, int32_t status, const char *json) {
    reply->bytes(reply->ctx, (const uint8_t *)json, strlen(json));
    return status;
}

/* The number after "floor": in the request; the host has checked that no other field is there. */
static double floor_in(situs_bytes request, double otherwise) {
    static const char key[] = "\"floor\":";
    char digits[64] = {0};
    for (size_t at = 0; at + sizeof key - 1 < request.len; at++) {
        if (memcmp(request.ptr + at, key, sizeof key - 1) == 0) {
            size_t rest = request.len - (at + sizeof key - 1);
            memcpy(digits, request.ptr + at + sizeof key - 1, rest < sizeof digits ? rest : sizeof digits - 1);
            char *end;
            double value = strtod(digits, &end);
            return end == digits ? NAN : value;
        }
    }
    return otherwise;
}

static int32_t create(const situs_component *self, situs_bytes request, const situs_reply *reply, void **handle) {
    (void)self;
    char resolved[64];
    double floor = floor_in(request, 0.1);
    if (!(floor > 0 && floor <= 1))
        return say(reply, SITUS_FAULT,
                   "{\"cause\": \"config\", \"what\": \"must lie above 0 and at most at 1\", \"at\": [\"floor\"]}");
    min_p *made = malloc(sizeof *made);
    if (!made) return say(reply, SITUS_FAULT, "{\"cause\": \"internal\", \"what\": \"no memory\"}");
    made->floor = floor;
    *handle = made;
    snprintf(resolved, sizeof resolved, "{\"floor\": %.17g}", floor);
    return say(reply, SITUS_OK, resolved);
}

/* One token, or the width of the row when no logit of it is finite. */
static uint32_t pick_one(const float *row, size_t width, double floor, uint64_t draw) {
    double best = -INFINITY, total = 0, reached = 0, unit = ((double)(draw >> 11) + 0.5) / 9007199254740992.0;
    uint32_t last = (uint32_t)width;
    for (size_t token = 0; token < width; token++) {
        if (isnan(row[token]) || row[token] == INFINITY) return (uint32_t)width;
        if (row[token] > best) best = row[token];
    }
    for (size_t token = 0; token < width; token++)
        if (exp(row[token] - best) >= floor) total += exp(row[token] - best);
    for (size_t token = 0; token < width; token++) {
        double weight = exp(row[token] - best);
        if (!(weight >= floor)) continue;
        reached += weight;
        last = (uint32_t)token;
        if (reached > unit * total) break;
    }
    return last;
}

static int32_t pick(const min_p *self, situs_bytes request, const situs_tensor *tensors, size_t count,
                    const situs_reply *reply) {
    size_t rows = request.len / sizeof(situs_row);
    if (count < 2 || tensors[0].dtype != SITUS_F32 || tensors[0].ndim != 2)
        return say(reply, SITUS_FAULT, "{\"cause\": \"internal\", \"what\": \"logits are not f32 [rows, vocabulary]\"}");
    size_t height = tensors[0].shape[0], width = tensors[0].shape[1];
    const situs_row *row = (const situs_row *)(const void *)request.ptr;
    uint32_t *tokens = malloc((rows + 1) * sizeof *tokens);
    if (!tokens) return say(reply, SITUS_FAULT, "{\"cause\": \"internal\", \"what\": \"no memory\"}");
    for (size_t at = 0; at < rows; at++) {
        tokens[at] = (uint32_t)width;
        if (row[at].index < height)
            tokens[at] = pick_one((const float *)tensors[0].data + row[at].index * width, width, self->floor, row[at].draw);
        if (tokens[at] >= width) {
            free(tokens);
            return say(reply, SITUS_FAULT, "{\"cause\": \"internal\", \"what\": \"a row without a finite logit\"}");
        }
    }
    situs_tensor picked = {SITUS_U32, 1, &rows, tokens};
    reply->tensor(reply->ctx, &picked);
    free(tokens);
    return SITUS_OK;
}

static int32_t call(void *handle, uint32_t method, situs_bytes request, const situs_tensor *tensors, size_t count,
                    const situs_reply *reply) {
    switch (method) {
    case 0: /* describe */
        return say(reply, SITUS_OK, "{\"remote\": null, \"max_tokens\": 512}");
    case 2:
        return pick(handle, request, tensors, count, reply);
    default:
        return SITUS_MISSING;
    }
}

static const situs_component components[] = {{
    .size = sizeof(situs_component),
    .kind = SITUS_SAMPLER,
    .flags = SITUS_CHECK_FIELDS,
    .name = "min-p-c",
    .summary = "Draws among tokens that are at least `floor` times as probable as the best one.",
    .fields_json = "[{\"name\": \"floor\", \"type\": \"f64\", \"default\": 0.1,"
                   " \"doc\": \"Fraction of the best probability below which a token is dropped.\"}]",
    .create = create,
    .call = call,
    .destroy = free,
}};

const situs_plugin *situs_plugin_v1(const situs_host *host) {
    static const situs_plugin plugin = {
        .size = sizeof(situs_plugin),
        .major = SITUS_MAJOR,
        .minor = SITUS_MINOR,
        .count = 1,
        .name = "min-p-c",
        .version = "1.0.0",
        .components = components,
        .stride = sizeof(situs_component),
    };
    return host->major == SITUS_MAJOR ? &plugin : NULL;
}
