// The number formats of the step, bit for bit those of `semantic::weight`, `semantic::logits` and `semantic::philox`.

constexpr u64 UNIT = 1ull << 40;
constexpr u32 NONE = ~0u;
// The key of minus infinity; only tokens above it can be chosen.
constexpr u32 MASKED = 0x007fffffu;

// A temperature, made ready by the host.
struct Scale {
    float factor;
    float floor;
};

// How a logit is stored: numbers in a wide word, their values, and minus infinity twice or once in a 32-bit word.
struct F32 {
    static constexpr u32 COUNT = 4;
    static constexpr u32 NOTHING = 0xff800000u;
    typedef u32 Stored;
    static DEVICE float widen(u32 stored) { return float_of(stored); }
    static DEVICE float part(const Wide &wide, u32 at) { return float_of(wide.word[at]); }
    static DEVICE void set(Wide &wide, u32 at, u32 stored) { wide.word[at] = stored; }
};

template <class Half> struct Halves {
    static constexpr u32 COUNT = 8;
    typedef u16 Stored;
    static DEVICE float part(const Wide &wide, u32 at) {
        const u32 word = wide.word[at >> 1];
        return Half::widen(at & 1 ? word >> 16 : word & 0xffffu);
    }
    static DEVICE void set(Wide &wide, u32 at, u32 stored) {
        const u32 shift = (at & 1) * 16;
        wide.word[at >> 1] = (wide.word[at >> 1] & ~(0xffffu << shift)) | stored << shift;
    }
};

struct Bf16 : Halves<Bf16> {
    static constexpr u32 NOTHING = 0xff80ff80u;
    static DEVICE float widen(u32 stored) { return float_of(stored << 16); }
};

struct F16 : Halves<F16> {
    static constexpr u32 NOTHING = 0xfc00fc00u;
    static DEVICE float widen(u32 stored) {
        const u32 sign = (stored & 0x8000u) << 16;
        const u32 magnitude = (stored & 0x7fffu) << 13;
        // The exponents' biases differ by 112; the product is exact, subnormal numbers included.
        const u32 finite = bits_of(product(float_of(magnitude), float_of((127 + 112) << 23)));
        return float_of(sign | (magnitude >= 0x0f800000u ? magnitude | 0x7f800000u : finite));
    }
};

// Bits that order like the number; both zeros are one.
DEVICE u32 ordered(float logit) {
    const u32 bits = bits_of(sum(logit, 0.0f));
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

DEVICE float logit_of(u32 key) { return float_of(key >> 31 ? key & 0x7fffffffu : ~key); }

// Whether a logit has no softmax: NaN or plus infinity.
DEVICE bool unusable(float logit) {
    const u32 bits = bits_of(logit);
    return bits == 0x7f800000u || (bits & 0x7fffffffu) > 0x7f800000u;
}

// Orders tokens: higher logit first, then lower id.
DEVICE u64 entry_of(u32 key, u32 token) { return static_cast<u64>(key) << 32 | static_cast<u64>(~token); }
DEVICE u32 token_of(u64 entry) { return ~static_cast<u32>(entry); }
DEVICE u32 key_of(u64 entry) { return static_cast<u32>(entry >> 32); }

// 2^(distance * factor) in units of 2^-40, before it is rounded to a whole number.
DEVICE float scaled(float distance, Scale scale) {
    const float rounder = 12582952.0f;
    const float near = distance > scale.floor ? distance : scale.floor;
    const float rounded = sum(product(near, scale.factor), rounder);
    const float part = fused(near, scale.factor, -sum(rounded, -rounder));
    float power = fused(float_of(0x3aaddcc4u), part, float_of(0x3c1e7588u));
    power = fused(power, part, float_of(0x3d635bacu));
    power = fused(power, part, float_of(0x3e75fcddu));
    power = fused(power, part, float_of(0x3f317215u));
    power = fused(power, part, 1.0f);
    return float_of(bits_of(power) + (bits_of(rounded) << 23));
}

// A number from 0 to 2^40 as a whole one, ties to even. Conversions to 64 bits are four times slower than this.
DEVICE u64 whole(float value) {
    const float half_way = 8388608.0f;
    const u32 bits = bits_of(value);
    if (value < half_way) return bits_of(sum(value, half_way)) - bits_of(half_way);
    return static_cast<u64>((bits & 0x7fffffu) | 0x800000u) << ((bits >> 23) - 150);
}

DEVICE u64 weight(float distance, Scale scale) { return whole(scaled(distance, scale)); }

DEVICE u64 contribution(float distance, float similarity, Scale scale) {
    return whole(product(similarity > 0.0f ? similarity : 0.0f, scaled(distance, scale)));
}

// The natural logarithm of `part / all`, term by term as in `semantic::weight::log_ratio`.
DEVICE float log_ratio(u64 part, u64 all) {
    if (part == 0) return float_of(0xff800000u);
    const u64 bits = bits_of(quotient(to_double(part), to_double(all)));
    int exponent = static_cast<int>(bits >> 52) - 1023;
    double mantissa = double_of((bits & ((1ull << 52) - 1)) | 1023ull << 52);
    if (mantissa > 1.41421356237309514547) {
        mantissa = product(mantissa, 0.5);
        exponent += 1;
    }
    const double s = quotient(sum(mantissa, -1.0), sum(mantissa, 1.0));
    const double square = product(s, s);
    double series = 0.0;
    UNROLL for (int term = 9; term >= 0; term -= 1)
        series = sum(product(series, square), quotient(1.0, static_cast<double>(2 * term + 1)));
    return to_float(sum(product(static_cast<double>(exponent), 0.693147180559945286227),
                        product(product(2.0, s), series)));
}

// The first two words of the Philox4x32-10 block at counter 0, low word first.
DEVICE u64 row_bits(u64 draw) {
    u32 counter[4] = {0, 0, 0, 0};
    u32 key[2] = {static_cast<u32>(draw), static_cast<u32>(draw >> 32)};
    UNROLL for (u32 round = 0; round < 10; round += 1) {
        const u64 a = static_cast<u64>(0xD2511F53u) * counter[0];
        const u64 b = static_cast<u64>(0xCD9E8D57u) * counter[2];
        const u32 next[4] = {static_cast<u32>(b >> 32) ^ counter[1] ^ key[0], static_cast<u32>(b),
                             static_cast<u32>(a >> 32) ^ counter[3] ^ key[1], static_cast<u32>(a)};
        UNROLL for (u32 word = 0; word < 4; word += 1) counter[word] = next[word];
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
    return static_cast<u64>(counter[1]) << 32 | counter[0];
}

// An f64 as bits that order like it; both zeros are one.
DEVICE u64 ordered_double(double value) {
    const u64 bits = bits_of(sum(value, 0.0));
    return bits >> 63 ? ~bits : bits | 1ull << 63;
}
DEVICE double double_ordered(u64 key) { return double_of(key >> 63 ? key & ~(1ull << 63) : ~key); }
