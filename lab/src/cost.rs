//! The cost of this process so far: processor time and memory.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The processor time of all threads: what the same work takes on a machine with nothing else to
/// do, or nearly.
#[must_use]
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    // A clock that starts with the process shows nothing negative.
    let (seconds, nanos) = (time.tv_sec.try_into(), time.tv_nsec.try_into());
    Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
}

/// The most memory the process ever had, in MiB, where the system tells.
#[must_use]
pub fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}
