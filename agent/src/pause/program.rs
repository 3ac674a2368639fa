//! The pause program: the first process of every pod's sandbox.
//!
//! It holds the pod's namespaces open, takes over orphans of the pod when the pod shares its process namespace,
//! and ends at once when it is asked to. It is a program of its own, built by `build.rs` and embedded as an image:
//! no standard library, no C library, no heap, three system calls in a loop, a few kilobytes.
//!
//! As process 1 it would ignore a signal without handler; a *blocked* signal is kept pending instead, so the
//! program blocks the three signals that matter and waits for them.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};

const SIGINT: usize = 2;
const SIGTERM: usize = 15;
const SIGCHLD: usize = 17;
const SIG_BLOCK: usize = 0;
const WNOHANG: usize = 1;
/// Every process that becomes a child of this one.
const ANY_CHILD: isize = -1;
/// The kernel's signal set is 8 bytes long.
const SET_SIZE: usize = 8;

/// System call numbers: wait4, exit_group, rt_sigprocmask, rt_sigtimedwait.
#[cfg(target_arch = "x86_64")]
mod number {
    pub const WAIT: usize = 61;
    pub const EXIT: usize = 231;
    pub const BLOCK: usize = 14;
    pub const NEXT_SIGNAL: usize = 128;
}

#[cfg(target_arch = "aarch64")]
mod number {
    pub const WAIT: usize = 260;
    pub const EXIT: usize = 94;
    pub const BLOCK: usize = 135;
    pub const NEXT_SIGNAL: usize = 137;
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the pause program knows the system calls of x86_64 and aarch64 only");

// The kernel enters with the arguments on the stack and nothing to return to.
#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "xor ebp, ebp", "and rsp, -16", "call {run}", run = sym run);

#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x29, #0", "mov x30, #0", "bl {run}", run = sym run);

extern "C" fn run() -> ! {
    let signals: u64 = 1 << (SIGINT - 1) | 1 << (SIGTERM - 1) | 1 << (SIGCHLD - 1);
    let set = &raw const signals as usize;
    call(number::BLOCK, [SIG_BLOCK, set, 0, SET_SIZE]);
    loop {
        // Children may have ended before the signals were blocked, and one signal stands for many children.
        while call(number::WAIT, [ANY_CHILD as usize, 0, WNOHANG, 0]) > 0 {}
        let signal = call(number::NEXT_SIGNAL, [set, 0, 0, SET_SIZE]);
        if signal == SIGINT as isize || signal == SIGTERM as isize {
            exit(0);
        }
    }
}

fn exit(code: usize) -> ! {
    loop {
        call(number::EXIT, [code, 0, 0, 0]);
    }
}

/// A system call; the result is negative for an error.
fn call(number: usize, arguments: [usize; 4]) -> isize {
    let [a, b, c, d] = arguments;
    let result: isize;
    // SAFETY: the calls of this program read the signal set, which outlives them, write nothing to memory (null
    // pointers where the kernel would), and clobber what is declared here.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result, in("rdi") a, in("rsi") b, in("rdx") c,
             in("r10") d, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") a as isize => result, in("x1") b, in("x2") c, in("x3") d,
             options(nostack));
    }
    result
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(1)
}
