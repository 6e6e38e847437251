/* A plug-in that misbehaves in the way that RUDE names. Compiled once for each. */
#include "situs_plugin.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRONG_MAJOR 1
#define SHORT_TABLE 2
#define NULL_TABLE 3
#define NULL_NAME 4
#define NULL_LIST 5
#define NULL_CREATE 6
#define NULL_CALL 7
#define NULL_DESTROY 8
#define DUPLICATE 9
#define NOT_UTF8 10
#define LONG_NAME 11
#define MANY_ROWS 12
#define SHORT_ROW 13
#define SMALL_STRIDE 14
#define UNKNOWN_KIND 15
#define BAD_FIELDS 16
#define NEEDS_MORE 17
#define NO_ROWS 18
#define TAKEN_NAME 19
#define NO_FIELDS 20
#define BLANK_NAME 21
/* The rest load and misbehave when they are called: `rude` in the parameters says how. */
#define CALLED 100

typedef struct {
    uint32_t kind;
    char how[32];
    int shared;
} rude;

static int32_t say(const situs_reply *reply, int32_t status, const char *json) {
    reply->bytes(reply->ctx, (const uint8_t *)json, strlen(json));
    return status;
}

static int32_t create(const situs_component *self, situs_bytes request, const situs_reply *reply, void **handle) {
    char text[4096] = {0};
    memcpy(text, request.ptr, request.len < sizeof text - 1 ? request.len : sizeof text - 1);
    rude *made = calloc(1, sizeof *made);
    made->kind = self->kind;
    const char *how = strstr(text, "\"rude\":\"");
    if (how) sscanf(how + 8, "%31[a-z0-9-]", made->how);
    if (!strcmp(made->how, "null-handle")) {
        free(made);
        return say(reply, SITUS_OK, "{}");
    }
    *handle = made;
    if (!strcmp(made->how, "create-status")) return say(reply, 77, "{}");
    if (!strcmp(made->how, "create-list")) return say(reply, SITUS_OK, "[1]");
    if (!strcmp(made->how, "create-garbage")) return say(reply, SITUS_OK, "{{{");
    if (!strcmp(made->how, "fault-garbage")) return say(reply, SITUS_FAULT, "no fault at all");
    if (!strcmp(made->how, "fault-silent")) return SITUS_FAULT;
    return SITUS_OK;
}

static int contains(situs_bytes request, const char *word) {
    size_t length = strlen(word);
    for (size_t at = 0; at + length <= request.len; at++)
        if (!memcmp(request.ptr + at, word, length)) return 1;
    return 0;
}

static int is(const rude *self, const char *how) { return !strcmp(self->how, how); }

static int32_t tensor(const situs_reply *reply, uint32_t dtype, uint32_t ndim, const size_t *shape, const void *data) {
    situs_tensor given = {dtype, ndim, shape, data};
    reply->tensor(reply->ctx, &given);
    return SITUS_OK;
}

/* Replies that are wrong whatever the method: 1 when `how` is one of them. */
static int any(const rude *self, const situs_reply *reply, int32_t *status) {
    static const size_t one = 1, none = 0, huge[4] = {(size_t)1 << 60, 1, 1, 1};
    static const size_t overflow[4] = {(size_t)1 << 40, (size_t)1 << 40, 2, 2};
    static const uint32_t zero[4] = {0};
    *status = SITUS_OK;
    if (is(self, "status")) *status = -5;
    else if (is(self, "no-utf8")) *status = say(reply, SITUS_OK, "{\"value\": \"\xff\xfe\"}");
    else if (is(self, "huge-bytes")) reply->bytes(reply->ctx, (const uint8_t *)"x", (size_t)1 << 62);
    else if (is(self, "null-bytes")) reply->bytes(reply->ctx, NULL, 5);
    else if (is(self, "twice")) { say(reply, 0, "1"); say(reply, 0, "2"); }
    else if (is(self, "huge-tensor")) tensor(reply, SITUS_F32, 4, huge, zero);
    else if (is(self, "overflow-tensor")) tensor(reply, SITUS_F32, 4, overflow, zero);
    else if (is(self, "null-tensor")) reply->tensor(reply->ctx, NULL);
    else if (is(self, "null-data")) tensor(reply, SITUS_U32, 1, &one, NULL);
    else if (is(self, "null-shape")) tensor(reply, SITUS_U32, 1, NULL, zero);
    else if (is(self, "misaligned")) tensor(reply, SITUS_F32, 1, &one, (const char *)zero + 1);
    else if (is(self, "dtype")) tensor(reply, 9, 1, &one, zero);
    else if (is(self, "ndim")) tensor(reply, SITUS_U32, 5, huge, zero);
    else if (is(self, "no-tensor")) return 1;
    else if (is(self, "empty-tensor")) tensor(reply, SITUS_U32, 1, &none, NULL);
    else if (is(self, "many")) for (int at = 0; at < 10000; at++) tensor(reply, SITUS_U32, 1, &none, NULL);
    else if (is(self, "stray-child")) reply->child(reply->ctx, (void *)self);
    else if (is(self, "missing")) *status = SITUS_MISSING;
    else return 0;
    return 1;
}

static int32_t session_call(rude *self, uint32_t method, const situs_tensor *tensors, const situs_reply *reply) {
    static const size_t one = 1;
    static const uint32_t zero = 0, two = 2;
    int32_t status;
    float logits[8] = {0};
    size_t shape[2] = {tensors && method == 2 ? tensors[0].shape[0] : 1, 4};
    switch (method) {
    case 1: return tensor(reply, SITUS_U32, 1, &one, &zero);
    case 2:
        if (any(self, reply, &status)) return status;
        if (is(self, "logits-rows")) shape[0] = 2;
        if (is(self, "logits-flat")) return tensor(reply, SITUS_F32, 1, shape + 1, logits);
        if (is(self, "logits-type")) return tensor(reply, SITUS_U32, 2, shape, logits);
        if (is(self, "logits-none")) shape[1] = 0;
        return tensor(reply, SITUS_F32, 2, shape, logits);
    case 3: return tensor(reply, SITUS_U32, 1, &one, is(self, "push-flow") ? &two : &zero);
    case 4: return say(reply, SITUS_OK, is(self, "finish") ? "{\"text\": 1}" : "{\"text\": \"\", \"finish\": \"stop\"}");
    default: return SITUS_OK;
    }
}

static int32_t call(void *handle, uint32_t method, situs_bytes request, const situs_tensor *tensors, size_t count,
                    const situs_reply *reply) {
    rude *self = handle;
    size_t rows = request.len / sizeof(situs_row), three = 3;
    uint32_t tokens[64] = {0};
    int32_t status;
    (void)count;
    if (self->kind == 0) return session_call(self, method, tensors, reply);
    switch (self->kind * 10 + method) {
    case SITUS_DATASET * 10:
        return say(reply, SITUS_OK, "{\"card\": {\"name\": \"r\", \"licence\": \"r\", \"modality_text\": \"r\","
                                    " \"digest\": \"r\"}, \"len\": 1}");
    case SITUS_FAMILY * 10: return say(reply, SITUS_OK, "{\"version\": \"1\"}");
    case SITUS_FAMILY * 10 + 1: return SITUS_OK;
    case SITUS_MODEL * 10:
        return say(reply, SITUS_OK,
                   is(self, "reads-answers")
                       ? "{\"name\": \"r\", \"digest\": \"r\", \"slots\": 1, \"parallel\": 9, \"stepwise\": true,"
                         " \"honours\": [], \"pictures\": \"none\", \"reads_answers\": true, \"deterministic\": true}"
                       : "{\"name\": \"r\", \"digest\": \"r\", \"slots\": 1, \"parallel\": 9, \"stepwise\": true,"
                         " \"honours\": [], \"pictures\": \"none\", \"reads_answers\": false, \"deterministic\": true}");
    case SITUS_MODEL * 10 + 5: {
        if (is(self, "no-child")) return SITUS_OK;
        rude *session = calloc(1, sizeof *session);
        memcpy(session->how, self->how, sizeof session->how);
        if (is(self, "child-fault")) {
            reply->child(reply->ctx, session);
            return say(reply, SITUS_FAULT, "{\"cause\": \"internal\", \"what\": \"no session after all\"}");
        }
        reply->child(reply->ctx, session);
        return SITUS_OK;
    }
    case SITUS_SAMPLER * 10:
        if (is(self, "describe")) return say(reply, SITUS_OK, "{\"remote\": {\"heat\": 1}}");
        return SITUS_MISSING;
    case SITUS_SAMPLER * 10 + 1:
        if (is(self, "insatiable")) return say(reply, SITUS_OK, "{\"needs\": {\"vocabulary\": true}}");
        return SITUS_MISSING;
    case SITUS_SAMPLER * 10 + 2:
        if (any(self, reply, &status)) return status;
        if (is(self, "out-of-range")) tokens[0] = 4000000000u;
        if (is(self, "too-few")) rows--;
        if (is(self, "too-many")) rows = three;
        if (is(self, "wrong-type")) return tensor(reply, SITUS_F32, 1, &rows, tokens);
        tensor(reply, SITUS_U32, 1, &rows, tokens);
        if (is(self, "notes")) return say(reply, SITUS_OK, "[1, 2, 3, 4, 5, 6]");
        return SITUS_OK;
    case SITUS_METRIC * 10 + 2:
        if (any(self, reply, &status)) return status;
        if (is(self, "nan")) return say(reply, SITUS_OK, "{\"value\": NaN, \"stats\": [1]}");
        if (is(self, "null-value")) return say(reply, SITUS_OK, "{\"value\": null, \"stats\": [1]}");
        if (is(self, "overflow")) return say(reply, SITUS_OK, "{\"value\": 1e999, \"stats\": [1]}");
        if (is(self, "width")) return say(reply, SITUS_OK, contains(request, "\"w1\"")
                                          ? "{\"value\": 1, \"stats\": [1]}" : "{\"value\": 1, \"stats\": [1, 2]}");
        return say(reply, SITUS_OK, "{\"value\": 1, \"stats\": [1, 1]}");
    case SITUS_METRIC * 10 + 1: return SITUS_MISSING;
    case SITUS_METRIC * 10 + 3:
        if (any(self, reply, &status)) return status;
        return SITUS_MISSING;
    case SITUS_FAMILY * 10 + 2:
        if (any(self, reply, &status)) return status;
        if (is(self, "insatiable")) return say(reply, SITUS_OK, "{\"lend\": {\"volumes\": [\"c0/ct\"]}}");
        if (is(self, "stranger")) return say(reply, SITUS_OK, "{\"lend\": {\"volumes\": [\"/etc/passwd\"]}}");
        if (is(self, "nothing")) return say(reply, SITUS_OK, "{\"lend\": {}}");
        if (is(self, "both")) return say(reply, SITUS_OK, "{\"questions\": [], \"needs\": []}");
        return say(reply, SITUS_OK, "{\"questions\": []}");
    case SITUS_RENDERER * 10 + 1:
        if (any(self, reply, &status)) return status;
        if (is(self, "picture-number"))
            return say(reply, SITUS_OK, "{\"done\": {\"parts\": [{\"kind\": \"image\", \"image\": {\"pixels\": \"#7\","
                                        " \"png\": \"\", \"width\": 1, \"height\": 1}}]}}");
        if (is(self, "picture-shape")) {
            tensor(reply, SITUS_U8, 1, &three, tokens);
            return say(reply, SITUS_OK, "{\"done\": {\"parts\": [{\"kind\": \"image\", \"image\": {\"pixels\": \"#0\","
                                        " \"png\": \"\", \"width\": 1, \"height\": 1}}]}}");
        }
        return say(reply, SITUS_OK, "{\"done\": {\"parts\": []}}");
    case SITUS_DATASET * 10 + 2:
        if (any(self, reply, &status)) return status;
        if (is(self, "volume-shape")) tensor(reply, SITUS_F32, 1, &three, tokens);
        if (is(self, "volume-type")) tensor(reply, SITUS_U32, 1, &three, tokens);
        return say(reply, SITUS_OK, "{\"affine\": [[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}");
    default: return SITUS_MISSING;
    }
}

static void destroy(void *handle) { free(handle); }

static char long_name[400];

static situs_component rows[7];

const situs_plugin *situs_plugin_v1(const situs_host *host) {
    static situs_plugin plugin = {.size = sizeof plugin, .major = SITUS_MAJOR, .minor = SITUS_MINOR, .count = 1,
                                  .name = "rude", .version = "1", .components = rows,
                                  .stride = sizeof(situs_component)};
    (void)host;
    for (uint32_t at = 0; at < 7; at++) {
        situs_component row = {.size = sizeof row, .kind = at + 1 < 7 ? at + 1 : SITUS_SAMPLER, .name = "rude",
                               .summary = "Misbehaves.", .create = create, .call = call, .destroy = destroy};
        rows[at] = row;
    }
    memset(long_name, 'x', sizeof long_name - 1);
    switch (RUDE) {
    case WRONG_MAJOR: plugin.major = 2; break;
    case SHORT_TABLE: plugin.size = 16; break;
    case NULL_TABLE: return NULL;
    case NULL_NAME: rows[0].name = NULL; break;
    case NULL_LIST: plugin.components = NULL; break;
    case NULL_CREATE: rows[0].create = NULL; break;
    case NULL_CALL: rows[0].call = NULL; break;
    case NULL_DESTROY: rows[0].destroy = NULL; break;
    case DUPLICATE: plugin.count = 7; break;
    case NOT_UTF8: rows[0].name = "ru\xff\xfe"; break;
    case LONG_NAME: rows[0].name = long_name; break;
    case MANY_ROWS: plugin.count = 4000000000u; break;
    case SHORT_ROW: rows[0].size = 8; break;
    case SMALL_STRIDE: plugin.stride = 12; break;
    case UNKNOWN_KIND: rows[0].kind = 9; break;
    case BAD_FIELDS: rows[0].fields_json = "[{\"nam\": 1}]"; break;
    case NEEDS_MORE: plugin.needs = "kept-media telepathy"; break;
    case NO_ROWS: plugin.count = 0; break;
    case TAKEN_NAME: rows[0].kind = SITUS_SAMPLER; rows[0].name = "toy"; break;
    case NO_FIELDS: rows[0].flags = SITUS_CHECK_FIELDS; break;
    case BLANK_NAME: rows[0].name = "a name"; break;
    default: plugin.count = 6; break;
    }
    return &plugin;
}
