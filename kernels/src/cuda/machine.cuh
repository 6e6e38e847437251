// What the kernels ask of the machine: threads, barriers, shared memory of this block and of the others of its cluster,
// arithmetic with one rounding each. The emulation in `tests/emulation` has the same functions for a processor.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define DEVICE __device__ __forceinline__
#define APART __device__ __noinline__
#define UNROLL _Pragma("unroll")
#define KERNEL(name, threads, cluster)                                                                               \
    extern "C" __global__ void __launch_bounds__(threads, 1) __cluster_dims__(cluster, 1, 1) name

// Sixteen bytes, the widest access of a thread.
struct alignas(16) Wide {
    u32 word[4];
};

DEVICE u32 thread_id() { return threadIdx.x; }
DEVICE u32 block_id() { return blockIdx.x; }

DEVICE u32 cluster_rank() {
    u32 rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

extern __shared__ __align__(16) u8 shared_memory[];
template <class T> DEVICE T &shared_as() { return *reinterpret_cast<T *>(shared_memory); }

DEVICE void cta_sync() { __syncthreads(); }

DEVICE void cluster_sync() {
    asm volatile("barrier.cluster.arrive.release;\nbarrier.cluster.wait.acquire;" ::: "memory");
}

// Shared memory of this block.
template <class T> DEVICE T get(const T &place) { return place; }
template <class T> DEVICE void put(T &place, T value) { place = value; }
template <class T> DEVICE T add(T &place, T value) { return atomicAdd(&place, value); }
template <class T> DEVICE void raise(T &place, T value) { atomicMax(&place, value); }
template <class T> DEVICE void lower(T &place, T value) { atomicMin(&place, value); }

// The same place in another block of the cluster.
template <class T> DEVICE T *place_at(u32 rank, const T &place) {
    u64 there;
    asm("mapa.u64 %0, %1, %2;" : "=l"(there) : "l"(&place), "r"(rank));
    return reinterpret_cast<T *>(there);
}
template <class T> DEVICE T get_from(u32 rank, const T &place) { return *place_at(rank, place); }
template <class T> DEVICE void put_to(u32 rank, T &place, T value) { *place_at(rank, place) = value; }

// Among the 32 threads of a warp, all of which take part.
DEVICE u32 warp_min(u32 value) { return __reduce_min_sync(~0u, value); }
DEVICE u32 warp_max(u32 value) { return __reduce_max_sync(~0u, value); }
DEVICE u32 warp_ballot(bool holds) { return __ballot_sync(~0u, holds); }
DEVICE u64 from_before(u64 value, u32 distance) { return __shfl_up_sync(~0u, value, distance); }
DEVICE u64 from_other(u64 value, u32 mask) { return __shfl_xor_sync(~0u, value, mask); }

// Device memory that nobody writes meanwhile.
DEVICE Wide load_wide(const void *from) {
    const uint4 loaded = __ldg(reinterpret_cast<const uint4 *>(from));
    return {{loaded.x, loaded.y, loaded.z, loaded.w}};
}
template <class T> DEVICE T load(const T *from) { return __ldg(from); }

// Each rounded once, to nearest, ties to even.
DEVICE float product(float a, float b) { return __fmul_rn(a, b); }
DEVICE float sum(float a, float b) { return __fadd_rn(a, b); }
DEVICE float fused(float a, float b, float c) { return __fmaf_rn(a, b, c); }
DEVICE double product(double a, double b) { return __dmul_rn(a, b); }
DEVICE double sum(double a, double b) { return __dadd_rn(a, b); }
DEVICE double quotient(double a, double b) { return __ddiv_rn(a, b); }
DEVICE double to_double(u64 value) { return __ull2double_rn(value); }
DEVICE float to_float(double value) { return __double2float_rn(value); }
DEVICE u32 bits_of(float value) { return __float_as_uint(value); }
DEVICE float float_of(u32 bits) { return __uint_as_float(bits); }
DEVICE u64 bits_of(double value) { return static_cast<u64>(__double_as_longlong(value)); }
DEVICE double double_of(u64 bits) { return __longlong_as_double(static_cast<long long>(bits)); }
DEVICE u64 high_product(u64 a, u64 b) { return __umul64hi(a, b); }
DEVICE u32 first_set(u32 bits) { return static_cast<u32>(__ffs(static_cast<int>(bits))) - 1; }
