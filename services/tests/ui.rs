//! What compiles, what `#[service]` refuses, and how rustc words what the macro leaves to it.

use std::process::Command;

/// The compiler whose words `tests/ui/rustc` holds; other versions word some of them differently.
const WORDED_BY: &str = "rustc 1.95";

#[test]
fn what_is_right_compiles_and_what_is_wrong_is_refused_with_a_span_and_a_sentence() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/refused/*.rs");
    if rustc_version().starts_with(WORDED_BY) {
        cases.compile_fail("tests/ui/rustc/*.rs");
    }
}

fn rustc_version() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("a compiler that built this test");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
