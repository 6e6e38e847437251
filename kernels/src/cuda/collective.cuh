// What the threads of a block do together.

constexpr u32 WARP = 32;
constexpr u32 BINS = 2048;
// Entries that a block collects; twice the most candidates, so that a bound need not be exact.
constexpr u32 ROOM = 2048;
// The most tokens that are looked at: one more than there may be candidates.
constexpr u32 MOST = 1025;
// Up to so many entries are put in order by counting those before each.
constexpr u32 COUNTED = 256;
// Searches of a launch, each with a place of its own for what it finds.
constexpr u32 SEARCHES = 6;

struct Boundary {
    // Every entry from here on belongs to the bin of the wanted one or to a higher one.
    u64 edge;
    // Entries in higher bins, and in that bin.
    u32 above;
    u32 inside;
};

// Beginning of the dynamic shared memory of a block; the row's slice follows where it is kept there.
struct Shared {
    u32 histogram[2][BINS];
    u64 entries[ROOM];
    u64 weights[MOST];
    u64 running[MOST];
    u64 masses[MOST];
    u64 partial[WARP];
    u64 total;
    Boundary found;
    u32 lowest[2];
    u32 highest[2];
    u32 collected[2];
    u32 top;
    u32 bad;
    u32 first[SEARCHES];
    u32 work;
};
// The host asks for as much; `form.rs` has the same number.
static_assert(sizeof(Shared) == 57712, "as large as the host thinks");

// The sum of the values of the threads up to and including this one; `all` becomes that of all. Its callers pass another
// barrier before `partial` is used again; so do those of `block_max`.
template <u32 THREADS> DEVICE u64 running_sum(Shared &s, u64 value, u64 &all) {
    const u32 lane = thread_id() % WARP;
    const u32 warp = thread_id() / WARP;
    UNROLL for (u32 distance = 1; distance < WARP; distance *= 2) {
        const u64 before = from_before(value, distance);
        value += lane >= distance ? before : 0;
    }
    if (lane == WARP - 1) put(s.partial[warp], value);
    cta_sync();
    all = 0;
    for (u32 other = 0; other < THREADS / WARP; other += 1) {
        const u64 there = get(s.partial[other]);
        value += other < warp ? there : 0;
        all += there;
    }
    return value;
}

DEVICE u64 warp_sum(u64 value) {
    UNROLL for (u32 mask = WARP / 2; mask > 0; mask /= 2) value += from_other(value, mask);
    return value;
}

template <u32 THREADS> DEVICE u64 block_max(Shared &s, u64 value) {
    UNROLL for (u32 mask = WARP / 2; mask > 0; mask /= 2) {
        const u64 other = from_other(value, mask);
        value = other > value ? other : value;
    }
    if (thread_id() % WARP == 0) put(s.partial[thread_id() / WARP], value);
    cta_sync();
    for (u32 warp = 0; warp < THREADS / WARP; warp += 1) {
        const u64 there = get(s.partial[warp]);
        value = there > value ? there : value;
    }
    return value;
}

// The first place below `count` where a condition holds, NONE where it holds nowhere. Each slot serves once a
// launch.
template <u32 THREADS, class Holds> DEVICE u32 first_place(u32 &slot, u32 count, Holds holds) {
    for (u32 at = thread_id(); at < count; at += THREADS)
        if (holds(at)) {
            lower(slot, at);
            break;
        }
    cta_sync();
    return get(slot);
}

// Running sums of `count` values.
template <u32 THREADS> DEVICE void accumulate(Shared &s, const u64 *values, u32 count) {
    const u32 each = (count + THREADS - 1) / THREADS;
    const u32 begin = thread_id() * each;
    const u32 end = begin + each < count ? begin + each : count;
    u64 own = 0;
    for (u32 at = begin; at < end; at += 1) own += get(values[at]);
    u64 all;
    u64 reached = running_sum<THREADS>(s, own, all) - own;
    for (u32 at = begin; at < end; at += 1) {
        reached += get(values[at]);
        put(s.running[at], reached);
    }
    cta_sync();
}

// Puts the first `count` entries, all different, into falling order. Until the next barrier, a thread may read those at
// its own number and every THREADS from there.
template <u32 THREADS> DEVICE void sort(Shared &s, u32 count) {
    if (count <= COUNTED) {
        for (u32 at = thread_id(); at < count; at += THREADS) {
            const u64 own = get(s.entries[at]);
            u32 before = 0;
            for (u32 other = 0; other < count; other += 1) before += get(s.entries[other]) > own;
            put(s.masses[before], own);
        }
        cta_sync();
        for (u32 at = thread_id(); at < count; at += THREADS) put(s.entries[at], get(s.masses[at]));
        return;
    }
    u32 size = 2 * COUNTED;
    while (size < count) size *= 2;
    for (u32 at = count + thread_id(); at < size; at += THREADS) put(s.entries[at], u64(0));
    cta_sync();
    for (u32 run = 2; run <= size; run *= 2)
        for (u32 apart = run / 2; apart > 0; apart /= 2) {
            for (u32 pair = thread_id(); pair < size / 2; pair += THREADS) {
                const u32 low = 2 * pair - (pair & (apart - 1));
                const u64 a = get(s.entries[low]);
                const u64 b = get(s.entries[low + apart]);
                const bool falling = (low & run) == 0;
                if ((a < b) == falling) {
                    put(s.entries[low], b);
                    put(s.entries[low + apart], a);
                }
            }
            cta_sync();
        }
}
