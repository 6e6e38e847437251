/* Plug-ins for Situs, in C or anything that speaks C.
 *
 * A library exports situs_plugin_v1. It returns a table that lives as long as the process and lists components; each
 * component is made by create, used through call and freed by destroy. Cold data cross as JSON in UTF-8, hot data as
 * tensors. The methods of each kind are listed below; a component answers SITUS_MISSING to those it leaves out, where
 * that is allowed.
 *
 * Ownership. Request memory belongs to the host and is valid during the call. Reply memory belongs to the plug-in; the
 * host copies inside the callback. The one thing that changes owner is a handle.
 *
 * Threads. With SITUS_SHARED, call may be entered from several threads at once on one handle. Without, the host makes
 * one call at a time. A session is used by one thread; sessions are destroyed before their model.
 *
 * Growth. Structs that begin with size may grow at their end within one major version: set size = sizeof(struct), and
 * read no field that lies beyond the host's size.
 */
#ifndef SITUS_PLUGIN_H
#define SITUS_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SITUS_MAJOR 1
#define SITUS_MINOR 0

/* Kinds. */
#define SITUS_DATASET 1
#define SITUS_FAMILY 2
#define SITUS_RENDERER 3
#define SITUS_MODEL 4
#define SITUS_SAMPLER 5
#define SITUS_METRIC 6

/* Flags of a component. */
#define SITUS_SHARED 1       /* call may be entered from several threads at once */
#define SITUS_CHECK_FIELDS 2 /* the host refuses parameters that fields_json does not list */
#define SITUS_PNG 4          /* pictures come as PNG files whatever the model's card says */

/* Status of create and call. */
#define SITUS_OK 0
#define SITUS_FAULT 1   /* bytes: {"cause", "what", "at"?: [key or index], "help"?}; cause: "config" "data"
                           "unsupported" "unreachable" "rejected" "internal" {"transient": {"retry_after_ms": n}} */
#define SITUS_PANIC 2   /* the plug-in caught a panic; bytes as for a fault */
#define SITUS_MISSING 3 /* no such method */

/* Element types. */
#define SITUS_U8 1
#define SITUS_U32 2
#define SITUS_F32 3
#define SITUS_F64 4

/* Methods. "J": JSON bytes, "T": tensors, ->: the reply, [opt]: SITUS_MISSING is allowed. Numbers of 64 bits that are
 * random bits or seeds cross as 16 hexadecimal digits in a string.
 *
 * create    J {params, base, seed, workers} -> J the parameters, defaults filled in
 *
 * dataset   0 describe            -> J {card, len}
 *           1 case      J {index} -> J case
 *           2 volume    J {key}   -> J {affine, names, warnings} + T f32 [z, y, x], x fastest, RAS+      [opt]
 * family    0 describe            -> J {version}
 *           1 catalogue J {card, digest, cases} -> nothing; once per handle and digest
 *           2 ask       J {case, entry, seed, replies: [[key, reply]], failed: [key], lent} + T
 *                                 -> J {"questions", "left_out"} or {"needs": [consultation]} or {"lend": wanted}
 *           3 read      J {question, reply} -> J answer {state, value, flags}
 * renderer  1 render    J {cases, question, lent} + T
 *                                 -> J {"lend": wanted} or {"done": {parts}} + T: u8 [H, W, 3] for the picture with
 *                                    pixels "#k", f32 [z, y, x] for the volume with id "#k"; tensor k, from 0
 * model     0 describe            -> J card
 *           1 vocabulary          -> J null or [token text] + T u8 [V] content flags, if any             [opt]
 *           2 embeddings          -> J null, {"file": {path, tensor, sha256}} or {"rows": {rows, width, sha256}} [opt]
 *           3 rows      J [first, count] -> T f32 [count, width]                                         [opt]
 *           4 reply     J {request, sampling, paths: {digest: path}} + T one per distinct picture, in order:
 *                       u8 [H, W, 3], or the file's bytes u8 [n] when the card says "png" -> J reply     [opt]
 *           5 session             -> child                                                               [opt]
 * session   1 admit     as reply, sampling null -> T u32 [1]: the slot
 *           2 logits    T u32 [live] -> T f32 [live, vocabulary]
 *           3 push      T u32 [slot, token] -> T u32 [1]: 0 continue, 1 stop
 *           4 finish    T u32 [slot] -> J reply; the slot is free
 *           5 cancel    T u32 [slot] -> nothing; the slot is free
 * sampler   0 describe            -> J {remote: sampling or null, max_tokens}                            [opt]
 *           1 prepare   J {card, given: {vocabulary, embeddings}, vocabulary, embeddings} + T u8 [V] content flags
 *                       (with a vocabulary), T f32 [V, D] (embeddings in rows)
 *                                 -> J {"done": {digest}} or {"needs": {vocabulary: bool, embeddings: bool}} [opt]
 *           2 pick      situs_row[] + T f32 [R, V] logits, T u32 [sum of history]
 *                                 -> T u32 [rows]; J [note or null], one per row, if there are notes
 * metric    1 consult   J {records, replies, failed} -> J [consultation]                                 [opt]
 *           2 score     J {record, replies, failed} -> J null or {value, stats}
 *           3 figure    T f64 [S] -> T f64 [1]                                                           [opt]
 *           4 summarise J {records, scores, seed, replicates} -> J null or summary                       [opt]
 *
 * wanted:   {volumes: [id], segmentations: [case name], keep: bool}. The host calls again with them. With keep it need
 *           not send again what the plug-in has: it names id and stamp and leaves out the rest.
 * lent:     {volumes: [{id, stamp, head: null or {affine, names, warnings}}], segmentations: [{case, stamp, head: null or
 *           {form, measured, shared: [[a, b, voxels]], masks: [null or {min, max}]}}]} + T f32 [z, y, x] for each volume
 *           with a head, then u8 [z, y, bytes of a row] for each mask of a segmentation with a head: bit x of a row is bit x % 8 of byte
 *           x / 8, rows padded to 8 bytes.
 */

typedef struct {
    const uint8_t *ptr;
    size_t len;
} situs_bytes;

typedef struct {
    uint32_t dtype, ndim;
    const size_t *shape;
    const void *data; /* row-major */
} situs_tensor;

typedef struct {
    void *ctx;
    void (*bytes)(void *ctx, const uint8_t *ptr, size_t len);
    void (*tensor)(void *ctx, const situs_tensor *tensor);
    void (*child)(void *ctx, void *handle);
} situs_reply;

typedef struct {
    uint64_t draw;                           /* random bits: the same bits, the same token */
    uint32_t index, step, history, reserved; /* row of the logits; step; tokens so far */
} situs_row;

typedef struct situs_component {
    uint32_t size, kind, flags, reserved;
    const char *name, *summary, *fields_json;
    const void *user;
    int32_t (*create)(const struct situs_component *self, situs_bytes request, const situs_reply *reply, void **handle);
    int32_t (*call)(void *handle, uint32_t method, situs_bytes request, const situs_tensor *tensors, size_t count,
                    const situs_reply *reply);
    void (*destroy)(void *handle);
} situs_component;

typedef struct {
    uint32_t size, major, minor, count;
    const char *name, *version;
    const situs_component *components;
    uint32_t stride, reserved; /* stride = sizeof(situs_component) */
    const char *needs;         /* features that the host must have, separated by blanks; may be null */
} situs_plugin;

typedef struct {
    uint32_t size, major, minor, workers; /* workers: threads to use, 0: as many as cores */
    void (*log)(uint32_t level, const uint8_t *ptr, size_t len); /* 1 error ... 5 trace */
    uint32_t log_level, reserved;                                /* the most detailed level that anybody reads */
    const char *features;
} situs_host;

/* The one symbol. Null refuses the host. */
const situs_plugin *situs_plugin_v1(const situs_host *host);

#ifdef __cplusplus
}
#endif

#endif
