//! What takes more than Java and Maven, or too long for every run: left out by `--skip wide::`, which is what `cargo xtask test` does
//! unless it is called with `--wide`.

mod go;
