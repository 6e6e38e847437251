// Fibers, barriers and the race detector behind `machine.h`.
#include "machine.h"
#include <mutex>

namespace machine {

thread_local Machine *now __attribute__((tls_model("initial-exec"))) = nullptr;

static std::mutex sites_lock;
static std::vector<Site> sites;

int site_of(const char *file, int line) {
    const char *name = std::strrchr(file, '/');
    const std::string short_name = name ? name + 1 : file;
    const std::lock_guard<std::mutex> guard(sites_lock);
    for (size_t at = 0; at < sites.size(); at += 1)
        if (sites[at].line == line && sites[at].file == short_name) return static_cast<int>(at);
    sites.push_back({short_name, line});
    return static_cast<int>(sites.size()) - 1;
}

static std::string name_of(int site) {
    const std::lock_guard<std::mutex> guard(sites_lock);
    return sites[site].file + ":" + std::to_string(sites[site].line);
}

#ifdef __x86_64__
extern "C" void situs_switch(void **save, void *load);
// Callee-saved registers and the stack: all that a thread has while it waits.
asm(R"(
.text
.globl situs_switch
.type situs_switch, @function
situs_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size situs_switch, .-situs_switch
)");
#endif

static void to_scheduler() {
    Machine &m = *now;
#ifdef __x86_64__
    situs_switch(&m.fibers[m.current].stack_pointer, m.scheduler);
#else
    swapcontext(&m.fibers[m.current].context, &m.scheduler);
#endif
}

void fail(const std::string &what) {
    Machine &m = *now;
    if (m.fault.empty())
        m.fault = "block " + std::to_string(rank()) + ", thread " + std::to_string(thread()) + ": " + what;
    // The scheduler runs nobody once there is a fault, so this never comes back.
    to_scheduler();
    std::abort();
}

static void release(u32 first, u32 count) {
    for (u32 fiber = first; fiber < first + count; fiber += 1) {
        now->fibers[fiber].waits = Waits::NOT;
        now->ready.push_back(fiber);
    }
}

static void same_site(u32 first, u32 count) {
    for (u32 fiber = first + 1; fiber < first + count; fiber += 1)
        if (now->fibers[fiber].site != now->fibers[first].site) fail("threads meet at different barriers");
}

void wait(Waits kind, int site) {
    Machine &m = *now;
    const u32 block = rank();
    const u32 warp = m.current / 32;
    if (kind != Waits::WARP) {
        if (m.reached.size() <= static_cast<size_t>(site)) m.reached.resize(site + 1);
        m.reached[site] = true;
        if (site == m.skipped) return;
    }
    m.fibers[m.current].waits = kind;
    m.fibers[m.current].site = site;
    if (kind == Waits::WARP) {
        m.arrived_warp[warp] += 1;
        if (m.arrived_warp[warp] == 32) {
            m.arrived_warp[warp] = 0;
            same_site(warp * 32, 32);
            release(warp * 32, 32);
        }
    } else if (kind == Waits::BLOCK) {
        m.arrived_block[block] += 1;
        if (m.arrived_block[block] == m.threads) {
            m.arrived_block[block] = 0;
            m.block_epoch[block] += 1;
            same_site(block * m.threads, m.threads);
            release(block * m.threads, m.threads);
        }
    } else {
        m.arrived_cluster += 1;
        if (m.arrived_cluster == m.threads * m.cluster) {
            m.arrived_cluster = 0;
            m.cluster_epoch += 1;
            for (u32 &epoch : m.block_epoch) epoch += 1;
            same_site(0, m.threads * m.cluster);
            release(0, m.threads * m.cluster);
        }
    }
    to_scheduler();
}

static bool ordered_before(const Stamp &earlier) {
    const Machine &m = *now;
    if (earlier.thread == NOBODY || earlier.thread == m.current) return true;
    if (earlier.cluster_epoch < m.cluster_epoch) return true;
    const u32 block = earlier.thread / m.threads;
    return block == rank() && earlier.block_epoch < m.block_epoch[block];
}

[[noreturn]] static void race(const char *what, const Stamp &other, const void *place) {
    const size_t offset = (static_cast<const u8 *>(place) - memory_of(0)) % now->bytes_each;
    fail(std::string("race: ") + what + " of block " + std::to_string(other.thread / now->threads) + ", thread " +
         std::to_string(other.thread % now->threads) + " at byte " + std::to_string(offset) + " of shared memory");
}

// Keeps two readers that are not yet ordered before now.
static void remember(Stamp (&readers)[2], const Stamp &own) {
    if (readers[0].thread == own.thread || ordered_before(readers[0])) readers[0] = own;
    else if (readers[1].thread == own.thread || ordered_before(readers[1])) readers[1] = own;
}

void touch(const void *place, size_t bytes, bool writes, bool atomic) {
    Machine &m = *now;
    const size_t offset = static_cast<const u8 *>(place) - memory_of(0);
    if (offset + bytes > m.bytes_each * m.cluster) fail("an address outside shared memory");
    if (reinterpret_cast<uintptr_t>(place) % bytes != 0) fail("a shared address that is not aligned");
    // Wide places are always touched whole.
    const size_t step = bytes == sizeof(Wide) ? sizeof(Wide) : 4;
    const u32 owner = static_cast<u32>(offset / m.bytes_each);
    const Stamp own = {m.current, m.block_epoch[rank()], m.cluster_epoch, atomic};
    for (size_t at = 0; at < bytes; at += step) {
        Touch &touch = m.touched[(offset + at) / 4];
        if (touch.launch != m.launches) {
            touch = Touch();
            touch.launch = m.launches;
        }
        if (touch.writer.thread == NOBODY && (!writes || atomic)) fail("a read of shared memory that nobody wrote");
        if (!(atomic && touch.writer.atomic) && !ordered_before(touch.writer))
            race(writes ? "a write meets one" : "a read meets a write", touch.writer, place);
        if (writes) {
            for (const Stamp &reader : touch.reader)
                if (!ordered_before(reader)) race("a write meets a read", reader, place);
            for (const Stamp &reader : touch.stranger)
                if (!ordered_before(reader)) race("a write meets a read", reader, place);
            touch.writer = own;
        } else {
            remember(owner == rank() ? touch.reader : touch.stranger, own);
        }
    }
}

void check_array(const void *place, size_t bytes) {
    const u8 *begin = static_cast<const u8 *>(place);
    if (reinterpret_cast<uintptr_t>(place) % bytes != 0) fail("a device address that is not aligned");
    for (const Array &array : now->arrays)
        if (array.begin <= begin && begin + bytes <= array.end) return;
    fail("a device address outside the given arrays");
}

static void leave() {
    Machine &m = *now;
    m.fibers[m.current].waits = Waits::GONE;
    m.left_block[rank()] += 1;
    m.left += 1;
    to_scheduler();
    std::abort();
}

static void enter() {
    now->body(now->argument);
    leave();
}

static void prepare(Machine &m, u32 fiber) {
    u8 *stack = m.stacks + fiber * STACK;
#ifdef __x86_64__
    // As `situs_switch` leaves it: six registers, then where to go on. The stack is off by 8 there, as after a call.
    void **top = reinterpret_cast<void **>(stack + STACK) - 2;
    *top = reinterpret_cast<void *>(&enter);
    m.fibers[fiber].stack_pointer = top - 6;
#else
    getcontext(&m.fibers[fiber].context);
    m.fibers[fiber].context.uc_stack.ss_sp = stack;
    m.fibers[fiber].context.uc_stack.ss_size = STACK;
    m.fibers[fiber].context.uc_link = nullptr;
    makecontext(&m.fibers[fiber].context, &enter, 0);
#endif
}

static u64 next_random(u64 &state) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

// Runs the blocks of one cluster, of which `block` is the first.
static void run_cluster(Machine &m) {
    const u32 count = m.cluster * m.threads;
    m.launches += 1;
    m.fibers.resize(count);
    if (m.stacks_size < count * STACK) {
        if (m.stacks) munmap(m.stacks, m.stacks_size);
        m.stacks_size = count * STACK;
        void *room = mmap(nullptr, m.stacks_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (room == MAP_FAILED) {
            m.stacks = nullptr;
            m.stacks_size = 0;
            m.fault = "no memory for stacks";
            return;
        }
        m.stacks = static_cast<u8 *>(room);
    }
    m.arrived_warp.assign(count / 32, 0);
    m.arrived_block.assign(m.cluster, 0);
    m.block_epoch.assign(m.cluster, 0);
    m.left_block.assign(m.cluster, 0);
    m.arrived_cluster = m.cluster_epoch = m.left = 0;
    const size_t wide = m.bytes_each / sizeof(Wide) * m.cluster;
    if (m.memory.size() < wide) {
        m.memory.resize(wide);
        m.touched.resize(wide * sizeof(Wide) / 4);
    }
    m.ready.clear();
    for (u32 fiber = 0; fiber < count; fiber += 1) {
        m.fibers[fiber].waits = Waits::NOT;
        prepare(m, fiber);
        m.ready.push_back(fiber);
    }
    while (!m.ready.empty() && m.fault.empty()) {
        const size_t at = next_random(m.random) % m.ready.size();
        m.current = m.ready[at];
        m.ready[at] = m.ready.back();
        m.ready.pop_back();
        m.switches += 1;
#ifdef __x86_64__
        situs_switch(&m.scheduler, m.fibers[m.current].stack_pointer);
#else
        swapcontext(&m.scheduler, &m.fibers[m.current].context);
#endif
    }
    if (!m.fault.empty() || m.left == count) return;
    m.fault = "threads wait for ever:";
    for (u32 fiber = 0, told = 0; fiber < count && told < 2; fiber += 1) {
        const Fiber &one = m.fibers[fiber];
        if (one.waits == Waits::GONE) continue;
        m.fault += " thread " + std::to_string(fiber % m.threads) + " of block " + std::to_string(fiber / m.threads);
        m.fault += one.waits == Waits::WARP ? " in its warp;" : " at " + name_of(one.site) + ";";
        told += 1;
    }
}

static thread_local Machine own_machine;

// Runs a kernel of `clusters` clusters. False, with `own_machine.fault` set, where something is wrong.
bool launch(u32 clusters, u32 cluster, u32 threads, size_t shared, u64 seed, int skipped, std::vector<Array> arrays,
            void (*body)(void *), void *argument) {
    Machine &m = own_machine;
    now = &m;
    m.cluster = cluster;
    m.threads = threads;
    m.bytes_each = (shared + 15) / 16 * 16;
    m.random = seed * 2654435761u + 88172645463325252ull;
    m.skipped = skipped;
    m.arrays = std::move(arrays);
    m.body = body;
    m.argument = argument;
    m.fault.clear();
    for (u32 at = 0; at < clusters && m.fault.empty(); at += 1) {
        m.block = at * cluster;
        run_cluster(m);
    }
    return m.fault.empty();
}

} // namespace machine

extern "C" {

// The fault of the last launch of this thread, ended by a zero.
void situs_fault(char *out, size_t room) {
    std::snprintf(out, room, "%s", machine::own_machine.fault.c_str());
}

// How often threads were changed on this thread so far.
u64 situs_switches() { return machine::own_machine.switches; }

// Barriers there are in the sources that were reached by launches of any thread.
int situs_sites() {
    const std::lock_guard<std::mutex> guard(machine::sites_lock);
    return static_cast<int>(machine::sites.size());
}

// Whether launches of this thread came by a barrier since the last call; forgets it.
int situs_reached(int site) {
    std::vector<bool> &reached = machine::own_machine.reached;
    if (static_cast<size_t>(site) >= reached.size() || !reached[site]) return 0;
    reached[site] = false;
    return 1;
}

void situs_site_name(int site, char *out, size_t room) {
    std::snprintf(out, room, "%s", machine::name_of(site).c_str());
}
}
