// What no step can be faster than: a launch that does nothing, and one that reads every row once.

#if !defined(EMULATED) && !defined(CARRIED)
extern "C" __global__ void floor_empty() {}

// The sum of the words of each row, by four blocks: `words` wide words a row, one after the other.
KERNEL(floor_read, 512, 1)(const Wide *rows, u32 words, u32 *sums) {
    const u32 blocks = 4;
    const u32 row = blockIdx.x / blocks;
    const Wide *from = rows + static_cast<u64>(row) * words;
    u32 total = 0;
    _Pragma("unroll 4") for (u32 at = blockIdx.x % blocks * 512 + threadIdx.x; at < words; at += blocks * 512) {
        const Wide wide = load_wide(from + at);
        total += wide.word[0] ^ wide.word[1] ^ wide.word[2] ^ wide.word[3];
    }
    total = __reduce_add_sync(~0u, total);
    if (threadIdx.x % 32 == 0) atomicAdd(sums + row, total);
}
#endif
