// From a row of logits to a token in one launch. A row belongs to a cluster of blocks, each of which holds a slice of it;
// the first block finishes the row. Everything that decides is a whole number summed without order or a number rounded
// once in a fixed order, so the token is that of `semantic::Reference`, bit for bit, whatever the cluster and the batch.

enum Flag : u32 {
    HAS_TOP_K = 1,
    GREEDY = 2,
    RESCORE = 4,
    CROWDING = 8,
    RENORMALISED = 16,
    PROPORTIONAL = 32,
    SOFTMAX = 64,
    TEMPERED = 128,
    REPORT = 256,
    TOTAL = 512,
    LEADING_ONLY = 1024,
};

enum Status : u32 { PLAIN, DEFERRED, FIRED, BEYOND, TOO_MANY, NOT_A_NUMBER, INFINITE, NOTHING_FINITE };

// What a row is to be done with; `arguments.rs` has the same.
struct Rule {
    u64 draw;
    double top_p;
    double least;
    double temperature;
    double alpha;
    Scale scale;
    Scale odds;
    float threshold;
    u32 limit;
    u32 neighbors;
    u32 flags;
    // The row of the logits.
    u32 row;
    u32 unused;
};

// What became of it; `arguments.rs` has the same.
struct Result {
    u32 token;
    u32 default_token;
    u32 status;
    u32 candidates;
    float distance;
    float default_distance;
    u64 own;
    u64 default_own;
    u64 mass;
    u64 default_mass;
    u64 all;
};

struct alignas(8) Neighbor {
    u32 token;
    float similarity;
};

// Logits begin `stride` numbers apart. The table has `slots` neighbors a token, and one bit a token for content.
struct Step {
    const void *logits;
    u64 stride;
    u32 width;
    u32 slots;
    const Neighbor *neighbors;
    const u32 *content;
    const Rule *rules;
    Result *results;
};

enum class Keep { REGISTERS, SHARED, NOWHERE };

// From so many candidates on, all blocks of a cluster weigh their neighborhoods.
constexpr u32 SPREAD = 64;

// The logits themselves.
struct AsTheyAre {
    DEVICE float operator()(u32, float value) const { return value; }
};

// The slice of a row of numbers that belongs to this block. What counts is what `Adjust` makes of them.
template <class Format, class Adjust, u32 CLUSTER, u32 THREADS, Keep KEEP, u32 EACH> struct Slice {
    typedef typename Format::Stored Stored;
    static constexpr u32 GROUPS = CLUSTER >= 4 ? 8 / CLUSTER : 4;

    const Stored *row;
    u32 width;
    u32 begin;
    u32 end;
    bool aligned;
    Adjust adjust;
    Wide kept[EACH];

    DEVICE Slice(const void *numbers, u64 first, u32 count_of_row, Adjust how, u32 rank)
        : row(static_cast<const Stored *>(numbers) + first), width(count_of_row), adjust(how) {
        const u32 count = (width + Format::COUNT - 1) / Format::COUNT;
        const u32 each = (count + CLUSTER - 1) / CLUSTER;
        begin = rank * each < count ? rank * each : count;
        end = begin + each < count ? begin + each : count;
        aligned = reinterpret_cast<u64>(row) % sizeof(Wide) == 0;
    }

    DEVICE Wide *room() const {
        return reinterpret_cast<Wide *>(&shared_as<u8>() + (sizeof(Shared) + 15) / 16 * 16);
    }

    // Numbers past the end of the row read as minus infinity.
    DEVICE Wide fetch(u32 at) const {
        const u32 first = at * Format::COUNT;
        if (aligned && first + Format::COUNT <= width) return load_wide(row + first);
        Wide wide = {{Format::NOTHING, Format::NOTHING, Format::NOTHING, Format::NOTHING}};
        for (u32 part = 0; part < Format::COUNT && first + part < width; part += 1)
            Format::set(wide, part, load(row + first + part));
        return wide;
    }

    DEVICE float logit(u32 token) const { return adjust(token, Format::widen(load(row + token))); }

    // Takes the slice in, with the highest key of each group of this thread's numbers. Gives the first token of them that
    // has no softmax.
    DEVICE u32 take(u32 (&tops)[GROUPS]) {
        UNROLL for (u32 group = 0; group < GROUPS; group += 1) tops[group] = 0;
        u32 bad = NONE;
        for (u32 batch = begin + thread_id(); batch < end; batch += EACH * THREADS) {
            UNROLL for (u32 turn = 0; turn < EACH; turn += 1)
                if (batch + turn * THREADS < end) kept[turn] = fetch(batch + turn * THREADS);
            UNROLL for (u32 turn = 0; turn < EACH; turn += 1) {
                const u32 at = batch + turn * THREADS;
                if (at >= end) continue;
                UNROLL for (u32 part = 0; part < Format::COUNT; part += 1) {
                    const u32 token = at * Format::COUNT + part;
                    const float value = value_of(kept[turn], token, part);
                    if (unusable(value)) bad = token < bad ? token : bad;
                    const u32 key = ordered(value);
                    tops[turn % GROUPS] = key > tops[turn % GROUPS] ? key : tops[turn % GROUPS];
                }
                if (KEEP == Keep::SHARED) put(room()[at - begin], kept[turn]);
            }
        }
        return bad;
    }

    // Every number of this thread with its token; padding comes as minus infinity.
    template <class Body> DEVICE void each(Body body) const {
        if (KEEP == Keep::REGISTERS) {
            UNROLL for (u32 turn = 0; turn < EACH; turn += 1) {
                const u32 at = begin + thread_id() + turn * THREADS;
                if (at < end) parts(kept[turn], at, body);
            }
        } else {
            for (u32 at = begin + thread_id(); at < end; at += THREADS)
                parts(KEEP == Keep::SHARED ? get(room()[at - begin]) : fetch(at), at, body);
        }
    }

    // The same, read from device memory once more: for what is rare enough that small code is worth more.
    template <class Body> DEVICE void each_again(Body body) const {
        for (u32 at = begin + thread_id(); at < end; at += THREADS) {
            for (u32 part = 0; part < Format::COUNT; part += 1) {
                const u32 token = at * Format::COUNT + part;
                if (token < width) body(token, logit(token));
            }
        }
    }

    template <class Body> DEVICE void parts(const Wide &wide, u32 at, Body body) const {
        UNROLL for (u32 part = 0; part < Format::COUNT; part += 1) {
            const u32 token = at * Format::COUNT + part;
            body(token, value_of(wide, token, part));
        }
    }

    DEVICE float value_of(const Wide &wide, u32 token, u32 part) const {
        return adjust(token, Format::part(wide, part));
    }
};

// Digits of an entry from the highest: the key in three, then the token's complement, of which 22 bits differ, in two.
constexpr u32 KEY_LEVELS = 3;
DEVICE u32 digit_shift(u32 level) { return level < 2 ? 53 - 11 * level : level == 2 ? 32 : level == 3 ? 11 : 0; }
DEVICE u32 digit_bits(u32 level) { return level == 2 ? 10 : 11; }

// Finds the bin of the `wanted`-th highest entry of the cluster at one level, among those that share the digits before.
// `each(visit)` visits this thread's entries. All blocks find the same.
template <u32 CLUSTER, u32 THREADS, class Each>
DEVICE Boundary narrow(Shared &s, u32 level, u32 turn, Boundary before, u32 wanted, Each each) {
    const u32 slot = turn % 2;
    const u32 shift = digit_shift(level);
    const u32 top = shift + digit_bits(level);
    const auto among = [&](u64 entry) { return level == 0 || entry >> top == before.edge >> top; };
    const u32 mask = (1u << digit_bits(level)) - 1;
    u32 lowest = BINS;
    u32 highest = 0;
    each([&](u64 entry) {
        if (!among(entry)) return;
        const u32 bin = static_cast<u32>(entry >> shift) & mask;
        add(s.histogram[slot][bin], 1u);
        lowest = bin < lowest ? bin : lowest;
        highest = bin > highest ? bin : highest;
    });
    lowest = warp_min(lowest);
    highest = warp_max(highest);
    if (thread_id() % WARP == 0) {
        lower(s.lowest[slot], lowest);
        raise(s.highest[slot], highest);
    }
    cluster_sync();
    UNROLL for (u32 rank = 0; rank < CLUSTER; rank += 1) {
        const u32 low = get_from(rank, s.lowest[slot]);
        const u32 high = get_from(rank, s.highest[slot]);
        lowest = low < lowest ? low : lowest;
        highest = high > highest ? high : highest;
    }
    constexpr u32 OWN = BINS / THREADS;
    u32 counts[OWN];
    u32 own = 0;
    UNROLL for (u32 turn = 0; turn < OWN; turn += 1) {
        const u32 bin = BINS - 1 - thread_id() * OWN - turn;
        counts[turn] = 0;
        if (lowest <= bin && bin <= highest)
            UNROLL for (u32 rank = 0; rank < CLUSTER; rank += 1)
                counts[turn] += get_from(rank, s.histogram[slot][bin]);
        own += counts[turn];
    }
    // The other histogram was last read before the barrier above.
    for (u32 bin = thread_id(); bin < BINS; bin += THREADS) put(s.histogram[1 - slot][bin], 0u);
    if (thread_id() == 0) {
        put(s.lowest[1 - slot], BINS);
        put(s.highest[1 - slot], 0u);
    }
    const u32 left = wanted - before.above;
    u64 all;
    u32 reached = static_cast<u32>(running_sum<THREADS>(s, own, all)) - own;
    if (all < left) return {before.edge, before.above, static_cast<u32>(all)};
    if (reached < left && left <= reached + own) {
        UNROLL for (u32 turn = 0; turn < OWN; turn += 1) {
            if (reached < left && left <= reached + counts[turn]) {
                const u64 bin = BINS - 1 - thread_id() * OWN - turn;
                const u64 prefix = level == 0 ? 0 : before.edge >> top << top;
                // Between the key's last digit and the token's first lie ten bits that are set in every entry.
                const u64 between = level == 2 ? 0xffc00000u : 0;
                put(s.found.edge, prefix | bin << shift | between);
                put(s.found.above, before.above + reached);
                put(s.found.inside, counts[turn]);
            }
            reached += counts[turn];
        }
    }
    cta_sync();
    return {get(s.found.edge), get(s.found.above), get(s.found.inside)};
}

// Gathers the entries from an edge on in this block, as far as there is room; how many there are in all blocks, in those
// before this one, and in this one.
template <u32 CLUSTER, class Each>
DEVICE u32 gather(Shared &s, Each each, u64 edge, u32 &count, u32 rank, u32 &before, u32 &own) {
    each([&](u32 token, float logit) {
        const u32 key = ordered(logit);
        const u64 entry = entry_of(key, token);
        if (entry < edge || key <= MASKED) return;
        const u32 place = add(count, 1u);
        if (place < ROOM) put(s.entries[place], entry);
    });
    cluster_sync();
    u32 all = 0;
    before = 0;
    UNROLL for (u32 other = 0; other < CLUSTER; other += 1) {
        const u32 there = get_from(other, count);
        before += other < rank ? there : 0;
        all += there;
    }
    own = get(count);
    return all;
}

// Brings at least the `wanted` first entries of the row, or all there are, into the first block; gives how many came.
template <u32 CLUSTER, u32 THREADS, class Row, u32 GROUPS>
DEVICE u32 lead(Shared &s, const Row &row, const u32 (&tops)[GROUPS], u32 wanted, u32 rank) {
    // The highest of each group are entries themselves, so the wanted one of them bounds the wanted one of all. They are
    // few, so the bound is found at little cost, and close.
    const auto each_top = [&](auto visit) {
        UNROLL for (u32 group = 0; group < GROUPS; group += 1)
            if (tops[group] > MASKED) visit(static_cast<u64>(tops[group]) << 32);
    };
    const auto each_entry = [&](auto visit) {
        row.each_again([&](u32 token, float logit) {
            const u32 key = ordered(logit);
            if (key > MASKED) visit(entry_of(key, token));
        });
    };
    const u32 enough = wanted + wanted / 4 > 256 ? wanted + wanted / 4 : 256;
    Boundary bound = {0, 0, 0};
    u32 turn = 0;
    for (u32 level = 0; level < KEY_LEVELS; level += 1) {
        bound = narrow<CLUSTER, THREADS>(s, level, turn, bound, wanted, each_top);
        turn += 1;
        if (bound.above + bound.inside <= enough) break;
    }
    // Below a bin's edge the token's bits are free.
    const u64 edge = bound.edge >> 32 << 32;
    u32 before;
    u32 own;
    u32 count = gather<CLUSTER>(
        s, [&](auto visit) { row.each(visit); }, edge, s.collected[0], rank, before, own);
    if (count > ROOM) {
        bound = {0, 0, 0};
        for (u32 level = 0; bound.inside == 0 || bound.above + bound.inside > ROOM; level += 1) {
            bound = narrow<CLUSTER, THREADS>(s, level, turn, bound, wanted, each_entry);
            turn += 1;
        }
        count = gather<CLUSTER>(
            s, [&](auto visit) { row.each_again(visit); }, bound.edge, s.collected[1], rank, before, own);
    }
    if (rank != 0)
        for (u32 at = thread_id(); at < own; at += THREADS) put_to(0, s.entries[before + at], get(s.entries[at]));
    cluster_sync();
    return count;
}

// The mass of a candidate's neighborhood, by one warp.
template <class Row>
DEVICE u64 neighborhood(const Step &step, const Rule &rule, const Row &row, u64 entry, float highest, u64 floor) {
    const u32 lane = thread_id() % WARP;
    const Neighbor *near = step.neighbors + static_cast<u64>(token_of(entry)) * step.slots;
    u64 mass = 0;
    for (u32 first = 0; first < rule.neighbors; first += WARP) {
        const u32 slot = first + lane;
        const bool there = slot < rule.neighbors;
        // Both halves in one access.
        const u64 both = there ? load(reinterpret_cast<const u64 *>(near + slot)) : 0;
        const Neighbor neighbor = {static_cast<u32>(both), float_of(static_cast<u32>(both >> 32))};
        const u32 ended = warp_ballot(there && neighbor.similarity < rule.threshold);
        if (there && (ended == 0 || lane < first_set(ended))) {
            const float logit = row.logit(neighbor.token);
            if (entry_of(ordered(logit), neighbor.token) >= floor)
                mass += contribution(sum(logit, -highest), neighbor.similarity, rule.scale);
        }
        if (ended != 0) break;
    }
    return warp_sum(mass);
}

// The place of a draw among running sums; the first place where the odds are all zero.
template <u32 THREADS> DEVICE u32 drawn(Shared &s, u32 &slot, u32 count, u64 all, u64 bits) {
    const u64 target = high_product(bits, all);
    return first_place<THREADS>(slot, count, [&](u32 at) { return get(s.running[at]) > target; });
}

// Chooses among the candidates by their masses; the weights are replaced by the odds of a draw.
template <u32 THREADS>
APART u32 choose(Shared &s, const Rule &rule, u32 count, float highest, u64 all, u64 bits) {
    const bool crowding = rule.flags & CROWDING;
    // As in the definition of a score: what its order is decided by, as bits.
    const auto score = [&](u32 at) {
        const u64 mass = get(s.masses[at]);
        if (!crowding) return mass;
        const float distance = sum(logit_of(key_of(get(s.entries[at]))), -highest);
        const double logarithm = quotient(static_cast<double>(distance), rule.temperature);
        const double others = sum(to_double(mass), -to_double(get(s.weights[at])));
        return ordered_double(sum(logarithm, -product(rule.alpha, quotient(others, to_double(all)))));
    };
    u64 largest = 0;
    for (u32 at = thread_id(); at < count; at += THREADS) {
        const u64 own = score(at);
        largest = own > largest ? own : largest;
    }
    largest = block_max<THREADS>(s, largest);
    const u32 best = first_place<THREADS>(s.first[3], count, [&](u32 at) { return score(at) == largest; });
    if (!(rule.flags & (PROPORTIONAL | SOFTMAX))) return best;
    if (!crowding && !(rule.flags & (SOFTMAX | TEMPERED))) {
        accumulate<THREADS>(s, s.masses, count);
    } else {
        for (u32 at = thread_id(); at < count; at += THREADS) {
            const u64 own = score(at);
            float logarithm;
            if (crowding)
                logarithm = to_float(sum(double_ordered(own), -double_ordered(largest)));
            else if (rule.flags & SOFTMAX)
                logarithm = to_float(-quotient(to_double(largest - own), to_double(all)));
            else
                logarithm = log_ratio(own, largest);
            put(s.running[at], weight(logarithm, rule.odds));
        }
        cta_sync();
        accumulate<THREADS>(s, s.running, count);
    }
    const u32 place = drawn<THREADS>(s, s.first[4], count, get(s.running[count - 1]), bits);
    return place == NONE ? best : place;
}

// What the first block has found out when the candidates stand in order.
struct Verdict {
    u32 status;
    u32 kept;
    u32 usual;
    u64 mass;
};

// Puts the entries in order, truncates them and takes the default rule's token.
template <u32 THREADS>
APART Verdict truncate(Shared &s, const Step &step, const Rule &rule, u32 collected, float highest, u64 all, u64 bits) {
    sort<THREADS>(s, collected);
    const u32 count = collected < rule.limit ? collected : rule.limit;
    if (rule.flags & LEADING_ONLY) return {PLAIN, NONE, 0, UNIT};
    for (u32 at = thread_id(); at < count; at += THREADS)
        put(s.weights[at], weight(sum(logit_of(key_of(get(s.entries[at]))), -highest), rule.scale));
    cta_sync();
    accumulate<THREADS>(s, s.weights, count);
    u32 end = rule.flags & HAS_TOP_K || count < rule.limit ? count : NONE;
    if (rule.top_p < 1.0) {
        const u64 mass = rule.flags & HAS_TOP_K ? get(s.running[count - 1]) : all;
        const double enough = product(rule.top_p, to_double(mass));
        const u32 crossing =
            first_place<THREADS>(s.first[0], count, [&](u32 at) { return to_double(get(s.running[at])) >= enough; });
        end = crossing == NONE ? end : crossing + 1;
    }
    if (rule.least > 0.0) {
        const u32 within = end == NONE ? count : end;
        const u32 low =
            first_place<THREADS>(s.first[1], within, [&](u32 at) { return to_double(get(s.weights[at])) < rule.least; });
        end = low == NONE ? end : low;
    }
    const bool plain = !(rule.flags & RESCORE);
    if (end == NONE && plain) {
        // Only where nothing is cut is the sum of the row that of what may be drawn.
        if (rule.top_p < 1.0 || rule.least > 0.0) return {BEYOND, NONE, 0, 0};
        const u32 place = drawn<THREADS>(s, s.first[2], count, all, bits);
        return {place == NONE ? BEYOND : PLAIN, NONE, place == NONE ? 0 : place, 0};
    }
    if (!plain && (end == NONE || end >= MOST)) return {TOO_MANY, NONE, 0, 0};
    const u64 mass = get(s.running[end - 1]);
    u32 usual = 0;
    if (!(rule.flags & GREEDY)) usual = drawn<THREADS>(s, s.first[2], end, mass, bits);
    if (plain) return {PLAIN, end, usual, mass};
    const u32 strange = first_place<THREADS>(s.first[5], end, [&](u32 at) {
        const u32 token = token_of(get(s.entries[at]));
        return (load(step.content + token / 32) >> token % 32 & 1) == 0;
    });
    return {strange == NONE ? FIRED : DEFERRED, end, usual, mass};
}

// Brings the shared memory into its first state.
template <u32 THREADS> DEVICE void begin(Shared &s) {
    for (u32 bin = thread_id(); bin < BINS; bin += THREADS) put(s.histogram[0][bin], 0u);
    if (thread_id() < SEARCHES) put(s.first[thread_id()], NONE);
    if (thread_id() == 0) {
        put(s.lowest[0], BINS);
        put(s.highest[0], 0u);
        put(s.collected[0], 0u);
        put(s.collected[1], 0u);
        put(s.top, 0u);
        put(s.bad, NONE);
    }
    cta_sync();
}

// One row.
template <class Format, u32 CLUSTER, u32 THREADS, Keep KEEP, u32 EACH> DEVICE void take_step(const Step &step) {
    typedef Slice<Format, AsTheyAre, CLUSTER, THREADS, KEEP, EACH> Row;
    Shared &s = shared_as<Shared>();
    const u32 rank = cluster_rank();
    const u32 index = block_id() / CLUSTER;
    const Rule &rule = step.rules[index];
    begin<THREADS>(s);
    Row row(step.logits, rule.row * step.stride, step.width, AsTheyAre{}, rank);
    u32 tops[Row::GROUPS];
    const u32 own_bad = warp_min(row.take(tops));
    u32 own_top = 0;
    UNROLL for (u32 group = 0; group < Row::GROUPS; group += 1) own_top = tops[group] > own_top ? tops[group] : own_top;
    own_top = warp_max(own_top);
    if (thread_id() % WARP == 0) {
        raise(s.top, own_top);
        lower(s.bad, own_bad);
    }
    const auto top_of_row = [&] {
        u32 top = 0;
        UNROLL for (u32 other = 0; other < CLUSTER; other += 1) {
            const u32 there = get_from(other, s.top);
            top = there > top ? there : top;
        }
        return top;
    };
    if (rule.flags & TOTAL) {
        cluster_sync();
        const float highest = logit_of(top_of_row());
        u64 weights = 0;
        row.each([&](u32, float logit) { weights += weight(sum(logit, -highest), rule.scale); });
        u64 all;
        running_sum<THREADS>(s, weights, all);
        if (thread_id() == 0) put(s.total, all);
    }
    const u32 collected = lead<CLUSTER, THREADS>(s, row, tops, rule.limit, rank);

    const u32 top = top_of_row();
    const float highest = logit_of(top);
    const u64 bits = row_bits(rule.draw);
    Verdict verdict = {NOTHING_FINITE, NONE, 0, 0};
    u32 bad = NONE;
    u64 all = 0;
    if (rank == 0) {
        UNROLL for (u32 other = 0; other < CLUSTER; other += 1) {
            const u32 there = get_from(other, s.bad);
            bad = there < bad ? there : bad;
            if (rule.flags & TOTAL) all += get_from(other, s.total);
        }
        if (bad != NONE)
            verdict.status = bits_of(row.logit(bad)) == 0x7f800000u ? INFINITE : NOT_A_NUMBER;
        else if (top > MASKED)
            verdict = truncate<THREADS>(s, step, rule, collected, highest, all, bits);
        const bool weighed = verdict.status == FIRED && (verdict.kept > 1 || rule.flags & REPORT);
        if (thread_id() < CLUSTER) put_to(thread_id(), s.work, weighed ? verdict.kept : 0);
    }
    cluster_sync();

    const u32 work = get(s.work);
    const bool spread = CLUSTER > 1 && work >= SPREAD;
    if (rank != 0 && !spread) return;
    const u32 warps = THREADS / WARP;
    const u32 first = (spread ? rank * warps : 0) + thread_id() / WARP;
    const u64 floor = rule.flags & RENORMALISED && work > 0 ? get_from(0, s.entries[work - 1]) : 0;
    for (u32 at = first; at < work; at += spread ? CLUSTER * warps : warps) {
        const u64 entry = get_from(0, s.entries[at]);
        const u64 mass = neighborhood(step, rule, row, entry, highest, floor);
        if (thread_id() % WARP == 0) put_to(0, s.masses[at], mass);
    }
    if (spread) cluster_sync();
    else cta_sync();
    if (rank != 0) return;

    u32 chosen = verdict.usual;
    if (rule.flags & RENORMALISED) all = verdict.mass;
    if (work > 0) chosen = choose<THREADS>(s, rule, work, highest, all, bits);
    if (thread_id() != 0) return;
    Result result = {bad, bad, verdict.status, verdict.kept, 0.0f, 0.0f, 0, 0, 0, 0, all};
    if (verdict.status <= FIRED) {
        const u64 entry = get(s.entries[chosen]);
        const u64 usual = get(s.entries[verdict.usual]);
        result.token = token_of(entry);
        result.default_token = token_of(usual);
        result.distance = sum(logit_of(key_of(entry)), -highest);
        result.default_distance = sum(logit_of(key_of(usual)), -highest);
        if (!(rule.flags & LEADING_ONLY)) {
            result.own = get(s.weights[chosen]);
            result.default_own = get(s.weights[verdict.usual]);
        }
        if (work > 0) {
            result.mass = get(s.masses[chosen]);
            result.default_mass = get(s.masses[verdict.usual]);
        }
    }
    step.results[index] = result;
}

// A row in blocks of 512 threads. The forms differ in how many blocks share it and where they keep their slices; what
// each is for is written beside its twin in `form.rs`. The code that is carried along for machines without a compiler has
// the one form that takes every row.
#define FORM(format, Format, name, cluster, keep, each)                                                               \
    KERNEL(step_##format##_##name, 512, cluster)(const Step step) {                                                   \
        take_step<Format, cluster, 512, Keep::keep, each>(step);                                                      \
    }
#ifdef CARRIED
#define FORMS(format, Format, wide) FORM(format, Format, streamed_8, 8, NOWHERE, 2)
#else
#define FORMS(format, Format, wide)                                                                                   \
    FORM(format, Format, registers_8, 8, REGISTERS, wide)                                                             \
    FORM(format, Format, shared_4, 4, SHARED, 5)                                                                      \
    FORM(format, Format, shared_2, 2, SHARED, 5)                                                                      \
    FORM(format, Format, streamed_8, 8, NOWHERE, 5)
#endif

#ifndef EMULATED
FORMS(f32, F32, 10)
FORMS(bf16, Bf16, 5)
FORMS(f16, F16, 5)
#endif
