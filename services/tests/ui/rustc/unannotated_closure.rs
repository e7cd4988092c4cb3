use duologue::prelude::*;

fn closure() {
    let _: Callback<fn(String) -> usize> = Callback::new(|name| name.len());
}

fn main() {}
