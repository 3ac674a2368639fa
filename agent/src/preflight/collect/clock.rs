//! Whether a time service disciplines the kernel's clock.
#![allow(unsafe_code)]

/// `None` if the kernel refuses to say.
pub(super) fn synchronised() -> Option<bool> {
    // SAFETY: `timex` is plain data for which all zeroes is a valid value, and with no bit set in `modes` the call
    // only reads the clock's state into it.
    let state = unsafe {
        let mut request: libc::timex = std::mem::zeroed();
        libc::adjtimex(&raw mut request)
    };
    // adjtimex(2): TIME_ERROR says "clock not synchronised"; the values below it are good states.
    (state >= 0).then_some(state != libc::TIME_ERROR)
}
