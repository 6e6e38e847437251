// A processor in the place of a GPU: what `src/cuda/machine.cuh` offers, with every thread a fiber.
//
// The blocks of one cluster run at a time, one thread at a time, in an order drawn from a seed. A thread runs until it
// waits: at a barrier for its block or its cluster, at an exchange for its warp. Every access to shared memory is
// recorded; two of them race when they touch the same bytes from different threads, one of them writes, they are not both
// atomic, and no barrier of both threads lies between. Also found: reads of what nobody wrote, accesses to another block
// before the first cluster barrier or after that block has ended, addresses outside the given arrays, addresses that are
// not aligned, barriers that some threads never reach or reach at different places.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <sys/mman.h>
#include <vector>
#ifndef __x86_64__
#include <ucontext.h>
#endif

#define EMULATED
#define DEVICE inline
#define APART inline
#define UNROLL

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;

struct alignas(16) Wide {
    u32 word[4];
};

namespace machine {

constexpr size_t STACK = 64 * 1024;
constexpr u32 NOBODY = ~0u;

struct Stamp {
    u32 thread = NOBODY;
    u32 block_epoch = 0;
    u32 cluster_epoch = 0;
    bool atomic = false;
};

// Who touched four bytes of shared memory last.
struct Touch {
    u64 launch = 0;
    Stamp writer;
    // Two readers of the own block and two of others: enough to name one that is not the writer.
    Stamp reader[2];
    Stamp stranger[2];
};

enum class Waits { NOT, WARP, BLOCK, CLUSTER, GONE };

struct Fiber {
#ifdef __x86_64__
    void *stack_pointer;
#else
    ucontext_t context;
#endif
    Waits waits;
    int site;
    u64 given;
};

struct Site {
    std::string file;
    int line;
};

struct Array {
    const u8 *begin;
    const u8 *end;
};

struct Machine {
    // The launch.
    u32 cluster, threads, block;
    u64 launches = 0;
    u64 random;
    int skipped;
    std::vector<Array> arrays;
    void (*body)(void *);
    void *argument;
    // Its threads: those of rank 0 first.
    std::vector<Fiber> fibers;
    std::vector<u32> ready;
    u32 current;
    std::vector<u32> arrived_warp, arrived_block, block_epoch, left_block;
    u32 arrived_cluster, cluster_epoch, left;
    // Shared memory of the blocks, one after the other.
    std::vector<Wide> memory;
    std::vector<Touch> touched;
    size_t bytes_each;
    u8 *stacks = nullptr;
    size_t stacks_size = 0;
#ifdef __x86_64__
    void *scheduler;
#else
    ucontext_t scheduler;
#endif
    std::string fault;
    std::vector<bool> reached;
    u64 switches = 0;
};

extern thread_local Machine *now __attribute__((tls_model("initial-exec")));
int site_of(const char *file, int line);
[[noreturn]] void fail(const std::string &what);
void wait(Waits kind, int site);
void touch(const void *place, size_t bytes, bool writes, bool atomic);
void check_array(const void *place, size_t bytes);

inline u32 thread() { return now->current % now->threads; }
inline u32 rank() { return now->current / now->threads; }
inline u8 *memory_of(u32 rank) { return reinterpret_cast<u8 *>(now->memory.data()) + rank * now->bytes_each; }

template <class T> T *there(u32 to, const T &place) {
    if (now->cluster_epoch == 0) fail("another block's memory before all have begun");
    if (to >= now->cluster) fail("a block outside the cluster");
    if (now->left_block[to] > 0) fail("the memory of a block that has ended");
    const size_t offset = reinterpret_cast<const u8 *>(&place) - memory_of(rank());
    return reinterpret_cast<T *>(memory_of(to) + offset);
}

} // namespace machine

DEVICE u32 thread_id() { return machine::thread(); }
DEVICE u32 block_id() { return machine::now->block + machine::rank(); }
DEVICE u32 cluster_rank() { return machine::rank(); }
template <class T> DEVICE T &shared_as() { return *reinterpret_cast<T *>(machine::memory_of(machine::rank())); }

#define BARRIER_SITE                                                                                                 \
    ([] {                                                                                                             \
        static const int site = machine::site_of(__FILE__, __LINE__);                                                 \
        return site;                                                                                                  \
    }())
#define cta_sync() machine::wait(machine::Waits::BLOCK, BARRIER_SITE)
#define cluster_sync() machine::wait(machine::Waits::CLUSTER, BARRIER_SITE)

template <class T> DEVICE T get(const T &place) {
    machine::touch(&place, sizeof(T), false, false);
    return place;
}
template <class T> DEVICE void put(T &place, T value) {
    machine::touch(&place, sizeof(T), true, false);
    place = value;
}
template <class T> DEVICE T add(T &place, T value) {
    machine::touch(&place, sizeof(T), true, true);
    const T before = place;
    place = before + value;
    return before;
}
template <class T> DEVICE void raise(T &place, T value) {
    machine::touch(&place, sizeof(T), true, true);
    place = value > place ? value : place;
}
template <class T> DEVICE void lower(T &place, T value) {
    machine::touch(&place, sizeof(T), true, true);
    place = value < place ? value : place;
}
template <class T> DEVICE T get_from(u32 rank, const T &place) { return get(*machine::there(rank, place)); }
template <class T> DEVICE void put_to(u32 rank, T &place, T value) { put(*machine::there(rank, place), value); }

// Every thread of a warp leaves a value and then sees those of all.
struct Exchange {
    u32 first;
    Exchange(u64 value) {
        machine::now->fibers[machine::now->current].given = value;
        machine::wait(machine::Waits::WARP, 0);
        first = machine::now->current / 32 * 32;
    }
    u64 of(u32 lane) const { return machine::now->fibers[first + lane].given; }
    // Nobody may leave a new value before all have seen this one.
    void done() const { machine::wait(machine::Waits::WARP, 1); }
};

DEVICE u32 warp_min(u32 value) {
    const Exchange all(value);
    for (u32 lane = 0; lane < 32; lane += 1) value = all.of(lane) < value ? static_cast<u32>(all.of(lane)) : value;
    all.done();
    return value;
}
DEVICE u32 warp_max(u32 value) {
    const Exchange all(value);
    for (u32 lane = 0; lane < 32; lane += 1) value = all.of(lane) > value ? static_cast<u32>(all.of(lane)) : value;
    all.done();
    return value;
}
DEVICE u32 warp_ballot(bool holds) {
    const Exchange all(holds);
    u32 votes = 0;
    for (u32 lane = 0; lane < 32; lane += 1) votes |= static_cast<u32>(all.of(lane)) << lane;
    all.done();
    return votes;
}
DEVICE u64 from_before(u64 value, u32 distance) {
    const u32 lane = thread_id() % 32;
    const Exchange all(value);
    if (lane >= distance) value = all.of(lane - distance);
    all.done();
    return value;
}
DEVICE u64 from_other(u64 value, u32 mask) {
    const u32 lane = thread_id() % 32;
    const Exchange all(value);
    value = all.of(lane ^ mask);
    all.done();
    return value;
}

DEVICE Wide load_wide(const void *from) {
    machine::check_array(from, sizeof(Wide));
    return *static_cast<const Wide *>(from);
}
template <class T> DEVICE T load(const T *from) {
    machine::check_array(from, sizeof(T));
    return *from;
}

// Compiled without contraction: each of these rounds once.
DEVICE float product(float a, float b) { return a * b; }
DEVICE float sum(float a, float b) { return a + b; }
DEVICE float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DEVICE double product(double a, double b) { return a * b; }
DEVICE double sum(double a, double b) { return a + b; }
DEVICE double quotient(double a, double b) { return a / b; }
DEVICE double to_double(u64 value) { return static_cast<double>(value); }
DEVICE float to_float(double value) { return static_cast<float>(value); }
template <class To, class From> DEVICE To same_bits(From from) {
    To to;
    static_assert(sizeof to == sizeof from, "the same number of bits");
    std::memcpy(&to, &from, sizeof to);
    return to;
}
DEVICE u32 bits_of(float value) { return same_bits<u32>(value); }
DEVICE float float_of(u32 bits) { return same_bits<float>(bits); }
DEVICE u64 bits_of(double value) { return same_bits<u64>(value); }
DEVICE double double_of(u64 bits) { return same_bits<double>(bits); }
DEVICE u64 high_product(u64 a, u64 b) { return static_cast<u64>(static_cast<unsigned __int128>(a) * b >> 64); }
DEVICE u32 first_set(u32 bits) { return static_cast<u32>(__builtin_ffs(static_cast<int>(bits))) - 1; }
