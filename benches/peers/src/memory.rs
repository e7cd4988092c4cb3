//! How much memory a process has in RAM, from `/proc`.

use crate::Fault;

/// In bytes.
pub(crate) fn resident(pid: u32) -> Result<u64, Fault> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = kib(&status).ok_or("/proc has not the fields it should have")?;
    Ok(kib * 1024)
}

fn kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_that_in_ram() {
        assert_eq!(kib("Name:\tx\nVmPeak:\t   9 kB\nVmRSS:\t    2048 kB\n"), Some(2_048));
        assert_eq!(kib("Name:\tx\n"), None);
    }
}
