// The neighbor table's part: of each row of products the best, then their exact cosines.

// `products` has `rows` rows of `width` dot products, `stride` apart: those of positions from `first` on with all
// positions. `inverse` brings rows to norm 1.
struct Select {
    const float *products;
    u64 stride;
    const float *inverse;
    u64 *entries;
    u32 width;
    u32 first;
    u32 kept;
};

// A product as a cosine, in the order of `neighbors::panel::Sieve`; a position is not its own neighbor.
struct AsCosine {
    const float *inverse;
    float own_inverse;
    u32 own;
    u32 width;
    DEVICE float operator()(u32 position, float value) const {
        if (position == own || position >= width) return float_of(0xff800000u);
        return product(product(value, own_inverse), load(inverse + position));
    }
};

// The `kept` highest cosines of a row, in order, ties to the lower position; 0 where there are fewer.
template <u32 CLUSTER, u32 THREADS, Keep KEEP, u32 EACH> DEVICE void select_row(const Select &select) {
    typedef Slice<F32, AsCosine, CLUSTER, THREADS, KEEP, EACH> Row;
    Shared &s = shared_as<Shared>();
    const u32 rank = cluster_rank();
    const u32 index = block_id() / CLUSTER;
    const u32 own = select.first + index;
    begin<THREADS>(s);
    Row row(select.products, index * select.stride, select.width,
            AsCosine{select.inverse, load(select.inverse + own), own, select.width}, rank);
    u32 tops[Row::GROUPS];
    row.take(tops);
    const u32 collected = lead<CLUSTER, THREADS>(s, row, tops, select.kept, rank);
    if (rank != 0) return;
    sort<THREADS>(s, collected);
    u64 *out = select.entries + static_cast<u64>(index) * select.kept;
    for (u32 at = thread_id(); at < select.kept; at += THREADS) out[at] = at < collected ? get(s.entries[at]) : 0;
}

// Replaces each entry's score by the exact one: as in `neighbors::live`, products and sums in f64 in 32 lanes, which are
// then folded in halves, rounded to f32 at the end. One warp an entry; `matrix` has `width` numbers a position.
template <class Format>
DEVICE void exact_entry(const void *matrix, u32 width, const double *norms, u64 *entry, u32 own) {
    typedef typename Format::Stored Stored;
    const u32 lane = thread_id() % WARP;
    const u64 before = *entry;
    if (before == 0) return;
    const u32 other = token_of(before);
    const Stored *a = static_cast<const Stored *>(matrix) + static_cast<u64>(own) * width;
    const Stored *b = static_cast<const Stored *>(matrix) + static_cast<u64>(other) * width;
    double dot = 0.0;
    for (u32 column = lane; column < width; column += WARP)
        dot = sum(dot, product(static_cast<double>(Format::widen(load(a + column))),
                               static_cast<double>(Format::widen(load(b + column)))));
    UNROLL for (u32 half = WARP / 2; half > 0; half /= 2) dot = sum(dot, double_of(from_other(bits_of(dot), half)));
    double cosine = quotient(dot, product(load(norms + own), load(norms + other)));
    cosine = cosine < -1.0 ? -1.0 : cosine > 1.0 ? 1.0 : cosine;
    if (lane == 0) *entry = entry_of(ordered(to_float(cosine)), other);
}

// `entries` has `kept` of each of `rows` positions from `first` on.
struct Exact {
    const void *matrix;
    const double *norms;
    u64 *entries;
    u32 width;
    u32 first;
    u32 kept;
    u32 rows;
};

template <class Format, u32 THREADS> DEVICE void exact_block(const Exact &exact) {
    const u64 at = static_cast<u64>(block_id()) * (THREADS / WARP) + thread_id() / WARP;
    if (at >= static_cast<u64>(exact.rows) * exact.kept) return;
    exact_entry<Format>(exact.matrix, exact.width, exact.norms, exact.entries + at,
                        exact.first + static_cast<u32>(at / exact.kept));
}

#if !defined(EMULATED) && !defined(CARRIED)
KERNEL(select_registers_8, 512, 8)(const Select select) { select_row<8, 512, Keep::REGISTERS, 10>(select); }
KERNEL(select_streamed_8, 512, 8)(const Select select) { select_row<8, 512, Keep::NOWHERE, 5>(select); }
KERNEL(exact_f32, 256, 1)(const Exact exact) { exact_block<F32, 256>(exact); }
KERNEL(exact_bf16, 256, 1)(const Exact exact) { exact_block<Bf16, 256>(exact); }
KERNEL(exact_f16, 256, 1)(const Exact exact) { exact_block<F16, 256>(exact); }
#endif
