// The step's kernels on the emulated machine.
#include "machine.h"
// The sources as they are sent to the compiler for GPUs, but for the machine.
#include "number.cuh"
#include "collective.cuh"
#include "step.cu"
#include "select.cu"

namespace machine {
bool launch(u32 clusters, u32 cluster, u32 threads, size_t shared, u64 seed, int skipped, std::vector<Array> arrays,
            void (*body)(void *), void *argument);
}

struct EmulatedStep {
    Step step;
    u64 logits_bytes;
    u64 neighbors_bytes;
    u64 content_bytes;
    u64 seed;
    int skipped;
    u32 batch;
    u32 format;
    u32 form;
};

template <class Format, u32 CLUSTER, u32 THREADS, Keep KEEP, u32 EACH> static void body(void *step) {
    take_step<Format, CLUSTER, THREADS, KEEP, EACH>(*static_cast<const Step *>(step));
}

template <class Format, u32 CLUSTER, u32 THREADS, Keep KEEP, u32 EACH> static bool run(EmulatedStep &e) {
    size_t shared = (sizeof(Shared) + 15) / 16 * 16;
    if (KEEP == Keep::SHARED) {
        const size_t wide = (e.step.width + Format::COUNT - 1) / Format::COUNT;
        shared += (wide + CLUSTER - 1) / CLUSTER * sizeof(Wide);
    }
    if (KEEP == Keep::REGISTERS && e.step.width > u64(CLUSTER) * THREADS * EACH * Format::COUNT) std::abort();
    const auto array = [](const void *from, u64 bytes) {
        return machine::Array{static_cast<const u8 *>(from), static_cast<const u8 *>(from) + bytes};
    };
    return machine::launch(e.batch, CLUSTER, THREADS, shared, e.seed, e.skipped,
                           {array(e.step.logits, e.logits_bytes), array(e.step.neighbors, e.neighbors_bytes),
                            array(e.step.content, e.content_bytes)},
                           &body<Format, CLUSTER, THREADS, KEEP, EACH>, &e.step);
}

// The first four forms are those that GPUs run; the others have few threads, for many short rows.
template <class Format, u32 WIDE> static bool run_form(EmulatedStep &e) {
    switch (e.form) {
    case 0: return run<Format, 8, 512, Keep::REGISTERS, WIDE>(e);
    case 1: return run<Format, 4, 512, Keep::SHARED, 5>(e);
    case 2: return run<Format, 2, 512, Keep::SHARED, 5>(e);
    case 3: return run<Format, 8, 512, Keep::NOWHERE, 5>(e);
    case 4: return run<Format, 1, 64, Keep::SHARED, 2>(e);
    case 5: return run<Format, 2, 64, Keep::REGISTERS, WIDE>(e);
    case 6: return run<Format, 4, 64, Keep::SHARED, 2>(e);
    case 7: return run<Format, 8, 64, Keep::NOWHERE, 2>(e);
    default: std::abort();
    }
}

extern "C" int situs_step(EmulatedStep *e) {
    switch (e->format) {
    case 0: return run_form<F32, 10>(*e);
    case 1: return run_form<Bf16, 5>(*e);
    default: return run_form<F16, 5>(*e);
    }
}

struct EmulatedSelect {
    Select select;
    u64 products_bytes;
    u64 inverse_bytes;
    u64 seed;
    int skipped;
    u32 rows;
    u32 form;
};

template <u32 CLUSTER, u32 THREADS, Keep KEEP, u32 EACH> static void select_body(void *select) {
    select_row<CLUSTER, THREADS, KEEP, EACH>(*static_cast<const Select *>(select));
}

template <u32 CLUSTER, u32 THREADS, Keep KEEP, u32 EACH> static bool select_run(EmulatedSelect &e) {
    const auto array = [](const void *from, u64 bytes) {
        return machine::Array{static_cast<const u8 *>(from), static_cast<const u8 *>(from) + bytes};
    };
    return machine::launch(e.rows, CLUSTER, THREADS, sizeof(Shared), e.seed, e.skipped,
                           {array(e.select.products, e.products_bytes), array(e.select.inverse, e.inverse_bytes)},
                           &select_body<CLUSTER, THREADS, KEEP, EACH>, &e.select);
}

// The first two forms are those that GPUs run.
extern "C" int situs_select(EmulatedSelect *e) {
    switch (e->form) {
    case 0: return select_run<8, 512, Keep::REGISTERS, 10>(*e);
    case 1: return select_run<8, 512, Keep::NOWHERE, 5>(*e);
    case 2: return select_run<2, 64, Keep::REGISTERS, 10>(*e);
    default: return select_run<4, 64, Keep::NOWHERE, 2>(*e);
    }
}

struct EmulatedExact {
    Exact exact;
    u64 matrix_bytes;
    u64 norms_bytes;
    u64 seed;
    u32 format;
};

template <class Format> static void exact_body(void *exact) {
    exact_block<Format, 64>(*static_cast<const Exact *>(exact));
}

extern "C" int situs_exact(EmulatedExact *e) {
    const auto array = [](const void *from, u64 bytes) {
        return machine::Array{static_cast<const u8 *>(from), static_cast<const u8 *>(from) + bytes};
    };
    const u32 blocks = (e->exact.rows * e->exact.kept + 1) / 2;
    void (*const bodies[])(void *) = {&exact_body<F32>, &exact_body<Bf16>, &exact_body<F16>};
    return machine::launch(blocks, 1, 64, 16, e->seed, -1,
                           {array(e->exact.matrix, e->matrix_bytes), array(e->exact.norms, e->norms_bytes)},
                           bodies[e->format], &e->exact);
}
