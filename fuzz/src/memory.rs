//! How much memory does a decoder take? An allocator that counts, so that a decoder can be held to its promise.
//!
//! What C code allocates for itself (zstd's contexts) isn't seen here; the fuzzer's own limit on the process catches that.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Bytes that a decoder may take however little it was given: its fixed arrays, and what borsh reserves for the first piece of a
/// byte string before it has read any of it, 1 MiB (`u8::vec_from_reader`). Only the last string read can be without its bytes.
pub const FIXED: usize = (256 << 10) + (1 << 20);
/// Bytes in memory for a byte that was sent, at most: the smallest part of a message is a length of four bytes that becomes
/// a `Vec` of 24, or a bracket of JSON that becomes a value of 32, in a list that doubles as it grows.
pub const FACTOR: usize = 128;

/// The bytes that Rust code holds now, and held at most since [`within`] looked last.
static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static COUNTING: Counting = Counting;

struct Counting;

impl Counting {
    fn took(bytes: usize) {
        let now = NOW.fetch_add(bytes, Relaxed) + bytes;
        MOST.fetch_max(now, Relaxed);
    }

    fn gave_back(bytes: usize) {
        NOW.fetch_sub(bytes, Relaxed);
    }
}

// SAFETY: every call is passed on to the system's allocator as it came; counting touches no memory that is handed out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Counting::took(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Counting::took(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Counting::gave_back(layout.size());
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both exist while one is copied into the other.
        Counting::took(size);
        let moved = unsafe { System.realloc(pointer, layout, size) };
        Counting::gave_back(layout.size());
        moved
    }
}

/// Reads `len` bytes of somebody's; panics if that takes more than they warrant at any moment.
pub fn for_input<T>(len: usize, read: impl FnOnce() -> T) -> T {
    within(FIXED + FACTOR * len, read)
}

/// Runs `work`; panics if it takes more than so many bytes at any moment.
pub fn within<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    let done = work();
    let grew = MOST.load(Relaxed).saturating_sub(before);
    assert!(grew <= bytes, "{grew} bytes of memory were taken where {bytes} are warranted");
    done
}
