//! The allocator's habits: few arenas, and memory given back to the kernel after a burst.
#![allow(unsafe_code)]

/// Lets glibc use two arenas, one per worker thread; by default each core adds eight that are never shrunk.
pub(super) fn limit_arenas() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt takes two integers and is documented as safe to call at any time.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

/// Gives free memory at the top of the arenas back to the kernel.
pub(super) fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes the arenas' own locks and touches only free memory.
    unsafe {
        libc::malloc_trim(0);
    }
}
